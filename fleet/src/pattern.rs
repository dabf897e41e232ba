//! Topics that differ from client to client.

use std::fmt::Write;

use crate::random::Random;

/// A topic or filter with places to fill in: `{client}`, `{group}`, `{number}`, and `{1..100}` for
/// a number drawn for each message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Client,
    Group,
    Number,
    Any(u64, u64),
}

/// Why a text is no [`Pattern`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A `{` without its `}`.
    #[error("a {{ is not closed")]
    Open,
    /// Something else in braces than there is to fill in.
    #[error("there is {{client}}, {{group}}, {{number}} and, such as, {{1..100}}, but no {{{0}}}")]
    Unknown(String),
}

impl Pattern {
    /// Reads a text.
    ///
    /// # Errors
    /// What is wrong with its braces.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').ok_or(PatternError::Open)?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(part(name).ok_or_else(|| PatternError::Unknown(name.to_owned()))?);
            rest = behind;
        }
        parts.push(Part::Text(rest.to_owned()));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        Ok(Self(parts))
    }

    /// Whether it has a number that is drawn for each message.
    #[must_use]
    pub fn is_drawn(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Any(..)))
    }

    /// The longest text that a client of that group and number may get, to be judged as a topic.
    #[must_use]
    pub fn sample(&self, group: &str, number: u32) -> String {
        self.fill(group, number, |_, high| high)
    }

    pub(crate) fn text(&self, group: &str, number: u32, random: &mut Random) -> String {
        self.fill(group, number, |low, high| random.between(low, high))
    }

    fn fill(&self, group: &str, number: u32, mut draw: impl FnMut(u64, u64) -> u64) -> String {
        let mut text = String::new();
        for part in &self.0 {
            let written = match part {
                Part::Text(words) => text.write_str(words),
                Part::Client => write!(text, "{group}-{number}"),
                Part::Group => text.write_str(group),
                Part::Number => write!(text, "{number}"),
                Part::Any(low, high) => write!(text, "{}", draw(*low, *high)),
            };
            written.expect("writing to a string does not fail");
        }
        text
    }
}

fn part(name: &str) -> Option<Part> {
    match name {
        "client" => Some(Part::Client),
        "group" => Some(Part::Group),
        "number" => Some(Part::Number),
        _ => {
            let (low, high) = name.split_once("..")?;
            let (low, high) = (low.parse().ok()?, high.parse().ok()?);
            (low <= high).then_some(Part::Any(low, high))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_in() {
        let pattern = Pattern::parse("a/{group}/{number}/{client}/{3..12}").unwrap();
        assert_eq!(pattern.sample("g", 7), "a/g/7/g-7/12");
        let mut random = Random::new(1, 1);
        for _ in 0..100 {
            let text = pattern.text("g", 7, &mut random);
            let drawn: u64 = text.strip_prefix("a/g/7/g-7/").unwrap().parse().unwrap();
            assert!((3..=12).contains(&drawn));
        }
        assert!(pattern.is_drawn());
    }

    #[test]
    fn what_cannot_be_filled_in_is_an_error() {
        assert_eq!(Pattern::parse("a/{client"), Err(PatternError::Open));
        for name in ["id", "", "2..1", "1..", "..", "-1..3"] {
            let text = format!("a/{{{name}}}");
            assert_eq!(Pattern::parse(&text), Err(PatternError::Unknown(name.to_owned())));
        }
        assert!(Pattern::parse("").unwrap().sample("g", 1).is_empty());
    }
}
