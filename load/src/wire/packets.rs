//! The packets that open a connection and keep it going.

use super::{Qos, Version, kind, put_length, put_text};

/// Session Expiry Interval (5.0 section 3.1.2.11.2), and the value for "never".
const NEVER_EXPIRES: [u8; 6] = [5, 0x11, 0xff, 0xff, 0xff, 0xff];

/// A client that introduces itself: no will, no credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connect<'a> {
    /// The Client Identifier.
    pub client_id: &'a str,
    /// What is spoken from here on.
    pub version: Version,
    /// Whether the session goes on where it was, and outlives the connection.
    pub persistent: bool,
    /// Keep Alive in seconds; 0 turns it off.
    pub keep_alive_seconds: u16,
}

impl<'a> Connect<'a> {
    /// A client of 3.1.1 with a clean session and no keep alive.
    #[must_use]
    pub const fn new(client_id: &'a str) -> Self {
        Self { client_id, version: Version::V3_1_1, persistent: false, keep_alive_seconds: 0 }
    }

    /// The CONNECT.
    ///
    /// # Panics
    /// If the Client Identifier is longer than 65,535 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let clean = if self.persistent { 0 } else { 2 };
        let mut body = b"\x00\x04MQTT".to_vec();
        body.extend_from_slice(&[self.version.level(), clean]);
        body.extend_from_slice(&self.keep_alive_seconds.to_be_bytes());
        match self.version {
            Version::V3_1_1 => {}
            Version::V5 if self.persistent => body.extend_from_slice(&NEVER_EXPIRES),
            Version::V5 => body.push(0),
        }
        put_text(&mut body, self.client_id);
        framed(kind::CONNECT << 4, &body)
    }
}

/// A CONNECT of 3.1.1 with a clean session.
///
/// # Panics
/// If `client_id` is longer than 65,535 bytes.
#[must_use]
pub fn connect(client_id: &str) -> Vec<u8> {
    Connect::new(client_id).to_bytes()
}

/// A SUBSCRIBE of 3.1.1 to one filter, with Packet Identifier `id`.
///
/// # Panics
/// If `filter` is longer than 65,535 bytes.
#[must_use]
pub fn subscribe(id: u16, filter: &str, qos: Qos) -> Vec<u8> {
    subscribe_all(Version::V3_1_1, id, &[filter], qos)
}

/// A SUBSCRIBE to all of `filters` at the same QoS, with Packet Identifier `id`.
///
/// # Panics
/// If a filter is longer than 65,535 bytes, or all together are longer than 256 MiB.
#[must_use]
pub fn subscribe_all(version: Version, id: u16, filters: &[impl AsRef<str>], qos: Qos) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    if version == Version::V5 {
        body.push(0);
    }
    for filter in filters {
        put_text(&mut body, filter.as_ref());
        body.push(qos.level());
    }
    framed((kind::SUBSCRIBE << 4) | 2, &body)
}

/// Appends a PUBACK, PUBREC, PUBREL or PUBCOMP that says all is well. Both versions have this form.
pub fn put_ack(out: &mut Vec<u8>, kind: u8, id: u16) {
    let flags = if kind == kind::PUBREL { 2 } else { 0 };
    let [high, low] = id.to_be_bytes();
    out.extend_from_slice(&[(kind << 4) | flags, 2, high, low]);
}

/// A packet of this first byte and body, for those that have no function here.
///
/// # Panics
/// If it is longer than 256 MiB.
#[must_use]
pub fn framed(header: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![header];
    put_length(&mut packet, body.len());
    packet.extend_from_slice(body);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connect_is_the_bytes_of_the_standard() {
        let bytes =
            |version, persistent| Connect { version, persistent, ..Connect::new("a1") }.to_bytes();
        let (old, new) = (Version::V3_1_1, Version::V5);
        assert_eq!(bytes(old, false), b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x02a1");
        assert_eq!(bytes(old, true), b"\x10\x0e\x00\x04MQTT\x04\x00\x00\x00\x00\x02a1");
        assert_eq!(bytes(new, false), b"\x10\x0f\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x02a1");
        assert_eq!(
            bytes(new, true),
            b"\x10\x14\x00\x04MQTT\x05\x00\x00\x00\x05\x11\xff\xff\xff\xff\x00\x02a1"
        );
        let alive = Connect { keep_alive_seconds: 258, ..Connect::new("a1") }.to_bytes();
        assert_eq!(alive, b"\x10\x0e\x00\x04MQTT\x04\x02\x01\x02\x00\x02a1");
    }

    #[test]
    fn subscribe_carries_its_reserved_flags() {
        assert_eq!(subscribe(7, "a/b", Qos::ExactlyOnce), b"\x82\x08\x00\x07\x00\x03a/b\x02");
    }

    #[test]
    fn one_subscribe_asks_for_several_filters() {
        let packet = subscribe_all(Version::V5, 1, &["a", "+/#"], Qos::AtLeastOnce);
        assert_eq!(packet, b"\x82\x0d\x00\x01\x00\x00\x01a\x01\x00\x03+/#\x01");
    }

    #[test]
    fn acknowledgements_carry_the_identifier_and_only_pubrel_flags() {
        let mut out = Vec::new();
        put_ack(&mut out, kind::PUBACK, 0x0102);
        put_ack(&mut out, kind::PUBREL, 3);
        assert_eq!(out, b"\x40\x02\x01\x02\x62\x02\x00\x03");
    }
}
