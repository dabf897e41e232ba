//! Filters with wildcards, as a tree of levels. Iterative throughout.

use smallvec::SmallVec;

use crate::index::Index;
use crate::maybe::Maybe32;
use crate::table::Table;

/// A tree of levels. Children with names are in one index for the whole tree, so that a node is
/// small and no node's growth is a long step.
#[derive(Debug)]
pub(super) struct Trie {
    nodes: Table<Node>,
    /// Nodes with names by parent and name.
    named: Index,
    root: u32,
}

#[derive(Debug)]
struct Node {
    /// Its level's name, or `+`.
    name: Box<str>,
    /// The root has itself.
    parent: u32,
    /// The pattern that ends here.
    pattern: Maybe32,
    /// The pattern that ends here with `#`.
    hash: Maybe32,
    /// The child for `+`.
    plus: Maybe32,
    /// How many children with names it has.
    named: u32,
}

#[cfg(test)]
pub(super) const NODE_BYTES: usize = Table::<Node>::SLOT_BYTES;

/// Where a filter ends: at a node, or with a `#` below it.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    node: u32,
    hash: bool,
}

impl Node {
    fn new(parent: u32, name: &str) -> Self {
        let (pattern, hash, plus) = (Maybe32::NONE, Maybe32::NONE, Maybe32::NONE);
        Self { name: name.into(), parent, pattern, hash, plus, named: 0 }
    }

    fn is_unused(&self) -> bool {
        let leads = [self.pattern, self.hash, self.plus].into_iter().any(Maybe32::is_some);
        !leads && self.named == 0
    }

    fn end(&mut self, hash: bool) -> &mut Maybe32 {
        if hash { &mut self.hash } else { &mut self.pattern }
    }

    fn is_named(&self) -> bool {
        self.name.as_ref() != "+"
    }

    fn key(&self) -> (u32, &str) {
        (self.parent, &self.name)
    }
}

impl Trie {
    pub(super) fn new(key: (u64, u64)) -> Self {
        let mut nodes = Table::default();
        let root = nodes.insert(Node::new(0, ""));
        Self { nodes, named: Index::new(key), root }
    }

    pub(super) fn find(&self, filter: &str) -> Option<u32> {
        let (levels, hash) = split_hash(filter);
        let mut at = self.root;
        for level in levels.into_iter().flat_map(|levels| levels.split('/')) {
            at = self.step(at, level)?;
        }
        let node = self.nodes.get(at)?;
        if hash { node.hash.get() } else { node.pattern.get() }
    }

    /// Where the filter ends, with a node for each of its levels.
    pub(super) fn grow(&mut self, filter: &str) -> End {
        let (levels, hash) = split_hash(filter);
        let mut at = self.root;
        for level in levels.into_iter().flat_map(|levels| levels.split('/')) {
            at = self.step(at, level).unwrap_or_else(|| self.sprout(at, level));
        }
        End { node: at, hash }
    }

    /// Has the filter that ends there lead to the pattern.
    pub(super) fn put(&mut self, end: End, pattern: u32) {
        if let Some(node) = self.nodes.get_mut(end.node) {
            *node.end(end.hash) = Some(pattern).into();
        }
    }

    /// Removes the filter that ends there and every node that then leads nowhere.
    pub(super) fn remove(&mut self, end: End) {
        let mut at = end.node;
        if let Some(node) = self.nodes.get_mut(at) {
            *node.end(end.hash) = Maybe32::NONE;
        }
        while at != self.root && self.nodes.get(at).is_some_and(Node::is_unused) {
            let Some(node) = self.nodes.remove(at) else { return };
            self.cut(at, &node);
            at = node.parent;
        }
    }

    /// The filter that ends there.
    pub(super) fn text(&self, end: End) -> String {
        let mut levels: Vec<&str> = end.hash.then_some("#").into_iter().collect();
        let mut at = end.node;
        while let Some(node) = self.nodes.get(at).filter(|_| at != self.root) {
            levels.push(&node.name);
            at = node.parent;
        }
        levels.reverse();
        levels.join("/")
    }

    /// Calls `found` with every pattern that matches the topic (MQTT 5.0 section 4.7).
    pub(super) fn matching(&self, topic: &str, mut found: impl FnMut(u32)) {
        if self.nodes.len() == 1 && self.nodes.get(self.root).is_some_and(Node::is_unused) {
            return;
        }
        // Nodes to go on from, each with the levels left; `None` is behind the last level.
        let mut open: SmallVec<[(u32, Option<&str>); 8]> = SmallVec::new();
        open.push((self.root, Some(topic)));
        while let Some((at, left)) = open.pop() {
            let Some(node) = self.nodes.get(at) else { continue };
            // A wildcard in the first level leaves `$` topics alone.
            let wild = at != self.root || !topic.starts_with('$');
            if let Some(pattern) = node.hash.get().filter(|_| wild) {
                found(pattern);
            }
            let Some(left) = left else {
                if let Some(pattern) = node.pattern.get() {
                    found(pattern);
                }
                continue;
            };
            let (level, rest) = match left.split_once('/') {
                Some((level, rest)) => (level, Some(rest)),
                None => (left, None),
            };
            if node.named > 0
                && let Some(child) = self.child(at, level)
            {
                open.push((child, rest));
            }
            if let Some(child) = node.plus.get().filter(|_| wild) {
                open.push((child, rest));
            }
        }
    }

    fn step(&self, at: u32, level: &str) -> Option<u32> {
        if level == "+" { self.nodes.get(at)?.plus.get() } else { self.child(at, level) }
    }

    fn child(&self, at: u32, name: &str) -> Option<u32> {
        let key = (at, name);
        self.named.get(&key, |slot| self.nodes.get(slot).is_some_and(|node| node.key() == key))
    }

    fn sprout(&mut self, at: u32, level: &str) -> u32 {
        let child = self.nodes.insert(Node::new(at, level));
        let Some(node) = self.nodes.get_mut(at) else { return child };
        if level == "+" {
            node.plus = Some(child).into();
            return child;
        }
        node.named += 1;
        let (hasher, nodes) = (self.named.hasher(), &self.nodes);
        let hash_of = |slot| nodes.get(slot).map_or(0, |node| hasher.hash(&node.key()));
        self.named.insert(hash_of(child), child, hash_of);
        child
    }

    /// Takes a node that was removed from its parent.
    fn cut(&mut self, at: u32, removed: &Node) {
        let Some(parent) = self.nodes.get_mut(removed.parent) else { return };
        if removed.is_named() {
            parent.named -= 1;
            self.named.remove(&removed.key(), at);
        } else {
            parent.plus = Maybe32::NONE;
        }
    }

    /// Checks what must always hold, given how many patterns the tree should have.
    pub(super) fn check(&self, patterns: usize) {
        let ends =
            |node: &Node| usize::from(node.pattern.is_some()) + usize::from(node.hash.is_some());
        let found: usize = self.nodes.iter().map(|(_, node)| ends(node)).sum();
        assert_eq!(found, patterns, "patterns in the tree");
        let children = || self.nodes.iter().filter(|(at, _)| *at != self.root);
        for (at, node) in children() {
            assert!(!node.is_unused(), "a node that leads nowhere");
            assert_eq!(self.step(node.parent, &node.name), Some(at), "a node under its parent");
        }
        let plus = self.nodes.iter().filter(|(_, node)| node.plus.is_some()).count();
        assert_eq!(plus + self.named.len() + 1, self.nodes.len(), "children");
        let named: u64 = self.nodes.iter().map(|(_, node)| u64::from(node.named)).sum();
        assert_eq!(named, self.named.len() as u64, "children with names");
    }
}

/// The levels before a last `#`, and whether there is one. `None`: `#` is the only level.
fn split_hash(filter: &str) -> (Option<&str>, bool) {
    if filter == "#" {
        return (None, true);
    }
    match filter.strip_suffix("/#") {
        Some(levels) => (Some(levels), true),
        None => (Some(filter), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// A tree of these filters, and where they end.
    fn trie(filters: &[&str]) -> (Trie, Vec<End>) {
        let mut trie = Trie::new((1, 2));
        let ends: Vec<End> = filters.iter().map(|filter| trie.grow(filter)).collect();
        for (pattern, end) in (0..).zip(&ends) {
            trie.put(*end, pattern);
        }
        trie.check(filters.len());
        (trie, ends)
    }

    fn found<'a>(trie: &Trie, filters: &[&'a str], topic: &str) -> Vec<&'a str> {
        let mut found = Vec::new();
        trie.matching(topic, |pattern| found.push(filters[pattern as usize]));
        found.sort_unstable();
        found
    }

    // conformance: v3.1.1 MQTT-4.7.2-1, v5 MQTT-4.7.2-1
    #[test]
    fn a_wildcard_in_the_first_level_does_not_find_dollar_topics() {
        let filters = ["#", "$SYS/#", "$SYS/+", "+/#", "+/x"];
        let (trie, _) = trie(&filters);
        assert_eq!(found(&trie, &filters, "$SYS/x"), ["$SYS/#", "$SYS/+"]);
        assert_eq!(found(&trie, &filters, "$SYS"), ["$SYS/#"]);
        assert_eq!(found(&trie, &filters, "$other/x"), [""; 0]);
        assert_eq!(found(&trie, &filters, "a/x"), ["#", "+/#", "+/x"]);
    }

    fn level() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec!["", "a", "b", "$a"])
    }

    fn filter() -> impl Strategy<Value = String> {
        let levels = prop::collection::vec(prop_oneof![level(), Just("+")], 0..4);
        (levels, any::<bool>())
            .prop_map(|(mut levels, hash)| {
                levels.extend(hash.then_some("#"));
                levels.join("/")
            })
            .prop_filter("not empty", |text| !text.is_empty())
    }

    proptest! {
        #[test]
        fn the_tree_finds_what_each_filter_alone_matches(
            filters in prop::collection::btree_set(filter(), 0..12),
            removed in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
            topic in prop::collection::vec(level(), 1..5),
        ) {
            let topic = topic.join("/");
            let all: Vec<&str> = filters.iter().map(String::as_str).collect();
            let (mut trie, ends) = trie(&all);
            for (filter, end) in all.iter().zip(&ends) {
                prop_assert_eq!(&trie.text(*end), filter);
            }
            let mut left: BTreeSet<&str> = all.iter().copied().collect();
            for index in removed.iter().filter(|_| !all.is_empty()) {
                let place = index.index(all.len());
                let gone = all[place];
                if left.remove(gone) {
                    trie.remove(ends[place]);
                }
                trie.check(left.len());
                prop_assert_eq!(trie.find(gone), None);
            }
            left.retain(|filter| topic::matches(filter, &topic));
            let expected: Vec<&str> = left.into_iter().collect();
            prop_assert_eq!(found(&trie, &all, &topic), expected);
        }
    }
}
