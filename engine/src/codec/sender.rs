//! What only servers send. The codec reads both directions; this tells them apart.

use super::reason;
use crate::packet::{Packet, Properties, ReasonCode};
use crate::violation::Violation;

/// Checks that a client may send this packet, with this reason code and these properties, at all.
///
/// # Errors
/// What only a server may send.
pub fn check_from_client(packet: &Packet) -> Result<(), Violation> {
    match packet {
        Packet::Connack(_) => Err(Violation::WrongDirection { packet: 2 }),
        Packet::Suback(_) => Err(Violation::WrongDirection { packet: 9 }),
        Packet::Unsuback(_) => Err(Violation::WrongDirection { packet: 11 }),
        Packet::Pingresp => Err(Violation::WrongDirection { packet: 13 }),
        Packet::Publish(publish) => check_publish(&publish.properties),
        Packet::Disconnect(disconnect) => {
            check_code(disconnect.code, reason::CLIENT_DISCONNECT)?;
            check_disconnect(&disconnect.properties)
        }
        Packet::Auth(auth) => check_code(auth.code, reason::CLIENT_AUTH),
        Packet::Connect(_)
        | Packet::Puback(_)
        | Packet::Pubrec(_)
        | Packet::Pubrel(_)
        | Packet::Pubcomp(_)
        | Packet::Subscribe(_)
        | Packet::Unsubscribe(_)
        | Packet::Pingreq => Ok(()),
    }
}

fn check_publish(properties: &Properties) -> Result<(), Violation> {
    if properties.get().subscription_identifiers.is_empty() {
        return Ok(());
    }
    Err(Violation::ServerProperty { id: 0x0B })
}

fn check_disconnect(properties: &Properties) -> Result<(), Violation> {
    if properties.get().server_reference.is_none() {
        return Ok(());
    }
    Err(Violation::ServerProperty { id: 0x1C })
}

fn check_code(code: ReasonCode, allowed: &[ReasonCode]) -> Result<(), Violation> {
    if allowed.contains(&code) {
        return Ok(());
    }
    Err(Violation::ReasonCode { code: code.byte() })
}
