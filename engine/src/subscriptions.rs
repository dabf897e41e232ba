//! Who subscribes to what: an index by topic for routing, and by session for everything else.
//!
//! A *pattern* is a Topic Filter without its share group. Patterns without wildcards are found by
//! one hash of the topic, those with wildcards by walking a [`trie`]; what was found for a topic
//! [`lately`] is not looked for again. A pattern holds its plain subscriptions and its share groups.

mod lately;
mod listed;
mod pattern;
mod shared;
mod trie;

use std::hash::{Hash, Hasher};

use hashbrown::Equivalent;

use crate::arrivals::Arrivals;
use crate::index::Index;
use crate::map::Map;
use crate::maybe::Maybe32;
use crate::packet::SubscribeOptions;
use crate::table::Table;
use crate::time::Time;
use crate::topic::{TopicFilter, TopicName};

use lately::Lately;
use listed::Listed;
use pattern::Pattern;
pub(crate) use shared::{Group, GroupId};
use trie::Trie;

/// One client's subscription to one filter.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// Slot of the session.
    pub(crate) session: u32,
    /// Slot of the pattern.
    pattern: u32,
    /// Slot of the share group.
    group: Maybe32,
    /// Subscription Identifier (5.0).
    identifier: Maybe32,
    pub(crate) options: SubscribeOptions,
    /// Where it stands among the pattern's or the group's.
    place: u32,
    /// When it was last asked for; no two have the same time.
    pub(crate) at: Time,
}

/// What a topic matches: the slots of plain subscriptions and of share groups.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    pub(crate) plain: Vec<u32>,
    pub(crate) groups: Vec<u32>,
    /// The topic in memory of its own, if it has been published on before.
    pub(crate) topic: Option<TopicName>,
    /// Slots of the patterns, while they are looked for.
    patterns: Vec<u32>,
}

/// All subscriptions.
#[derive(Debug)]
pub(crate) struct Subscriptions {
    all: Table<Subscription>,
    /// All of them by the time they were last asked for.
    arrivals: Arrivals,
    patterns: Table<Pattern>,
    groups: Table<Group>,
    groups_made: u64,
    /// Patterns without wildcards by their text.
    exact: Index,
    trie: Trie,
    lately: Lately,
    /// A pattern's group by name.
    group_names: Map<GroupName, u32>,
    /// A session's subscription by pattern and group.
    by_session: Index,
}

/// What tells subscriptions apart: session, pattern, group.
type Identity = (u32, u32, Option<u32>);

impl Subscription {
    fn identity(&self) -> Identity {
        (self.session, self.pattern, self.group())
    }

    /// Slot of the share group.
    pub(crate) fn group(&self) -> Option<u32> {
        self.group.get()
    }

    /// Subscription Identifier (5.0).
    pub(crate) fn identifier(&self) -> Option<u32> {
        self.identifier.get()
    }

    /// What a SUBSCRIBE asks for beside the filter.
    pub(crate) fn set(&mut self, options: SubscribeOptions, identifier: Option<u32>) {
        (self.options, self.identifier) = (options, identifier.into());
    }
}

impl Subscriptions {
    pub(crate) fn new(mut keys: impl FnMut() -> (u64, u64)) -> Self {
        Self {
            all: Table::default(),
            arrivals: Arrivals::default(),
            patterns: Table::default(),
            groups: Table::default(),
            groups_made: 0,
            exact: Index::new(keys()),
            trie: Trie::new(keys()),
            lately: Lately::default(),
            group_names: Map::new(keys()),
            by_session: Index::new(keys()),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn get(&self, slot: u32) -> Option<&Subscription> {
        self.all.get(slot)
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Subscription> {
        self.all.get_mut(slot)
    }

    /// All of them by the time they were last asked for.
    pub(crate) fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    /// The session's subscription to exactly this filter.
    pub(crate) fn find(&self, session: u32, filter: &TopicFilter) -> Option<u32> {
        let pattern = self.find_pattern(filter)?;
        let group = match filter.share_name() {
            Some(name) => Some(*self.group_names.get(&GroupNameRef { pattern, name })?),
            None => None,
        };
        self.find_identity((session, pattern, group))
    }

    /// The filter as it was subscribed to, share group included.
    pub(crate) fn filter(&self, slot: u32) -> Option<TopicFilter> {
        let subscription = self.all.get(slot)?;
        if let Some(group) = subscription.group() {
            return Some(self.groups.get(group)?.filter.clone());
        }
        let text = self.text(subscription.pattern)?;
        TopicFilter::parse(text).ok()
    }

    /// Adds a subscription that is not there yet and returns its slot. `at` is after that of every
    /// other.
    pub(crate) fn add(
        &mut self,
        session: u32,
        filter: &TopicFilter,
        online: bool,
        at: Time,
    ) -> u32 {
        let pattern = self.pattern_for(filter);
        let group = filter.share_name().map(|name| self.group_for(pattern, name, filter));
        let slot = self.all.insert(Subscription {
            session,
            pattern,
            group: group.into(),
            identifier: Maybe32::NONE,
            options: SubscribeOptions::default(),
            place: 0,
            at,
        });
        self.arrivals.push(at, slot);
        let (hasher, all) = (self.by_session.hasher(), &self.all);
        let identity = |slot| all.get(slot).map(Subscription::identity);
        let hash = hasher.hash(&(session, pattern, group));
        self.by_session.insert(hash, slot, |slot| identity(slot).map_or(0, |i| hasher.hash(&i)));
        match group {
            Some(group) => self.join(group, slot, online),
            None => self.list(pattern, slot),
        }
        slot
    }

    /// The subscription was asked for again: it is the latest now.
    pub(crate) fn renew(&mut self, slot: u32, at: Time) {
        let Some(subscription) = self.all.get_mut(slot) else { return };
        self.arrivals.remove(std::mem::replace(&mut subscription.at, at));
        self.arrivals.push(at, slot);
    }

    /// Removes a subscription. A share group that loses its last member is returned: it is gone,
    /// with what waited in it.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<(GroupId, Group)> {
        let subscription = self.all.remove(slot)?;
        let (session, pattern, group) = subscription.identity();
        let Subscription { place, at, .. } = subscription;
        self.arrivals.remove(at);
        self.by_session.remove(&(session, pattern, group), slot);
        let ended = match group {
            Some(group) => self.leave(group, place),
            None => {
                self.unlist(pattern, place);
                None
            }
        };
        self.drop_unused_pattern(pattern);
        ended
    }

    /// Collects what the topic matches.
    pub(crate) fn matching(&mut self, topic: &TopicName, matches: &mut Matches) {
        let Matches { plain, groups, topic: own, patterns } = matches;
        plain.clear();
        groups.clear();
        let known = self.lately.get(topic.as_str());
        *own = known.map(|known| known.topic.clone());
        if let Some(known) = known {
            return self.collect(&known.patterns, plain, groups);
        }
        patterns.clear();
        patterns.extend(self.find_exact(topic.as_str()));
        self.trie.matching(topic.as_str(), |pattern| patterns.push(pattern));
        self.lately.found(topic, patterns);
        self.collect(patterns, plain, groups);
    }

    /// The session's subscriptions that the topic matches.
    pub(crate) fn matching_of(&self, session: u32, topic: &str) -> Vec<u32> {
        let mut found = Vec::new();
        for slot in self.matching_patterns(topic) {
            let Some(pattern) = self.patterns.get(slot) else { continue };
            let groups = pattern.listed.groups().iter().map(|group| Some(*group));
            let identities = std::iter::once(None).chain(groups);
            let of_session = |group| self.find_identity((session, slot, group));
            found.extend(identities.filter_map(of_session));
        }
        found
    }

    /// Slots of everybody's subscriptions that the topic matches, in lists as they are kept.
    pub(crate) fn lists_for_topic(&self, topic: &str) -> Vec<&[u32]> {
        self.matching_patterns(topic).into_iter().flat_map(|slot| self.lists_of(slot)).collect()
    }

    /// Slots of everybody's subscriptions to exactly this filter.
    pub(crate) fn list_for_filter(&self, filter: &TopicFilter) -> Option<&[u32]> {
        let pattern = self.find_pattern(filter)?;
        match filter.share_name() {
            None => Some(self.patterns.get(pattern)?.listed.plain()),
            Some(name) => {
                let group = self.group_names.get(&GroupNameRef { pattern, name })?;
                Some(self.groups.get(*group)?.members())
            }
        }
    }

    fn matching_patterns(&self, topic: &str) -> Vec<u32> {
        let mut patterns: Vec<u32> = self.find_exact(topic).into_iter().collect();
        self.trie.matching(topic, |pattern| patterns.push(pattern));
        patterns
    }

    /// The pattern's plain subscriptions, and the members of each of its groups.
    fn lists_of(&self, pattern: u32) -> impl Iterator<Item = &[u32]> {
        let listed = self.patterns.get(pattern).map(|pattern| &pattern.listed);
        let plain = listed.map(Listed::plain);
        let groups = listed.into_iter().flat_map(Listed::groups);
        let members = groups.filter_map(|group| self.groups.get(*group)).map(Group::members);
        plain.into_iter().chain(members)
    }

    fn collect(&self, patterns: &[u32], plain: &mut Vec<u32>, groups: &mut Vec<u32>) {
        for pattern in patterns.iter().filter_map(|slot| self.patterns.get(*slot)) {
            plain.extend_from_slice(pattern.listed.plain());
            groups.extend_from_slice(pattern.listed.groups());
        }
    }

    fn find_identity(&self, identity: Identity) -> Option<u32> {
        let has = |slot| self.all.get(slot).is_some_and(|s| s.identity() == identity);
        self.by_session.get(&identity, has)
    }

    fn set_place(&mut self, slot: u32, place: u32) {
        if let Some(subscription) = self.all.get_mut(slot) {
            subscription.place = place;
        }
    }

    /// Checks what must always hold.
    pub(crate) fn check(&self) {
        for (slot, subscription) in self.all.iter() {
            let listed = match subscription.group() {
                Some(group) => self.groups.get(group).and_then(|g| g.member(subscription.place)),
                None => {
                    let pattern = self.patterns.get(subscription.pattern);
                    pattern.and_then(|p| p.listed.plain().get(subscription.place as usize).copied())
                }
            };
            assert_eq!(listed, Some(slot), "a subscription is not where it says");
        }
        let plain: usize =
            self.patterns.iter().map(|(_, pattern)| pattern.listed.plain().len()).sum();
        let members: usize = self.groups.iter().map(|(_, group)| group.len()).sum();
        assert_eq!(plain + members, self.all.len(), "subscriptions listed");
        assert_eq!(self.by_session.len(), self.all.len(), "subscriptions by session");
        self.arrivals.check();
        assert_eq!(self.arrivals.len(), self.all.len(), "subscriptions by arrival");
        self.check_groups();
        self.check_patterns();
    }
}

fn place(index: usize) -> u32 {
    u32::try_from(index).expect("there are fewer than 2^32 subscriptions")
}

/// A share group's name within its pattern.
#[derive(Debug, PartialEq, Eq)]
struct GroupName {
    pattern: u32,
    name: Box<str>,
}

impl Hash for GroupName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        GroupNameRef { pattern: self.pattern, name: &self.name }.hash(state);
    }
}

/// The same, borrowed for looking up.
#[derive(Hash)]
struct GroupNameRef<'a> {
    pattern: u32,
    name: &'a str,
}

impl Equivalent<GroupName> for GroupNameRef<'_> {
    fn equivalent(&self, key: &GroupName) -> bool {
        self.pattern == key.pattern && self.name == key.name.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const FILTERS: [&str; 14] = [
        "#",
        "+",
        "a",
        "a/#",
        "a/+",
        "+/b",
        "a/b",
        "/",
        "/#",
        "+/+",
        "$a/#",
        "a/+/b/#",
        "$share/g/a/#",
        "$share/h/+",
    ];
    const TOPICS: [&str; 10] = ["a", "b", "a/b", "a/b/c", "/", "/a", "a/", "$a", "$a/b", "a/x/b"];

    #[derive(Clone, Debug)]
    enum Step {
        Add { session: u32, filter: usize, online: bool },
        Remove { session: u32, filter: usize },
        Online { session: u32, filter: usize, online: bool },
    }

    fn step() -> impl Strategy<Value = Step> {
        let session = 0_u32..5;
        let filter = 0..FILTERS.len();
        prop_oneof![
            3 => (session.clone(), filter.clone(), any::<bool>())
                .prop_map(|(session, filter, online)| Step::Add { session, filter, online }),
            2 => (session.clone(), filter.clone())
                .prop_map(|(session, filter)| Step::Remove { session, filter }),
            2 => (session, filter, any::<bool>())
                .prop_map(|(session, filter, online)| Step::Online { session, filter, online }),
        ]
    }

    fn filter(at: usize) -> TopicFilter {
        TopicFilter::parse(FILTERS[at].into()).unwrap()
    }

    fn add(index: &mut Subscriptions, session: u32, filter: &str, online: bool) -> u32 {
        let last = index.arrivals.iter().last().map_or(Time::ZERO, |last| last.at);
        let at = last + std::time::Duration::from_nanos(1);
        index.add(session, &TopicFilter::parse(filter.into()).unwrap(), online, at)
    }

    /// Session and filter of every subscription, with whether its client is connected.
    type List = BTreeMap<(u32, usize), bool>;

    fn apply(index: &mut Subscriptions, list: &mut List, step: &Step) {
        match *step {
            Step::Add { session, filter: at, online } => {
                let is_new = !list.contains_key(&(session, at));
                assert_eq!(index.find(session, &filter(at)).is_none(), is_new);
                if is_new {
                    list.insert((session, at), online);
                    let slot = add(index, session, FILTERS[at], online);
                    assert_eq!(index.filter(slot), Some(filter(at)));
                }
            }
            Step::Remove { session, filter: at } => {
                let found = index.find(session, &filter(at));
                assert_eq!(found.is_some(), list.remove(&(session, at)).is_some());
                if let Some(slot) = found {
                    let ended = index.remove(slot);
                    let left = list.keys().any(|(_, other)| *other == at);
                    let shared = filter(at).share_name().is_some();
                    assert_eq!(ended.is_some(), shared && !left, "the group's end");
                }
            }
            Step::Online { session, filter: at, online } => {
                if let Some(slot) = index.find(session, &filter(at)) {
                    index.set_online(slot, online);
                    list.insert((session, at), online);
                }
            }
        }
    }

    /// What the index finds for a topic, as (session, filter), with groups by their filter and
    /// connected members.
    fn found(index: &mut Subscriptions, name: &str) -> Vec<(u32, String)> {
        let mut matches = Matches::default();
        index.matching(&TopicName::new(name.into()).unwrap(), &mut matches);
        let of = |slot: u32| {
            let session = index.get(slot).unwrap().session;
            (session, index.filter(slot).unwrap().as_str().to_owned())
        };
        let groups = matches.groups.iter().map(|group| index.group(*group).unwrap());
        let members = groups.flat_map(Group::candidates);
        let mut all: Vec<_> = matches.plain.iter().copied().chain(members).map(of).collect();
        all.sort();
        all
    }

    fn expected(list: &List, name: &str) -> Vec<(u32, String)> {
        let is_due = |at: usize, online: bool| {
            let filter = filter(at);
            topic::matches(filter.filter(), name) && (online || filter.share_name().is_none())
        };
        let due = list.iter().filter(|((_, at), online)| is_due(*at, **online));
        let mut all: Vec<_> =
            due.map(|((session, at), _)| (*session, FILTERS[*at].to_owned())).collect();
        all.sort();
        all
    }

    proptest! {
        #[test]
        fn the_index_finds_what_a_list_finds(steps in prop::collection::vec(step(), 0..80)) {
            let mut index = Subscriptions::new(|| (1, 2));
            let mut list = List::new();
            for step in &steps {
                apply(&mut index, &mut list, step);
                index.check();
                // Each topic again and again: what is remembered of it must not be outdated.
                for name in TOPICS {
                    prop_assert_eq!(found(&mut index, name), expected(&list, name), "{}", name);
                }
            }
        }
    }

    /// Most of what a subscription takes: docs/performance.md has the whole, which is measured.
    #[test]
    fn what_is_kept_of_each_subscription_is_small() {
        assert_eq!(Table::<Subscription>::SLOT_BYTES, 32);
        assert_eq!(Table::<Pattern>::SLOT_BYTES, 32);
        assert_eq!(trie::NODE_BYTES, 40);
        assert_eq!(size_of::<crate::arrivals::Arrival>(), 16);
    }

    #[test]
    fn a_topic_of_65_535_slashes_is_matched_without_recursion() {
        let mut index = Subscriptions::new(|| (1, 2));
        let deep = "/".repeat(65_535);
        for text in [deep.as_str(), "#", "/#"] {
            add(&mut index, 1, text, true);
        }
        let pluses = vec!["+"; 32_768].join("/");
        let slot = add(&mut index, 2, &pluses, true);
        assert_eq!(found(&mut index, &deep).len(), 3);
        index.remove(slot);
        index.check();
    }
}
