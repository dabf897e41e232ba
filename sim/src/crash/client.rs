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

/// How long a connection may stay open that another one of the same client has taken over.
const TAKE_OVER: Duration = Duration::from_secs(10);

/// What a client learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is connected; whether the broker still had its session.
    Connected(bool),
    /// A message came.
    Message(Arrived),
    /// What was handed in under this number is acknowledged.
    Acknowledged(u64),
    /// The subscription of this number is there.
    Subscribed(u64),
    /// The subscription of this number is not there any more.
    Unsubscribed(u64),
    /// What was asked under this number has no answer: the connection went first.
    Unanswered(u64),
    /// The broker broke the protocol, or refused.
    Fault(String),
}

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Where it was published to.
    pub topic: String,
    /// The QoS that it came at.
    pub qos: QoS,
    /// Whether it was retained when the subscription was made.
    pub retain: bool,
    /// What it says.
    pub payload: String,
}

/// Whether a client has had a session, which then is there for ever.
#[derive(Debug)]
pub(super) struct Known {
    client: String,
    had_session: bool,
}

impl Known {
    pub(super) fn new(client: String) -> Self {
        Self { client, had_session: false }
    }

    /// What is wrong with what every client may see, and only then.
    pub(super) fn fault(&mut self, seen: &Seen) -> Option<String> {
        match seen {
            Seen::Connected(present) => {
                let lost = std::mem::replace(&mut self.had_session, true) && !present;
                lost.then(|| format!("{} lost its session", self.client))
            }
            Seen::Fault(why) => Some(format!("{}: {why}", self.client)),
            Seen::Message(_)
            | Seen::Acknowledged(_)
            | Seen::Subscribed(_)
            | Seen::Unsubscribed(_)
            | Seen::Unanswered(_) => None,
        }
    }
}

/// A client with a session that outlives its connections.
#[derive(Debug)]
pub struct Client {
    machine: client::Client,
    stream: Option<TcpStream>,
    /// Connections that were taken over, and until when they may stay.
    taken_over: Vec<(TcpStream, Option<Time>)>,
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
            taken_over: Vec::new(),
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

    /// Whether it is connected and accepted.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.machine.is_connected()
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

    /// Ends the subscriptions to `filters`.
    pub fn unsubscribe(&mut self, now: Time, number: u64, filters: &[&str]) {
        let filters = filters.iter().map(|filter| (*filter).into()).collect();
        self.hand_in(now, Input::Unsubscribe { token: Token(number), filters });
    }

    /// The connection is cut, as by a network: of what is to be sent only some bytes leave, as
    /// `share` decides, and what is still to be read is lost.
    pub fn cut(&mut self, now: Time, share: u64) {
        // Its answers are on their way then, too.
        self.read(now);
        let len = share % (self.unsent.len() as u64 + 1);
        let some = usize::try_from(len).ok().and_then(|len| self.unsent.get(..len));
        if let (Some(stream), Some(some)) = (&mut self.stream, some) {
            // What does not fit the socket is cut as well.
            let _ = stream.write(some);
        }
        self.lose(now);
    }

    /// Connects once more while it is connected. Whether it could.
    pub fn take_over(&mut self, now: Time, broker: SocketAddr) -> bool {
        let Some(old) = self.stream.take() else { return false };
        self.taken_over.push((old, None));
        self.unread.clear();
        self.unsent.clear();
        self.dial(now, broker);
        if self.stream.is_none() {
            self.lose(now);
        }
        self.stream.is_some()
    }

    /// Does what can be done without waiting, and returns what was learned.
    pub fn poll(&mut self, now: Time, broker: SocketAddr) -> Vec<Seen> {
        if self.stream.is_none() && self.retry_at <= now {
            self.dial(now, broker);
        }
        self.read(now);
        self.write(now);
        self.watch_taken_over(now);
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

    fn lose(&mut self, now: Time) {
        self.stream = None;
        self.unread.clear();
        self.unsent.clear();
        self.hand_in(now, Input::Lost);
    }

    fn read(&mut self, now: Time) {
        let mut buf = [0; 16 * 1024];
        while let Some(stream) = &mut self.stream {
            match stream.read(&mut buf) {
                Ok(0) => return self.lose(now),
                Ok(len) => self.unread.extend_from_slice(buf.get(..len).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return self.lose(now),
            }
            self.take_packets(now);
        }
    }

    fn take_packets(&mut self, now: Time) {
        let mut rest = Bytes::from(std::mem::take(&mut self.unread));
        loop {
            let packet = match codec::frame_len(&rest, LIMITS.max_packet_size) {
                Ok(Some(len)) if len <= rest.len() => {
                    codec::decode(Version::V3_1_1, rest.split_to(len), &LIMITS)
                }
                Ok(_) => break,
                Err(violation) => Err(violation),
            };
            let broken = packet.is_err();
            self.hand_in(now, packet.map_or_else(Input::Broken, Input::Received));
            if broken {
                return;
            }
        }
        self.unread = rest.to_vec();
    }

    fn write(&mut self, now: Time) {
        while let (Some(stream), false) = (&mut self.stream, self.unsent.is_empty()) {
            match stream.write(&self.unsent) {
                Ok(len) => drop(self.unsent.drain(..len)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return self.lose(now),
            }
        }
    }

    /// Reads old connections to their end, which has to come.
    fn watch_taken_over(&mut self, now: Time) {
        self.taken_over.retain_mut(|(stream, _)| !is_over(stream));
        let before = self.taken_over.len();
        self.taken_over.retain(|(_, until)| until.is_none_or(|until| now < until));
        if self.taken_over.len() < before {
            let fault = "a connection that was taken over is still open".to_owned();
            self.seen.push(Seen::Fault(fault));
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
                    self.stream = None;
                    self.seen.push(Seen::Fault(reason.to_string()));
                }
                Output::Connected { session_present } => {
                    for (_, until) in &mut self.taken_over {
                        until.get_or_insert(now + TAKE_OVER);
                    }
                    self.seen.push(Seen::Connected(session_present));
                }
                Output::Message(content) => self.seen.push(Seen::Message(arrived(&content))),
                Output::Acknowledged { token, .. } => self.seen.push(Seen::Acknowledged(token.0)),
                Output::Subscribed { codes, .. } if codes.iter().any(|code| code.is_error()) => {
                    self.seen.push(Seen::Fault(format!("SUBSCRIBE was answered {codes:?}")));
                }
                Output::Subscribed { token, .. } => self.seen.push(Seen::Subscribed(token.0)),
                Output::Unsubscribed { token, .. } => self.seen.push(Seen::Unsubscribed(token.0)),
                Output::Failed { token, .. } => self.seen.push(Seen::Unanswered(token.0)),
            }
        }
    }
}

fn arrived(content: &Content) -> Arrived {
    Arrived {
        topic: content.topic.as_str().to_owned(),
        qos: content.qos,
        retain: content.retain,
        payload: String::from_utf8_lossy(&content.payload).into_owned(),
    }
}

/// Whether the other end has closed it. What still came on it is of no interest.
fn is_over(stream: &mut TcpStream) -> bool {
    let mut buf = [0; 16 * 1024];
    loop {
        match stream.read(&mut buf) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}
