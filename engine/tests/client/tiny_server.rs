//! A server that is as small as the properties of `loss` allow: it gives every message to one
//! subscriber, keeps both sessions, and repeats only when a client comes back.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use bytestring::ByteString;
use surewire_engine::id::PacketId;
use surewire_engine::packet::{Ack, Connack, Packet, Properties, Publish, QoS, ReasonCode};
use surewire_engine::topic::TopicName;

/// One client's state at the server.
#[derive(Default)]
struct Session {
    /// QoS 2 ids received and not released.
    received: BTreeSet<PacketId>,
    /// On its way to the client, by order: `None` once PUBREC came.
    outgoing: BTreeMap<u16, (QoS, Option<Bytes>)>,
    last_id: u16,
    /// Whether it said CONNECT and its connection has not ended since.
    connected: bool,
}

#[derive(Default)]
pub(crate) struct TinyServer {
    sessions: BTreeMap<String, Session>,
}

impl TinyServer {
    /// Takes a packet of client `from`; answers with packets and whom they are for.
    pub(crate) fn take(&mut self, from: &str, packet: Packet) -> Vec<(String, Packet)> {
        let mut out = Vec::new();
        let mut reply = |packet| out.push((from.to_owned(), packet));
        match packet {
            Packet::Connect(_) => {
                let known = self.sessions.contains_key(from);
                reply(connack(known));
                let session = self.sessions.entry(from.to_owned()).or_default();
                session.connected = true;
                session.repeat().into_iter().for_each(reply);
            }
            Packet::Publish(publish) => {
                let fresh = self.receive(from, &publish, &mut reply);
                out.extend(fresh.then(|| self.route(publish)).flatten());
            }
            Packet::Pubrel(ack) => {
                self.session(from).received.remove(&ack.packet_id);
                reply(Packet::Pubcomp(ack));
            }
            Packet::Puback(ack) | Packet::Pubcomp(ack) => {
                self.session(from).outgoing.remove(&ack.packet_id.get());
            }
            Packet::Pubrec(ack) => {
                if let Some(entry) = self.session(from).outgoing.get_mut(&ack.packet_id.get()) {
                    entry.1 = None;
                }
                reply(Packet::Pubrel(Ack::new(ack.packet_id)));
            }
            Packet::Pingreq => reply(Packet::Pingresp),
            other => panic!("the tiny server does not know {other:?}"),
        }
        out
    }

    /// Loses the client's session, as a broker without a disk does.
    pub(crate) fn forget(&mut self, client: &str) {
        self.sessions.remove(client);
    }

    /// The client's connection ended.
    pub(crate) fn closed(&mut self, client: &str) {
        if let Some(session) = self.sessions.get_mut(client) {
            session.connected = false;
        }
    }

    fn session(&mut self, client: &str) -> &mut Session {
        self.sessions.entry(client.to_owned()).or_default()
    }

    /// Acknowledges; whether the message is to be routed.
    fn receive(&mut self, from: &str, publish: &Publish, reply: &mut impl FnMut(Packet)) -> bool {
        let id = publish.packet_id.expect("QoS 1 and 2 only");
        if publish.qos == QoS::AtLeastOnce {
            reply(Packet::Puback(Ack::new(id)));
            return true;
        }
        reply(Packet::Pubrec(Ack::new(id)));
        self.session(from).received.insert(id)
    }

    /// Keeps it for the subscriber, and sends it if that is connected.
    fn route(&mut self, publish: Publish) -> Option<(String, Packet)> {
        let session = self.session("sub");
        session.last_id += 1;
        let id = session.last_id;
        session.outgoing.insert(id, (publish.qos, Some(publish.payload.clone())));
        let packet = message(id, publish.qos, publish.payload, false);
        session.connected.then(|| ("sub".to_owned(), packet))
    }
}

impl Session {
    fn repeat(&self) -> Vec<Packet> {
        let entries = self.outgoing.iter();
        entries
            .map(|(id, (qos, payload))| match payload {
                Some(payload) => message(*id, *qos, payload.clone(), true),
                None => Packet::Pubrel(Ack::new(PacketId::new(*id).unwrap())),
            })
            .collect()
    }
}

fn connack(session_present: bool) -> Packet {
    let properties = Properties::NONE;
    Packet::Connack(Connack { session_present, code: ReasonCode::Success, properties })
}

fn message(id: u16, qos: QoS, payload: Bytes, dup: bool) -> Packet {
    Packet::Publish(Publish {
        dup,
        qos,
        retain: false,
        topic: TopicName::new(ByteString::from_static("t")),
        packet_id: PacketId::new(id),
        properties: Properties::NONE,
        payload,
    })
}
