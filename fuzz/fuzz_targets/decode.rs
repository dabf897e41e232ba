//! Any bytes as a packet: never a panic, and whatever is accepted is written and read back as it
//! was. The first byte chooses the version, the rest is one frame, or packets that are taken at once
//! and say what they say one by one.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use surewire_engine::codec::{self, Limits};
use surewire_engine::packet::{Packet, Version};

const LIMITS: Limits = Limits {
    max_packet_size: 1024 * 1024,
    max_user_properties: 1_000,
    reject_control_chars: false,
};

fuzz_target!(|input: &[u8]| {
    let Some((choice, bytes)) = input.split_first() else { return };
    let version = match choice % 3 {
        0 => Version::V3_1,
        1 => Version::V3_1_1,
        _ => Version::V5,
    };
    let frame = Bytes::copy_from_slice(bytes);
    check_run(version, frame.clone());
    check_acks(version, frame.clone());
    let len = codec::frame_len(&frame, LIMITS.max_packet_size);
    let _ = codec::decode_connect(frame.clone(), &LIMITS);
    let taken = codec::take_packet(version, &mut frame.clone(), &LIMITS);
    let Ok(packet) = codec::decode(version, frame.clone(), &LIMITS) else { return };
    assert_eq!(taken, Ok(Some(packet.clone())), "read where it stands, and alone");
    assert_eq!(len, Ok(Some(frame.len())), "decode accepts what frame_len does not");
    let _ = codec::check_from_client(&packet);
    let mut written = Vec::new();
    codec::encode(version, &packet, &mut written);
    assert_eq!(codec::encoded_len(version, &packet), written.len());
    assert!(written.len() <= frame.len(), "our form is never the longer one");
    assert_eq!(codec::decode(version, Bytes::from(written), &LIMITS), Ok(packet));
});

fn check_acks(version: Version, mut bytes: Bytes) {
    let mut each = bytes.clone();
    let Some(acks) = codec::cut_acks(&mut bytes) else { return };
    for packet in acks.packets() {
        assert_eq!(codec::take_packet(version, &mut each, &LIMITS), Ok(Some(packet)));
    }
    assert_eq!(each, bytes, "the rest of the read");
}

fn check_run(version: Version, mut bytes: Bytes) {
    let mut each = bytes.clone();
    let Some(run) = codec::cut_run(version, &mut bytes, &LIMITS) else { return };
    for publish in run.publishes() {
        let len = codec::frame_len(&each, LIMITS.max_packet_size).ok().flatten().expect("a packet");
        let packet = codec::decode(version, each.split_to(len), &LIMITS);
        assert_eq!(packet, Ok(Packet::Publish(publish)));
    }
    assert_eq!(each, bytes, "the rest of the read");
}
