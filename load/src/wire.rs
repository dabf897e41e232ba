//! The few packets of MQTT 3.1.1 and 5.0 that a load generator needs: written by hand, and a
//! scanner that finds the frames in what a broker sends.
//!
//! This is deliberately not the engine's codec: a fault there must not hide itself here, and the
//! generator should cost a small part of what any broker costs.

mod frame;
mod packets;
mod template;

use std::fmt;

pub use frame::{Ack, Connack, Frame, Publish, WireError, next_frame};
pub use packets::{Connect, connect, framed, put_ack, subscribe, subscribe_all};
pub use template::{Message, PublishTemplate};

/// Packet types as they stand in the upper half of a frame's first byte (section 2.2.1).
pub mod kind {
    #![expect(missing_docs, reason = "the names are the standard's own")]
    pub const CONNECT: u8 = 1;
    pub const CONNACK: u8 = 2;
    pub const PUBLISH: u8 = 3;
    pub const PUBACK: u8 = 4;
    pub const PUBREC: u8 = 5;
    pub const PUBREL: u8 = 6;
    pub const PUBCOMP: u8 = 7;
    pub const SUBSCRIBE: u8 = 8;
    pub const SUBACK: u8 = 9;
    pub const PINGREQ: u8 = 12;
    pub const PINGRESP: u8 = 13;
    pub const DISCONNECT: u8 = 14;
}

/// A whole PINGREQ.
pub const PINGREQ: [u8; 2] = [kind::PINGREQ << 4, 0];
/// A whole DISCONNECT.
pub const DISCONNECT: [u8; 2] = [kind::DISCONNECT << 4, 0];
/// A whole PINGRESP.
pub const PINGRESP: [u8; 2] = [kind::PINGRESP << 4, 0];
/// A whole CONNACK of 3.1.1: accepted, no session present.
pub const CONNACK: [u8; 4] = [kind::CONNACK << 4, 2, 0, 0];

/// The protocol that a connection speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
pub enum Version {
    /// MQTT 3.1.1
    #[default]
    #[value(name = "3.1.1", alias = "311", alias = "4")]
    #[serde(rename = "3.1.1")]
    V3_1_1,
    /// MQTT 5.0
    #[value(name = "5", alias = "5.0")]
    #[serde(rename = "5.0")]
    V5,
}

impl Version {
    /// The Protocol Level or Protocol Version of a CONNECT (section 3.1.2.2).
    const fn level(self) -> u8 {
        match self {
            Self::V3_1_1 => 4,
            Self::V5 => 5,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V3_1_1 => "MQTT 3.1.1",
            Self::V5 => "MQTT 5.0",
        })
    }
}

/// Quality of service (section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, serde::Serialize)]
pub enum Qos {
    /// Fire and forget.
    #[value(name = "0")]
    #[serde(rename = "0")]
    AtMostOnce,
    /// PUBLISH, PUBACK.
    #[value(name = "1")]
    #[serde(rename = "1")]
    AtLeastOnce,
    /// PUBLISH, PUBREC, PUBREL, PUBCOMP.
    #[value(name = "2")]
    #[serde(rename = "2")]
    ExactlyOnce,
}

impl Qos {
    /// The number on the wire.
    #[must_use]
    pub const fn level(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Qos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.level().fmt(f)
    }
}

/// Appends a UTF-8 Encoded String (section 1.5.3, in 5.0 1.5.4).
fn put_text(out: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).expect("a name of at most 65,535 bytes");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Appends a Remaining Length or a length of properties: one to four bytes.
fn put_length(out: &mut Vec<u8>, mut length: usize) {
    assert!(length < 1 << 28, "a packet of {length} bytes is longer than MQTT allows");
    loop {
        let low = u8::try_from(length & 0x7f).expect("seven bits fit a byte");
        length >>= 7;
        out.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            return;
        }
    }
}
