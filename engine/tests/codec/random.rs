//! Random packets and random bytes.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use surewire_engine::action::{Delivery, Outgoing, TopicAlias};
use surewire_engine::codec;
use surewire_engine::message::{Content, Message};
use surewire_engine::packet::{Packet, Publish, Version};

use crate::packets::{packet, version};
use crate::tables::{ALL, LIMITS, all_rows, read, written};

fn versioned() -> impl Strategy<Value = (Version, Packet)> {
    version().prop_flat_map(|version| (Just(version), packet(version)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_written_is_read_back((version, packet) in versioned()) {
        let bytes = Bytes::from(written(version, &packet));
        prop_assert_eq!(codec::encoded_len(version, &packet), bytes.len());
        let len = codec::frame_len(&bytes, LIMITS.max_packet_size);
        prop_assert_eq!(len, Ok(Some(bytes.len())));
        prop_assert_eq!(read(version, &bytes), Ok(packet.clone()));
        // With nothing behind it, as it comes most often.
        let mut buf = bytes.clone();
        let taken = codec::take_packet(version, &mut buf, &LIMITS);
        prop_assert_eq!((taken, buf.len()), (Ok(Some(packet.clone())), 0));
        if let Packet::Connect(connect) = packet {
            prop_assert_eq!(codec::decode_connect(bytes, &LIMITS), Ok(connect));
        }
    }

    /// Of a packet that has not come to its end nothing is taken, wherever it was cut.
    #[test]
    fn what_is_cut_short_is_incomplete((version, packet) in versioned()) {
        let whole = Bytes::from(written(version, &packet));
        for len in 0..whole.len() {
            let mut part = whole.slice(..len);
            let frame = codec::frame_len(&part, LIMITS.max_packet_size);
            prop_assert!(frame == Ok(None) || frame == Ok(Some(whole.len())), "{len}: {frame:?}");
            prop_assert_eq!(codec::take_packet(version, &mut part, &LIMITS), Ok(None));
            prop_assert!(matches!(codec::take_packets(version, &mut part, &LIMITS), Ok(None)));
            prop_assert_eq!(&part, &whole.slice(..len));
            // Handed over as if it were whole, it is refused.
            prop_assert!(codec::decode(version, part, &LIMITS).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn a_delivery_is_written_as_its_publish((version, packet) in versioned()) {
        let Packet::Publish(publish) = packet else { return Ok(()) };
        let Some(delivery) = delivery(&publish) else { return Ok(()) };
        let mut head = Vec::new();
        codec::encode_delivery_head(version, &delivery, &mut head);
        head.extend_from_slice(&publish.payload);
        let expected = written(version, &Packet::Publish(publish));
        prop_assert_eq!(&head, &expected);
        let outgoing = Outgoing::Publish(delivery);
        let mut whole = Vec::new();
        outgoing.encode(version, &mut whole);
        prop_assert_eq!(&whole, &expected);
        prop_assert_eq!(outgoing.encoded_len(version), expected.len());
    }

    #[test]
    fn decoding_is_total(bytes in vec(any::<u8>(), 0..64)) {
        decode_in_all_versions(&Bytes::from(bytes));
    }

    /// Under a fixed header that fits, so that the body is reached.
    #[test]
    fn decoding_of_bodies_is_total(first in any::<u8>(), body in vec(any::<u8>(), 0..120)) {
        let len = u8::try_from(body.len()).unwrap();
        decode_in_all_versions(&Bytes::from([&[first, len][..], &body].concat()));
    }

    #[test]
    fn decoding_of_mutated_packets_is_total(
        row in any::<Index>(),
        changes in vec((any::<Index>(), any::<u8>()), 1..4),
        end in any::<Index>(),
    ) {
        let rows = all_rows();
        let mut bytes = row.get(&rows).bytes.to_vec();
        for (at, byte) in changes {
            *at.get_mut(&mut bytes) = byte;
        }
        decode_in_all_versions(&Bytes::copy_from_slice(&bytes));
        bytes.truncate(end.index(bytes.len()));
        decode_in_all_versions(&Bytes::from(bytes));
    }
}

/// Must not panic; and what is accepted can be written and says the same when read again.
fn decode_in_all_versions(bytes: &Bytes) {
    let _ = codec::frame_len(bytes, LIMITS.max_packet_size);
    let _ = codec::decode_connect(bytes.clone(), &LIMITS);
    for version in ALL {
        take_as_decoded(*version, bytes);
        if let Ok(packet) = codec::decode(*version, bytes.clone(), &LIMITS) {
            let again = Bytes::from(written(*version, &packet));
            assert!(again.len() <= bytes.len(), "{packet:?} grew");
            assert_eq!(read(*version, &again), Ok(packet));
        }
    }
}

/// Taken off the front of more, a packet says what it says alone, and leaves the rest.
fn take_as_decoded(version: Version, bytes: &Bytes) {
    let mut more = Bytes::from([bytes.as_ref(), b"rest"].concat());
    let taken = codec::take_packet(version, &mut more, &LIMITS);
    match codec::frame_len(bytes, LIMITS.max_packet_size) {
        Ok(Some(len)) if len == bytes.len() => {
            assert!(taken.is_err() || more == "rest", "{more:?} is left");
            assert_eq!(taken, codec::decode(version, bytes.clone(), &LIMITS).map(Some));
            let mut part = bytes.slice(..len - 1);
            assert_eq!(codec::take_packet(version, &mut part, &LIMITS), Ok(None));
        }
        Ok(_) => {}
        Err(violation) => assert_eq!(taken, Err(violation)),
    }
}

/// `None` for a PUBLISH without a topic.
fn delivery(publish: &Publish) -> Option<Delivery> {
    let Publish { dup, qos, retain, packet_id, .. } = *publish;
    let content = Content {
        topic: publish.topic.clone()?,
        payload: publish.payload.clone(),
        qos,
        retain,
        properties: publish.properties.clone(),
    };
    let set = publish.properties.get();
    Some(Delivery {
        message: Message::passing(content),
        qos,
        dup,
        retain,
        packet_id,
        expiry: set.message_expiry_interval,
        identifiers: set.subscription_identifiers.as_slice().into(),
        alias: set.topic_alias.map_or(TopicAlias::None, TopicAlias::Set),
    })
}
