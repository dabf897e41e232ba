//! The retained messages, in order of their topics.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::hint::black_box;
use std::ops::Bound;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::config::Config;
use crate::message::Content;
use crate::time::Time;
use crate::topic::{self, TopicFilter, TopicName};

/// Retained messages. An ordered tree: a position in it is just a topic, and no insert moves the
/// whole.
#[derive(Debug, Default)]
pub(crate) struct Retained {
    by_topic: BTreeSet<ByTopic>,
    /// How many of them are the broker's own, below `$SYS`: they count for no limit.
    system: usize,
    /// Bytes of the others.
    bytes: usize,
    /// Those that expire, the first to do so first.
    expiring: BTreeSet<(Time, TopicName)>,
}

/// A walk over the retained messages of one filter: the filter and the last topic looked at.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    filter: TopicFilter,
    after: Option<TopicName>,
}

/// What a bounded look for the next retained message found.
#[derive(Debug)]
pub(crate) enum Found {
    /// The next one; the cursor is behind it now.
    Message(Arc<Content>),
    /// None within the budget; the cursor has moved, look again.
    NotYet,
    /// There is no further one.
    End,
}

/// What a bounded look for several found.
#[derive(Debug)]
pub(crate) struct Look {
    /// The next ones in order.
    pub(crate) messages: SmallVec<[Arc<Content>; 1]>,
    /// The last topic looked at, in memory of its own: a handle would stay, for the first one of a
    /// text makes a counter that lives as long as it.
    pub(crate) reached: Option<TopicName>,
    /// There is no further one.
    pub(crate) ended: bool,
}

impl Cursor {
    pub(crate) fn new(filter: TopicFilter) -> Self {
        Self { filter, after: None }
    }

    /// A walk that goes on behind a topic.
    pub(crate) fn behind(filter: TopicFilter, after: Option<TopicName>) -> Self {
        Self { filter, after }
    }

    /// All up to this topic has been looked at.
    pub(crate) fn go_behind(&mut self, topic: TopicName) {
        self.after = Some(topic);
    }

    pub(crate) fn filter(&self) -> &TopicFilter {
        &self.filter
    }

    pub(crate) fn after(&self) -> Option<&TopicName> {
        self.after.as_ref()
    }
}

impl Retained {
    /// Messages, without the broker's own.
    pub(crate) fn len(&self) -> usize {
        self.by_topic.len() - self.system
    }

    /// Bytes that these count for.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// All behind a topic that the log knows of: the broker's own are never recorded.
    pub(crate) fn durable_after(
        &self,
        after: Option<&TopicName>,
    ) -> impl Iterator<Item = &Arc<Content>> {
        let from = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.as_str()));
        let stored = self.by_topic.range::<str, _>((from, Bound::Unbounded)).map(|entry| &entry.0);
        stored.filter(|message| !message.topic.is_dollar())
    }

    pub(crate) fn get(&self, topic: &str) -> Option<&Arc<Content>> {
        self.by_topic.get(topic).map(|entry| &entry.0)
    }

    /// Whether the message may be stored under the limits.
    pub(crate) fn has_room(&self, message: &Content, config: &Config) -> bool {
        let replaced = self.get(message.topic.as_str());
        let count = self.len() + usize::from(replaced.is_none());
        let freed = replaced.map_or(0, |old| old.weight());
        let bytes = self.bytes - freed + message.weight();
        count <= config.max_retained_messages && bytes <= config.max_retained_bytes
    }

    /// Stores the message under its topic in place of an earlier one.
    pub(crate) fn store(&mut self, message: Arc<Content>) -> Option<Arc<Content>> {
        self.bytes += message.weight();
        let expires = message.expires().map(|due| (due, message.topic.clone()));
        let old = self.by_topic.replace(ByTopic(message)).map(|old| old.0);
        if let Some(old) = &old {
            self.forgotten(old);
        }
        self.expiring.extend(expires);
        old
    }

    /// The same for a message of the broker's own.
    pub(crate) fn store_system(&mut self, message: Arc<Content>) {
        let is_new = self.by_topic.replace(ByTopic(message)).is_none();
        self.system += usize::from(is_new);
    }

    /// Removes the topic's message, and returns it.
    pub(crate) fn clear(&mut self, topic: &str) -> Option<Arc<Content>> {
        let old = self.by_topic.take(topic)?.0;
        self.forgotten(&old);
        Some(old)
    }

    fn forgotten(&mut self, old: &Content) {
        self.bytes -= old.weight();
        if let Some(due) = old.expires() {
            self.expiring.remove(&(due, old.topic.clone()));
        }
    }

    /// When the first of them expires.
    pub(crate) fn first_expiry(&self) -> Option<Time> {
        self.expiring.first().map(|(due, _)| *due)
    }

    /// The topic of one that has expired.
    pub(crate) fn first_expired(&self, now: Time) -> Option<&TopicName> {
        self.expiring.first().filter(|(due, _)| *due <= now).map(|(_, topic)| topic)
    }

    /// Looks at no more than `budget` messages (which it counts down) for the next of the cursor.
    pub(crate) fn next(&self, cursor: &mut Cursor, budget: &mut usize) -> Found {
        let Look { messages, reached, ended } = self.look(cursor, 1, budget);
        if let Some(reached) = reached {
            cursor.go_behind(reached);
        }
        match messages.into_iter().next() {
            Some(message) => Found::Message(message),
            None if ended => Found::End,
            None => Found::NotYet,
        }
    }

    /// The same for the next ones, up to `most`; the cursor stays where it is.
    pub(crate) fn look(&self, cursor: &Cursor, most: usize, budget: &mut usize) -> Look {
        let filter = cursor.filter.filter();
        if !cursor.filter.has_wildcard() {
            return self.look_at(filter, cursor.after.is_none());
        }
        let after = cursor.after.as_ref().map(TopicName::as_str);
        let mut ahead = self.from(&Seek::start(filter, after));
        touch(ahead.clone().take(most.min(*budget)));
        let (mut messages, mut last, mut ended) = (SmallVec::new(), None, false);
        while *budget > 0 && messages.len() < most {
            *budget -= 1;
            let Some(message) = ahead.next() else {
                ended = true;
                break;
            };
            let name = message.topic.as_str();
            last = Some(&message.topic);
            if topic::matches(filter, name) {
                messages.push(Arc::clone(message));
                continue;
            }
            match seek_behind(filter, name) {
                Some(seek) => ahead = self.from(&seek),
                None => {
                    ended = true;
                    break;
                }
            }
        }
        Look { messages, reached: last.map(TopicName::detached), ended }
    }

    fn look_at(&self, topic: &str, first_look: bool) -> Look {
        let found = self.get(topic).filter(|_| first_look);
        Look {
            messages: found.cloned().into_iter().collect(),
            reached: found.map(|found| found.topic.detached()),
            ended: true,
        }
    }

    fn from(&self, seek: &Seek) -> impl Iterator<Item = &Arc<Content>> + Clone + use<'_> {
        let from = match seek {
            Seek::At(text) => Bound::Included(text.as_str()),
            Seek::Behind(text) => Bound::Excluded(text.as_str()),
        };
        self.by_topic.range::<str, _>((from, Bound::Unbounded)).map(|entry| &entry.0)
    }

    /// Checks what must always hold.
    pub(crate) fn check(&self) {
        let (system, others): (Vec<_>, Vec<_>) =
            self.by_topic.iter().partition(|entry| entry.0.topic.is_dollar());
        assert_eq!(system.len(), self.system, "the broker's own retained messages");
        let bytes: usize = others.iter().map(|entry| entry.0.weight()).sum();
        assert_eq!(bytes, self.bytes, "retained bytes");
        assert!(self.by_topic.iter().all(|entry| !entry.0.payload.is_empty()), "empty retained");
        let expires = |entry: &ByTopic| Some((entry.0.expires()?, entry.0.topic.clone()));
        let expiring: BTreeSet<_> = self.by_topic.iter().filter_map(expires).collect();
        assert_eq!(expiring, self.expiring, "index of what expires");
    }
}

/// Reads a little of the next messages, whose parts lie anywhere in memory: the processor waits for
/// all of them together, and not for each one when its turn comes.
fn touch<'a>(next: impl Iterator<Item = &'a Arc<Content>>) {
    let next: SmallVec<[&Content; 32]> = next.map(Arc::as_ref).collect();
    let lengths = next.iter().fold(0, |all, message| all ^ message.payload.len());
    let topics = next.iter().fold(0, |all, message| all ^ first(message.topic.as_str().as_bytes()));
    let payloads = next.iter().fold(0, |all, message| all ^ first(&message.payload));
    black_box((lengths, topics, payloads));
}

fn first(bytes: &[u8]) -> u8 {
    bytes.first().copied().unwrap_or_default()
}

/// Where to look next.
#[derive(Debug, PartialEq, Eq)]
enum Seek {
    At(String),
    Behind(String),
}

impl Seek {
    /// Behind the cursor, and not before the part of the filter that has no wildcard.
    fn start(filter: &str, after: Option<&str>) -> Self {
        let literal = filter.split(['+', '#']).next().unwrap_or_default();
        // `a/#` also matches `a`, which is before `a/`.
        let first = if filter.strip_suffix("/#") == literal.strip_suffix('/') {
            literal.strip_suffix('/').unwrap_or_default()
        } else {
            literal
        };
        match after {
            Some(after) if after >= first => Self::Behind(after.to_owned()),
            _ => Self::At(first.to_owned()),
        }
    }
}

/// Where the next match behind `name`, which does not match, can be at the earliest; `None` if
/// nowhere. Skips what lies below a level that cannot match, so that `+/status` costs a look for
/// each first level, not for each topic.
fn seek_behind(filter: &str, name: &str) -> Option<Seek> {
    // What the levels of the name before the current one cover, in bytes.
    let mut covered = 0;
    // The same, up to and including the last level that a `+` covered.
    let mut last_plus = None;
    let mut names = name.split('/');
    for level in filter.split('/') {
        let Some(found) = names.next() else { return Some(Seek::Behind(name.to_owned())) };
        match level {
            // Only `$` topics are kept from an opening wildcard; they are no long stretch.
            "#" => return Some(Seek::Behind(name.to_owned())),
            "+" => last_plus = Some(covered + found.len()),
            level if level == found => {}
            level => {
                let (before, rest) = name.split_at_checked(covered).unwrap_or((name, ""));
                return seek_level(before, level, rest).or_else(|| next_sibling(name, last_plus));
            }
        }
        covered += found.len() + 1;
    }
    // The name has more levels than the filter: nothing below the filter's last level matches.
    next_sibling(name, last_plus)
}

/// Where names that continue with `level` begin, if that is still ahead of `rest`. They are
/// `level` itself and, perhaps further on (`a!` sorts between `a` and `a/`), `level/..`.
fn seek_level(before: &str, level: &str, rest: &str) -> Option<Seek> {
    let below = format!("{level}/");
    if rest < level {
        Some(Seek::At(format!("{before}{level}")))
    } else if rest < below.as_str() {
        Some(Seek::At(format!("{before}{below}")))
    } else {
        None
    }
}

/// Behind everything below the level that the last `+` covered: `0` follows `/`.
fn next_sibling(name: &str, last_plus: Option<usize>) -> Option<Seek> {
    let covered = name.get(..last_plus?).unwrap_or_default();
    Some(Seek::At(format!("{covered}0")))
}

/// A message ordered by its topic alone.
#[derive(Debug)]
struct ByTopic(Arc<Content>);

impl Borrow<str> for ByTopic {
    fn borrow(&self) -> &str {
        self.0.topic.as_str()
    }
}

impl PartialEq for ByTopic {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for ByTopic {}

impl PartialOrd for ByTopic {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByTopic {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.topic.as_str().cmp(other.0.topic.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Properties, QoS};
    use bytes::Bytes;
    use proptest::prelude::*;

    fn message(topic: &str) -> Arc<Content> {
        Arc::new(Content {
            topic: TopicName::new(topic.into()).unwrap(),
            payload: Bytes::from_static(b"x"),
            qos: QoS::AtMostOnce,
            retain: true,
            properties: Properties::NONE,
        })
    }

    fn filter(text: &str) -> TopicFilter {
        TopicFilter::parse(text.into()).unwrap()
    }

    /// All topics of a walk in steps of `budget` looks, and how many looks it took.
    fn walk(retained: &Retained, text: &str, budget: usize) -> (Vec<String>, usize) {
        let mut cursor = Cursor::new(filter(text));
        let (mut topics, mut looks) = (Vec::new(), 0);
        loop {
            let mut left = budget;
            let found = retained.next(&mut cursor, &mut left);
            looks += budget - left;
            match found {
                Found::Message(message) => topics.push(message.topic.as_str().to_owned()),
                Found::NotYet => assert_eq!(left, 0),
                Found::End => return (topics, looks),
            }
        }
    }

    #[test]
    fn a_plus_skips_what_lies_below_its_siblings() {
        let mut retained = Retained::default();
        for room in 0..20 {
            for sensor in 0..500 {
                retained.store(message(&format!("room{room}/sensor{sensor}")));
            }
            retained.store(message(&format!("room{room}/status")));
        }
        let (topics, looks) = walk(&retained, "+/status", usize::MAX);
        assert_eq!(topics.len(), 20);
        assert!(looks < 100, "{looks} looks for 20 of 10,020");
    }

    #[test]
    fn the_limits_count_what_is_replaced_only_once() {
        let config = Config { max_retained_messages: 1, ..Config::default() };
        let mut retained = Retained::default();
        assert!(retained.has_room(&message("a"), &config));
        retained.store(message("a"));
        assert!(retained.has_room(&message("a"), &config));
        assert!(!retained.has_room(&message("b"), &config));
        retained.store(message("a"));
        retained.check();
        assert!(retained.clear("a").is_some());
        assert!(retained.clear("a").is_none());
        assert!(retained.has_room(&message("b"), &config));
        retained.check();
    }

    /// Names whose order is tricky: characters below and above `/`.
    fn level() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec!["", "a", "a!", "a-", "a0", "b", "$a", "aa", "~"])
    }

    fn name() -> impl Strategy<Value = String> {
        prop::collection::vec(level(), 1..4)
            .prop_map(|levels| levels.join("/"))
            .prop_filter("not empty", |name| !name.is_empty())
    }

    fn any_filter() -> impl Strategy<Value = String> {
        let levels = prop::collection::vec(prop_oneof![level(), Just("+")], 1..4);
        (levels, any::<bool>())
            .prop_map(|(levels, hash)| {
                let text = levels.join("/");
                if hash { format!("{text}/#") } else { text }
            })
            .prop_filter("not empty", |text| !text.is_empty())
    }

    /// The same in looks for several messages.
    fn walk_by_several(retained: &Retained, text: &str, most: usize, budget: usize) -> Vec<String> {
        let mut cursor = Cursor::new(filter(text));
        let mut topics = Vec::new();
        loop {
            let mut left = budget;
            let look = retained.look(&cursor, most, &mut left);
            assert!(look.messages.len() <= most.min(budget));
            topics.extend(look.messages.iter().map(|message| message.topic.as_str().to_owned()));
            if let Some(reached) = look.reached {
                cursor.go_behind(reached);
            }
            if look.ended {
                return topics;
            }
        }
    }

    proptest! {
        #[test]
        fn a_walk_finds_what_a_scan_finds(
            names in prop::collection::btree_set(name(), 0..40),
            text in any_filter(),
            budget in 1_usize..4,
            most in 1_usize..6,
        ) {
            let mut retained = Retained::default();
            for name in &names {
                retained.store(message(name));
            }
            let expected: Vec<String> =
                names.iter().filter(|name| topic::matches(&text, name)).cloned().collect();
            prop_assert_eq!(&walk(&retained, &text, budget).0, &expected);
            prop_assert_eq!(walk_by_several(&retained, &text, most, 2 * budget), expected);
        }
    }
}
