//! What the table of keys says about one key.

use super::values::{ByteSize, Multiplier, TimeSpan};

/// One key of one section.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) preset: Preset,
    /// The field's documentation.
    pub(crate) doc: &'static str,
}

/// What holds where the key is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preset {
    /// This, as it would be written in the file.
    Text(&'static str),
    /// Nothing, or for a section what its own keys say.
    NotGiven,
    /// The key must be given.
    Required,
}

/// What a key takes.
#[derive(Debug)]
pub(crate) enum Kind {
    Bool,
    Integer(Integer),
    Decimal {
        min: Multiplier,
        max: Multiplier,
    },
    Duration(Duration),
    Size {
        min: ByteSize,
        max: ByteSize,
    },
    Memory {
        min: ByteSize,
    },
    Address,
    Path,
    /// At most so many bytes.
    Text(usize),
    Choice(&'static [&'static str]),
    Accounts,
    Section(&'static [Key]),
    List(&'static [Key]),
}

#[derive(Debug)]
pub(crate) struct Integer {
    pub(crate) min: u64,
    pub(crate) max: u64,
    pub(crate) unit: &'static str,
    /// What 0 stands for, where it is no amount.
    pub(crate) zero: Option<&'static str>,
    /// Whether more than `max` means `max`.
    pub(crate) clamped: bool,
}

#[derive(Debug)]
pub(crate) struct Duration {
    pub(crate) min: TimeSpan,
    pub(crate) max: TimeSpan,
    pub(crate) whole_seconds: bool,
    /// The word for "not limited" or "not done", where there is one.
    pub(crate) none: Option<&'static str>,
    /// Whether 0 stands for the same as that word.
    pub(crate) zero_is_none: bool,
}

impl Kind {
    /// For messages: what would be right.
    pub(crate) fn expected(&self) -> String {
        match self {
            Self::Bool => "true or false".to_owned(),
            Self::Integer(integer) => integer.expected(),
            Self::Decimal { min, max } => format!("a number from {min} to {max}, such as 1.5"),
            Self::Duration(duration) => duration.expected(),
            Self::Size { min, max } => format!("a size from {min} to {max}, such as 1MiB"),
            Self::Memory { min } => {
                format!("a share from 1% to 100%, or a size of at least {min}, such as 512MiB")
            }
            Self::Address => {
                "an address such as `:1883`, `127.0.0.1:1883`, `[::1]:1883` or `localhost:1883`"
                    .to_owned()
            }
            Self::Path => "a path".to_owned(),
            Self::Text(most) => {
                format!("a text of at most {most} bytes without control characters")
            }
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::Accounts => "a map of user names to passwords".to_owned(),
            Self::Section(_) => "a map of keys".to_owned(),
            Self::List(_) => "a list".to_owned(),
        }
    }
}

impl Integer {
    fn expected(&self) -> String {
        let zero = self.zero.map(|zero| format!(" (0 = {zero})")).unwrap_or_default();
        match (self.clamped, self.unit) {
            (true, unit) => format!("a number of {unit}, 0 or more{zero}"),
            (false, unit) => format!("a number of {unit} from {} to {}{zero}", self.min, self.max),
        }
    }
}

impl Duration {
    fn expected(&self) -> String {
        let whole = if self.whole_seconds { " in whole seconds" } else { "" };
        let or_zero = if self.zero_is_none { " or 0" } else { "" };
        let none = self.none.map(|none| format!(", or `{none}`{or_zero}")).unwrap_or_default();
        format!("a duration from {} to {}{whole}, such as 10s{none}", self.min, self.max)
    }
}

pub(crate) const fn integer(min: u64, max: u64, unit: &'static str) -> Kind {
    Kind::Integer(Integer { min, max, unit, zero: None, clamped: false })
}

/// From 0, which stands for `zero`.
pub(crate) const fn integer_or_zero(max: u64, unit: &'static str, zero: &'static str) -> Kind {
    Kind::Integer(Integer { min: 0, max, unit, zero: Some(zero), clamped: false })
}

/// From 0, which stands for `zero`; above `max` it is `max`.
pub(crate) const fn clamped_integer(max: u64, unit: &'static str, zero: &'static str) -> Kind {
    Kind::Integer(Integer { min: 0, max, unit, zero: Some(zero), clamped: true })
}

pub(crate) const fn size(min: u64, max: u64) -> Kind {
    Kind::Size { min: ByteSize::new(min), max: ByteSize::new(max) }
}

pub(crate) const fn decimal(min_thousandths: u32, max_thousandths: u32) -> Kind {
    Kind::Decimal {
        min: Multiplier::from_thousandths(min_thousandths),
        max: Multiplier::from_thousandths(max_thousandths),
    }
}

/// In milliseconds.
pub(crate) const fn duration(min_ms: u64, max_ms: u64) -> Kind {
    let (min, max) = (TimeSpan::from_millis(min_ms), TimeSpan::from_millis(max_ms));
    Kind::Duration(Duration { min, max, whole_seconds: false, none: None, zero_is_none: false })
}

/// In whole seconds, or the word `none`.
pub(crate) const fn seconds_or(none: &'static str, min_s: u64, max_s: u64) -> Kind {
    let (min, max) = (TimeSpan::from_millis(min_s * 1_000), TimeSpan::from_millis(max_s * 1_000));
    let none = Some(none);
    Kind::Duration(Duration { min, max, whole_seconds: true, none, zero_is_none: false })
}

/// In whole seconds; 0 and the word `none` mean the same.
pub(crate) const fn seconds_or_zero(none: &'static str, min_s: u64, max_s: u64) -> Kind {
    let (min, max) = (TimeSpan::from_millis(min_s * 1_000), TimeSpan::from_millis(max_s * 1_000));
    let none = Some(none);
    Kind::Duration(Duration { min, max, whole_seconds: true, none, zero_is_none: true })
}
