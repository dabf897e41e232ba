//! The decoder has an answer for any bytes, and the same one whichever way it is asked: a whole
//! packet alone, at the front of a read buffer, or several that are taken at once. What it accepts
//! is written and read back as it was.
//!
//! The first byte of an input chooses (its lowest bit MQTT 3.1 or 3.1.1, the next one whether
//! control characters are refused), the rest is what a connection's read has brought.

use bytes::Bytes;
use surewire_engine::codec::{self, Limits, Packets};
use surewire_engine::packet::{Packet, Version};

/// MQTT 3.1 and 3.1.1.
pub fn check_v3(input: &[u8]) {
    let Some((choice, bytes)) = input.split_first() else { return };
    let version = if choice & 1 == 0 { Version::V3_1 } else { Version::V3_1_1 };
    check(version, &limits(*choice), Bytes::copy_from_slice(bytes));
}

/// MQTT 5.0.
pub fn check_v5(input: &[u8]) {
    let Some((choice, bytes)) = input.split_first() else { return };
    check(Version::V5, &limits(*choice), Bytes::copy_from_slice(bytes));
}

fn limits(choice: u8) -> Limits {
    Limits {
        max_packet_size: 64 * 1024,
        max_user_properties: 8,
        reject_control_chars: choice & 2 != 0,
    }
}

fn check(version: Version, limits: &Limits, bytes: Bytes) {
    if let Ok(Some(packet)) = codec::take_packet(version, &mut bytes.clone(), limits) {
        check_packet(version, limits, &bytes, packet);
    }
    check_first(limits, &bytes);
    check_read(version, limits, bytes);
}

/// What one packet is, it is alone as well, and not before its last byte is there.
fn check_packet(version: Version, limits: &Limits, bytes: &Bytes, packet: Packet) {
    let len = codec::frame_len(bytes, limits.max_packet_size);
    let len = len.expect("taken").expect("complete");
    let frame = bytes.slice(..len);
    assert_eq!(codec::decode(version, frame.clone(), limits), Ok(packet.clone()), "alone");
    let mut short = frame.slice(..len - 1);
    assert_eq!(codec::take_packet(version, &mut short, limits), Ok(None), "one byte is missing");
    let _ = codec::check_from_client(&packet);
    let mut written = Vec::new();
    codec::encode(version, &packet, &mut written);
    assert_eq!(codec::encoded_len(version, &packet), written.len());
    assert!(written.len() <= frame.len(), "our form is never the longer one");
    assert_eq!(
        codec::decode(version, Bytes::from(written), limits),
        Ok(packet),
        "written and read"
    );
}

/// A connection's first packet is read before its version is known.
fn check_first(limits: &Limits, bytes: &Bytes) {
    let Ok(Some(len)) = codec::frame_len(bytes, limits.max_packet_size) else { return };
    if len > bytes.len() {
        return;
    }
    let frame = bytes.slice(..len);
    if let Ok(connect) = codec::decode_connect(frame.clone(), limits) {
        let version = connect.version;
        assert_eq!(codec::decode(version, frame, limits), Ok(Packet::Connect(connect)));
    }
}

/// A whole read: packets that are alike are the packets that they are one by one.
fn check_read(version: Version, limits: &Limits, mut bytes: Bytes) {
    let mut single = bytes.clone();
    let mut next = || codec::take_packet(version, &mut single, limits);
    loop {
        match codec::take_packets(version, &mut bytes, limits) {
            Ok(Some(Packets::One(packet))) => assert_eq!(next(), Ok(Some(packet))),
            Ok(Some(Packets::Run(run))) => {
                assert!(run.count() > 1, "a run of one");
                for publish in run.publishes() {
                    assert_eq!(next(), Ok(Some(Packet::Publish(publish))));
                }
            }
            Ok(Some(Packets::Acks(acks))) => {
                for packet in acks.packets() {
                    assert_eq!(next(), Ok(Some(packet)));
                }
            }
            end => {
                assert_eq!(next(), end.map(|_: Option<Packets>| None), "how the read ends");
                return;
            }
        }
    }
}
