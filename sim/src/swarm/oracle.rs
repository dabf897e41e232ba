//! Judges by what clients asked, were promised and got. It knows nothing of the engine's inside.

mod expected;
mod options;
mod retained;
mod views;

use std::collections::{BTreeMap, BTreeSet};

use surewire_engine::message::Content;
use surewire_engine::notice::{DropReason, Notice};
use surewire_engine::packet::{PropertySet, QoS, ReasonCode, Version};
use surewire_engine::topic::TopicName;

use super::tap::{WILLS, number_in};
use views::View;

/// A point in the order of everything that clients see.
pub(crate) type Tick = u64;

/// A message that a client was given to publish.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) publisher: usize,
    pub(crate) topic: TopicName,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    /// Whether it removes the retained message of its topic.
    pub(crate) clears: bool,
    pub(crate) begun: Tick,
    pub(crate) acknowledged: Option<Tick>,
    /// Its publisher lost a connection before, and may have sent it again.
    pub(crate) again: bool,
    /// Its publisher's session ended meanwhile: nobody knows any more whether it is the same.
    pub(crate) loose: bool,
    /// It may have expired before it came to anybody.
    pub(crate) expires: bool,
    /// What goes with it to clients of 5.0.
    pub(crate) properties: PropertySet,
}

impl Message {
    pub(crate) fn new(publisher: usize, topic: TopicName, qos: QoS) -> Self {
        Self {
            publisher,
            topic,
            qos,
            retain: false,
            clears: false,
            begun: 0,
            acknowledged: None,
            again: false,
            loose: false,
            expires: false,
            properties: PropertySet::NONE,
        }
    }
}

/// How many Wills of a client must have been published, and how many may have.
#[derive(Clone, Copy, Debug, Default)]
struct Wills {
    at_least: u64,
    at_most: u64,
    /// When its client lost the first, or the broker said that it is published, which may be before
    /// the client knows.
    first: Option<Tick>,
}

/// All that is known.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    now: Tick,
    /// By their number, from 1.
    messages: Vec<Message>,
    views: Vec<View>,
    /// Messages that the broker said it dropped for want of room, by client and topic; without a
    /// client for share groups.
    dropped: BTreeMap<(Option<usize>, String), u64>,
    /// Clients of which the broker said that their session is over, and who do not know it yet.
    over: BTreeSet<usize>,
    /// The same, until they know: the CONNACK that would tell them may get lost, and the next one says
    /// that there is a session.
    unaware: BTreeSet<usize>,
    /// Topics of which the broker said that a message was delivered and not retained.
    not_retained: BTreeSet<String>,
    wills: BTreeMap<usize, Wills>,
    /// When the broker ended last.
    ended: Tick,
    pub(crate) violations: Vec<String>,
}

impl Oracle {
    /// Of clients that speak these.
    pub(crate) fn new(versions: impl IntoIterator<Item = Version>) -> Self {
        let views = versions.into_iter().enumerate();
        let views = views.map(|(index, version)| View::new(index, version)).collect();
        Self { views, ..Self::default() }
    }

    fn tick(&mut self) -> Tick {
        self.now += 1;
        self.now
    }

    /// Notes what must not be.
    pub(crate) fn violation(&mut self, what: String) {
        self.violations.push(what);
    }

    /// A message is about to be published; its number.
    pub(crate) fn publishes(&mut self, mut message: Message) -> u64 {
        message.begun = self.tick();
        self.messages.push(message);
        self.messages.len() as u64
    }

    /// The number of the next message.
    pub(crate) fn next_number(&self) -> u64 {
        self.messages.len() as u64 + 1
    }

    /// The publisher was told that it is safe, or that nobody wants it.
    pub(crate) fn acknowledged(&mut self, number: u64, code: ReasonCode) {
        let now = self.tick();
        let Some(message) = place(number).and_then(|place| self.messages.get_mut(place)) else {
            return;
        };
        message.acknowledged.get_or_insert(now);
        if code == ReasonCode::NoMatchingSubscribers {
            let message = message.clone();
            let there = self.views.iter().filter(|view| !self.over.contains(&view.index));
            let owed = there.filter(|view| view.is_owed(&message).is_some()).map(|view| view.index);
            let owed = owed.min();
            if let Some(client) = owed.filter(|_| !message.again) {
                self.violation(format!("I11: nobody is said to want {number}, but c{client} does"));
            }
        }
    }

    /// Whether the message is one that does not go by itself.
    pub(crate) fn stays(&self, number: u64) -> bool {
        let message = place(number).and_then(|place| self.messages.get(place));
        message.is_some_and(|message| !message.expires)
    }

    /// How many messages have an acknowledgement of QoS 1 or 2.
    pub(crate) fn acknowledgements(&self) -> u64 {
        let promised = self.messages.iter().filter(|message| message.qos > QoS::AtMostOnce);
        promised.filter(|message| message.acknowledged.is_some()).count() as u64
    }

    /// A message came to a client.
    pub(crate) fn got(&mut self, client: usize, content: &Content) {
        let now = self.tick();
        let number = number_in(&content.payload);
        if number >= WILLS {
            self.got_will(client, number, content);
            return;
        }
        // A message without a number removed a retained one; what it removed is what counts.
        let Some(message) = place(number).and_then(|place| self.messages.get(place)) else {
            return;
        };
        if content.topic != message.topic {
            let what = format!("message {number} came to c{client} as one of {}", content.topic);
            return self.violation(what);
        }
        // What was dropped, or not subscribed to, once comes later if its publisher sends it again.
        let key = (Some(client), content.topic.as_str().to_owned());
        let again = message.again && message.qos == QoS::AtLeastOnce;
        let ended = if again || self.dropped.contains_key(&key) { Tick::MAX } else { self.ended };
        let (message, members) = (message.clone(), self.others_of_its_group(client, number));
        let Some(view) = self.views.get_mut(client) else { return };
        let judged = view.came_as_asked(number, &message, content);
        let judged = judged.and_then(|()| view.got(now, number, &message, content, ended));
        if let Err(what) = judged {
            self.violation(what);
        }
        if let Some(other) = members.filter(|_| message.qos == QoS::AtMostOnce) {
            self.violation(format!("I19: message {number} came to c{client} and to c{other}"));
        }
    }

    /// A client took a message of QoS 2 for one that it has, by its identifier. Rightly so if that is one
    /// of an earlier session, and nobody has told it that there is another.
    pub(crate) fn took_for_repetition(&mut self, client: usize, number: u64) {
        if self.unaware.contains(&client)
            && let Some(view) = self.views.get_mut(client)
        {
            view.got.entry(number).or_default();
        }
    }

    /// Who else of the client's share group has the message.
    fn others_of_its_group(&self, client: usize, number: u64) -> Option<usize> {
        let group = self.views.get(client)?.group()?;
        let has = |view: &&View| view.index != client && view.got.contains_key(&number);
        let mut others = self.views.iter().filter(has);
        others.find(|view| view.group() == Some(group)).map(|view| view.index)
    }

    /// A client's connection is gone.
    pub(crate) fn left(&mut self, client: usize) {
        let unsure = self.messages.iter_mut().filter(|message| message.publisher == client);
        for message in unsure.filter(|message| message.acknowledged.is_none()) {
            message.again = true;
        }
    }

    /// The client's session may have ended: what it has published and was not told to be safe is
    /// another message if it sends it again. Returns the numbers.
    pub(crate) fn loosen(&mut self, client: usize) -> Vec<u64> {
        let mut loose = Vec::new();
        for (message, number) in self.messages.iter_mut().zip(1..) {
            if message.publisher == client && message.acknowledged.is_none() {
                message.loose = true;
                loose.push(number);
            }
        }
        loose
    }

    /// The process ended.
    pub(crate) fn broker_ended(&mut self) {
        self.ended = self.tick();
    }

    /// What the broker says of itself: drops excuse what is missing, and nothing else does.
    /// `client` is who it speaks of, if that is one of the clients.
    pub(crate) fn told(&mut self, client: Option<usize>, notice: &Notice) {
        match (client, notice) {
            (Some(client), Notice::SessionEnded { .. }) => {
                self.over.insert(client);
                self.unaware.insert(client);
            }
            (Some(client), Notice::Connected { .. }) => {
                self.over.remove(&client);
            }
            (Some(client), Notice::WillPublished { .. }) => {
                let now = self.tick();
                self.wills.entry(client).or_default().first.get_or_insert(now);
            }
            _ => {}
        }
        if let Notice::NotRetained { topic, .. } = notice {
            self.not_retained.insert(topic.as_str().to_owned());
        }
        if let Notice::Dropped { client: named, topic, why, .. } = notice
            && is_want_of_room(*why)
            && named.is_some() == client.is_some()
        {
            *self.dropped.entry((client, topic.as_str().to_owned())).or_default() += 1;
        }
    }

    /// A connection with a Will was asked for.
    pub(crate) fn will_possible(&mut self, client: usize) {
        self.wills.entry(client).or_default().at_most += 1;
    }

    /// A connection with a Will was accepted and then lost without DISCONNECT.
    pub(crate) fn will_due(&mut self, client: usize) {
        let now = self.tick();
        let wills = self.wills.entry(client).or_default();
        wills.first.get_or_insert(now);
        wills.at_least += 1;
    }

    /// It was not, after all: the broker stopped first, and gives the client time to come back.
    pub(crate) fn will_not_due(&mut self, client: usize) {
        let wills = self.wills.entry(client).or_default();
        wills.at_least = wills.at_least.saturating_sub(1);
    }

    fn got_will(&mut self, client: usize, number: u64, content: &Content) {
        if let Some(view) = self.views.get_mut(client)
            && !content.retain
        {
            let owner = usize::try_from(number - WILLS).unwrap_or(0);
            *view.wills.entry(owner).or_default() += 1;
        }
    }
}

/// Where a message is kept.
fn place(number: u64) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}

fn is_want_of_room(why: DropReason) -> bool {
    match why {
        DropReason::QueueFullOldestQoS0
        | DropReason::QueueFullNewQoS0
        | DropReason::QueueFullOldest
        | DropReason::QueueFullNewest
        | DropReason::LargerThanQueue
        | DropReason::MemoryLimit
        | DropReason::PacketTooLarge => true,
        DropReason::OfflineQoS0
        | DropReason::SessionEnded
        | DropReason::ConnectionClosed
        | DropReason::GroupEnded
        | DropReason::Expired
        | DropReason::RefusedByClient => false,
    }
}
