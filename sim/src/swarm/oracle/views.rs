//! What one client asked for and got.

use std::collections::BTreeMap;

use surewire_engine::message::Content;
use surewire_engine::packet::{QoS, SubscribeOptions, Version};
use surewire_engine::topic;

use super::expected::owes;
use super::options::Wish;
use super::{Message, Oracle, Tick};

/// A subscription, from one SUBSCRIBE to the UNSUBSCRIBE or the end of its session.
#[derive(Clone, Debug)]
pub(super) struct Epoch {
    pub(super) options: SubscribeOptions,
    asked: Tick,
    /// From here on it is there: the SUBACK came.
    pub(super) sure: Option<Tick>,
    /// From here on it may not be there.
    pub(super) shaken: Option<Tick>,
    /// From here on it is not there.
    pub(super) over: Option<Tick>,
    /// The session was given up, and with it what it held.
    pub(super) discarded: bool,
}

impl Epoch {
    fn asked(options: SubscribeOptions, asked: Tick, shaken: Option<Tick>) -> Self {
        Self { options, asked, sure: None, shaken, over: None, discarded: false }
    }
}

/// How often a message came, RETAIN not set.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Got {
    pub(super) times: u32,
    exactly_once: u32,
}

/// One client.
#[derive(Debug)]
pub(super) struct View {
    pub(super) index: usize,
    pub(super) version: Version,
    /// By filter, the latest last.
    pub(super) epochs: BTreeMap<String, Vec<Epoch>>,
    /// Every SUBSCRIBE, by filter, the latest last.
    pub(super) wishes: BTreeMap<String, Vec<Wish>>,
    pub(super) got: BTreeMap<u64, Got>,
    /// The latest message and when it came, by publisher, topic, QoS of publishing and of delivery.
    latest: BTreeMap<(usize, String, QoS, QoS), (u64, Tick)>,
    /// Wills, by their owner.
    pub(super) wills: BTreeMap<usize, u64>,
    /// Whether it was told that it has a session which outlives its connection.
    has_session: bool,
    /// When it was first accepted in the broker's present life: what came before is of an earlier one.
    accepted: Tick,
}

/// What a filter takes messages by.
pub(super) fn proper(filter: &str) -> &str {
    let shared = filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/'));
    shared.map_or(filter, |(_, filter)| filter)
}

impl View {
    pub(super) fn new(index: usize, version: Version) -> Self {
        Self {
            index,
            version,
            epochs: BTreeMap::new(),
            wishes: BTreeMap::new(),
            got: BTreeMap::new(),
            latest: BTreeMap::new(),
            wills: BTreeMap::new(),
            has_session: false,
            accepted: 0,
        }
    }

    /// Takes a message; an error where it must not have come.
    pub(super) fn got(
        &mut self,
        now: Tick,
        number: u64,
        message: &Message,
        content: &Content,
        ended: Tick,
    ) -> Result<(), String> {
        let me = self.index;
        if content.retain {
            // It was retained, or came as it was published.
            if self.keeps_retain(message) {
                self.got.entry(number).or_default();
            }
            return Ok(());
        }
        let Message { publisher, topic, qos, acknowledged, begun, .. } = message;
        if !self.may_get(topic.as_str(), *begun) {
            return Err(format!(
                "I4: c{me} got message {number} of {topic} without a subscription"
            ));
        }
        let got = self.got.entry(number).or_default();
        got.times += 1;
        got.exactly_once += u32::from(content.qos == QoS::ExactlyOnce);
        if message.loose {
            return Ok(());
        }
        if got.exactly_once > 1 || (*qos == QoS::AtMostOnce && got.times > 1) {
            return Err(format!("I2: c{me} got message {number} of {topic} {} times", got.times));
        }
        if got.times > 1 {
            return Ok(());
        }
        let key = (*publisher, topic.as_str().to_owned(), *qos, content.qos);
        let (latest, when) = self.latest.get(&key).copied().unwrap_or_default();
        if number > latest {
            self.latest.insert(key, (number, now));
            return Ok(());
        }
        // Messages of a share group go from one member to another.
        if self.epochs.keys().any(|filter| filter.starts_with("$share/")) {
            return Ok(());
        }
        // What a crash undid may come later than what it undid as well and came before it.
        let undone = when < self.accepted && acknowledged.is_none_or(|when| when > ended)
            || ended == Tick::MAX;
        if undone {
            return Ok(());
        }
        Err(format!("I3: c{me} got message {number} of {topic} first behind {latest}"))
    }

    /// The subscription that owes the message to the client, if one does.
    pub(super) fn is_owed(&self, message: &Message) -> Option<(&str, &Epoch)> {
        let topic = message.topic.as_str();
        self.epochs.iter().find_map(|(filter, epochs)| {
            let takes = !filter.starts_with("$share/") && topic::matches(filter, topic);
            let takes = takes && !(self.index == message.publisher && self.not_its_own(filter));
            let epoch = epochs.iter().filter(|_| takes).find(|epoch| owes(epoch, message))?;
            Some((filter.as_str(), epoch))
        })
    }

    /// The share group that the client is or was a member of.
    pub(super) fn group(&self) -> Option<&str> {
        self.epochs.keys().map(String::as_str).find(|filter| filter.starts_with("$share/"))
    }

    /// Whether a message that was begun then may come: no, if every subscription was over.
    fn may_get(&self, topic: &str, begun: Tick) -> bool {
        let mut epochs = self.epochs.iter().filter(|(filter, _)| {
            let filter = proper(filter);
            topic::matches(filter, topic)
        });
        epochs.any(|(_, epochs)| {
            epochs.iter().any(|epoch| epoch.over.is_none_or(|over| over > begun))
        })
    }

    /// It has another session: what it had is over, and what it has asked for without an answer is
    /// asked for again, or is perhaps on its way.
    fn begin_anew(&mut self, now: Tick) {
        for (filter, epochs) in &mut self.epochs {
            epochs.iter_mut().for_each(|epoch| _ = epoch.over.get_or_insert(now));
            let wishes = self.wishes.get(filter).and_then(|wishes| wishes.last());
            let asked = wishes.is_some_and(|wish| wish.answered.is_none() && !wish.refused);
            if let Some(last) = epochs.last().filter(|_| asked) {
                let shaken = last.shaken.map(|_| now);
                epochs.push(Epoch::asked(last.options, now, shaken));
            }
        }
    }

    fn last(&mut self, filter: &str) -> Option<&mut Epoch> {
        self.epochs.get_mut(filter)?.last_mut()
    }
}

impl Oracle {
    /// A SUBSCRIBE is on its way.
    pub(crate) fn subscribing(
        &mut self,
        client: usize,
        filter: &str,
        options: SubscribeOptions,
        identifier: Option<u32>,
    ) {
        let asked = self.tick();
        let Some(view) = self.views.get_mut(client) else { return };
        let wish = Wish { answered: None, refused: false, options, identifier };
        view.wishes.entry(filter.to_owned()).or_default().push(wish);
        let open = view.last(filter).is_some_and(|epoch| epoch.shaken.is_none());
        if !open {
            let epoch = Epoch::asked(options, asked, None);
            view.epochs.entry(filter.to_owned()).or_default().push(epoch);
        }
    }

    /// Its SUBACK is there.
    pub(crate) fn subscribed(&mut self, client: usize, filter: &str, granted: bool) {
        let now = self.tick();
        let Some(view) = self.views.get_mut(client) else { return };
        if let Some(wish) = view.wishes.get_mut(filter).and_then(|wishes| wishes.last_mut()) {
            wish.refused = !granted;
            wish.answered = wish.answered.or(Some(now).filter(|_| granted));
        }
        let Some(epoch) = view.last(filter) else { return };
        if granted {
            epoch.sure.get_or_insert(now);
        } else if epoch.sure.is_none() {
            // Refused, but an earlier one whose answer was lost may have been granted.
            epoch.shaken.get_or_insert(now);
        }
    }

    /// An UNSUBSCRIBE is on its way.
    pub(crate) fn unsubscribing(&mut self, client: usize, filter: &str) {
        let now = self.tick();
        if let Some(epoch) = self.views.get_mut(client).and_then(|view| view.last(filter)) {
            epoch.shaken.get_or_insert(now);
        }
    }

    /// Its UNSUBACK is there: every subscription to the filter that was asked for before is over.
    pub(crate) fn unsubscribed(&mut self, client: usize, filter: &str) {
        let now = self.tick();
        let epochs = self.views.get_mut(client).and_then(|view| view.epochs.get_mut(filter));
        for epoch in epochs.into_iter().flatten().filter(|epoch| epoch.shaken.is_some()) {
            epoch.over.get_or_insert(now);
        }
    }

    /// Whether the client was told that the subscription is there, and nothing was asked since.
    pub(crate) fn is_subscribed(&self, client: usize, filter: &str) -> bool {
        let epochs = self.views.get(client).and_then(|view| view.epochs.get(filter));
        let last = epochs.and_then(|epochs| epochs.last());
        last.is_some_and(|epoch| epoch.sure.is_some() && epoch.shaken.is_none())
    }

    /// A CONNECT is on its way that gives up the session there may be.
    pub(crate) fn discarding(&mut self, client: usize) {
        let now = self.tick();
        let Some(view) = self.views.get_mut(client) else { return };
        view.has_session = false;
        // Exactly once is a promise to a session.
        view.got.values_mut().for_each(|got| got.exactly_once = 0);
        for epoch in view.epochs.values_mut().flatten() {
            epoch.shaken.get_or_insert(now);
            epoch.discarded = true;
        }
    }

    /// A CONNECT was accepted. `lasts` tells whether the session outlives its connection, `expired`
    /// whether an earlier one may have waited for too long.
    pub(crate) fn connected(
        &mut self,
        client: usize,
        present: Option<bool>,
        lasts: bool,
        expired: bool,
    ) {
        if expired && present != Some(true) {
            self.discarding(client);
        }
        if present == Some(false) {
            self.unaware.remove(&client);
        }
        let (now, ended) = (self.tick(), self.ended);
        let Some(view) = self.views.get_mut(client) else { return };
        if view.accepted <= ended {
            view.accepted = now;
        }
        let lost = view.has_session && present == Some(false);
        view.has_session = lasts;
        if present == Some(false) {
            view.begin_anew(now);
        }
        if lost {
            self.violation(format!("I4: the session of c{client} is gone"));
        }
    }

    /// When the subscription was asked for, for reports.
    pub(super) fn describe(epoch: &Epoch) -> String {
        format!("asked for at {}, there since {:?}", epoch.asked, epoch.sure)
    }
}
