//! What clients did and saw, and the judgement of it. It stands outside: it knows nothing of the
//! broker but what came over the wires.
//!
//! * What was acknowledged at QoS 1 or 2 reaches every session that had subscribed before, at QoS 2
//!   once.
//! * The messages of a publisher to a topic at one QoS arrive in their order, repetitions aside.
//! * What arrives was published, as it was.
//! * A session that is to last is there after every loss of its connection.
//! * Whoever asks is answered in time, unless the story was in the way.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use surewire_engine::message::Content;
use surewire_engine::packet::QoS;
use surewire_engine::topic;

use crate::device::Role;

/// Violations that are told; a broken broker would make thousands.
const TOLD: usize = 20;

/// Shared by everybody in a story.
#[derive(Clone, Default)]
pub(crate) struct History(Rc<RefCell<Events>>);

/// A message: who published it, the how many-th of theirs.
pub(crate) type Name = (u16, u32);

#[derive(Default)]
struct Events {
    violations: Vec<String>,
    published: BTreeMap<Name, Published>,
    /// Publishers that are to go on.
    publishing: usize,
    readers: Vec<Reader>,
    /// When the story was in whose way, from and until; nobody's name is everybody.
    disturbed: Vec<(String, Duration, Duration)>,
    counts: BTreeMap<&'static str, u64>,
}

struct Published {
    topic: String,
    qos: QoS,
    len: usize,
    at: Duration,
    /// Whether it is to arrive: not at QoS 0, nor once the broker has refused it.
    promise: bool,
    acknowledged: bool,
}

/// A session that messages go to.
struct Reader {
    name: String,
    filters: Vec<(String, QoS)>,
    /// Whether it must get what it subscribed to.
    lasts: bool,
    /// Within which time it is to get a message, if that matters.
    prompt: Option<Duration>,
    /// Since when its subscriptions are made for certain.
    since: Option<Duration>,
    received: BTreeMap<Name, u32>,
    /// The last of each publisher, topic and QoS.
    last: BTreeMap<(u16, String, u8), u32>,
}

/// Simulated time since the start.
pub(crate) fn now() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}

impl History {
    /// Something must not have happened.
    pub(crate) fn violate(&self, what: &str) {
        let events = &mut *self.0.borrow_mut();
        if events.violations.len() < TOLD {
            let at = now();
            events.violations.push(format!("at {:.3} s: {what}", at.as_secs_f64()));
        }
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.0.borrow().violations.clone()
    }

    pub(crate) fn has_violations(&self) -> bool {
        !self.0.borrow().violations.is_empty()
    }

    /// Counts something worth knowing.
    pub(crate) fn count(&self, what: &'static str) {
        *self.0.borrow_mut().counts.entry(what).or_default() += 1;
    }

    pub(crate) fn counted(&self, what: &str) -> u64 {
        self.0.borrow().counts.get(what).copied().unwrap_or(0)
    }

    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.0.borrow().counts.clone()
    }

    /// From then until then the story is in the way of the clients of `host`; `None` is everybody.
    pub(crate) fn disturb(&self, host: Option<&str>, from: Duration, until: Duration) {
        let host = host.unwrap_or_default().to_owned();
        self.0.borrow_mut().disturbed.push((host, from, until));
    }

    /// `name` asked and heard nothing in time, on a connection that it dialled then. What a link lost
    /// of a connection is never sent again here, so it is silent for good.
    pub(crate) fn unanswered(&self, name: &str, host: &str, since: Duration, dialled: Duration) {
        self.count("unanswered");
        if !self.is_excused(host, dialled) {
            self.violate(&format!("{name} waits for an answer since {:.3} s", since.as_secs_f64()));
        }
    }

    /// `name` may not subscribe.
    pub(crate) fn refused(&self, name: &str, host: &str) {
        self.count("refused");
        if !self.is_excused(host, now()) {
            self.violate(&format!("{name} may not subscribe"));
        }
    }

    /// Whether the story was in the way of a host at some time since then.
    fn is_excused(&self, host: &str, since: Duration) -> bool {
        let until = now();
        self.0.borrow().disturbed.iter().any(|(whom, from, to)| {
            (whom.is_empty() || whom == host) && *from <= until && since <= *to
        })
    }

    /// One more publisher, and its number.
    pub(crate) fn publisher(&self) -> u16 {
        let events = &mut *self.0.borrow_mut();
        events.publishing += 1;
        u16::try_from(events.publishing).unwrap_or(u16::MAX)
    }

    /// One more session, and its number.
    pub(crate) fn reader(&self, role: &Role) -> usize {
        let readers = &mut self.0.borrow_mut().readers;
        readers.push(Reader {
            name: role.name.clone(),
            filters: role.filters.clone(),
            lasts: role.lasts,
            prompt: role.prompt,
            since: None,
            received: BTreeMap::new(),
            last: BTreeMap::new(),
        });
        readers.len() - 1
    }

    pub(crate) fn subscribed(&self, reader: usize) {
        if let Some(reader) = self.0.borrow_mut().readers.get_mut(reader) {
            reader.since.get_or_insert(now());
        }
    }

    /// Its connection was accepted, without the session that it had.
    pub(crate) fn session_lost(&self, reader: usize) {
        let lost = self.0.borrow().readers.get(reader).and_then(|reader| {
            let is_missed = reader.lasts && reader.since.is_some();
            is_missed.then(|| reader.name.clone())
        });
        if let Some(name) = lost {
            self.violate(&format!("{name} has lost its session"));
        }
    }

    pub(crate) fn published(&self, name: Name, content: &Content) {
        let published = Published {
            topic: content.topic.as_str().to_owned(),
            qos: content.qos,
            len: content.payload.len(),
            at: now(),
            promise: content.qos != QoS::AtMostOnce,
            acknowledged: false,
        };
        self.0.borrow_mut().published.insert(name, published);
        self.count("published");
    }

    /// The broker has taken responsibility.
    pub(crate) fn acknowledged(&self, name: Name) {
        if let Some(published) = self.0.borrow_mut().published.get_mut(&name) {
            (published.promise, published.acknowledged) = (true, true);
        }
        self.count("acknowledged");
    }

    /// The broker has said no, or has not said anything yet: nothing is promised.
    pub(crate) fn not_promised(&self, name: Name) {
        self.0.borrow_mut().published.entry(name).and_modify(|it| it.promise = false);
    }

    pub(crate) fn received(&self, reader: usize, content: &Content) {
        self.count("received");
        let wrong = self.0.borrow_mut().receive(reader, content);
        wrong.into_iter().for_each(|what| self.violate(&what));
    }

    /// What is still to come, if anything is.
    pub(crate) fn missing(&self, publishers_left: usize) -> Option<String> {
        let events = self.0.borrow();
        if publishers_left > 0 {
            return Some(format!("{publishers_left} publishers are not done"));
        }
        let open = events.published.iter().find(|(_, it)| it.promise && !it.acknowledged);
        if let Some((name, _)) = open {
            return Some(format!("the message {name:?} is not acknowledged"));
        }
        events.readers.iter().find_map(|reader| {
            let missed = events.published.iter().find(|(name, it)| reader.misses(**name, it))?;
            let at = missed.1.at.as_secs_f64();
            Some(format!(
                "{} has not got {:?} to {}, published at {at:.3} s and acknowledged",
                reader.name, missed.0, missed.1.topic
            ))
        })
    }
}

impl Events {
    /// Notes what a reader got; what is wrong about it.
    fn receive(&mut self, reader: usize, content: &Content) -> Vec<String> {
        let Some(reader) = self.readers.get_mut(reader) else { return Vec::new() };
        let (who, topic) = (&reader.name, content.topic.as_str());
        let Some(name) = parse(&content.payload) else {
            return vec![format!("{who} got a message to {topic} that nobody published")];
        };
        let Some(it) = self.published.get(&name) else {
            return vec![format!("{who} got {name:?}, which nobody published")];
        };
        let (mut wrong, found) = (Vec::new(), content.payload.len());
        if it.topic != topic || it.len != found {
            let of = format!("{} bytes to {}", it.len, it.topic);
            wrong.push(format!("{who} got {name:?}, {of}, as {found} bytes to {topic}"));
        }
        let times = reader.received.entry(name).or_default();
        *times += 1;
        let qos = content.qos;
        if *times > 1 {
            if qos != QoS::AtLeastOnce {
                wrong.push(format!("{who} got {name:?} at QoS {} {times} times", qos as u8));
            }
            return wrong;
        }
        let took = now().saturating_sub(it.at);
        if reader.prompt.is_some_and(|prompt| took > prompt) {
            wrong.push(format!("{who} got {name:?} to {topic} after {took:?}"));
        }
        // Between messages of different QoS there is no order.
        let lane = (name.0, topic.to_owned(), it.qos as u8);
        let before = reader.last.insert(lane, name.1);
        if let Some(before) = before.filter(|before| *before > name.1) {
            wrong.push(format!("{who} got {name:?} to {topic} after number {before}"));
        }
        wrong
    }
}

impl Reader {
    fn misses(&self, name: Name, it: &Published) -> bool {
        it.promise
            && self.lasts
            && self.since.is_some_and(|since| since < it.at)
            && !self.received.contains_key(&name)
            && self
                .filters
                .iter()
                .any(|(filter, qos)| *qos != QoS::AtMostOnce && topic::matches(filter, &it.topic))
    }
}

/// The payload of a message: its name, and as many bytes as are wanted.
pub(crate) fn payload((publisher, number): Name, len: usize) -> Vec<u8> {
    let mut payload = format!("{publisher}/{number};").into_bytes();
    // Not all the same: bytes that get lost or change places show.
    payload.extend((payload.len()..len).map(|at| b'a' + u8::try_from(at % 23).unwrap_or(0)));
    payload
}

/// The name in a payload that is as [`payload`] made it.
fn parse(bytes: &[u8]) -> Option<Name> {
    let end = bytes.iter().position(|byte| *byte == b';')?;
    let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let (publisher, number) = head.split_once('/')?;
    let name = (publisher.parse().ok()?, number.parse().ok()?);
    (payload(name, bytes.len()) == bytes).then_some(name)
}
