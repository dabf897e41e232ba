//! A scripted client of the bench.

use std::time::Duration;

use bytes::Bytes;
use surewire_engine::codec::{self, Packets};
use surewire_engine::event::Event;
use surewire_engine::id::{ConnId, PacketId};
use surewire_engine::notice::CloseReason;
use surewire_engine::packet::{
    Ack, Disconnect, Packet, Properties, Publish, QoS, ReasonCode, Subscribe, SubscribeFilter,
    SubscribeOptions, Unsubscribe, Version, Will,
};
use surewire_engine::topic::TopicName;

use super::{Bench, GONE, LIMITS, peer};

/// One connection to the engine under test, and what came back on it. It answers nothing by
/// itself: a test acknowledges when it wants to, or calls [`Client::ack_all`].
pub struct Client {
    bench: Bench,
    conn: ConnId,
    anonymous: bool,
}

impl Client {
    pub(super) fn new(bench: Bench, conn: ConnId, anonymous: bool) -> Self {
        Self { bench, conn, anonymous }
    }

    /// The version that the client's packets are encoded by before any CONNECT was sent.
    pub fn set_version(&self, version: Version) {
        self.bench.with_wire(self.conn, |wire| wire.version = Some(version));
    }

    fn version(&self) -> Version {
        self.bench.with_wire(self.conn, |wire| wire.version).unwrap_or(Version::V3_1_1)
    }

    // -- towards the server

    /// Sends a packet.
    pub fn send(&self, packet: Packet) {
        self.send_all(&[packet]);
    }

    /// Sends packets in one write.
    pub fn send_all(&self, packets: &[Packet]) {
        let mut bytes = Vec::new();
        for packet in packets {
            codec::encode(self.version(), packet, &mut bytes);
            self.bench.with_wire(self.conn, |wire| wire.terms.sent(packet));
        }
        self.raw(&bytes);
    }

    /// Sends bytes, as many packets or as little of one as they are.
    pub fn raw(&self, bytes: &[u8]) {
        self.bench.with_wire(self.conn, |wire| wire.partial.extend_from_slice(bytes));
        while self.is_open() && self.hand_in_one() {}
    }

    /// Hands the first complete packet to the engine, as a shell would; false if there is none.
    fn hand_in_one(&self) -> bool {
        let conn = self.conn;
        let opened = self.bench.with_wire(conn, |wire| wire.opened);
        let partial = self.bench.with_wire(conn, |wire| wire.partial.clone());
        let Some(first) = partial.first() else { return false };
        if opened && self.hand_in_several(&partial) {
            return true;
        }
        let frame = match codec::frame_len(&partial, LIMITS.max_packet_size) {
            _ if !opened && codec::check_first_byte(*first).is_err() => {
                Err(codec::check_first_byte(*first).unwrap_err())
            }
            Ok(Some(len)) if len <= partial.len() => Ok(Bytes::copy_from_slice(&partial[..len])),
            Ok(_) => return false,
            Err(violation) => Err(violation),
        };
        let len = frame.as_ref().map_or(partial.len(), Bytes::len);
        self.bench.with_wire(conn, |wire| wire.partial.drain(..len).count());
        let event = if opened {
            match frame.and_then(|frame| codec::decode(self.version(), frame, &LIMITS)) {
                Ok(packet) => Event::Received { conn, packet },
                Err(violation) => Event::Broken { conn, violation },
            }
        } else {
            let first = match frame {
                Ok(frame) => codec::decode_connect(frame, &LIMITS),
                Err(violation) => Err(violation.into()),
            };
            let version = match &first {
                Ok(connect) => connect.version,
                Err(bad) => bad.version.unwrap_or(Version::V3_1_1),
            };
            self.bench.with_wire(conn, |wire| {
                wire.opened = true;
                wire.version = Some(version);
            });
            Event::Opened { conn, peer: peer(self.anonymous), first }
        };
        self.bench.event(event);
        true
    }

    /// Hands in packets that are alike at once, as a shell would; false if there are none.
    fn hand_in_several(&self, partial: &[u8]) -> bool {
        let (conn, mut rest) = (self.conn, Bytes::copy_from_slice(partial));
        let several = match codec::take_packets(self.version(), &mut rest, &LIMITS) {
            Ok(Some(several @ (Packets::Run(_) | Packets::Acks(_)))) => several,
            Ok(Some(Packets::One(_)) | None) | Err(_) => return false,
        };
        self.bench.with_wire(conn, |wire| wire.partial = rest.to_vec());
        self.bench.event(Event::received(conn, several));
        true
    }

    /// Publishes without waiting for anything; returns the packet id of QoS 1 and 2.
    pub fn publish(&self, topic: &str, qos: u8, payload: &str) -> u16 {
        self.publish_with(topic, qos, false, payload)
    }

    /// The same with RETAIN 1.
    pub fn retain(&self, topic: &str, qos: u8, payload: &str) -> u16 {
        self.publish_with(topic, qos, true, payload)
    }

    fn publish_with(&self, topic: &str, qos: u8, retain: bool, payload: &str) -> u16 {
        let id = if qos == 0 { 0 } else { self.bench.next_packet_id() };
        self.publish_as(topic, qos, retain, payload, id, false);
        id
    }

    /// Publishes with this packet id and DUP flag.
    pub fn publish_as(
        &self,
        topic: &str,
        qos: u8,
        retain: bool,
        payload: &str,
        id: u16,
        dup: bool,
    ) {
        self.send(Packet::Publish(Publish {
            dup,
            qos: QoS::from_bits(qos).unwrap(),
            retain,
            topic: Some(TopicName::new(topic.into()).unwrap()),
            packet_id: PacketId::new(id),
            properties: Properties::NONE,
            payload: Bytes::copy_from_slice(payload.as_bytes()),
        }));
    }

    /// Publishes at QoS 1 or 2 and goes through the whole exchange.
    pub fn publish_acked(&self, topic: &str, qos: u8, payload: &str) {
        let id = self.publish(topic, qos, payload);
        match qos {
            1 => assert_eq!(self.take(), [puback(id)]),
            2 => {
                assert_eq!(self.take(), [pubrec(id)]);
                self.send(pubrel(id));
                assert_eq!(self.take(), [pubcomp(id)]);
            }
            _ => {}
        }
    }

    /// Subscribes to one filter and takes the SUBACK, which must grant it.
    pub fn subscribe(&self, filter: &str, qos: u8) {
        let codes = self.subscribe_many(&[(filter, qos)]);
        assert_eq!(codes, [qos], "granted QoS of {filter}");
    }

    /// Subscribes to filters in one SUBSCRIBE; returns the codes of the SUBACK, which must be the
    /// next packet.
    pub fn subscribe_many(&self, filters: &[(&str, u8)]) -> Vec<u8> {
        let id = self.bench.next_packet_id();
        self.subscribe_as(id, filters);
        match self.next() {
            Some(Packet::Suback(suback)) => {
                assert_eq!(suback.packet_id.get(), id, "packet id of the SUBACK");
                suback.codes.iter().map(|code| code.byte()).collect()
            }
            other => panic!("expected SUBACK, got {other:?}"),
        }
    }

    /// Sends a SUBSCRIBE and leaves the answer in the inbox.
    pub fn subscribe_as(&self, id: u16, filters: &[(&str, u8)]) {
        let filters = filters.iter().map(|(filter, qos)| SubscribeFilter {
            filter: (*filter).into(),
            options: SubscribeOptions {
                qos: QoS::from_bits(*qos).unwrap(),
                ..SubscribeOptions::default()
            },
        });
        self.send(Packet::Subscribe(Box::new(Subscribe {
            packet_id: PacketId::new(id).unwrap(),
            filters: filters.collect(),
            properties: Properties::NONE,
        })));
    }

    /// Sends an UNSUBSCRIBE and leaves the answer in the inbox.
    pub fn unsubscribe_as(&self, id: u16, filters: &[&str]) {
        self.send(Packet::Unsubscribe(Box::new(Unsubscribe {
            packet_id: PacketId::new(id).unwrap(),
            filters: filters.iter().map(|filter| (*filter).into()).collect(),
            properties: Properties::NONE,
        })));
    }

    /// Unsubscribes from the filters; the UNSUBACK must be the next packet.
    pub fn unsubscribe(&self, filters: &[&str]) {
        let id = self.bench.next_packet_id();
        self.unsubscribe_as(id, filters);
        match self.take().as_slice() {
            [Packet::Unsuback(unsuback)] => assert_eq!(unsuback.packet_id.get(), id),
            other => panic!("expected UNSUBACK, got {other:?}"),
        }
    }

    /// Sends DISCONNECT. The server must then end the connection.
    pub fn disconnect(&self) {
        let code = ReasonCode::Success;
        self.send(Packet::Disconnect(Disconnect { code, properties: Properties::NONE }));
        assert!(self.closed().is_some(), "still open after DISCONNECT");
    }

    /// Loses the connection without DISCONNECT.
    pub fn lose(&self) {
        self.bench.event(Event::Closed { conn: self.conn, why: GONE });
    }

    /// The client's transport takes nothing more, or takes everything again.
    pub fn stuck(&self, stuck: bool) {
        self.bench.with_wire(self.conn, |wire| wire.stuck = stuck);
        while self.bench.report_written(|wire| wire.report) {}
    }

    // -- from the server

    /// Takes everything that came since the last look.
    pub fn take(&self) -> Vec<Packet> {
        self.bench.with_wire(self.conn, |wire| std::mem::take(&mut wire.inbox))
    }

    /// Takes the first of what came.
    pub fn next(&self) -> Option<Packet> {
        let first = |inbox: &mut Vec<Packet>| (!inbox.is_empty()).then(|| inbox.remove(0));
        self.bench.with_wire(self.conn, |wire| first(&mut wire.inbox))
    }

    /// Takes the last of what came.
    pub fn pop(&self) -> Option<Packet> {
        self.bench.with_wire(self.conn, |wire| wire.inbox.pop())
    }

    /// A packet identifier that no other client uses.
    pub fn fresh_id(&self) -> u16 {
        self.bench.next_packet_id()
    }

    /// Every byte that ever came.
    pub fn bytes(&self) -> Vec<u8> {
        self.bench.with_wire(self.conn, |wire| wire.sent.clone())
    }

    /// Takes what came, all of which must be PUBLISH, as `topic=payload qN` with ` dup` and
    /// ` retain` behind where set.
    pub fn messages(&self) -> Vec<String> {
        self.take().iter().map(show).collect()
    }

    /// Takes everything that came, each packet in words: see [`describe`].
    pub fn seen(&self) -> Vec<String> {
        self.take().iter().map(describe).collect()
    }

    /// Takes what came and goes through all exchanges it asks for until nothing more comes; returns
    /// the messages as [`Client::messages`] does.
    pub fn ack_all(&self) -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            let packets = self.take();
            if packets.is_empty() {
                return seen;
            }
            for packet in packets {
                match &packet {
                    Packet::Publish(publish) => {
                        seen.push(show(&packet));
                        let id = publish.packet_id.map_or(0, PacketId::get);
                        match publish.qos {
                            QoS::AtMostOnce => {}
                            QoS::AtLeastOnce => self.send(puback(id)),
                            QoS::ExactlyOnce => self.send(pubrec(id)),
                        }
                    }
                    Packet::Pubrel(ack) => self.send(pubcomp(ack.packet_id.get())),
                    other => panic!("expected PUBLISH or PUBREL, got {other:?}"),
                }
            }
            self.bench.settle();
        }
    }

    /// Takes the CONNACK, which must be the first packet, accept, and say this of the session.
    #[track_caller]
    pub fn expect_connack(&self, session_present: bool) {
        match self.next() {
            Some(Packet::Connack(connack)) => {
                assert_eq!(connack.code, ReasonCode::Success, "CONNACK");
                assert_eq!(connack.session_present, session_present, "Session Present");
            }
            other => panic!("expected CONNACK, got {other:?}"),
        }
    }

    /// Whether and why the server ended the connection.
    pub fn closed(&self) -> Option<CloseReason> {
        self.bench.with_wire(self.conn, |wire| wire.closed)
    }

    /// The server must have ended the connection without any packet since the last look.
    #[track_caller]
    pub fn expect_silent_close(&self) {
        assert_eq!(self.take(), [], "an answer");
        assert!(!self.is_open(), "still open");
    }

    pub fn is_open(&self) -> bool {
        self.closed().is_none()
    }

    /// Bytes that the server has sent and the client's transport has not taken.
    pub fn untaken(&self) -> u64 {
        self.bench.with_wire(self.conn, |wire| wire.untaken)
    }

    /// The client's transport, which is stuck, takes this many bytes.
    pub fn take_bytes(&self, bytes: u64) {
        self.bench.with_wire(self.conn, |wire| wire.untaken -= bytes);
        self.bench.event(Event::Written { conn: self.conn, bytes });
    }

    /// Whether the engine waits to hear of the next bytes that the transport takes.
    pub fn is_watched(&self) -> bool {
        self.bench.with_wire(self.conn, |wire| wire.report)
    }

    /// Whether the server has stopped reading from this client.
    pub fn is_paused(&self) -> bool {
        self.bench.with_wire(self.conn, |wire| wire.paused)
    }

    /// Sends PINGREQ and expects exactly the PINGRESP.
    pub fn ping(&self) {
        self.send(Packet::Pingreq);
        assert_eq!(self.take(), [Packet::Pingresp]);
    }

    pub fn conn(&self) -> ConnId {
        self.conn
    }

    pub fn wait(&self, time: Duration) {
        self.bench.advance(time);
    }
}

/// A PUBLISH as `topic=payload qN[ dup][ retain]`; with `@alias` behind the topic if it has one.
pub fn show(packet: &Packet) -> String {
    let Packet::Publish(publish) = packet else { panic!("expected PUBLISH, got {packet:?}") };
    let mut topic = publish.topic.as_ref().map_or("", TopicName::as_str).to_owned();
    if let Some(alias) = publish.properties.get().topic_alias {
        topic += &format!("@{alias}");
    }
    let payload = String::from_utf8_lossy(&publish.payload);
    let dup = if publish.dup { " dup" } else { "" };
    let retain = if publish.retain { " retain" } else { "" };
    format!("{topic}={payload} q{}{dup}{retain}", publish.qos as u8)
}

/// Any packet in a few words: `topic=payload qN #id`, `pubrel 3`, `suback 3 [0, 128]`.
pub fn describe(packet: &Packet) -> String {
    match packet {
        Packet::Publish(publish) => match publish.packet_id {
            Some(id) => format!("{} #{id}", show(packet)),
            None => show(packet),
        },
        Packet::Connack(_) => "connack".into(),
        Packet::Puback(ack) => format!("puback {}", ack.packet_id),
        Packet::Pubrec(ack) => format!("pubrec {}", ack.packet_id),
        Packet::Pubrel(ack) => format!("pubrel {}", ack.packet_id),
        Packet::Pubcomp(ack) => format!("pubcomp {}", ack.packet_id),
        Packet::Suback(ack) => {
            let codes: Vec<u8> = ack.codes.iter().map(|code| code.byte()).collect();
            format!("suback {} {codes:?}", ack.packet_id)
        }
        Packet::Unsuback(ack) => format!("unsuback {}", ack.packet_id),
        Packet::Pingresp => "pingresp".into(),
        other => format!("{other:?}"),
    }
}

/// A Will at this topic.
pub fn will(topic: &str, payload: &str, qos: u8, retain: bool) -> Option<Box<Will>> {
    Some(Box::new(Will {
        topic: TopicName::new(topic.into()).unwrap(),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        qos: QoS::from_bits(qos).unwrap(),
        retain,
        properties: Properties::NONE,
    }))
}

fn ack(id: u16) -> Ack {
    Ack::new(PacketId::new(id).unwrap())
}

pub fn puback(id: u16) -> Packet {
    Packet::Puback(ack(id))
}

pub fn pubrec(id: u16) -> Packet {
    Packet::Pubrec(ack(id))
}

pub fn pubrel(id: u16) -> Packet {
    Packet::Pubrel(ack(id))
}

pub fn pubcomp(id: u16) -> Packet {
    Packet::Pubcomp(ack(id))
}
