//! Judges by what clients asked, were promised and got. It knows nothing of the engine's inside.

mod expected;
mod retained;
mod views;

use std::collections::BTreeMap;

use surewire_engine::message::Content;
use surewire_engine::notice::{DropReason, Notice};
use surewire_engine::packet::QoS;
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
}

/// How many Wills of a client must have been published, and how many may have.
#[derive(Clone, Copy, Debug, Default)]
struct Wills {
    at_least: u64,
    at_most: u64,
    first_due: Tick,
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
    dropped: BTreeMap<(Option<String>, String), u64>,
    wills: BTreeMap<usize, Wills>,
    /// When the broker ended last.
    ended: Tick,
    pub(crate) violations: Vec<String>,
}

impl Oracle {
    pub(crate) fn new(clients: usize) -> Self {
        Self { views: (0..clients).map(View::new).collect(), ..Self::default() }
    }

    fn tick(&mut self) -> Tick {
        self.now += 1;
        self.now
    }

    /// Notes what must not be.
    pub(crate) fn violation(&mut self, what: String) {
        self.violations.push(what);
    }

    /// A client is about to publish; its number.
    pub(crate) fn publishes(
        &mut self,
        publisher: usize,
        topic: TopicName,
        qos: QoS,
        retain: bool,
        clears: bool,
    ) -> u64 {
        let (begun, acknowledged, again) = (self.tick(), None, false);
        self.messages.push(Message {
            publisher,
            topic,
            qos,
            retain,
            clears,
            begun,
            acknowledged,
            again,
            loose: false,
            expires: false,
        });
        self.messages.len() as u64
    }

    /// The message has an expiry, so that nobody is owed it.
    pub(crate) fn may_expire(&mut self, number: u64) {
        if let Some(message) = place(number).and_then(|place| self.messages.get_mut(place)) {
            message.expires = true;
        }
    }

    /// The publisher was told that it is safe.
    pub(crate) fn acknowledged(&mut self, number: u64) {
        let now = self.tick();
        if let Some(message) = place(number).and_then(|place| self.messages.get_mut(place)) {
            message.acknowledged.get_or_insert(now);
        }
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
        let key = (Some(format!("c{client}")), content.topic.as_str().to_owned());
        let again = message.again && message.qos == QoS::AtLeastOnce;
        let ended = if again || self.dropped.contains_key(&key) { Tick::MAX } else { self.ended };
        if let Some(view) = self.views.get_mut(client)
            && let Err(what) = view.got(now, number, message, content, ended)
        {
            self.violation(what);
        }
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
    pub(crate) fn told(&mut self, notice: &Notice) {
        if let Notice::Dropped { client, topic, why, .. } = notice
            && is_want_of_room(*why)
        {
            let client = client.as_ref().map(|client| client.as_str().to_owned());
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
        if wills.at_least == 0 {
            wills.first_due = now;
        }
        wills.at_least += 1;
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
