//! The engine's typed reasons as codes for programs and as sentences for people.
//!
//! Every match here is exhaustive: a reason without words does not compile. A sentence says what
//! happened, which key of `config.yaml` decided it, and what to do.

mod drops;
mod endings;
mod obstacles;
mod refusals;
mod violations;

pub(crate) use drops::dropped;
pub(crate) use endings::{closed, session_end};
pub(crate) use obstacles::obstacle;
pub(crate) use refusals::{connect, publish, subscribe};

/// A reason as code and sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    /// In snake case, stable.
    pub(crate) reason: &'static str,
    /// Whole sentences.
    pub(crate) text: String,
}

fn words(reason: &'static str, text: impl Into<String>) -> Words {
    Words { reason, text: text.into() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What holds for the words of all reasons of one kind.
    pub(super) fn check(all: impl IntoIterator<Item = Words>) {
        let (mut reasons, mut texts) = (BTreeSet::new(), BTreeSet::new());
        for Words { reason, text } in all {
            let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(!reason.is_empty() && reason.chars().all(letter), "{reason}");
            assert!(text.len() > 20 && text.ends_with('.'), "{reason}: {text}");
            assert!(text.starts_with(char::is_uppercase), "{reason}: {text}");
            assert!(!text.contains(".."), "{reason}: {text}");
            assert!(reasons.insert(reason), "{reason} twice");
            assert!(texts.insert(text), "{reason}: these words stand twice");
        }
        assert!(reasons.len() > 1);
    }
}
