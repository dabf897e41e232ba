//! The operator: orders and questions of the management interface. An order that was answered is
//! as good as done, whatever happens afterwards.

use bytes::Bytes;
use surewire_engine::answer::Answer;
use surewire_engine::id::{ClientId, Lsn};
use surewire_engine::message::Content;
use surewire_engine::packet::{PropertySet, QoS, ReasonCode, SubscribeOptions, Version};
use surewire_engine::request::{Command, Query, Request, Start, SubscriptionsOf};
use surewire_engine::topic::{TopicFilter, TopicName};

use super::World;
use super::clients::payload;
use crate::swarm::actor::forwarded;
use crate::swarm::oracle::Message;

/// Something that was asked for and is not answered.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    what: What,
    /// The last record when it was handed in.
    after: Lsn,
    is_order: bool,
}

#[derive(Clone, Debug)]
enum What {
    Question,
    Publish(u64),
    Subscribe {
        client: usize,
        filter: String,
    },
    Unsubscribe {
        client: usize,
        filter: String,
    },
    /// Something whose answer says nothing new.
    Disconnect,
    /// All sessions, to be ended.
    List,
    EndSession {
        name: String,
    },
    /// The messages that stand for the removal of each topic.
    Clear(Vec<u64>),
}

impl World {
    /// The operator orders or asks something.
    pub(super) fn order(&mut self) {
        if !self.process.is_up() || self.stopping {
            return;
        }
        self.coverage.orders += 1;
        match self.streams.operator.below(16) {
            0..6 => self.order_publish(),
            6..8 => self.order_disconnect(),
            8 => self.order_end(),
            9..11 => self.order_subscription(),
            11 => self.order_clear(None, Vec::new()),
            _ => self.ask(),
        }
    }

    fn order_publish(&mut self) {
        let random = &mut self.streams.operator;
        let retain = random.one_in(4);
        let clears = retain && random.one_in(4);
        let topic = if retain {
            format!("r/{}", random.below(self.plan.retained_topics))
        } else {
            random.pick(&["t/0", "t/1", "t/2", "t/1/x"]).unwrap_or("t/0").to_owned()
        };
        let levels = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
        let qos = random.pick(&levels).unwrap_or_default();
        let has_properties = random.one_in(2);
        let padding = random.below(self.plan.payload);
        let topic = TopicName::new(topic.into()).expect("a topic");
        let number = self.oracle.next_number();
        let set = if has_properties { forwarded(number) } else { PropertySet::NONE };
        // Nobody else, so that no order of two publishers is asked for.
        let publisher = self.plan.actors.len() + 1;
        let properties = set.clone();
        let message =
            Message { retain, clears, properties, ..Message::new(publisher, topic.clone(), qos) };
        self.oracle.publishes(message);
        let payload = if clears { Bytes::new() } else { payload(number, padding) };
        let content = Content { topic, payload, qos, retain, properties: set.into() };
        self.hand_in(What::Publish(number), Command::Publish(Box::new(content)));
    }

    /// A client whose session outlives its connection, and that is connected.
    fn somebody(&mut self) -> Option<(usize, ClientId)> {
        let client = self.streams.operator.index(self.plan.actors.len());
        let actor = self.actors.get(client)?;
        let kept = actor.role.persistent && !actor.clean && actor.accepted;
        let there = kept && self.tap.is_connected(&actor.name);
        Some((client, ClientId::new(&actor.name).filter(|_| there)?))
    }

    fn order_disconnect(&mut self) {
        if let Some((_, client)) = self.somebody() {
            self.hand_in(What::Disconnect, Command::Disconnect(client));
        }
    }

    /// A client of 3.1 would not be told that its session is gone.
    fn order_end(&mut self) {
        let Some((client, id)) = self.somebody() else { return };
        if self.actors.get(client).is_none_or(|actor| actor.role.version == Version::V3_1) {
            return;
        }
        self.oracle.discarding(client);
        self.tap.loosen(self.oracle.loosen(client));
        let name = id.as_str().to_owned();
        self.accepted_since_order.remove(&name);
        self.hand_in(What::EndSession { name }, Command::EndSession(id));
    }

    fn order_subscription(&mut self) {
        let Some((client, id)) = self.somebody() else { return };
        let Some(actor) = self.actors.get(client) else { return };
        let which = self.streams.operator.index(actor.role.toggles.len());
        let Some((filter, qos)) = actor.role.toggles.get(which).cloned() else { return };
        if actor.awaits(&filter) || self.is_ordered(client, &filter) {
            return;
        }
        let ends = self.streams.operator.one_in(2) && self.oracle.is_subscribed(client, &filter);
        let parsed = TopicFilter::parse(filter.as_str().into()).expect("a filter");
        if ends {
            self.oracle.unsubscribing(client, &filter);
            let what = What::Unsubscribe { client, filter };
            self.hand_in(what, Command::Unsubscribe { client: id, filter: parsed });
        } else {
            let options = SubscribeOptions { qos, ..SubscribeOptions::default() };
            self.oracle.subscribing(client, &filter, options, None);
            let what = What::Subscribe { client, filter };
            self.hand_in(what, Command::Subscribe { client: id, filter: parsed, qos });
        }
    }

    /// Whether an order for this subscription is not answered yet.
    pub(super) fn is_ordered(&self, client: usize, filter: &str) -> bool {
        self.desk.values().any(|asked| match &asked.what {
            What::Subscribe { client: who, filter: what }
            | What::Unsubscribe { client: who, filter: what } => *who == client && what == filter,
            What::Question
            | What::List
            | What::Publish(_)
            | What::Disconnect
            | What::EndSession { .. }
            | What::Clear(_) => false,
        })
    }

    /// Each topic is cleared at some moment until the last of the answers.
    fn order_clear(&mut self, after: Option<TopicName>, mut numbers: Vec<u64>) {
        if after.is_none() {
            let publisher = self.plan.actors.len() + 1;
            for topic in 0..self.plan.retained_topics {
                let topic = TopicName::new(format!("r/{topic}").into()).expect("a topic");
                let message = Message::new(publisher, topic, QoS::AtMostOnce);
                let message = Message { retain: true, clears: true, ..message };
                numbers.push(self.oracle.publishes(message));
            }
        }
        let filter = TopicFilter::parse("r/#".into()).expect("a filter");
        self.hand_in(What::Clear(numbers), Command::ClearRetained { filter, after });
    }

    fn ask(&mut self) {
        let random = &mut self.streams.operator;
        let client = ClientId::new(&format!("c{}", random.below(4))).expect("an id");
        let (start, limit) = (Start::FIRST, random.index(4) + 1);
        let topic = TopicName::new("t/1".into()).expect("a topic");
        let filter = TopicFilter::parse("t/#".into()).expect("a filter");
        let query = match random.below(11) {
            0 => Query::Numbers,
            1 => Query::Clients { start, limit, containing: Some("c".to_owned()) },
            2 => Query::Client(client),
            3 => Query::Sessions { start, limit, containing: None, online: Some(false) },
            4 => Query::Session(client),
            5 => Query::Subscriptions { of: SubscriptionsOf::Everyone, start, limit },
            6 => Query::Subscriptions { of: SubscriptionsOf::Topic(topic), start, limit },
            7 => Query::Retained { filter, after: None, limit },
            8 => Query::Explain { client, topic, qos: QoS::ExactlyOnce },
            9 => Query::Recent { client: None, limit },
            _ => Query::Topics,
        };
        self.request(What::Question, Request::Query(query));
    }

    /// Asks for all sessions, to end them.
    pub(super) fn list_sessions(&mut self) {
        let (start, limit) = (Start::FIRST, 500);
        let query = Query::Sessions { start, limit, containing: None, online: None };
        self.request(What::List, Request::Query(query));
    }

    /// Orders something whose answer says nothing new.
    pub(super) fn order_only(&mut self, command: Command) {
        self.hand_in(What::Disconnect, command);
    }

    fn hand_in(&mut self, what: What, command: Command) {
        self.trace.note(self.now, format_args!("ordered: {command:?}"), &[10]);
        self.request(what, Request::Command(command));
    }

    fn request(&mut self, what: What, request: Request) {
        let now = self.process.time(self.now);
        let Some(broker) = self.process.broker_mut() else { return };
        self.next_request += 1;
        let id = self.next_request;
        let is_order = matches!(request, Request::Command(_));
        self.desk.insert(id, Asked { what, after: Lsn::NONE, is_order });
        let after = broker.request(now, id, request);
        if let Some(asked) = self.desk.get_mut(&id) {
            asked.after = after;
        }
        // The answer may be among them.
        self.take_deeds();
        if self.desk.get(&id).is_some_and(|asked| !asked.is_order) {
            self.oracle.violation(format!("I10: question {id} is not answered"));
        }
        self.pump();
    }

    /// The broker answers.
    pub(super) fn answered(&mut self, id: u64, answer: Answer) {
        let Some(Asked { what, after, is_order }) = self.desk.remove(&id) else {
            return self.oracle.violation(format!("I10: {id} is answered twice: {answer:?}"));
        };
        if is_order && after > self.shadow.told() {
            let what = format!("I1: {what:?} is answered before {} is durable", after.0);
            return self.oracle.violation(what);
        }
        match (what, answer) {
            (What::Publish(number), Answer::Published { .. }) => {
                self.oracle.acknowledged(number, ReasonCode::Success);
            }
            (What::Subscribe { client, filter }, Answer::Subscribed) => {
                self.oracle.subscribed(client, &filter, true);
            }
            (What::Subscribe { client, filter }, Answer::SubscribeRefused(_)) => {
                self.oracle.subscribed(client, &filter, false);
            }
            (What::Unsubscribe { client, filter }, Answer::Unsubscribed(_)) => {
                self.oracle.unsubscribed(client, &filter);
            }
            (What::EndSession { name }, Answer::SessionEnded(_)) => self.must_be_new(name),
            (What::Clear(numbers), Answer::RetainedCleared { next: None, .. }) => {
                for number in numbers {
                    self.oracle.acknowledged(number, ReasonCode::Success);
                }
            }
            (What::Clear(numbers), Answer::RetainedCleared { next, .. }) => {
                self.unfinished.push((next, numbers));
            }
            (What::List, answer) => self.end_all(&answer),
            (What::Question | What::Disconnect, _)
            | (What::Publish(_), Answer::PublishRefused(_)) => {}
            (what, answer) => {
                self.oracle.violation(format!("I11: {what:?} is answered with {answer:?}"));
            }
        }
    }

    /// The client has no session any more, as far as it has not begun another one.
    fn must_be_new(&mut self, name: String) {
        if !self.accepted_since_order.contains(&name) {
            self.ended_by_order.insert(name);
        }
    }

    /// Goes on with what one answer was not enough for.
    pub(super) fn go_on_clearing(&mut self) {
        for (after, numbers) in std::mem::take(&mut self.unfinished) {
            self.order_clear(after, numbers);
        }
    }

    /// The process ended: what was not answered never will be.
    pub(super) fn desk_is_cleared(&mut self) {
        self.desk.clear();
        self.unfinished.clear();
    }

    /// I10: every order is answered.
    pub(super) fn judge_desk(&mut self) {
        if let Some((id, asked)) = self.desk.first_key_value() {
            let what = format!("I10: {id} is not answered: {asked:?}");
            self.oracle.violation(what);
        }
    }
}
