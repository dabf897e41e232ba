//! Any packet that a version can represent is written and read back as it was, and its length is
//! known beforehand. Written for an older version it is a packet of that version, or nothing.

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use surewire_engine::codec::{self, Limits};
use surewire_engine::packet::{Packet, Version};

use crate::choice::one_of;
use crate::packets;

const LIMITS: Limits =
    Limits { max_packet_size: 1 << 20, max_user_properties: 64, reject_control_chars: false };

/// The input is choices of which packets are made.
pub fn check(input: &[u8]) {
    let mut u = Unstructured::new(input);
    while !u.is_empty() {
        if check_one(&mut u).is_err() {
            return;
        }
    }
}

fn check_one(u: &mut Unstructured<'_>) -> Result<()> {
    let version = one_of(u, &[Version::V3_1, Version::V3_1_1, Version::V5])?;
    let packet = packets::any(u, version)?;
    let bytes = written(version, &packet);
    assert!(!bytes.is_empty(), "{version:?} has this packet: {packet:?}");
    assert_eq!(codec::decode(version, bytes.clone(), &LIMITS).as_ref(), Ok(&packet));
    let mut read = bytes;
    assert_eq!(codec::take_packet(version, &mut read, &LIMITS), Ok(Some(packet.clone())));
    assert!(read.is_empty(), "bytes behind the packet");
    for older in [Version::V3_1, Version::V3_1_1] {
        let bytes = written(older, &packet);
        if !bytes.is_empty() && !matches!(packet, Packet::Connect(_)) {
            let again = codec::decode(older, bytes, &LIMITS);
            assert!(again.is_ok(), "{packet:?} as {older:?}: {again:?}");
        }
    }
    Ok(())
}

fn written(version: Version, packet: &Packet) -> Bytes {
    let mut bytes = Vec::new();
    codec::encode(version, packet, &mut bytes);
    assert_eq!(codec::encoded_len(version, packet), bytes.len(), "{packet:?}");
    bytes.into()
}
