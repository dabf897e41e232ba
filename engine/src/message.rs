//! A message on its way through the broker.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::packet::{Properties, QoS, Version};
use crate::time::Time;
use crate::topic::TopicName;

/// Payloads of this many bytes and more must come to the engine in an allocation of their own:
/// they are kept and forwarded as they are, never copied. Smaller ones may be views into a shared
/// read buffer; they are copied once when they are kept.
pub const LARGE_PAYLOAD: usize = 16 * 1024;

/// An application message: one pointer, whatever the number of its receivers.
///
/// A message that is only forwarded stays a view into the buffer it was read into. As soon as
/// anything keeps it beyond the event (a session, the retained store, the gate, the log),
/// [`Message::keep`] copies it, once, into allocations of its exact size.
#[derive(Clone, Debug)]
pub enum Message {
    /// Views into a read buffer, which are for the event at hand.
    Passing(Arc<Content>),
    /// Owned by everything that keeps it.
    Kept(Arc<Content>),
}

/// What a message says.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    /// Where it was published.
    pub topic: TopicName,
    /// Application data.
    pub payload: Bytes,
    /// The QoS it was published at.
    pub qos: QoS,
    /// The RETAIN flag it was published with.
    pub retain: bool,
    /// The Publish Properties that are forwarded (5.0).
    pub properties: Properties,
}

/// The RETAIN flag of a session's copy of a message, and what it is there for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetainFlag {
    /// 0.
    #[default]
    Clear,
    /// 1, because a subscription keeps it as it was published (5.0 section 3.8.3.1).
    AsPublished,
    /// 1, because the message was retained when the subscription was made.
    Stored,
}

impl RetainFlag {
    /// As a client of this version is to see it, which need not be the one that subscribed: before
    /// 5.0 it says that the message was retained, and nothing else (3.1.1 statement MQTT-3.3.1-9).
    #[must_use]
    pub fn towards(self, version: Version) -> bool {
        match self {
            Self::Clear => false,
            Self::AsPublished => version == Version::V5,
            Self::Stored => true,
        }
    }
}

impl Message {
    /// A message whose parts are views into a read buffer.
    #[must_use]
    pub fn passing(content: Content) -> Self {
        Self::Passing(Arc::new(content))
    }

    /// A message whose parts have memory of their own.
    pub(crate) fn kept(content: Content) -> Self {
        Self::Kept(Arc::new(content))
    }

    /// What it says.
    #[must_use]
    pub fn content(&self) -> &Content {
        self.shared()
    }

    /// Makes it outlive the read buffer, once, and returns a handle for the keeper.
    pub fn keep(&mut self) -> Arc<Content> {
        self.keep_as(TopicName::detached)
    }

    /// The same where its topic is at hand in memory of its own.
    pub fn keep_with(&mut self, topic: &TopicName) {
        self.keep_as(|_| topic.clone());
    }

    fn keep_as(&mut self, topic: impl FnOnce(&TopicName) -> TopicName) -> Arc<Content> {
        if let Self::Passing(content) = self {
            // In place where nobody was sent the views before.
            match Arc::get_mut(content) {
                Some(only) => *only = only.detached(topic(&only.topic)),
                None => *content = Arc::new(content.detached(topic(&content.topic))),
            }
            *self = Self::Kept(Arc::clone(content));
        }
        Arc::clone(self.shared())
    }

    fn shared(&self) -> &Arc<Content> {
        match self {
            Self::Passing(content) | Self::Kept(content) => content,
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, payload, qos, retain, properties } = self;
        let mut shown = f.debug_struct("Content");
        shown.field("topic", topic).field("payload", payload).field("qos", qos);
        shown.field("retain", retain).field("properties", properties);
        shown.field("at", &self.at()).finish()
    }
}

impl Content {
    /// Bytes that the message counts for against byte limits: topic, payload, properties and a
    /// flat 64 for what holds them together.
    #[must_use]
    pub fn weight(&self) -> usize {
        64 + self.topic.as_str().len() + self.payload.len() + self.properties.weight()
    }

    /// Notes that it was accepted at that time, if that makes a difference.
    pub fn accept(&mut self, at: Time) {
        let expires = self.properties.get().message_expiry_interval.is_some();
        self.properties.accept(if expires { at } else { Time::ZERO });
    }

    /// When the broker accepted it, which is where its expiry counts from; 0 if it does not expire.
    #[must_use]
    pub fn at(&self) -> Time {
        self.properties.accepted()
    }

    /// When its Message Expiry Interval has passed (5.0 section 3.3.2.3.3); `None` is never.
    #[must_use]
    pub fn expires(&self) -> Option<Time> {
        let interval = self.properties.get().message_expiry_interval?;
        Some(self.at() + Duration::from_secs(interval.into()))
    }

    /// Whether it is not to be delivered any more.
    #[must_use]
    pub fn is_expired(&self, now: Time) -> bool {
        self.expires().is_some_and(|expires| expires <= now)
    }

    /// The Message Expiry Interval that a receiver is told: what was asked for less the whole
    /// seconds that it has waited, in seconds (5.0 statement MQTT-3.3.2-6).
    #[must_use]
    pub fn expiry_left(&self, now: Time) -> Option<u32> {
        let interval = self.properties.get().message_expiry_interval?;
        let waited = u32::try_from((now - self.at()).as_secs()).unwrap_or(u32::MAX);
        Some(interval.saturating_sub(waited))
    }

    /// A copy that pins no read buffer, under its topic in memory of its own.
    fn detached(&self, topic: TopicName) -> Self {
        let payload = if self.payload.len() >= LARGE_PAYLOAD {
            self.payload.clone()
        } else {
            Bytes::copy_from_slice(&self.payload)
        };
        Self {
            topic,
            payload,
            qos: self.qos,
            retain: self.retain,
            properties: self.properties.detached(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::PropertySet;
    use bytestring::ByteString;

    fn passing(payload: Bytes) -> Message {
        Message::passing(Content {
            topic: TopicName::new(ByteString::from_static("a/b")).unwrap(),
            payload,
            qos: QoS::AtMostOnce,
            retain: false,
            properties: Properties::NONE,
        })
    }

    #[test]
    fn a_small_kept_payload_pins_no_read_buffer() {
        let arena = Bytes::from(vec![7; 64 * 1024]);
        let mut message = passing(arena.slice(100..110));
        let kept = message.keep();
        drop(message);
        assert!(arena.is_unique(), "the arena is still referenced by the kept payload");
        assert_eq!(kept.payload, vec![7; 10]);
    }

    #[test]
    fn kept_properties_pin_no_read_buffer() {
        let arena = Bytes::from(vec![b'x'; 64 * 1024]);
        let text = |at: usize| ByteString::try_from(arena.slice(at..at + 3)).unwrap();
        let mut content = passing(Bytes::new()).content().clone();
        let set = PropertySet {
            content_type: Some(text(0)),
            response_topic: TopicName::new(text(10)),
            correlation_data: Some(arena.slice(20..30)),
            reason_string: Some(text(30)),
            user_properties: vec![(text(40), text(50))],
            message_expiry_interval: Some(7),
            ..PropertySet::NONE
        };
        content.properties = set.clone().into();
        let kept = Message::passing(content).keep();
        assert_eq!(kept.properties.get(), &set);
        drop(set);
        assert!(arena.is_unique(), "the arena is still referenced by the kept properties");
    }

    #[test]
    fn a_message_is_copied_once_however_many_keep_it() {
        let mut message = passing(Bytes::from(vec![1; 10]));
        assert!(Arc::ptr_eq(&message.keep(), &message.keep()));
    }

    #[test]
    fn a_large_payload_is_never_copied() {
        let payload = Bytes::from(vec![1; LARGE_PAYLOAD]);
        let mut message = passing(payload.clone());
        assert_eq!(message.keep().payload.as_ptr(), payload.as_ptr());
    }
}
