//! The bytes of MQTT's packets: all versions, both directions, one model.
//!
//! [`take_packet`] takes a [`Packet`] off the front of a read buffer; [`take_packets`] takes several
//! that are alike at once. A connection's first packet goes by [`frame_len`] and [`decode_connect`].
//! Decoding copies nothing but what is large, allocates only for what is really there, and has an
//! answer for every sequence of bytes.
//!
//! What can be judged from one packet alone is judged here; what needs the connection (a second
//! CONNECT, an alias above the maximum) is the engine's, and [`check_from_client`] stands between.
//!
//! Layout: `header` and `reader` for what comes in, `writer` for what goes out, `properties` and
//! `reason` for the standard's tables, and one file for each family of packets.

mod ack;
mod acks;
mod auth;
mod connack;
mod connect;
mod disconnect;
mod header;
mod properties;
mod publish;
mod reader;
mod reason;
mod run;
mod sender;
mod suback;
mod subscribe;
mod unsubscribe;
mod writer;

use std::sync::Arc;

use bytes::{Buf, Bytes};

use crate::action::{Delivery, Outgoing};
use crate::message::LARGE_PAYLOAD;
use crate::packet::PacketType;
use crate::packet::{Connect, Packet, Properties, Version};
use crate::violation::Violation;
use header::Header;
use properties::Carrier;
use publish::Head;
use reader::Reader;
use writer::{Length, Sink};

pub(crate) use acks::MOST as MOST_ACKS;
pub use acks::{AckKind, Acks, cut_acks};
pub use connect::BadConnect;
pub use reason::return_code_v3;
pub use run::{Lengths, Numbers, Run, cut_run};
pub use sender::check_from_client;

/// What the decoder allows beyond the standard's own rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a whole packet, fixed header included.
    pub max_packet_size: usize,
    /// User Properties in one packet.
    pub max_user_properties: usize,
    /// Whether control characters in text end the connection.
    pub reject_control_chars: bool,
}

/// Checks the first byte that a connection brings: it must open a CONNECT. Whoever speaks another
/// protocol is found out here, before a length is believed.
///
/// # Errors
/// Another packet type, or flags that a CONNECT does not have.
pub fn check_first_byte(first: u8) -> Result<(), Violation> {
    match first {
        0x10 => Ok(()),
        0x11..=0x1F => Err(Violation::ReservedFlags { packet: 1, flags: first & 0x0F }),
        _ => Err(Violation::NotConnect { found: first >> 4 }),
    }
}

/// The length in bytes of the packet at the front of `buf`, fixed header included; `None` while
/// the fixed header is incomplete. The packet itself need not be complete.
///
/// # Errors
/// An over-long Remaining Length, or a packet larger than `max_packet_size`.
pub fn frame_len(buf: &[u8], max_packet_size: usize) -> Result<Option<usize>, Violation> {
    let Some(header) = header::parse(buf)? else { return Ok(None) };
    header.check_size(max_packet_size)?;
    Ok(Some(header.packet_len()))
}

/// Appends a message's properties as a PUBLISH of MQTT 5.0 has them, their length first.
pub(crate) fn write_message_properties(properties: &Properties, out: &mut Vec<u8>) {
    properties::write(Version::V5, properties, out);
}

/// The number of bytes that [`write_message_properties`] appends.
pub(crate) fn message_properties_len(properties: &Properties) -> usize {
    let mut length = Length::default();
    properties::write(Version::V5, properties, &mut length);
    length.bytes
}

/// Reads what [`write_message_properties`] wrote; they own their memory.
pub(crate) fn read_message_properties(list: &Bytes) -> Result<Properties, Violation> {
    let limits = Limits {
        max_packet_size: usize::MAX,
        max_user_properties: usize::MAX,
        reject_control_chars: false,
    };
    let mut reader = Reader::new(list, 0, &limits);
    let properties = properties::decode(Version::V5, Carrier::Publish, &mut reader)?;
    reader.finish()?;
    Ok(properties.detached())
}

/// Decodes the first packet of a connection, which must be a CONNECT. `frame` is one whole packet.
///
/// # Errors
/// What is wrong with it.
#[expect(clippy::needless_pass_by_value, reason = "called as decode is: the frame is given away")]
pub fn decode_connect(frame: Bytes, limits: &Limits) -> Result<Box<Connect>, BadConnect> {
    check_first_byte(*frame.first().ok_or(Violation::Truncated)?)?;
    let header = header::of_frame(&frame, limits.max_packet_size)?;
    connect::decode(Reader::new(&frame, header.len, limits)).map(Box::new)
}

/// Takes the packet off the front of a read buffer of a connection whose version is known; `None`
/// while it is incomplete. Payload and text are views into `buf`, but a packet of [`LARGE_PAYLOAD`]
/// bytes or more gets an allocation of its own: it must not pin what others read into.
///
/// # Errors
/// What is wrong with it. Nothing that follows can be made sense of.
pub fn take_packet(
    version: Version,
    buf: &mut Bytes,
    limits: &Limits,
) -> Result<Option<Packet>, Violation> {
    let Some(header) = header::parse(buf)? else { return Ok(None) };
    header.check_size(limits.max_packet_size)?;
    let len = header.packet_len();
    if len > buf.len() {
        return Ok(None);
    }
    let packet_type = header::packet_type(version, header.first)?;
    if packet_type == PacketType::Publish || len >= LARGE_PAYLOAD {
        let frame = buf.split_to(len);
        let frame = if len >= LARGE_PAYLOAD { Bytes::copy_from_slice(&frame) } else { frame };
        return decode_frame(version, packet_type, &header, frame, limits).map(Some);
    }
    // What is small and has no payload is read where it stands.
    let packet = decode_body(version, packet_type, Reader::within(buf, header.len..len, limits));
    buf.advance(len);
    packet.map(Some)
}

/// What stands at the front of a read buffer.
#[derive(Clone, Debug)]
pub enum Packets {
    /// A packet by itself.
    One(Packet),
    /// PUBLISH packets that are alike.
    Run(Arc<Run>),
    /// Acknowledgements that are alike.
    Acks(Acks),
}

/// Takes the packets that are complete at the front of `buf`: several at once, if they are alike, or
/// one. `None`: none is complete.
///
/// # Errors
/// As [`take_packet`].
// In place: what it returns is large, and mostly one packet.
#[inline]
pub fn take_packets(
    version: Version,
    buf: &mut Bytes,
    limits: &Limits,
) -> Result<Option<Packets>, Violation> {
    if let Some(run) = cut_run(version, buf, limits) {
        return Ok(Some(Packets::Run(Arc::new(run))));
    }
    if let Some(acks) = cut_acks(buf) {
        return Ok(Some(Packets::Acks(acks)));
    }
    take_packet(version, buf, limits).map(|packet| packet.map(Packets::One))
}

/// Decodes one whole packet of a connection whose version is known. Payload and text are views
/// into `frame`.
///
/// # Errors
/// What is wrong with it.
pub fn decode(version: Version, frame: Bytes, limits: &Limits) -> Result<Packet, Violation> {
    let header = header::of_frame(&frame, limits.max_packet_size)?;
    let packet_type = header::packet_type(version, header.first)?;
    decode_frame(version, packet_type, &header, frame, limits)
}

fn decode_frame(
    version: Version,
    packet_type: PacketType,
    header: &Header,
    frame: Bytes,
    limits: &Limits,
) -> Result<Packet, Violation> {
    if packet_type == PacketType::Publish {
        return publish::decode(version, header, frame, limits).map(Packet::Publish);
    }
    decode_body(version, packet_type, Reader::new(&frame, header.len, limits))
}

/// Anything but a PUBLISH, whose flags say more than its type.
fn decode_body(
    version: Version,
    packet_type: PacketType,
    reader: Reader<'_>,
) -> Result<Packet, Violation> {
    Ok(match packet_type {
        PacketType::Puback => Packet::Puback(ack::decode(version, reason::PUBACK, reader)?),
        PacketType::Pubrec => Packet::Pubrec(ack::decode(version, reason::PUBACK, reader)?),
        PacketType::Pubrel => Packet::Pubrel(ack::decode(version, reason::PUBREL, reader)?),
        PacketType::Pubcomp => Packet::Pubcomp(ack::decode(version, reason::PUBREL, reader)?),
        PacketType::Pingreq => reader.finish().map(|()| Packet::Pingreq)?,
        PacketType::Pingresp => reader.finish().map(|()| Packet::Pingresp)?,
        PacketType::Connect => {
            let decoded = connect::decode(reader).map_err(|bad| bad.violation)?;
            Packet::Connect(Box::new(decoded))
        }
        PacketType::Connack => Packet::Connack(connack::decode(version, reader)?),
        PacketType::Subscribe => Packet::Subscribe(Box::new(subscribe::decode(version, reader)?)),
        PacketType::Suback => Packet::Suback(Box::new(suback::decode_suback(version, reader)?)),
        PacketType::Unsubscribe => {
            Packet::Unsubscribe(Box::new(unsubscribe::decode(version, reader)?))
        }
        PacketType::Unsuback => {
            Packet::Unsuback(Box::new(suback::decode_unsuback(version, reader)?))
        }
        PacketType::Disconnect => Packet::Disconnect(disconnect::decode(version, reader)?),
        PacketType::Auth => Packet::Auth(auth::decode(reader)?),
        PacketType::Publish => unreachable!("decode_frame has taken it"),
    })
}

/// Appends the packet's bytes to `out`. What the version does not have is left out: a packet it
/// does not know at all leaves no bytes, and neither does one that no packet of the standard can
/// hold (text or data over 65,535 bytes, a Remaining Length over 268,435,455).
///
/// A CONNECT is written in its own version.
pub fn encode(version: Version, packet: &Packet, out: &mut Vec<u8>) {
    write(version, packet, out);
}

/// The number of bytes that [`encode`] appends.
#[must_use]
pub fn encoded_len(version: Version, packet: &Packet) -> usize {
    let mut length = Length::default();
    write(version, packet, &mut length);
    length.bytes
}

/// Appends a PUBLISH without its payload, which must follow, to `out`. Leaves no bytes where
/// [`Outgoing::encoded_len`] is 0: then the payload must not follow either.
pub fn encode_delivery_head(version: Version, delivery: &Delivery, out: &mut Vec<u8>) {
    Head::of_delivery(version, delivery).write(out);
}

impl Outgoing {
    /// Appends the packet's bytes, payload included, to `out`.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        match self {
            Self::Packet(packet) => encode(version, packet, out),
            Self::Publish(delivery) => {
                Head::of_delivery(version, delivery)
                    .write_with(&delivery.message.content().payload, out);
            }
            Self::Run(run, numbers) => run.encode(version, *numbers, out),
            Self::Acks(acks) => acks.encode(out),
        }
    }

    /// The number of bytes that [`Outgoing::encode`] appends.
    #[must_use]
    pub fn encoded_len(&self, version: Version) -> usize {
        match self {
            Self::Packet(packet) => encoded_len(version, packet),
            Self::Publish(delivery) => delivery.encoded_len(version),
            Self::Run(run, numbers) => run.lengths(version, numbers.is_some()).all,
            Self::Acks(acks) => acks.encoded_len(),
        }
    }
}

impl Delivery {
    /// The number of bytes of the PUBLISH, payload included.
    #[must_use]
    pub fn encoded_len(&self, version: Version) -> usize {
        Head::of_delivery(version, self).packet_len()
    }
}

fn write(version: Version, packet: &Packet, out: &mut impl Sink) {
    match packet {
        Packet::Publish(publish) => {
            if let Some(head) = Head::of_publish(version, publish) {
                head.write_with(&publish.payload, out);
            }
        }
        Packet::Puback(ack) => ack::write(version, PacketType::Puback, ack, out),
        Packet::Pubrec(ack) => ack::write(version, PacketType::Pubrec, ack, out),
        Packet::Pubrel(ack) => ack::write(version, PacketType::Pubrel, ack, out),
        Packet::Pubcomp(ack) => ack::write(version, PacketType::Pubcomp, ack, out),
        Packet::Pingreq => out.slice(&[PacketType::Pingreq.first_byte(), 0]),
        Packet::Pingresp => out.slice(&[PacketType::Pingresp.first_byte(), 0]),
        Packet::Connect(connect) => connect::write(connect, out),
        Packet::Connack(connack) => connack::write(version, connack, out),
        Packet::Subscribe(subscribe) => subscribe::write(version, subscribe, out),
        Packet::Suback(suback) => suback::write_suback(version, suback, out),
        Packet::Unsubscribe(unsubscribe) => unsubscribe::write(version, unsubscribe, out),
        Packet::Unsuback(unsuback) => suback::write_unsuback(version, unsuback, out),
        Packet::Disconnect(disconnect) => disconnect::write(version, disconnect, out),
        Packet::Auth(auth) => auth::write(version, auth, out),
    }
}
