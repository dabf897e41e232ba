//! A client over a real socket that never waits for it.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use surewire_engine::client::{self, Input, Options, Output, Token};
use surewire_engine::codec::{self, Limits};
use surewire_engine::message::Content;
use surewire_engine::packet::{Properties, QoS, SubscribeFilter, SubscribeOptions, Version};
use surewire_engine::time::Time;
use surewire_engine::topic::TopicName;

const LIMITS: Limits =
    Limits { max_packet_size: 1 << 20, max_user_properties: 100, reject_control_chars: false };

/// What a client learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is connected; whether the broker still had its session.
    Connected(bool),
    /// A message came: topic and payload.
    Message(String, String),
    /// What was handed in under this number is acknowledged.
    Acknowledged(u64),
    /// The subscription of this number is there.
    Subscribed(u64),
    /// The broker broke the protocol, or refused.
    Fault(String),
}

/// A client with a session that outlives its connections.
#[derive(Debug)]
pub struct Client {
    machine: client::Client,
    stream: Option<TcpStream>,
    unread: Vec<u8>,
    unsent: Vec<u8>,
    seen: Vec<Seen>,
    retry_at: Time,
}

impl Client {
    /// A client that is not connected yet.
    #[must_use]
    pub fn new(id: &str, clean_start: bool) -> Self {
        let options = Options { clean_start, keep_alive: 0, ..Options::new(id.into()) };
        Self {
            machine: client::Client::new(options),
            stream: None,
            unread: Vec::new(),
            unsent: Vec::new(),
            seen: Vec::new(),
            retry_at: Time::ZERO,
        }
    }

    /// Whether another message would be sent at once.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.machine.has_room()
    }

    /// Messages that are not acknowledged.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.machine.unacknowledged()
    }

    /// Publishes `payload` to `topic`.
    pub fn publish(
        &mut self,
        now: Time,
        number: u64,
        topic: &str,
        payload: &str,
        qos: QoS,
        retain: bool,
    ) {
        let topic = TopicName::new(topic.into()).expect("topics of the harness are valid");
        let payload = Bytes::copy_from_slice(payload.as_bytes());
        let content = Content { topic, payload, qos, retain, properties: Properties::NONE };
        self.hand_in(now, Input::Publish { token: Token(number), content });
    }

    /// Subscribes to `filters`.
    pub fn subscribe(&mut self, now: Time, number: u64, filters: &[(&str, QoS)]) {
        let filters = filters.iter().map(|(filter, qos)| SubscribeFilter {
            filter: (*filter).into(),
            options: SubscribeOptions { qos: *qos, ..SubscribeOptions::default() },
        });
        let filters = filters.collect();
        self.hand_in(now, Input::Subscribe { token: Token(number), filters });
    }

    /// The connection is cut, as by a network.
    pub fn cut(&mut self, now: Time) {
        self.stream = None;
        self.unread.clear();
        self.unsent.clear();
        self.hand_in(now, Input::Lost);
    }

    /// Whether it is connected and accepted.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.machine.is_connected()
    }

    /// Does what can be done without waiting, and returns what was learned.
    pub fn poll(&mut self, now: Time, broker: SocketAddr) -> Vec<Seen> {
        if self.stream.is_none() && self.retry_at <= now {
            self.dial(now, broker);
        }
        self.read(now);
        self.write(now);
        std::mem::take(&mut self.seen)
    }

    fn dial(&mut self, now: Time, broker: SocketAddr) {
        self.retry_at = now + Duration::from_millis(5);
        let Ok(stream) = TcpStream::connect(broker) else { return };
        if stream.set_nonblocking(true).is_err() || stream.set_nodelay(true).is_err() {
            return;
        }
        self.stream = Some(stream);
        self.hand_in(now, Input::Opened);
    }

    fn read(&mut self, now: Time) {
        let mut buf = [0; 16 * 1024];
        while let Some(stream) = &mut self.stream {
            match stream.read(&mut buf) {
                Ok(0) => return self.cut(now),
                Ok(len) => self.unread.extend_from_slice(buf.get(..len).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return self.cut(now),
            }
            self.take_packets(now);
        }
    }

    fn take_packets(&mut self, now: Time) {
        loop {
            let len = codec::frame_len(&self.unread, LIMITS.max_packet_size);
            let Some(len) = len.ok().flatten().filter(|len| *len <= self.unread.len()) else {
                return;
            };
            let rest = self.unread.split_off(len);
            let frame = Bytes::from(std::mem::replace(&mut self.unread, rest));
            match codec::decode(Version::V3_1_1, frame, &LIMITS) {
                Ok(packet) => self.hand_in(now, Input::Received(packet)),
                Err(violation) => self.hand_in(now, Input::Broken(violation)),
            }
        }
    }

    fn write(&mut self, now: Time) {
        while let (Some(stream), false) = (&mut self.stream, self.unsent.is_empty()) {
            match stream.write(&self.unsent) {
                Ok(len) => drop(self.unsent.drain(..len)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return self.cut(now),
            }
        }
    }

    fn hand_in(&mut self, now: Time, input: Input) {
        let mut outputs = Vec::new();
        self.machine.handle(now, input, &mut outputs);
        for output in outputs {
            match output {
                Output::Send(packet) => {
                    codec::encode(Version::V3_1_1, &packet, &mut self.unsent);
                }
                Output::Close { reason } => {
                    self.seen.push(Seen::Fault(reason.to_string()));
                    self.stream = None;
                }
                Output::Connected { session_present } => {
                    self.seen.push(Seen::Connected(session_present));
                }
                Output::Message(content) => {
                    let payload = String::from_utf8_lossy(&content.payload).into_owned();
                    self.seen.push(Seen::Message(content.topic.as_str().to_owned(), payload));
                }
                Output::Acknowledged { token, .. } => self.seen.push(Seen::Acknowledged(token.0)),
                Output::Subscribed { token, .. } => self.seen.push(Seen::Subscribed(token.0)),
                // A SUBSCRIBE without an answer is sent again.
                Output::Failed { .. } | Output::Unsubscribed { .. } => {}
            }
        }
    }
}
