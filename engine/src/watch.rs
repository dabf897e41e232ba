//! Which topics are being published on: looked at only while somebody asks.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::answer::{TopicView, TopicsView};
use crate::id::ClientId;
use crate::message::Content;
use crate::time::Time;
use crate::topic::TopicName;

/// How long after a question the engine goes on looking.
const LOOKS: Duration = Duration::from_secs(10);

/// A topic that was silent for so long makes room for others.
const SILENT: Duration = Duration::from_secs(60);

/// Topics that are told apart.
const TOPICS: usize = 1_000;

/// What has been seen since somebody began to ask. Costs a publish one comparison otherwise.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    until: Time,
    since: Time,
    topics: BTreeMap<TopicName, TopicView>,
    others: u64,
}

impl Watch {
    pub(crate) fn is_on(&self, now: Time) -> bool {
        now < self.until
    }

    /// A message was published; nothing happens while nobody looks.
    pub(crate) fn saw(&mut self, now: Time, message: &Content, publisher: Option<&ClientId>) {
        if !self.is_on(now) {
            return;
        }
        if self.topics.len() == TOPICS && !self.topics.contains_key(&message.topic) {
            self.others += 1;
            return;
        }
        let Content { topic, payload, qos, retain, .. } = message;
        let payload = payload.len() as u64;
        if let Some(seen) = self.topics.get_mut(topic) {
            seen.messages += 1;
            seen.bytes += payload;
            (seen.at, seen.qos, seen.retain) = (now, *qos, *retain);
            seen.publisher = publisher.cloned();
            return;
        }
        let topic = topic.detached();
        let first = TopicView {
            topic: topic.clone(),
            messages: 1,
            bytes: payload,
            at: now,
            qos: *qos,
            retain: *retain,
            publisher: publisher.cloned(),
        };
        self.topics.insert(topic, first);
    }

    /// What has been seen; goes on looking for a while.
    pub(crate) fn look(&mut self, now: Time) -> TopicsView {
        let was_on = self.is_on(now);
        if !was_on {
            *self = Self { since: now, ..Self::default() };
        }
        self.until = now + LOOKS;
        self.topics.retain(|_, seen| now - seen.at <= SILENT);
        TopicsView {
            since: was_on.then_some(self.since),
            topics: self.topics.values().cloned().collect(),
            others: self.others,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Properties, QoS};
    use bytes::Bytes;
    use bytestring::ByteString;

    #[test]
    fn it_pins_no_read_buffer() {
        let arena = Bytes::from(vec![b'x'; 64 * 1024]);
        let text = ByteString::try_from(arena.slice(0..3)).unwrap();
        let content = Content {
            topic: TopicName::new(text).unwrap(),
            payload: arena.slice(10..20),
            qos: QoS::AtMostOnce,
            retain: false,
            properties: Properties::NONE,
        };
        let mut watch = Watch::default();
        watch.look(Time::ZERO);
        watch.saw(Time::ZERO, &content, None);
        drop(content);
        assert!(arena.is_unique(), "the arena is still referenced by what was seen");
        assert_eq!(watch.look(Time::ZERO).topics.len(), 1);
    }
}
