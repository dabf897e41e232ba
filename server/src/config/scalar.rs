//! How the text of one scalar becomes a value of a field's type.

use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;

use super::document::Text;
use super::key::Kind;
use super::values::{
    ByteSize, Durability, ListenAddress, LogFormat, LogLevel, MemoryLimit, Multiplier,
    NotAQuantity, Protocol, QueueFullPolicy, ReceiveMaximumPolicy, TimeSpan,
};

/// Why a text is not taken, with what the operator should know besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reject {
    /// It is of another type.
    Type(Option<&'static str>),
    /// It is of the right type and not allowed.
    Range(Option<&'static str>),
}

/// A value that is one scalar.
pub(crate) trait Scalar: Sized {
    /// Reads a text that is not null.
    fn parse(text: &Text, kind: &Kind) -> Result<Self, Reject>;

    /// Writes it as the file would have it.
    fn show(&self, kind: &Kind) -> String;

    /// The value of a key that is not given and has no default.
    fn not_given() -> Option<Self> {
        None
    }
}

/// The whole number that `text` says, as far from zero as needed to be out of every range.
pub(crate) fn integer(text: &Text) -> Result<i128, Reject> {
    if !text.plain {
        return Err(Reject::Type(Some("write it without quotes")));
    }
    let written = text.text.trim();
    let (negative, digits) = match written.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, written.strip_prefix('+').unwrap_or(written)),
    };
    let magnitude = magnitude(digits)?;
    Ok(if negative { -magnitude } else { magnitude })
}

fn magnitude(digits: &str) -> Result<i128, Reject> {
    let (radix, digits) = match digits.get(..2) {
        Some("0x") => (16, digits.get(2..).unwrap_or_default()),
        Some("0o") => (8, digits.get(2..).unwrap_or_default()),
        _ => (10, digits),
    };
    let well_formed = digits.starts_with(|c: char| c.is_digit(radix))
        && digits.ends_with(|c: char| c.is_digit(radix))
        && digits.chars().all(|c| c.is_digit(radix) || c == '_');
    if !well_formed {
        return Err(Reject::Type(None));
    }
    if radix == 10 && digits.len() > 1 && digits.starts_with('0') {
        // YAML 1.1 reads it as octal, YAML 1.2 as decimal.
        return Err(Reject::Type(Some("a leading zero is ambiguous")));
    }
    Ok(i128::from_str_radix(&digits.replace('_', ""), radix).unwrap_or(i128::MAX))
}

fn integer_in_range(text: &Text, kind: &Kind) -> Result<u64, Reject> {
    let value = u64::try_from(integer(text)?).map_err(|_| Reject::Range(None))?;
    let fits = matches!(kind, Kind::Integer(range) if (range.min..=range.max).contains(&value));
    if fits { Ok(value) } else { Err(Reject::Range(None)) }
}

fn in_range<T>(value: T, fits: bool) -> Result<T, Reject> {
    if fits { Ok(value) } else { Err(Reject::Range(None)) }
}

impl From<NotAQuantity> for Reject {
    fn from(why: NotAQuantity) -> Self {
        match why {
            NotAQuantity::Malformed => Self::Type(None),
            NotAQuantity::Negative | NotAQuantity::TooLarge => Self::Range(None),
        }
    }
}

impl Scalar for bool {
    fn parse(text: &Text, _: &Kind) -> Result<Self, Reject> {
        let value = match text.text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => true,
            "false" | "no" | "off" => false,
            _ => return Err(Reject::Type(None)),
        };
        if text.plain { Ok(value) } else { Err(Reject::Type(Some("write it without quotes"))) }
    }

    fn show(&self, _: &Kind) -> String {
        self.to_string()
    }
}

impl Scalar for u16 {
    fn parse(text: &Text, kind: &Kind) -> Result<Self, Reject> {
        Self::try_from(integer_in_range(text, kind)?).map_err(|_| Reject::Range(None))
    }

    fn show(&self, _: &Kind) -> String {
        self.to_string()
    }
}

impl Scalar for u32 {
    fn parse(text: &Text, kind: &Kind) -> Result<Self, Reject> {
        Self::try_from(integer_in_range(text, kind)?).map_err(|_| Reject::Range(None))
    }

    fn show(&self, _: &Kind) -> String {
        self.to_string()
    }
}

impl Scalar for NonZeroU32 {
    fn parse(text: &Text, kind: &Kind) -> Result<Self, Reject> {
        Self::new(u32::parse(text, kind)?).ok_or(Reject::Range(None))
    }

    fn show(&self, _: &Kind) -> String {
        self.to_string()
    }
}

/// A window: where 0 is allowed it stands for the widest.
impl Scalar for NonZeroU16 {
    fn parse(text: &Text, kind: &Kind) -> Result<Self, Reject> {
        Ok(Self::new(u16::parse(text, kind)?).unwrap_or(Self::MAX))
    }

    fn show(&self, _: &Kind) -> String {
        self.to_string()
    }
}

impl Scalar for Multiplier {
    fn parse(text: &Text, kind: &Kind) -> Result<Self, Reject> {
        let negative = text.text.trim().strip_prefix('-').and_then(Self::parse);
        if negative.is_some() {
            return Err(Reject::Range(None));
        }
        let value = Self::parse(&text.text).ok_or(Reject::Type(None))?;
        let fits = matches!(kind, Kind::Decimal { min, max } if (*min..=*max).contains(&value));
        in_range(value, fits)
    }

    fn show(&self, _: &Kind) -> String {
        self.to_string()
    }
}

impl Scalar for TimeSpan {
    fn parse(text: &Text, kind: &Kind) -> Result<Self, Reject> {
        let value = Self::parse(&text.text)?;
        let fits = matches!(kind, Kind::Duration(range)
            if (range.min..=range.max).contains(&value)
                && (!range.whole_seconds || value.as_millis().is_multiple_of(1_000)));
        in_range(value, fits)
    }

    fn show(&self, _: &Kind) -> String {
        self.to_string()
    }
}

impl Scalar for ByteSize {
    fn parse(text: &Text, kind: &Kind) -> Result<Self, Reject> {
        let value = Self::parse(&text.text)?;
        let fits = matches!(kind, Kind::Size { min, max } if (*min..=*max).contains(&value));
        in_range(value, fits)
    }

    fn show(&self, _: &Kind) -> String {
        self.to_string()
    }
}

impl Scalar for MemoryLimit {
    fn parse(text: &Text, kind: &Kind) -> Result<Self, Reject> {
        let value = Self::parse(&text.text)?;
        let fits = match value {
            Self::Percent(percent) => (1..=100).contains(&percent),
            Self::Size(size) => matches!(kind, Kind::Memory { min } if size >= *min),
        };
        in_range(value, fits)
    }

    fn show(&self, _: &Kind) -> String {
        self.to_string()
    }
}

impl Scalar for ListenAddress {
    fn parse(text: &Text, _: &Kind) -> Result<Self, Reject> {
        text.text
            .parse()
            .map_err(|why: super::values::AddressError| Reject::Range(Some(why.as_str())))
    }

    fn show(&self, _: &Kind) -> String {
        self.to_string()
    }
}

impl Scalar for String {
    fn parse(text: &Text, kind: &Kind) -> Result<Self, Reject> {
        let fits = matches!(kind, Kind::Text(most) if text.text.len() <= *most);
        in_range(text.text.clone(), fits && !text.text.contains(char::is_control))
    }

    fn show(&self, _: &Kind) -> String {
        self.clone()
    }
}

impl Scalar for PathBuf {
    fn parse(text: &Text, _: &Kind) -> Result<Self, Reject> {
        Ok(Self::from(&text.text))
    }

    fn show(&self, _: &Kind) -> String {
        self.display().to_string()
    }
}

macro_rules! choice_scalars {
    ($($name:ident),+) => { $(
        impl Scalar for $name {
            fn parse(
                text: &$crate::config::document::Text,
                _: &Kind,
            ) -> Result<Self, Reject> {
                Self::from_word(text.text.trim()).ok_or(Reject::Range(None))
            }

            fn show(&self, _: &Kind) -> String {
                self.to_string()
            }
        }
    )+ };
}

pub(crate) use choice_scalars;

choice_scalars!(Protocol, QueueFullPolicy, ReceiveMaximumPolicy, Durability, LogLevel, LogFormat);

impl<T: Scalar> Scalar for Option<T> {
    fn parse(text: &Text, kind: &Kind) -> Result<Self, Reject> {
        if says_none(text, kind) { Ok(None) } else { T::parse(text, kind).map(Some) }
    }

    fn show(&self, kind: &Kind) -> String {
        match self {
            Some(value) => value.show(kind),
            None => word_for_none(kind).unwrap_or("none").to_owned(),
        }
    }

    fn not_given() -> Option<Self> {
        Some(None)
    }
}

/// An empty path or address is none: files exist that say `certfile: ""`.
fn says_none(text: &Text, kind: &Kind) -> bool {
    match kind {
        Kind::Integer(range) => range.zero.is_some() && integer(text) == Ok(0),
        Kind::Duration(range) => {
            let is_zero = || TimeSpan::parse(&text.text).is_ok_and(|span| span.as_millis() == 0);
            Some(text.text.trim()) == word_for_none(kind) || (range.zero_is_none && is_zero())
        }
        Kind::Path | Kind::Text(_) | Kind::Address => text.text.is_empty(),
        Kind::Bool
        | Kind::Decimal { .. }
        | Kind::Size { .. }
        | Kind::Memory { .. }
        | Kind::Choice(_)
        | Kind::Accounts
        | Kind::Section(_)
        | Kind::List(_) => false,
    }
}

fn word_for_none(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Duration(duration) => duration.none,
        Kind::Integer(range) => range.zero.map(|_| "0"),
        Kind::Bool
        | Kind::Decimal { .. }
        | Kind::Size { .. }
        | Kind::Memory { .. }
        | Kind::Address
        | Kind::Path
        | Kind::Text(_)
        | Kind::Choice(_)
        | Kind::Accounts
        | Kind::Section(_)
        | Kind::List(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &str) -> Text {
        Text { text: text.to_owned(), plain: false }
    }

    #[test]
    fn integers_are_read_as_yaml_writes_them() {
        let rows = [
            ("0", 0),
            ("20", 20),
            ("+20", 20),
            ("-20", -20),
            ("1_000_000", 1_000_000),
            ("0x10", 16),
            ("0o17", 15),
            ("999999999999999999999999999999999999999999", i128::MAX),
        ];
        for (text, value) in rows {
            assert_eq!(integer(&Text::plain(text)), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_is_no_integer_is_of_another_type() {
        for text in ["", "-", "+-1", "1e3", "1.0", "0x", "_1", "1_", "twenty", "१", "0b1"] {
            assert_eq!(integer(&Text::plain(text)), Err(Reject::Type(None)), "{text}");
        }
        assert!(matches!(integer(&Text::plain("020")), Err(Reject::Type(Some(_)))));
        assert!(matches!(integer(&quoted("20")), Err(Reject::Type(Some(_)))));
    }

    // contract: section 2, bools
    #[test]
    fn bools_have_four_spellings() {
        for (text, value) in
            [("true", true), ("Yes", true), ("ON", true), ("no", false), ("off", false)]
        {
            assert_eq!(bool::parse(&Text::plain(text), &Kind::Bool), Ok(value), "{text}");
        }
        for text in ["1", "y", "", "enabled"] {
            assert_eq!(
                bool::parse(&Text::plain(text), &Kind::Bool),
                Err(Reject::Type(None)),
                "{text}"
            );
        }
        assert!(bool::parse(&quoted("true"), &Kind::Bool).is_err());
    }
}
