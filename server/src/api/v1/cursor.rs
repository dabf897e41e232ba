//! How far a list has been read, as a text that nobody needs to understand: a letter for the list
//! and the place in it.

use std::borrow::Cow;

use bytestring::ByteString;
use surewire_engine::request::{Cursor, Start};
use surewire_engine::topic::TopicName;

use super::problem::Problem;
use super::query::Parameter;

/// The list that a cursor belongs to. The cursor of one is refused by all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Clients,
    Sessions,
    AllSubscriptions,
    ClientsSubscriptions,
    FiltersSubscriptions,
    TopicsSubscriptions,
    Retained,
}

impl Kind {
    fn letter(self) -> char {
        match self {
            Self::Clients => 'c',
            Self::Sessions => 's',
            Self::AllSubscriptions => 'a',
            Self::ClientsSubscriptions => 'i',
            Self::FiltersSubscriptions => 'f',
            Self::TopicsSubscriptions => 't',
            Self::Retained => 'r',
        }
    }
}

/// A cursor as it came, not yet known to belong here.
#[derive(Debug)]
pub(super) struct Given(String);

impl Parameter for Given {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        Ok(Self(text.to_owned()))
    }
}

/// Where a list goes on that is counted.
pub(super) fn start(given: Option<&Given>, kind: Kind) -> Result<Start, Problem> {
    let Some(place) = place(given, kind)? else { return Ok(Start::FIRST) };
    let digits = place.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| place.parse().ok()).flatten().ok_or_else(foreign)?;
    Ok(Start::After(Cursor(number)))
}

/// Where the list of retained messages goes on.
pub(super) fn topic(given: Option<&Given>) -> Result<Option<TopicName>, Problem> {
    let Some(place) = place(given, Kind::Retained)? else { return Ok(None) };
    TopicName::new(ByteString::from(place)).map(Some).ok_or_else(foreign)
}

pub(super) fn shown(kind: Kind, Cursor(number): Cursor) -> String {
    format!("{}{number}", kind.letter())
}

pub(super) fn shown_topic(topic: &TopicName) -> String {
    format!("{}{}", Kind::Retained.letter(), topic.as_str())
}

fn place(given: Option<&Given>, kind: Kind) -> Result<Option<&str>, Problem> {
    let Some(Given(text)) = given else { return Ok(None) };
    text.strip_prefix(kind.letter()).map(Some).ok_or_else(foreign)
}

fn foreign() -> Problem {
    Problem::bad_request(
        "The parameter `cursor` does not belong to this list; the `next` of an earlier answer to \
         the same question is expected.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let given = Given(shown(Kind::Sessions, Cursor(u64::MAX)));
        assert_eq!(start(Some(&given), Kind::Sessions), Ok(Start::After(Cursor(u64::MAX))));
        assert_eq!(start(None, Kind::Sessions), Ok(Start::FIRST));
        let name = TopicName::new("a/é".into()).unwrap();
        assert_eq!(topic(Some(&Given(shown_topic(&name)))), Ok(Some(name)));
    }

    #[test]
    fn a_foreign_cursor_is_refused() {
        for text in ["", "7", "s7", "c", "c+7", "cx", "c99999999999999999999"] {
            let given = Given(text.to_owned());
            assert_eq!(start(Some(&given), Kind::Clients), Err(foreign()), "{text}");
        }
        for text in ["", "a/b", "r", "ra/#"] {
            assert_eq!(topic(Some(&Given(text.to_owned()))), Err(foreign()), "{text}");
        }
    }
}
