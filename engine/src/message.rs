//! A message on its way through the broker.

use std::sync::Arc;

use bytes::Bytes;

use crate::packet::{Properties, QoS};
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
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl Message {
    /// A message whose parts are views into a read buffer.
    #[must_use]
    pub fn passing(content: Content) -> Self {
        Self::Passing(Arc::new(content))
    }

    /// What it says.
    #[must_use]
    pub fn content(&self) -> &Content {
        match self {
            Self::Passing(content) | Self::Kept(content) => content,
        }
    }

    /// Makes it outlive the read buffer, once, and returns a handle for the keeper.
    pub fn keep(&mut self) -> Arc<Content> {
        match self {
            Self::Kept(content) => Arc::clone(content),
            Self::Passing(content) => {
                // In place where nobody was sent the views before.
                match Arc::get_mut(content) {
                    Some(only) => *only = only.detached(),
                    None => *content = Arc::new(content.detached()),
                }
                let kept = Arc::clone(content);
                *self = Self::Kept(Arc::clone(&kept));
                kept
            }
        }
    }
}

impl Content {
    /// Bytes that the message counts for against byte limits: topic, payload and a flat 64 for
    /// what holds them together.
    #[must_use]
    pub fn weight(&self) -> usize {
        64 + self.topic.as_str().len() + self.payload.len()
    }

    /// A copy that pins no read buffer.
    fn detached(&self) -> Self {
        let payload = if self.payload.len() >= LARGE_PAYLOAD {
            self.payload.clone()
        } else {
            Bytes::copy_from_slice(&self.payload)
        };
        Self {
            topic: self.topic.detached(),
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
