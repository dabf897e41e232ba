//! Runs of PUBLISH packets: what is cut off at once says what its packets say one by one.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use surewire_engine::codec::{self, AckKind, Lengths, Limits, Numbers, Packets, Run};
use surewire_engine::id::PacketId;
use surewire_engine::message::LARGE_PAYLOAD;
use surewire_engine::packet::{Ack, Packet, Properties, PropertySet, Publish, QoS, Version};
use surewire_engine::topic::TopicName;

use crate::packets::{packet, version};
use crate::tables::{ALL, LIMITS, read, written};

/// Mostly what belongs to a run, with what ends one in between.
fn mixed(version: Version) -> impl Strategy<Value = Packet> {
    let topic = prop::sample::select(vec!["a", "a/b"]);
    let lengths = prop::sample::select(vec![0, 1, 120, 121, 122, 123, 124, 125, 126, 300]);
    let qos = prop::sample::select(vec![0, 0, 0, 1, 2]);
    let plain = (topic, lengths, qos, 1..u16::MAX).prop_map(|(topic, len, qos, id)| {
        let qos = QoS::from_bits(qos).unwrap();
        let packet_id = PacketId::new(id).filter(|_| qos > QoS::AtMostOnce);
        Packet::Publish(Publish { qos, packet_id, ..publish(topic, len) })
    });
    prop_oneof![9 => plain, 1 => packet(version)]
}

fn publish(topic: &str, payload: usize) -> Publish {
    Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: TopicName::new(topic.into()),
        packet_id: None,
        properties: Properties::NONE,
        payload: Bytes::from(vec![b'x'; payload]),
    }
}

fn together(version: Version, publishes: impl IntoIterator<Item = Publish>) -> Bytes {
    publishes.into_iter().flat_map(|p| written(version, &Packet::Publish(p))).collect()
}

fn cut(version: Version, mut bytes: Bytes) -> Option<Run> {
    codec::cut_run(version, &mut bytes, &LIMITS)
}

/// What was cut off, packet by packet; checks what it says of itself.
fn packets_of(run: &Run) -> Vec<Packet> {
    let publishes: Vec<Publish> = run.publishes().collect();
    assert_eq!(publishes.len(), run.count() as usize);
    assert!(publishes.iter().all(|publish| publish.topic.as_ref() == Some(run.topic())));
    let is_qos_0 = run.qos() == QoS::AtMostOnce;
    assert!(ALL.iter().any(|version| run.as_it_came(*version, None).is_some()) == is_qos_0);
    let payloads: usize = publishes.iter().map(|publish| publish.payload.len()).sum();
    assert_eq!(payloads as u64, run.payload_bytes());
    for (publish, message) in publishes.iter().zip(run.messages()) {
        let content = message.content();
        assert_eq!((&content.topic, &content.payload), (run.topic(), &publish.payload));
        assert!(content.qos == run.qos() && !content.retain && content.properties.is_empty());
        assert_eq!(publish.qos, run.qos());
    }
    // Handed on as a whole they are of QoS 0, whatever they were, or have new numbers.
    handed_on(run, &publishes, None);
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce].into_iter().filter(|qos| *qos <= run.qos()) {
        let first = PacketId::new(65_533).unwrap();
        handed_on(run, &publishes, Some(Numbers { qos, first }));
    }
    publishes.into_iter().map(Packet::Publish).collect()
}

/// Checks what clients of each version are sent of a run.
fn handed_on(run: &Run, publishes: &[Publish], numbers: Option<Numbers>) {
    let mut id = numbers.map(|numbers| numbers.first);
    let qos = numbers.map_or(QoS::AtMostOnce, |numbers| numbers.qos);
    let copy = |p: &Publish| {
        let packet_id = id;
        id = id.map(PacketId::next);
        Publish { qos, packet_id, ..p.clone() }
    };
    let copies: Vec<Publish> = publishes.iter().map(copy).collect();
    assert_eq!(run.copies(numbers).collect::<Vec<_>>(), copies);
    for version in ALL {
        let each: Vec<Bytes> =
            copies.iter().map(|publish| together(*version, [publish.clone()])).collect();
        // Behind what is there already.
        let mut out = vec![7];
        run.encode(*version, numbers, &mut out);
        assert_eq!(out[1..], each.concat(), "as {version:?} with {numbers:?}");
        let all = out.len() - 1;
        if let Some(as_it_came) = run.as_it_came(*version, numbers) {
            assert_eq!(as_it_came, &each.concat(), "as it came");
        }
        let largest = each.iter().map(Bytes::len).max().unwrap();
        assert_eq!(run.lengths(*version, numbers.is_some()), Lengths { all, largest });
    }
}

proptest! {
    #[test]
    fn a_run_says_what_its_packets_say(
        (version, packets) in version().prop_flat_map(|v| (Just(v), vec(mixed(v), 0..80)))
    ) {
        let bytes: Vec<Bytes> = packets.iter().map(|p| Bytes::from(written(version, p))).collect();
        let mut rest = Bytes::from(bytes.concat());
        let mut found = Vec::new();
        while let Ok(Some(len)) = codec::frame_len(&rest, LIMITS.max_packet_size) {
            match codec::cut_run(version, &mut rest, &LIMITS) {
                Some(run) => {
                    let most = if run.qos() == QoS::AtMostOnce { 16 } else { 8 };
                    prop_assert!((2..=most).contains(&run.count()));
                    found.extend(packets_of(&run));
                }
                None => found.push(read(version, &rest.split_to(len)).unwrap()),
            }
        }
        prop_assert_eq!(found, packets);
    }

    #[test]
    fn whatever_is_taken_together_says_what_its_packets_say(
        version in version(),
        acks in vec((prop::sample::select(vec![0x40_u8, 0x50, 0x62, 0x70, 0x60]), 1..4_u8), 0..90),
        cut in 0..400_usize,
        zero in 0..500_usize,
    ) {
        let mut bytes: Vec<u8> =
            acks.iter().flat_map(|(first, low)| [*first, 2, *low - 1, 2]).collect();
        bytes.truncate(bytes.len().saturating_sub(cut % 5));
        if let Some(low) = bytes.get_mut(zero) {
            *low = 0;
        }
        let (mut together, mut apart) = (Bytes::from(bytes.clone()), Bytes::from(bytes));
        let mut found = Vec::new();
        let ended = loop {
            match codec::take_packets(version, &mut together, &LIMITS) {
                Ok(Some(Packets::Acks(acks))) => {
                    prop_assert!((2..=24).contains(&acks.ids().len()));
                    let mut out = Vec::new();
                    acks.encode(&mut out);
                    prop_assert_eq!(acks.encoded_len(), out.len());
                    let each = acks.packets().flat_map(|packet| written(version, &packet));
                    prop_assert!(each.eq(out));
                    found.extend(acks.packets());
                }
                Ok(Some(Packets::One(packet))) => found.push(packet),
                Ok(Some(Packets::Run(run))) => prop_assert!(false, "{run:?}"),
                Ok(None) => break None,
                Err(violation) => break Some(violation),
            }
        };
        let mut expected = Vec::new();
        let expected_end = loop {
            match codec::take_packet(version, &mut apart, &LIMITS) {
                Ok(Some(packet)) => expected.push(packet),
                Ok(None) => break None,
                Err(violation) => break Some(violation),
            }
        };
        prop_assert_eq!((found, ended), (expected, expected_end));
        prop_assert_eq!(together, apart);
    }

    #[test]
    fn cutting_is_total(first in any::<u8>(), bytes in vec(any::<u8>(), 0..200)) {
        let bytes = Bytes::from([&[first & 0x37], bytes.as_slice()].concat());
        for version in ALL {
            if let Some(run) = cut(*version, bytes.clone()) {
                packets_of(&run);
            }
        }
    }
}

#[test]
fn a_run_takes_so_many_packets_and_leaves_the_rest() {
    let counts = |qos, packet_id| {
        let publish = |n| Publish { qos, packet_id, ..publish("t", n) };
        let mut bytes = together(Version::V3_1_1, (0..35).map(publish));
        let runs = std::iter::from_fn(|| codec::cut_run(Version::V3_1_1, &mut bytes, &LIMITS));
        runs.map(|run| run.count()).collect::<Vec<_>>()
    };
    assert_eq!(counts(QoS::AtMostOnce, None), [16, 16, 3]);
    assert_eq!(counts(QoS::AtLeastOnce, PacketId::new(1)), [8, 8, 8, 8, 3]);
    assert_eq!(counts(QoS::ExactlyOnce, PacketId::new(1)), [8, 8, 8, 8, 3]);
}

#[test]
fn what_is_no_run_stays() {
    let one = together(Version::V3_1_1, [publish("t", 1)]);
    let incomplete = together(Version::V3_1_1, [publish("t", 1), publish("t", 9)]);
    let wildcard = Bytes::from_static(b"\x30\x04\x00\x01+x\x30\x04\x00\x01+x");
    let nul = Bytes::from_static(b"\x30\x04\x00\x01\x00x\x30\x04\x00\x01\x00x");
    let ill_formed = Bytes::from_static(b"\x30\x04\x00\x01\xFFx\x30\x04\x00\x01\xFFx");
    let empty = Bytes::from_static(b"\x30\x03\x00\x00x\x30\x03\x00\x00x");
    // Behind a fixed header of 3 bytes and a topic of 3.
    let with_len = |len| together(Version::V3_1_1, [publish("t", len - 6), publish("t", len - 6)]);
    let large = with_len(LARGE_PAYLOAD);
    assert_eq!(large.len(), 2 * LARGE_PAYLOAD);
    assert!(cut(Version::V3_1_1, with_len(LARGE_PAYLOAD - 1)).is_some());
    let others = together(Version::V3_1_1, [publish("t", 1), publish("u", 1)]);
    for bytes in [
        one,
        incomplete.slice(..incomplete.len() - 1),
        wildcard,
        nul,
        ill_formed,
        empty,
        large,
        others,
    ] {
        assert!(cut(Version::V3_1_1, bytes.clone()).is_none(), "{bytes:?}");
    }
    let set = PropertySet { message_expiry_interval: Some(1), ..PropertySet::NONE };
    let expires = || Publish { properties: set.clone().into(), ..publish("t", 1) };
    assert!(cut(Version::V5, together(Version::V5, [expires(), expires()])).is_none());
    assert!(cut(Version::V5, together(Version::V5, [publish("t", 1), publish("t", 1)])).is_some());
}

#[test]
fn limits_hold_for_each_packet() {
    let bytes = || together(Version::V3_1_1, [publish("t", 10), publish("t", 10)]);
    let with = |limits: Limits| codec::cut_run(Version::V3_1_1, &mut bytes(), &limits);
    assert!(with(Limits { max_packet_size: 15, ..LIMITS }).is_some());
    assert!(with(Limits { max_packet_size: 14, ..LIMITS }).is_none());
    let control = || Bytes::from_static(b"\x30\x04\x00\x01\x07x\x30\x04\x00\x01\x07x");
    let reject = Limits { reject_control_chars: true, ..LIMITS };
    assert!(codec::cut_run(Version::V3_1_1, &mut control(), &reject).is_none());
    assert!(cut(Version::V3_1_1, control()).is_some() != LIMITS.reject_control_chars);
}

#[test]
fn acknowledgements_of_each_kind_are_taken_together() {
    type Make = fn(Ack) -> Packet;
    let kinds: [(AckKind, Make); 4] = [
        (AckKind::Puback, Packet::Puback),
        (AckKind::Pubrec, Packet::Pubrec),
        (AckKind::Pubrel, Packet::Pubrel),
        (AckKind::Pubcomp, Packet::Pubcomp),
    ];
    let ids = [1, 700, 2].map(|id| PacketId::new(id).unwrap());
    for version in ALL {
        for (kind, make) in kinds {
            let each = ids.map(|id| written(*version, &make(Ack::new(id))));
            let mut bytes = Bytes::from(each.concat());
            let taken = codec::take_packets(*version, &mut bytes, &LIMITS);
            let Ok(Some(Packets::Acks(acks))) = taken else { panic!("{kind:?} one by one") };
            assert_eq!((acks.kind(), acks.ids(), bytes.len()), (kind, ids.as_slice(), 0));
        }
    }
}

#[test]
fn so_many_acknowledgements_are_taken_together_and_the_rest_stays() {
    let mut bytes: Bytes = (1..=60).flat_map(|low| [0x40, 2, 0, low]).collect();
    let taken = std::iter::from_fn(|| codec::cut_acks(&mut bytes));
    assert_eq!(taken.map(|acks| acks.ids().len()).collect::<Vec<_>>(), [24, 24, 12]);
}
