//! Packets of MQTT 5.0 byte by byte, for what no encoder of ours would write.

use crate::support::raw::{field, packet};
use surewire_engine::codec;

/// The Connect Flags.
pub(super) const CLEAN: u8 = 0x02;
pub(super) const WILL: u8 = 0x04;
pub(super) const WILL_RETAIN: u8 = 0x20;
pub(super) const PASSWORD: u8 = 0x40;
pub(super) const USER_NAME: u8 = 0x80;

/// A CONNECT without keep alive, with these flags and properties; the payload is as given.
pub(super) fn connect(flags: u8, properties: &[u8], payload: &[&[u8]]) -> Vec<u8> {
    let head = [field("MQTT"), vec![5, flags, 0, 0], list(properties)].concat();
    packet(0x10, &[&head, &payload.concat()])
}

/// A PUBLISH by its first byte, with a Packet Identifier if one is given.
pub(super) fn publish(first: u8, topic: &[u8], id: Option<u16>, properties: &[u8]) -> Vec<u8> {
    let id = id.map_or(Vec::new(), |id| id.to_be_bytes().to_vec());
    packet(first, &[&field(topic), &id, &list(properties), b"x"])
}

/// A SUBSCRIBE with one filter.
pub(super) fn subscribe(id: u16, properties: &[u8], filter: &[u8], options: u8) -> Vec<u8> {
    packet(0x82, &[&id.to_be_bytes(), &list(properties), &field(filter), &[options]])
}

/// An UNSUBSCRIBE with one filter.
pub(super) fn unsubscribe(id: u16, properties: &[u8], filter: &[u8]) -> Vec<u8> {
    packet(0xA2, &[&id.to_be_bytes(), &list(properties), &field(filter)])
}

/// A User Property.
pub(super) fn user_property(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Vec<u8> {
    [vec![0x26], field(name), field(value)].concat()
}

/// A property whose value is text or data.
pub(super) fn text_property(id: u8, text: impl AsRef<[u8]>) -> Vec<u8> {
    [vec![id], field(text)].concat()
}

/// Property Length, in one byte, and properties.
pub(super) fn list(properties: &[u8]) -> Vec<u8> {
    assert!(properties.len() < 128, "{} bytes of properties", properties.len());
    [&[u8::try_from(properties.len()).unwrap()], properties].concat()
}

/// The packets in a stream of bytes.
pub(super) fn frames(mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while !stream.is_empty() {
        let len = codec::frame_len(stream, usize::MAX).unwrap().unwrap();
        frames.push(stream[..len].to_vec());
        stream = &stream[len..];
    }
    frames
}
