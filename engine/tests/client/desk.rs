//! A client on the test's desk: every step is followed by `check()`.

use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;
use surewire_engine::client::{Client, Input, Options, Output, Token};
use surewire_engine::id::PacketId;
use surewire_engine::message::Content;
use surewire_engine::packet::{
    Ack, Connack, Packet, Properties, PropertySet, Publish, QoS, ReasonCode, SubscribeFilter,
    SubscribeOptions,
};
use surewire_engine::time::Time;
use surewire_engine::topic::TopicName;

pub(crate) struct Desk {
    pub(crate) client: Client,
    pub(crate) now: Time,
}

impl Desk {
    /// Without a connection.
    pub(crate) fn new(options: Options) -> Self {
        Self { client: Client::new(options), now: Time::from_secs(1_000_000) }
    }

    /// Connected, with a new session at the server.
    pub(crate) fn connected(options: Options) -> Self {
        let mut desk = Self::new(options);
        desk.connect(false);
        desk
    }

    pub(crate) fn step(&mut self, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        self.client.handle(self.now, input, &mut out);
        self.client.check();
        out
    }

    pub(crate) fn receive(&mut self, packet: Packet) -> Vec<Output> {
        self.step(Input::Received(packet))
    }

    /// Opens the transport and has the server accept; returns what follows `Connected`.
    pub(crate) fn connect(&mut self, session_present: bool) -> Vec<Output> {
        self.step(Input::Opened);
        let mut out = self.receive(connack(ReasonCode::Success, session_present));
        assert_eq!(out.remove(0), Output::Connected { session_present });
        out
    }

    pub(crate) fn publish(&mut self, token: u64, qos: QoS, payload: &'static str) -> Vec<Output> {
        self.step(Input::Publish { token: Token(token), content: content(qos, payload) })
    }

    /// Lets time pass up to `by`, stopping at every deadline; returns all that came out.
    pub(crate) fn advance(&mut self, by: Duration) -> Vec<Output> {
        let end = self.now + by;
        let mut all = Vec::new();
        while let Some(due) = self.client.next_timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            let out = self.step(Input::Timeout);
            assert!(!out.is_empty(), "a deadline without effect would spin");
            all.extend(out);
        }
        self.now = end;
        all
    }
}

pub(crate) fn options() -> Options {
    Options::new(ByteString::from_static("c"))
}

pub(crate) fn persistent() -> Options {
    Options { clean_start: false, ..options() }
}

pub(crate) fn content(qos: QoS, payload: &'static str) -> Content {
    Content {
        topic: TopicName::new(ByteString::from_static("t")).unwrap(),
        payload: Bytes::from_static(payload.as_bytes()),
        qos,
        retain: false,
        properties: Properties::NONE,
    }
}

pub(crate) fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

pub(crate) fn ack(n: u16) -> Ack {
    Ack::new(id(n))
}

pub(crate) fn connack(code: ReasonCode, session_present: bool) -> Packet {
    Packet::Connack(Connack { session_present, code, properties: Properties::NONE })
}

pub(crate) fn connack_with(set: PropertySet) -> Packet {
    let properties = set.into();
    Packet::Connack(Connack { session_present: false, code: ReasonCode::Success, properties })
}

/// A PUBLISH on topic `t`; id 0 for QoS 0.
pub(crate) fn publish(qos: QoS, n: u16, payload: &'static str, dup: bool) -> Packet {
    let content = content(qos, payload);
    Packet::Publish(Publish {
        dup,
        qos,
        retain: false,
        topic: Some(content.topic),
        packet_id: PacketId::new(n),
        properties: Properties::NONE,
        payload: content.payload,
    })
}

pub(crate) fn filter(text: &'static str) -> SubscribeFilter {
    SubscribeFilter { filter: text.into(), options: SubscribeOptions::default() }
}

/// The packets among the outputs.
pub(crate) fn sent(out: &[Output]) -> Vec<Packet> {
    out.iter()
        .filter_map(|output| match output {
            Output::Send(packet) => Some(packet.clone()),
            _ => None,
        })
        .collect()
}

pub(crate) fn send(packet: Packet) -> Output {
    Output::Send(packet)
}

pub(crate) fn acknowledged(token: u64) -> Output {
    Output::Acknowledged { token: Token(token), code: ReasonCode::Success }
}
