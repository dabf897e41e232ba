//! Requests of the management interface as tests make them.

use bytes::Bytes;
use surewire_engine::answer::{Answer, Explanation, Page, SessionView, SubscriptionView};
use surewire_engine::id::ClientId;
use surewire_engine::message::Content;
use surewire_engine::packet::{Properties, QoS};
use surewire_engine::request::{Command, Query, Start, SubscriptionsOf};
use surewire_engine::time::Time;
use surewire_engine::topic::{TopicFilter, TopicName};

use super::Bench;

pub fn client_id(text: &str) -> ClientId {
    ClientId::new(text).unwrap()
}

pub fn filter(text: &str) -> TopicFilter {
    TopicFilter::parse(text.into()).unwrap()
}

pub fn topic(text: &str) -> TopicName {
    TopicName::new(text.into()).unwrap()
}

pub fn qos(bits: u8) -> QoS {
    QoS::from_bits(bits).unwrap()
}

/// A publish order.
pub fn publish(name: &str, bits: u8, retain: bool, payload: &str) -> Command {
    Command::Publish(Box::new(Content {
        topic: topic(name),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        qos: qos(bits),
        retain,
        properties: Properties::NONE,
    }))
}

pub fn subscribe(client: &str, text: &str, bits: u8) -> Command {
    Command::Subscribe { client: client_id(client), filter: filter(text), qos: qos(bits) }
}

pub fn unsubscribe(client: &str, text: &str) -> Command {
    Command::Unsubscribe { client: client_id(client), filter: filter(text) }
}

pub fn clear(text: &str) -> Command {
    Command::ClearRetained { filter: filter(text), after: None }
}

impl Bench {
    pub fn session_view(&self, client: &str) -> Option<SessionView> {
        match self.query(Query::Session(client_id(client))) {
            Answer::Session(view) => view.map(|view| *view),
            other => panic!("expected a session, got {other:?}"),
        }
    }

    pub fn explain(&self, client: &str, name: &str, bits: u8) -> Explanation {
        let (client, topic, qos) = (client_id(client), topic(name), qos(bits));
        match self.query(Query::Explain { client, topic, qos }) {
            Answer::Explanation(explanation) => *explanation,
            other => panic!("expected an explanation, got {other:?}"),
        }
    }

    pub fn subscriptions(
        &self,
        of: SubscriptionsOf,
        start: Start,
        limit: usize,
    ) -> Page<SubscriptionView> {
        match self.query(Query::Subscriptions { of, start, limit }) {
            Answer::Subscriptions(page) => page,
            other => panic!("expected subscriptions, got {other:?}"),
        }
    }
}
