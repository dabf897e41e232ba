//! The properties of MQTT 5.0 (section 2.2.2.2), as one set for all packets.

use std::fmt;

use bytes::Bytes;
use bytestring::ByteString;
use smallvec::SmallVec;

use crate::time::Time;
use crate::topic::TopicName;

/// The properties of one packet. Without any, which is the common case, it owns nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(Option<Box<Owned>>);

/// Properties that are there.
#[derive(Clone, Default, PartialEq, Eq)]
struct Owned {
    set: PropertySet,
    /// When the broker accepted the message, where its Message Expiry Interval counts from; 0 while
    /// that is not said. It stands here because messages without properties need none.
    accepted: Time,
}

static NONE: PropertySet = PropertySet::NONE;

impl Properties {
    /// No properties.
    pub const NONE: Self = Self(None);

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// What is there; every field of an empty set is absent.
    #[must_use]
    pub fn get(&self) -> &PropertySet {
        self.0.as_ref().map_or(&NONE, |owned| &owned.set)
    }

    /// Bytes that they take in memory.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.0.as_ref().map_or(0, |owned| size_of::<PropertySet>() + owned.set.text_len())
    }

    /// Changes the set; what is left empty owns nothing.
    pub fn edit(&mut self, change: impl FnOnce(&mut PropertySet)) {
        let mut owned = self.0.take().unwrap_or_default();
        change(&mut owned.set);
        self.0 = (owned.set != PropertySet::NONE).then_some(owned);
    }

    /// A copy that pins no read buffer: text and data in allocations of their own.
    #[must_use]
    pub fn detached(&self) -> Self {
        let detached =
            |owned: &Owned| Owned { set: owned.set.detached(), accepted: owned.accepted };
        Self(self.0.as_deref().map(|owned| Box::new(detached(owned))))
    }

    /// When the broker accepted the message that they are of; 0 if that was not noted.
    pub(crate) fn accepted(&self) -> Time {
        self.0.as_ref().map_or(Time::ZERO, |owned| owned.accepted)
    }

    /// Notes when the broker accepted the message that they are of.
    pub(crate) fn accept(&mut self, at: Time) {
        if let Some(owned) = &mut self.0 {
            owned.accepted = at;
        }
    }
}

/// As they are on the wire.
impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = self.0.as_ref().map(|owned| &owned.set);
        f.debug_tuple("Properties").field(&set).finish()
    }
}

impl From<PropertySet> for Properties {
    fn from(set: PropertySet) -> Self {
        let is_empty = set == PropertySet::NONE;
        Self((!is_empty).then(|| Box::new(Owned { set, accepted: Time::ZERO })))
    }
}

/// Every property of the standard; which packet may carry which is a table in the codec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields carry the standard's names, in the order of table 2-4")]
pub struct PropertySet {
    pub payload_format_indicator: Option<bool>,
    /// Seconds.
    pub message_expiry_interval: Option<u32>,
    pub content_type: Option<ByteString>,
    pub response_topic: Option<TopicName>,
    pub correlation_data: Option<Bytes>,
    /// In a PUBLISH to a client one for each matching subscription that has one.
    pub subscription_identifiers: SmallVec<[u32; 2]>,
    /// Seconds; 0xFFFF_FFFF is "never".
    pub session_expiry_interval: Option<u32>,
    pub assigned_client_identifier: Option<ByteString>,
    /// Seconds.
    pub server_keep_alive: Option<u16>,
    pub authentication_method: Option<ByteString>,
    pub authentication_data: Option<Bytes>,
    pub request_problem_information: Option<bool>,
    /// Seconds.
    pub will_delay_interval: Option<u32>,
    pub request_response_information: Option<bool>,
    pub response_information: Option<ByteString>,
    pub server_reference: Option<ByteString>,
    pub reason_string: Option<ByteString>,
    pub receive_maximum: Option<u16>,
    pub topic_alias_maximum: Option<u16>,
    pub topic_alias: Option<u16>,
    /// 0 or 1; absent means 2.
    pub maximum_qos: Option<u8>,
    pub retain_available: Option<bool>,
    /// In order, names may repeat.
    pub user_properties: Vec<(ByteString, ByteString)>,
    /// Bytes of a whole packet.
    pub maximum_packet_size: Option<u32>,
    pub wildcard_subscription_available: Option<bool>,
    pub subscription_identifier_available: Option<bool>,
    pub shared_subscription_available: Option<bool>,
}

impl PropertySet {
    /// No property.
    pub const NONE: Self = Self {
        payload_format_indicator: None,
        message_expiry_interval: None,
        content_type: None,
        response_topic: None,
        correlation_data: None,
        subscription_identifiers: SmallVec::new_const(),
        session_expiry_interval: None,
        assigned_client_identifier: None,
        server_keep_alive: None,
        authentication_method: None,
        authentication_data: None,
        request_problem_information: None,
        will_delay_interval: None,
        request_response_information: None,
        response_information: None,
        server_reference: None,
        reason_string: None,
        receive_maximum: None,
        topic_alias_maximum: None,
        topic_alias: None,
        maximum_qos: None,
        retain_available: None,
        user_properties: Vec::new(),
        maximum_packet_size: None,
        wildcard_subscription_available: None,
        subscription_identifier_available: None,
        shared_subscription_available: None,
    };

    /// Bytes of the texts and data that a message can carry, and of what holds them.
    fn text_len(&self) -> usize {
        let pairs = self.user_properties.iter().map(|(name, value)| name.len() + value.len());
        let holders = self.user_properties.len() * size_of::<(ByteString, ByteString)>();
        self.content_type.as_deref().map_or(0, str::len)
            + self.response_topic.as_ref().map_or(0, |topic| topic.as_str().len())
            + self.correlation_data.as_ref().map_or(0, Bytes::len)
            + pairs.sum::<usize>()
            + holders
    }

    fn detached(&self) -> Self {
        Self {
            content_type: text(self.content_type.as_ref()),
            response_topic: self.response_topic.as_ref().map(TopicName::detached),
            correlation_data: data(self.correlation_data.as_ref()),
            assigned_client_identifier: text(self.assigned_client_identifier.as_ref()),
            authentication_method: text(self.authentication_method.as_ref()),
            authentication_data: data(self.authentication_data.as_ref()),
            response_information: text(self.response_information.as_ref()),
            server_reference: text(self.server_reference.as_ref()),
            reason_string: text(self.reason_string.as_ref()),
            user_properties: self.user_properties.iter().map(pair).collect(),
            subscription_identifiers: self.subscription_identifiers.clone(),
            ..*self
        }
    }
}

fn text(view: Option<&ByteString>) -> Option<ByteString> {
    view.map(copied)
}

fn data(view: Option<&Bytes>) -> Option<Bytes> {
    view.map(|bytes| Bytes::copy_from_slice(bytes))
}

fn pair((name, value): &(ByteString, ByteString)) -> (ByteString, ByteString) {
    (copied(name), copied(value))
}

fn copied(view: &ByteString) -> ByteString {
    ByteString::from(&**view)
}
