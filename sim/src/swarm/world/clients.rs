//! What clients do, and what they make of what comes.

use bytes::Bytes;
use surewire_engine::client::{CloseReason, Input, Output, Token};
use surewire_engine::codec;
use surewire_engine::message::Content;
use surewire_engine::packet::{Packet, PropertySet, QoS, ReasonCode, SubscribeFilter, Version};
use surewire_engine::topic::TopicName;

use super::{Happening, MS, World};
use crate::swarm::actor::{Asked, forwarded};
use crate::swarm::oracle::Message;
use crate::swarm::tap::number_in;
use crate::swarm::variety::Part;

/// Messages above QoS 0 that are sent at once.
const FEW: u64 = 5;

/// What is refused in the SUBACK.
const NO_FILTER: &str = "t#";

impl World {
    /// One client does one thing.
    pub(super) fn act(&mut self) {
        self.go_on_clearing();
        if self.act_oddly() {
            return;
        }
        let client = self.random.index(self.plan.actors.len());
        let Some(actor) = self.actors.get(client) else { return };
        let (restless, toggles) = (actor.role.restlessness, actor.role.toggles.len());
        let (away, stuck) = (actor.away, actor.stuck);
        let connected = actor.machine.is_connected();
        if away && self.random.one_in(3) {
            self.come_back(client);
        } else if stuck && self.random.one_in(2) {
            self.read_on(client);
        } else if actor.link.is_some() && self.random.one_in(restless) {
            self.be_restless(client);
        } else if connected && toggles > 0 && self.random.one_in(4) {
            self.toggle(client);
        } else if self.actors.get(client).is_some_and(|actor| actor.role.publishes) {
            self.publish(client);
        }
    }

    fn be_restless(&mut self, client: usize) {
        match self.random.below(10) {
            0..2 => self.cut(client),
            2..7 => self.vanish(client),
            7 => {
                let away = self.random.one_in(2);
                self.say_bye(client, away);
            }
            8 => self.discard(client),
            _ => {
                let actor = self.actors.get_mut(client);
                if let Some(link) = actor.and_then(|actor| {
                    actor.stuck = true;
                    actor.link
                }) {
                    self.stick(link, true);
                }
            }
        }
    }

    pub(super) fn come_back(&mut self, client: usize) {
        self.judge_faded(client);
        if let Some(actor) = self.actors.get_mut(client) {
            actor.away = false;
            if actor.discarded && actor.role.persistent && actor.link.is_none() {
                actor.begin_anew(false);
            }
        }
        self.dial(client);
    }

    pub(super) fn read_on(&mut self, client: usize) {
        let Some(actor) = self.actors.get_mut(client) else { return };
        actor.stuck = false;
        if let Some(link) = actor.link {
            self.stick(link, false);
        }
        self.client_reads(client);
    }

    fn say_bye(&mut self, client: usize, away: bool) {
        let Some(actor) = self.actors.get_mut(client) else { return };
        actor.away = away;
        if self.say_other_bye(client) {
            return;
        }
        let Some(actor) = self.actors.get_mut(client) else { return };
        actor.said_bye = actor.machine.is_connected();
        self.client_hands_in(client, Input::Disconnect);
        // A machine that was not accepted yet only closes.
        self.cut(client);
    }

    /// A client of the same name comes that wants nothing of the old session.
    fn discard(&mut self, client: usize) {
        if !self.actors.get(client).is_some_and(|actor| actor.role.persistent && !actor.clean) {
            return;
        }
        self.coverage.discards += 1;
        self.cut(client);
        if let Some(actor) = self.actors.get_mut(client) {
            actor.begin_anew(true);
        }
    }

    /// A CONNECT is about to be sent.
    pub(super) fn connecting(&mut self, client: usize) {
        let Some(actor) = self.actors.get(client) else { return };
        if actor.role.will.is_some() {
            self.oracle.will_possible(client);
        }
        if actor.clean {
            self.oracle.discarding(client);
        }
    }

    fn toggle(&mut self, client: usize) {
        let Some(actor) = self.actors.get(client) else { return };
        let which = self.random.index(actor.role.toggles.len());
        let Some((filter, qos)) = actor.role.toggles.get(which).cloned() else { return };
        // One thing after the other, so that each answer is one to the last thing asked.
        if actor.awaits(&filter) || self.is_ordered(client, &filter) {
            return;
        }
        if self.plan.variety.has(Part::Options) && self.streams.options.one_in(8) {
            if self.streams.options.one_in(2) {
                return self.subscribe_at_once(client, vec![(NO_FILTER.to_owned(), qos)], None);
            }
            return self.unsubscribe(client, "no/such".to_owned(), true);
        }
        if self.oracle.is_subscribed(client, &filter) && self.random.one_in(2) {
            self.oracle.unsubscribing(client, &filter);
            self.unsubscribe(client, filter, false);
        } else {
            self.subscribe(client, vec![(filter, qos)]);
        }
    }

    fn unsubscribe(&mut self, client: usize, filter: String, unknown: bool) {
        let filters = vec![filter.as_str().into()];
        let token = self.token(client, Asked::Unsubscribe { filter, unknown });
        self.client_hands_in(client, Input::Unsubscribe { token, filters });
    }

    /// In one packet, unless each has an identifier of its own.
    pub(super) fn subscribe(&mut self, client: usize, wanted: Vec<(String, QoS)>) {
        let identified = self.actors.get(client).is_some_and(|actor| actor.role.identified);
        if !identified {
            return self.subscribe_at_once(client, wanted, None);
        }
        for (filter, qos) in wanted {
            // Tells the filter, and the SUBSCRIBE of it.
            let Some(actor) = self.actors.get_mut(client) else { return };
            let known = actor.role.filters.iter().chain(&actor.role.toggles);
            let place = known.map(|(known, _)| known).position(|known| *known == filter);
            let place = u32::try_from(place.unwrap_or(0)).unwrap_or(0);
            actor.next_identifier += 1;
            let identifier = Some(place * 10_000 + actor.next_identifier % 10_000 + 1);
            self.subscribe_at_once(client, vec![(filter, qos)], identifier);
        }
    }

    fn subscribe_at_once(
        &mut self,
        client: usize,
        wanted: Vec<(String, QoS)>,
        identifier: Option<u32>,
    ) {
        let Some(actor) = self.actors.get_mut(client).filter(|_| !wanted.is_empty()) else {
            return;
        };
        actor.identifier = identifier;
        let filters = wanted.iter().map(|(filter, qos)| SubscribeFilter {
            filter: filter.as_str().into(),
            options: actor.role.options(filter, *qos),
        });
        let filters: Vec<_> = filters.collect();
        for asked in &filters {
            self.oracle.subscribing(client, &asked.filter, asked.options, identifier);
        }
        let token = self.token(client, Asked::Subscribe(wanted));
        self.client_hands_in(client, Input::Subscribe { token, filters });
    }

    fn publish(&mut self, client: usize) {
        let retain = self.random.one_in(self.plan.retained);
        let topic = if retain {
            format!("r/{}", self.random.below(self.plan.retained_topics))
        } else {
            let topics = ["t/0", "t/1", "t/2", "t/1/x"];
            self.random.pick(&topics).unwrap_or("t/0").to_owned()
        };
        let levels = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
        let qos = self.random.pick(&levels).unwrap_or_default();
        let clears = retain && self.random.one_in(self.plan.removals);
        let topic = TopicName::new(topic.into()).expect("a topic");
        let expires = self.actors.get(client).is_some_and(|actor| actor.role.terms.expires);
        let expiry = (expires && self.random.one_in(2)).then(|| self.random.below(3));
        let expiry = expiry.and_then(|seconds| u32::try_from(seconds).ok());
        let expires = expiry.is_some();
        let forwarded = self.forwarded(client);
        let properties = forwarded.clone();
        let message = Message::new(client, topic.clone(), qos);
        let message = Message { retain, clears, expires, properties, ..message };
        let number = self.oracle.publishes(message);
        let padding = self.random.below(self.plan.payload);
        let payload = if clears { Bytes::new() } else { payload(number, padding) };
        let set = PropertySet { message_expiry_interval: expiry, ..forwarded };
        let properties = set.into();
        let content = Content { topic, payload, qos, retain, properties };
        let first = self.input_of(client, number, content.clone());
        let mut inputs = vec![first];
        if !retain && self.plan.together > 1 {
            self.publish_more(client, &content, &mut inputs);
        }
        self.client_hands_in_all(client, inputs);
    }

    /// What goes with the client's next message.
    fn forwarded(&mut self, client: usize) -> PropertySet {
        let has = self.actors.get(client).is_some_and(|actor| actor.role.terms.properties);
        if has && self.streams.properties.one_in(2) {
            forwarded(self.oracle.next_number())
        } else {
            PropertySet::NONE
        }
    }

    /// Messages like `first` that are sent with it, so that the broker reads all of them at once.
    fn publish_more(&mut self, client: usize, first: &Content, inputs: &mut Vec<Input>) {
        // A client with a window of 1 would be at what is acknowledged for ever.
        let most = if first.qos == QoS::AtMostOnce { u64::MAX } else { FEW };
        for _ in 0..self.together_random.below(self.plan.together.min(most)) {
            let message = Message::new(client, first.topic.clone(), first.qos);
            let mut properties = first.properties.get().clone();
            let expires = properties.message_expiry_interval.take().is_some();
            let message = Message { retain: first.retain, expires, properties, ..message };
            let number = self.oracle.publishes(message);
            let payload = payload(number, self.together_random.below(self.plan.payload));
            inputs.push(self.input_of(client, number, Content { payload, ..first.clone() }));
        }
    }

    fn input_of(&mut self, client: usize, number: u64, content: Content) -> Input {
        let (topic, qos) = (&content.topic, content.qos);
        self.trace.note(
            self.now,
            format_args!("c{client} publishes {number} {topic} {qos:?}"),
            &[],
        );
        let token = self.token(client, Asked::Publish { number, qos });
        Input::Publish { token, content }
    }

    fn token(&mut self, client: usize, asked: Asked) -> Token {
        Token(self.actors.get_mut(client).map_or(0, |actor| actor.token(asked)))
    }

    /// The client's machine takes an input; what it says is done.
    pub(super) fn client_hands_in(&mut self, client: usize, input: Input) {
        self.client_hands_in_all(client, [input]);
    }

    /// The same for several inputs, whose packets leave together.
    fn client_hands_in_all(&mut self, client: usize, inputs: impl IntoIterator<Item = Input>) {
        let now = self.time();
        let mut outputs = Vec::new();
        let Some(actor) = self.actors.get_mut(client) else { return };
        for input in inputs {
            actor.machine.handle(now, input, &mut outputs);
            actor.machine.check();
        }
        let (version, link) = (actor.role.version, actor.link);
        let due = actor.machine.next_timeout();
        let mut bytes = Vec::new();
        let mut rest = Vec::new();
        for mut output in outputs {
            if let Output::Send(packet) = &mut output {
                if let Packet::Subscribe(subscribe) = packet {
                    // The machine has no words for it.
                    let ids = actor.identifier.take();
                    let set = PropertySet {
                        subscription_identifiers: ids.into_iter().collect(),
                        ..PropertySet::NONE
                    };
                    subscribe.properties = set.into();
                }
                if matches!(packet, Packet::Connect(_)) {
                    self.trace.note(self.now, format_args!("c{client} connects"), &[]);
                }
                codec::encode(version, packet, &mut bytes);
            } else {
                rest.push(output);
            }
        }
        if let Some(link) = link {
            self.send_to_broker(link, bytes);
        }
        for output in rest {
            self.client_learns(client, output);
        }
        if let Some(due) = due {
            let delay = u64::try_from((due - now).as_nanos()).unwrap_or(u64::MAX);
            self.after(delay, Happening::ClientTimer(client));
        }
    }

    fn client_learns(&mut self, client: usize, output: Output) {
        match output {
            Output::Send(_) => {}
            Output::Close { reason } => self.client_closes(client, &reason),
            Output::Connected { session_present } => self.client_is_in(client, session_present),
            Output::Message(content) => self.client_gets(client, &content),
            Output::Acknowledged { token, code } => {
                if let Some(Asked::Publish { number, qos }) = self.settle(client, token)
                    && qos > QoS::AtMostOnce
                {
                    self.published(client, number, qos, code);
                }
            }
            Output::Subscribed { token, codes } => {
                if let Some(Asked::Subscribe(filters)) = self.settle(client, token) {
                    for ((filter, qos), code) in filters.iter().zip(codes) {
                        self.judge_granted(client, filter, *qos, code);
                        self.oracle.subscribed(client, filter, !code.is_error());
                    }
                }
            }
            Output::Unsubscribed { token, codes } => {
                if let Some(Asked::Unsubscribe { filter, unknown }) = self.settle(client, token) {
                    let right = if unknown {
                        ReasonCode::NoSubscriptionExisted
                    } else {
                        ReasonCode::Success
                    };
                    if codes.iter().any(|code| *code != right) {
                        let what = format!("I11: c{client} leaves {filter}: {codes:?}");
                        self.oracle.violation(what);
                    }
                    self.oracle.unsubscribed(client, &filter);
                }
            }
            Output::Failed { token, .. } => {
                self.settle(client, token);
            }
        }
    }

    /// A message above QoS 0 was acknowledged.
    fn published(&mut self, client: usize, number: u64, qos: QoS, code: ReasonCode) {
        self.trace.note(self.now, format_args!("c{client}: {number} has {code:?}"), &[]);
        let at_least_once = qos == QoS::AtLeastOnce;
        let right = code == ReasonCode::Success
            || code == ReasonCode::NoMatchingSubscribers && at_least_once
            // A PUBREL that is repeated when its exchange is over.
            || code == ReasonCode::PacketIdentifierNotFound && !at_least_once
            || code == ReasonCode::QuotaExceeded && self.fills_up;
        if !right {
            self.oracle.violation(format!("I11: {number} of c{client}: {code:?}"));
        }
        if !code.is_error() {
            self.oracle.acknowledged(number, code);
        }
    }

    /// Each filter is granted as it was asked for, or refused for want of room.
    fn judge_granted(&mut self, client: usize, filter: &str, qos: QoS, code: ReasonCode) {
        let version = self.actors.get(client).map(|actor| actor.role.version);
        let refused = match version {
            Some(Version::V5) if filter == NO_FILTER => ReasonCode::TopicFilterInvalid,
            Some(Version::V5) => ReasonCode::QuotaExceeded,
            _ => ReasonCode::UnspecifiedError,
        };
        if filter == NO_FILTER && code == refused {
            return;
        }
        if code != ReasonCode::from(qos) && !(self.fills_up && code == refused) {
            let what = format!("I11: c{client} asks for {filter} at {qos:?}: {code:?}");
            self.oracle.violation(what);
        }
    }

    fn settle(&mut self, client: usize, token: Token) -> Option<Asked> {
        self.actors.get_mut(client)?.asked.remove(&token.0)
    }

    fn client_closes(&mut self, client: usize, reason: &CloseReason) {
        if let CloseReason::Fault(fault) = reason {
            self.oracle.violation(format!("c{client}: {fault}"));
        }
        if *reason != CloseReason::Requested {
            self.cut(client);
        }
    }

    fn client_is_in(&mut self, client: usize, present: bool) {
        let Some(actor) = self.actors.get_mut(client) else { return };
        (actor.accepted, actor.discarded) = (true, actor.clean);
        if let Some(link) = actor.link.and_then(|link| self.links.get_mut(&link)) {
            link.accepted = true;
        }
        actor.name = actor.machine.client_id().to_string();
        actor.kept = actor.usual;
        let present = (actor.role.version != Version::V3_1).then_some(present);
        let (lasts, overdue) = (!actor.clean, actor.overdue);
        self.trace.note(self.now, format_args!("c{client} is in, present {present:?}"), &[]);
        let expired = self.may_have_expired(client);
        self.oracle.connected(client, present, lasts, expired);
        if expired && present != Some(true) {
            self.tap.loosen(self.oracle.loosen(client));
        }
        if overdue && present == Some(true) {
            let what = format!("I13: c{client} was gone too long for its session");
            self.oracle.violation(what);
        }
        self.ask_again(client);
    }

    /// Whether the client was away for so long that its session may be gone, as far as it knows.
    pub(super) fn may_have_expired(&self, client: usize) -> bool {
        let Some(actor) = self.actors.get(client) else { return false };
        let kept = actor.left_at.zip(actor.kept.at_least);
        kept.is_some_and(|(at, kept)| self.now + self.slack() > at + kept)
    }

    /// Whether its session must be gone, if it connects now.
    pub(super) fn must_have_expired(&self, client: usize) -> bool {
        let Some(actor) = self.actors.get(client) else { return false };
        let late = 1_000 * MS + self.slack();
        let kept = actor.known_gone.zip(actor.kept.at_most);
        kept.is_some_and(|(at, kept)| self.now > at + kept + late)
    }

    /// How long the news of a connection's end may be under way.
    fn slack(&self) -> u64 {
        4 * self.plan.latency + 100 * MS
    }

    /// Subscribes to what it should be subscribed to and is not sure of.
    pub(super) fn ask_again(&mut self, client: usize) {
        let Some(actor) = self.actors.get(client) else { return };
        let wanted = actor.role.filters.iter();
        let wanted = wanted.filter(|(filter, _)| !self.oracle.is_subscribed(client, filter));
        let wanted = wanted.cloned().collect();
        self.subscribe(client, wanted);
    }

    fn client_gets(&mut self, client: usize, content: &Content) {
        self.coverage.delivered += 1;
        self.quiet_since = self.now;
        let number = number_in(&content.payload);
        self.trace.note(
            self.now,
            format_args!("c{client} gets {number} {} {:?}", content.topic, content.qos),
            &number.to_le_bytes(),
        );
        if client == self.plan.actors.len() {
            if content.retain {
                self.found.insert(content.topic.as_str().to_owned(), number);
            }
            return;
        }
        self.oracle.got(client, content);
    }
}

/// What tells a message from all others, and something behind it.
pub(super) fn payload(number: u64, padding: u64) -> Bytes {
    let padding = usize::try_from(padding).unwrap_or(0);
    Bytes::from(format!("{number}{}", ".".repeat(padding)))
}
