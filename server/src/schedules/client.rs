//! A client on a thread of its own.

use std::future::pending;

use bytes::Bytes;
use bytestring::ByteString;
use surewire_engine::codec::{self, Limits};
use surewire_engine::id::PacketId;
use surewire_engine::packet::{
    Ack, Connect, Disconnect, Packet, Properties, Publish, QoS, ReasonCode, Subscribe,
    SubscribeFilter, SubscribeOptions, Version,
};
use surewire_engine::topic::TopicName;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, split};

use super::environment::Door;
use crate::sync::step;

const LIMITS: Limits =
    Limits { max_packet_size: 1 << 20, max_user_properties: 100, reject_control_chars: false };

/// One connection of MQTT 3.1.1.
pub(super) struct Client {
    stream: DuplexStream,
    buf: Vec<u8>,
}

impl Client {
    /// Connects with a session that outlives the connection; `None` if the broker has stopped.
    pub(super) async fn connect(door: &Door, name: &str) -> Option<Self> {
        let mut client = Self { stream: door.connect(), buf: Vec::new() };
        let connect = Connect {
            version: Version::V3_1_1,
            clean_start: false,
            keep_alive: 0,
            client_id: ByteString::from(name),
            will: None,
            user_name: None,
            password: None,
            properties: Properties::NONE,
        };
        client.send(&Packet::Connect(Box::new(connect))).await;
        match client.receive().await {
            Some(Packet::Connack(connack)) if connack.code == ReasonCode::Success => Some(client),
            Some(Packet::Connack(_)) | None => None,
            Some(other) => panic!("{other:?}"),
        }
    }

    pub(super) async fn subscribe(&mut self, filter: &'static str) {
        let filter = SubscribeFilter {
            filter: ByteString::from_static(filter),
            options: SubscribeOptions { qos: QoS::AtLeastOnce, ..SubscribeOptions::default() },
        };
        let packet_id = PacketId::FIRST;
        let (filters, properties) = (vec![filter], Properties::NONE);
        let subscribe = Subscribe { packet_id, filters, properties };
        self.send(&Packet::Subscribe(Box::new(subscribe))).await;
        assert!(matches!(self.receive().await, Some(Packet::Suback(_))));
    }

    /// Sends a message at QoS 1 and does not wait for its PUBACK.
    pub(super) async fn publish(&mut self, topic: &str, id: u16, payload: &str) -> bool {
        let publish = Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: false,
            topic: TopicName::new(ByteString::from(topic)),
            packet_id: PacketId::new(id),
            properties: Properties::NONE,
            payload: Bytes::copy_from_slice(payload.as_bytes()),
        };
        self.send(&Packet::Publish(publish)).await
    }

    pub(super) async fn acknowledge(&mut self, id: PacketId) {
        self.send(&Packet::Puback(Ack::new(id))).await;
    }

    /// Ends the connection as the standard wants it, and waits until the broker has too.
    pub(super) async fn disconnect(mut self) {
        let (code, properties) = (ReasonCode::Success, Properties::NONE);
        self.send(&Packet::Disconnect(Disconnect { code, properties })).await;
        assert!(self.receive().await.is_none());
    }

    /// Whether the connection took it. Reads meanwhile: the broker may be waiting for that.
    pub(super) async fn send(&mut self, packet: &Packet) -> bool {
        let mut bytes = Vec::new();
        codec::encode(Version::V3_1_1, packet, &mut bytes);
        step();
        let (mut reading, mut writing) = split(&mut self.stream);
        let read = async {
            while let Ok(1..) = reading.read_buf(&mut self.buf).await {}
            pending().await
        };
        tokio::select! {
            biased;
            written = writing.write_all(&bytes) => written.is_ok(),
            never = read => never,
        }
    }

    /// The next packet; `None` at the connection's end.
    pub(super) async fn receive(&mut self) -> Option<Packet> {
        loop {
            let len = codec::frame_len(&self.buf, LIMITS.max_packet_size).unwrap();
            if let Some(len) = len.filter(|len| *len <= self.buf.len()) {
                let rest = self.buf.split_off(len);
                let frame = Bytes::from(std::mem::replace(&mut self.buf, rest));
                return Some(codec::decode(Version::V3_1_1, frame, &LIMITS).unwrap());
            }
            step();
            if self.stream.read_buf(&mut self.buf).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }
}
