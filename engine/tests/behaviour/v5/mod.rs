//! What only MQTT 5.0 has, one file for each part of it.

mod acknowledgements;
mod aliases;
mod auth;
mod before_connack;
mod breaches;

mod connack;
mod connect;
mod data;
mod disconnect;
mod expiry;
mod flow_control;
mod identifiers;
mod keep_alive;
mod limits;
mod malformed;
mod older;
mod ordering;
mod packet_size;
mod properties;
mod publish;
mod reasons;
mod retained;
mod session;
mod shared;
mod subscribe;
mod takeover;
mod unsubscribe;
mod will;
mod will_restart;
mod wire;

use bytes::Bytes;
use surewire_engine::id::PacketId;
use surewire_engine::notice::{DropReason, Notice};
use surewire_engine::packet::{Ack, Packet, PropertySet, Publish, QoS, Suback};
use surewire_engine::topic::TopicName;

use crate::support::{Bench, Client, props};

const NOTHING: [&str; 0] = [];

/// The packet that an acknowledgement is.
type Answer = fn(Ack) -> Packet;

/// Why messages were dropped since the last look.
fn drops(bench: &Bench) -> Vec<DropReason> {
    let reason = |notice| match notice {
        Notice::Dropped { why, .. } => Some(why),
        _ => None,
    };
    bench.notices().into_iter().filter_map(reason).collect()
}

/// A PUBLISH with these properties; an empty topic is left out, identifier 0 is none.
fn publish(
    topic: &str,
    qos: u8,
    id: u16,
    payload: &str,
    set: impl FnOnce(&mut PropertySet),
) -> Publish {
    Publish {
        dup: false,
        qos: QoS::from_bits(qos).unwrap(),
        retain: false,
        topic: TopicName::new(topic.into()),
        packet_id: PacketId::new(id),
        properties: props(set),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
    }
}

/// Publishes with RETAIN 1 at QoS 1 and takes the PUBACK, which must be all that came; its code.
#[track_caller]
fn retain(client: &Client, topic: &str, payload: &str, set: impl FnOnce(&mut PropertySet)) -> u8 {
    let message = publish(topic, 1, client.fresh_id(), payload, set);
    client.send(Packet::Publish(Publish { retain: true, ..message }));
    let (name, code, _) = client.ack();
    assert_eq!(name, "puback");
    code
}

/// Makes a message expire.
fn expires(seconds: u32) -> impl Fn(&mut PropertySet) {
    move |set| set.message_expiry_interval = Some(seconds)
}

/// The Message Expiry Interval of what came, which must be one PUBLISH.
#[track_caller]
fn expiry_of_delivery(client: &Client) -> Option<u32> {
    client.delivery().properties.get().message_expiry_interval
}

/// Takes a SUBACK or UNSUBACK, which must be all that came: its identifier and its codes.
#[track_caller]
fn codes(client: &Client) -> (u16, Vec<u8>) {
    let suback = suback(client);
    (suback.packet_id.get(), suback.codes.iter().map(|code| code.byte()).collect())
}

#[track_caller]
fn suback(client: &Client) -> Suback {
    match client.take().as_slice() {
        [Packet::Suback(suback) | Packet::Unsuback(suback)] => (**suback).clone(),
        other => panic!("expected SUBACK or UNSUBACK, got {other:?}"),
    }
}
