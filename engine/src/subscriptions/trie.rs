//! Filters with wildcards, as a tree of levels. Iterative throughout.

use std::hash::{Hash, Hasher};

use hashbrown::Equivalent;
use smallvec::SmallVec;

use crate::map::Map;
use crate::table::Table;

/// A tree of levels. Children with names are in one map for the whole tree, so that a node is
/// small and no node's growth is a long step.
#[derive(Debug)]
pub(super) struct Trie {
    nodes: Table<Node>,
    children: Map<Child, u32>,
    root: u32,
}

#[derive(Debug, Default)]
struct Node {
    /// The pattern that ends here.
    pattern: Option<u32>,
    /// The pattern that ends here with `#`.
    hash: Option<u32>,
    /// The child for `+`.
    plus: Option<u32>,
    /// How many children with names it has.
    named: u32,
}

impl Node {
    fn is_unused(&self) -> bool {
        self.pattern.is_none() && self.hash.is_none() && self.plus.is_none() && self.named == 0
    }
}

impl Trie {
    pub(super) fn new(key: (u64, u64)) -> Self {
        let mut nodes = Table::default();
        let root = nodes.insert(Node::default());
        Self { nodes, children: Map::new(key), root }
    }

    pub(super) fn find(&self, filter: &str) -> Option<u32> {
        let (levels, hash) = split_hash(filter);
        let mut at = self.root;
        for level in levels.into_iter().flat_map(|levels| levels.split('/')) {
            at = self.step(at, level)?;
        }
        let node = self.nodes.get(at)?;
        if hash { node.hash } else { node.pattern }
    }

    pub(super) fn insert(&mut self, filter: &str, pattern: u32) {
        let (levels, hash) = split_hash(filter);
        let mut at = self.root;
        for level in levels.into_iter().flat_map(|levels| levels.split('/')) {
            at = self.step(at, level).unwrap_or_else(|| self.grow(at, level));
        }
        let Some(node) = self.nodes.get_mut(at) else { return };
        *(if hash { &mut node.hash } else { &mut node.pattern }) = Some(pattern);
    }

    /// Removes the filter and every node that then leads nowhere.
    pub(super) fn remove(&mut self, filter: &str) {
        let (levels, hash) = split_hash(filter);
        let mut at = self.root;
        let mut path = Vec::new();
        for level in levels.into_iter().flat_map(|levels| levels.split('/')) {
            let Some(child) = self.step(at, level) else { return };
            path.push((at, level));
            at = child;
        }
        let Some(node) = self.nodes.get_mut(at) else { return };
        *(if hash { &mut node.hash } else { &mut node.pattern }) = None;
        while let Some((parent, level)) = path.pop() {
            if !self.nodes.get(at).is_some_and(Node::is_unused) {
                return;
            }
            self.nodes.remove(at);
            self.cut(parent, level);
            at = parent;
        }
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
            if let Some(pattern) = node.hash.filter(|_| wild) {
                found(pattern);
            }
            let Some(left) = left else {
                if let Some(pattern) = node.pattern {
                    found(pattern);
                }
                continue;
            };
            let (level, rest) = match left.split_once('/') {
                Some((level, rest)) => (level, Some(rest)),
                None => (left, None),
            };
            if node.named > 0
                && let Some(child) = self.children.get(&ChildRef { parent: at, level })
            {
                open.push((*child, rest));
            }
            if let Some(child) = node.plus.filter(|_| wild) {
                open.push((child, rest));
            }
        }
    }

    fn step(&self, at: u32, level: &str) -> Option<u32> {
        if level == "+" {
            self.nodes.get(at)?.plus
        } else {
            self.children.get(&ChildRef { parent: at, level }).copied()
        }
    }

    fn grow(&mut self, at: u32, level: &str) -> u32 {
        let child = self.nodes.insert(Node::default());
        if let Some(node) = self.nodes.get_mut(at) {
            if level == "+" {
                node.plus = Some(child);
            } else {
                node.named += 1;
                self.children.insert(Child { parent: at, level: level.into() }, child);
            }
        }
        child
    }

    fn cut(&mut self, parent: u32, level: &str) {
        let Some(node) = self.nodes.get_mut(parent) else { return };
        if level == "+" {
            node.plus = None;
        } else {
            node.named -= 1;
            self.children.remove(&ChildRef { parent, level });
        }
    }

    /// Checks what must always hold, given how many patterns the tree should have.
    pub(super) fn check(&self, patterns: usize) {
        let ends =
            |node: &Node| usize::from(node.pattern.is_some()) + usize::from(node.hash.is_some());
        let found: usize = self.nodes.iter().map(|(_, node)| ends(node)).sum();
        assert_eq!(found, patterns, "patterns in the tree");
        let unused = self.nodes.iter().filter(|(at, node)| *at != self.root && node.is_unused());
        assert_eq!(unused.count(), 0, "nodes that lead nowhere");
        let plus = self.nodes.iter().filter(|(_, node)| node.plus.is_some()).count();
        assert_eq!(plus + self.children.len() + 1, self.nodes.len(), "children");
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

/// A named child: its parent's slot and its level.
#[derive(Debug, PartialEq, Eq)]
struct Child {
    parent: u32,
    level: Box<str>,
}

impl Hash for Child {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ChildRef { parent: self.parent, level: &self.level }.hash(state);
    }
}

/// The same, borrowed for looking up.
#[derive(Hash)]
struct ChildRef<'a> {
    parent: u32,
    level: &'a str,
}

impl Equivalent<Child> for ChildRef<'_> {
    fn equivalent(&self, key: &Child) -> bool {
        self.parent == key.parent && self.level == key.level.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn trie(filters: &[&str]) -> Trie {
        let mut trie = Trie::new((1, 2));
        for (pattern, filter) in (0..).zip(filters) {
            trie.insert(filter, pattern);
        }
        trie.check(filters.len());
        trie
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
        let trie = trie(&filters);
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
            let mut trie = trie(&all);
            let mut left: BTreeSet<&str> = all.iter().copied().collect();
            for index in removed.iter().filter(|_| !all.is_empty()) {
                let gone = all[index.index(all.len())];
                if left.remove(gone) {
                    trie.remove(gone);
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
