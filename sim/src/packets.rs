//! Packets as stories need them.

use bytes::Bytes;
use bytestring::ByteString;
use surewire_engine::id::PacketId;
use surewire_engine::packet::{
    Connect, Packet, Properties, PropertySet, Publish, QoS, Subscribe, SubscribeFilter,
    SubscribeOptions, Version, Will,
};
use surewire_engine::topic::TopicName;

/// A CONNECT without Will and account. A session that is not clean is to last for ever.
pub(crate) fn connect(client_id: &str, version: Version, clean_start: bool) -> Connect {
    let lasts = version == Version::V5 && !clean_start;
    let session_expiry_interval = lasts.then_some(u32::MAX);
    Connect {
        version,
        clean_start,
        keep_alive: 0,
        client_id: ByteString::from(client_id),
        will: None,
        user_name: None,
        password: None,
        properties: PropertySet { session_expiry_interval, ..PropertySet::NONE }.into(),
    }
}

/// A Will that leaves at once.
pub(crate) fn will(name: &str, qos: QoS, payload: &str) -> Option<Box<Will>> {
    let payload = Bytes::from(payload.to_owned());
    let properties = Properties::NONE;
    Some(Box::new(Will { topic: topic(name), payload, qos, retain: false, properties }))
}

/// A SUBSCRIBE to one filter.
pub(crate) fn subscribe(packet_id: PacketId, filter: &str, qos: QoS) -> Packet {
    let options = SubscribeOptions { qos, ..SubscribeOptions::default() };
    let filters = vec![SubscribeFilter { filter: ByteString::from(filter), options }];
    let properties = Properties::NONE;
    Packet::Subscribe(Box::new(Subscribe { packet_id, filters, properties }))
}

/// A PUBLISH that is not retained.
pub(crate) fn publish(
    name: &str,
    qos: QoS,
    packet_id: Option<PacketId>,
    payload: impl Into<Bytes>,
) -> Packet {
    Packet::Publish(Publish {
        dup: false,
        qos,
        retain: false,
        topic: Some(topic(name)),
        packet_id,
        properties: Properties::NONE,
        payload: payload.into(),
    })
}

/// A topic of a story, which is one.
pub(crate) fn topic(name: &str) -> TopicName {
    TopicName::new(ByteString::from(name)).expect("stories have no wildcards in topics")
}
