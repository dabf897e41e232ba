//! Patterns: what all subscriptions to one filter have in common.

use bytestring::ByteString;

use super::listed::Listed;
use super::trie::End;
use super::{Subscriptions, place};
use crate::topic::TopicFilter;

/// The filter proper of any number of subscriptions.
#[derive(Debug)]
pub(super) struct Pattern {
    filter: Filter,
    pub(super) listed: Listed,
}

/// Where the filter's text is.
#[derive(Debug)]
enum Filter {
    Exact(Box<str>),
    /// The tree has it.
    Wildcard(End),
}

impl Pattern {
    fn is_wildcard(&self) -> bool {
        matches!(self.filter, Filter::Wildcard(_))
    }

    fn exact_text(&self) -> Option<&str> {
        match &self.filter {
            Filter::Exact(text) => Some(text),
            Filter::Wildcard(_) => None,
        }
    }
}

impl Subscriptions {
    pub(super) fn find_exact(&self, text: &str) -> Option<u32> {
        let has = |slot| self.patterns.get(slot).is_some_and(|p| p.exact_text() == Some(text));
        self.exact.get(text, has)
    }

    pub(super) fn find_pattern(&self, filter: &TopicFilter) -> Option<u32> {
        if filter.has_wildcard() {
            self.trie.find(filter.filter())
        } else {
            self.find_exact(filter.filter())
        }
    }

    /// The pattern's filter.
    pub(super) fn text(&self, pattern: u32) -> Option<ByteString> {
        Some(match &self.patterns.get(pattern)?.filter {
            Filter::Exact(text) => text.as_ref().into(),
            Filter::Wildcard(end) => self.trie.text(*end).into(),
        })
    }

    pub(super) fn pattern_for(&mut self, filter: &TopicFilter) -> u32 {
        if let Some(pattern) = self.find_pattern(filter) {
            return pattern;
        }
        self.lately.changed();
        let (text, listed) = (filter.filter(), Listed::default());
        if filter.has_wildcard() {
            let end = self.trie.grow(text);
            let pattern = self.patterns.insert(Pattern { filter: Filter::Wildcard(end), listed });
            self.trie.put(end, pattern);
            return pattern;
        }
        let pattern = self.patterns.insert(Pattern { filter: Filter::Exact(text.into()), listed });
        let (hasher, patterns) = (self.exact.hasher(), &self.patterns);
        let text_of = |slot| patterns.get(slot).and_then(Pattern::exact_text);
        let hash = hasher.hash(text);
        self.exact.insert(hash, pattern, |slot| text_of(slot).map_or(0, |t| hasher.hash(t)));
        pattern
    }

    pub(super) fn drop_unused_pattern(&mut self, slot: u32) {
        if !self.patterns.get(slot).is_some_and(|pattern| pattern.listed.is_empty()) {
            return;
        }
        let Some(pattern) = self.patterns.remove(slot) else { return };
        self.lately.changed();
        match pattern.filter {
            Filter::Wildcard(end) => self.trie.remove(end),
            Filter::Exact(text) => self.exact.remove(text.as_ref(), slot),
        }
    }

    pub(super) fn list(&mut self, pattern: u32, slot: u32) {
        let Some(pattern) = self.patterns.get_mut(pattern) else { return };
        pattern.listed.push_plain(slot);
        let place = place(pattern.listed.plain().len() - 1);
        self.set_place(slot, place);
    }

    pub(super) fn unlist(&mut self, pattern: u32, place: u32) {
        let Some(pattern) = self.patterns.get_mut(pattern) else { return };
        if let Some(moved) = pattern.listed.remove_plain(place) {
            self.set_place(moved, place);
        }
    }

    /// Checks what must always hold of the patterns.
    pub(super) fn check_patterns(&self) {
        let wildcards = self.patterns.iter().filter(|(_, pattern)| pattern.is_wildcard()).count();
        assert_eq!(wildcards + self.exact.len(), self.patterns.len(), "patterns indexed");
        self.trie.check(wildcards);
        for (slot, pattern) in self.patterns.iter() {
            assert!(!pattern.listed.is_empty(), "a pattern without subscriptions");
            pattern.listed.check();
            let found = match &pattern.filter {
                Filter::Exact(text) => self.find_exact(text),
                Filter::Wildcard(end) => self.trie.find(&self.trie.text(*end)),
            };
            assert_eq!(found, Some(slot), "a pattern by its text");
        }
    }
}
