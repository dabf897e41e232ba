//! Topic Names and Topic Filters (MQTT 5.0 section 4.7), checked once, when they are made.
//!
//! Everything here is iterative: a name of 65,535 slashes costs time, never stack.

use std::fmt;

use bytestring::ByteString;

/// A Topic Name: 1 to 65,535 bytes of UTF-8 without wildcards and U+0000.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(ByteString);

impl TopicName {
    /// `None` where the text is empty, too long, or contains `+`, `#` or U+0000.
    #[must_use]
    pub fn new(text: ByteString) -> Option<Self> {
        Self::check(text).ok()
    }

    /// The same, and gives back a text that is none.
    pub(crate) fn check(text: ByteString) -> Result<Self, ByteString> {
        let fits = !text.is_empty() && text.len() <= 65_535;
        // Without a way out in the middle the loop is done sixteen bytes at a time.
        let wrong = text.bytes().fold(false, |wrong, b| wrong | matches!(b, b'+' | b'#' | 0));
        if fits && !wrong { Ok(Self(text)) } else { Err(text) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name starts with `$`, so that filters opening with a wildcard leave it out.
    #[must_use]
    pub fn is_dollar(&self) -> bool {
        self.0.starts_with('$')
    }

    /// A copy in an allocation of its own, of exactly the size of the text.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self(ByteString::from(String::from(self.as_str()).into_boxed_str()))
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Escaped, so that a topic with line breaks cannot forge a log line.
impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().escape_debug().fmt(f)
    }
}

/// What a client subscribes to: a Topic Filter, perhaps for a share group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicFilter {
    /// As sent, with `$share/..` where there is one: the identity of the subscription.
    text: ByteString,
    /// Where the filter proper starts in `text`: behind `$share/name/`, else 0.
    start: u32,
}

/// Why a text is no Topic Filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Nothing there (section 4.7.3).
    #[error("is empty")]
    Empty,
    /// Over 65,535 bytes (section 4.7.3).
    #[error("is longer than 65,535 bytes")]
    TooLong,
    /// U+0000 (section 4.7.3).
    #[error("contains U+0000")]
    Nul,
    /// `#` not alone in the last level (section 4.7.1.2).
    #[error("has a `#` that is not alone in its last level")]
    Hash,
    /// `+` not alone in its level (section 4.7.1.3).
    #[error("has a `+` that is not alone in its level")]
    Plus,
    /// `$share` without a name and a filter, or with a wildcard in the name (section 4.8.2).
    #[error("starts with `$share/` but is not `$share/name/filter`")]
    Share,
}

const SHARE: &str = "$share/";

impl TopicFilter {
    /// Checks the text by the rules of sections 4.7.1, 4.7.3 and 4.8.2.
    ///
    /// # Errors
    /// The first rule that the text breaks.
    pub fn parse(text: ByteString) -> Result<Self, FilterError> {
        if text.is_empty() {
            return Err(FilterError::Empty);
        }
        if text.len() > 65_535 {
            return Err(FilterError::TooLong);
        }
        if text.as_bytes().contains(&0) {
            return Err(FilterError::Nul);
        }
        let start = share_prefix(&text)?;
        check_levels(text.get(start..).unwrap_or_default())?;
        let start = u32::try_from(start).expect("at most 65,535 bytes long");
        Ok(Self { text, start })
    }

    /// As sent, including `$share/name/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The filter proper, which topics are matched against.
    #[must_use]
    pub fn filter(&self) -> &str {
        self.text.get(self.start as usize..).unwrap_or_default()
    }

    /// The share group's name, if this is a Shared Subscription.
    #[must_use]
    pub fn share_name(&self) -> Option<&str> {
        let end = (self.start as usize).checked_sub(1)?;
        self.text.get(SHARE.len()..end)
    }

    /// Whether the filter proper has a wildcard.
    #[must_use]
    pub fn has_wildcard(&self) -> bool {
        self.filter().bytes().any(|b| matches!(b, b'+' | b'#'))
    }

    /// Whether a message on `topic` is for this filter.
    #[must_use]
    pub fn matches(&self, topic: &TopicName) -> bool {
        matches(self.filter(), topic.as_str())
    }

    /// Number of levels of the filter proper, at least 1.
    #[must_use]
    pub fn levels(&self) -> usize {
        levels(self.filter())
    }

    /// A copy in an allocation of its own, of exactly the size of the text.
    #[must_use]
    pub fn detached(&self) -> Self {
        let text = ByteString::from(String::from(self.as_str()).into_boxed_str());
        Self { text, start: self.start }
    }
}

impl fmt::Debug for TopicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Escaped, so that a filter with line breaks cannot forge a log line.
impl fmt::Display for TopicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().escape_debug().fmt(f)
    }
}

/// Number of levels of a name or filter: one more than it has slashes.
#[must_use]
pub fn levels(text: &str) -> usize {
    text.bytes().filter(|b| *b == b'/').count() + 1
}

/// Whether a name or filter has more levels than `most`.
#[must_use]
pub fn has_more_levels(text: &str, most: usize) -> bool {
    // A short one cannot, which spares nearly all of them the count.
    text.len() >= most && levels(text) > most
}

/// Whether `topic` matches the valid filter `filter` (sections 4.7.1 and 4.7.2).
#[must_use]
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut names = topic.split('/');
    for level in filter.split('/') {
        match (level, names.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (level, Some(name)) if level == name => {}
            _ => return false,
        }
    }
    names.next().is_none()
}

/// Length of `$share/name/` at the start of the text; 0 for an ordinary filter.
fn share_prefix(text: &str) -> Result<usize, FilterError> {
    if text == "$share" {
        return Err(FilterError::Share);
    }
    let Some(rest) = text.strip_prefix(SHARE) else { return Ok(0) };
    let (name, filter) = rest.split_once('/').ok_or(FilterError::Share)?;
    if name.is_empty() || name.contains(['+', '#']) || filter.is_empty() {
        return Err(FilterError::Share);
    }
    Ok(SHARE.len() + name.len() + 1)
}

fn check_levels(filter: &str) -> Result<(), FilterError> {
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        if level.contains('#') && (level != "#" || levels.peek().is_some()) {
            return Err(FilterError::Hash);
        }
        if level.contains('+') && level != "+" {
            return Err(FilterError::Plus);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<TopicFilter, FilterError> {
        TopicFilter::parse(text.into())
    }

    // conformance: v3.1.1 MQTT-4.7.1-2, v3.1.1 MQTT-4.7.1-3, v3.1.1 MQTT-4.7.3-1
    // conformance: v5 MQTT-4.7.1-1, v5 MQTT-4.7.1-2, v5 MQTT-4.8.2-1, v5 MQTT-4.8.2-2
    #[test]
    fn filters_are_checked_by_every_rule() {
        use FilterError::{Empty, Hash, Nul, Plus, Share, TooLong};
        for (text, error) in [
            ("", Empty),
            ("a\0b", Nul),
            ("a#", Hash),
            ("a/#/b", Hash),
            ("#a", Hash),
            ("##", Hash),
            ("#/", Hash),
            ("a+", Plus),
            ("+a", Plus),
            ("a/b+/c", Plus),
            ("++", Plus),
            ("$share", Share),
            ("$share/", Share),
            ("$share/g", Share),
            ("$share/g/", Share),
            ("$share//t", Share),
            ("$share/g+/t", Share),
            ("$share/#/t", Share),
            ("$share/g/a#", Hash),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
        assert_eq!(parse(&"a".repeat(65_536)), Err(TooLong));
        for text in ["#", "+", "/", "a/#", "+/+/#", "$SYS/#", "$shared/x", "/+", "a//b", " "] {
            assert!(parse(text).is_ok(), "{text}");
        }
        assert!(parse(&"a".repeat(65_535)).is_ok());
    }

    #[test]
    fn a_name_of_exactly_so_many_levels_has_no_more() {
        for (text, levels) in [("a", 1), ("", 1), ("/", 2), ("a/b/c", 3), ("//////", 7)] {
            assert!(!has_more_levels(text, levels), "{text}");
            assert!(has_more_levels(text, levels - 1), "{text}");
        }
    }

    #[test]
    fn a_shared_filter_knows_its_name_and_its_filter() {
        let filter = parse("$share/g//t/+").unwrap();
        assert_eq!(filter.share_name(), Some("g"));
        assert_eq!(filter.filter(), "/t/+");
        assert_eq!(filter.levels(), 3);
        assert_eq!(parse("a/b").unwrap().share_name(), None);
    }

    // conformance: v3.1.1 MQTT-4.7.1-1, v3.1.1 MQTT-4.7.3-1, v3.1.1 MQTT-4.7.3-2
    #[test]
    fn names_have_no_wildcard_and_are_not_empty() {
        for text in ["", "a/+", "#", "a\0", "+"] {
            assert_eq!(TopicName::new(text.into()), None, "{text}");
        }
        assert!(TopicName::new("a".repeat(65_535).into()).is_some());
        assert!(TopicName::new("a".repeat(65_536).into()).is_none());
        for text in ["/", "a//b", " ", "$SYS/x", "\u{FEFF}a"] {
            assert_eq!(TopicName::new(text.into()).unwrap().as_str(), text);
        }
    }

    /// The rules once more, by recursion over whole levels.
    fn slowly(filter: &[&str], name: &[&str]) -> bool {
        match (filter, name) {
            (["#"], _) | ([], []) => true,
            (["+", filter @ ..], [_, name @ ..]) => slowly(filter, name),
            ([level, filter @ ..], [found, name @ ..]) => level == found && slowly(filter, name),
            _ => false,
        }
    }

    fn levels_of(alphabet: &'static [&'static str]) -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(alphabet), 1..5).prop_map(|l| l.join("/"))
    }

    proptest! {
        #[test]
        fn matching_follows_the_rules(
            filter in levels_of(&["a", "b", "", "+", "#", "$a"]),
            name in levels_of(&["a", "b", "", "$a"]),
        ) {
            let (Ok(filter), Some(name)) = (parse(&filter), TopicName::new(name.into())) else {
                return Ok(());
            };
            let split = |text: &'_ str| text.split('/').map(str::to_owned).collect::<Vec<_>>();
            let (levels, names) = (split(filter.filter()), split(name.as_str()));
            let levels: Vec<&str> = levels.iter().map(String::as_str).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let opens_wild = ["+", "#"].contains(&levels[0]);
            let expected = slowly(&levels, &names) && !(opens_wild && name.is_dollar());
            prop_assert_eq!(filter.matches(&name), expected);
        }
    }
}
