//! Runs the pure client over a transport: bytes and time on one side, events on the other.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use surewire_engine::client::{Client, CloseReason, Input, Options, Output};
use surewire_engine::codec::{self, Limits};
use surewire_engine::packet::{Packet, Version};
use surewire_engine::time::Time;
use surewire_engine::violation::Violation;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::time::{Instant, sleep_until, timeout};

use super::dial_error::DialError;
use super::transport::{Stream, Target};
use super::words;

/// A client takes whatever the standard allows.
const LIMITS: Limits = Limits {
    max_packet_size: 268_435_460,
    max_user_properties: usize::MAX,
    reject_control_chars: false,
};
/// Bytes written and not yet taken by the transport, above which [`Link::is_busy`].
const BUSY: usize = 256 * 1024;
/// For the last bytes before the transport is closed.
const FAREWELL: Duration = Duration::from_secs(5);
/// The answer of a broker that knows no 5.0, in the form of the older versions.
const CONNACK_V3_LEN: usize = 4;

/// What the command is told.
#[derive(Debug)]
pub(super) enum Event {
    /// Anything but `Send` and `Close`.
    Told(Output),
    /// The client closed the connection.
    Closed(CloseReason),
    /// The transport ended; `None` when the broker closed it.
    Lost(Option<io::Error>),
    /// Less is waiting to be written: [`Link::is_busy`] or [`Link::is_flushed`] changed.
    Relieved,
}

/// A client and, at times, its transport.
pub(super) struct Link {
    client: Client,
    version: Version,
    target: Target,
    debug: bool,
    wire: Option<Wire>,
    events: VecDeque<Event>,
    outputs: Vec<Output>,
    started: Instant,
}

/// The two halves, so that one can wait to read while the other waits to write.
struct Wire {
    inward: Inward,
    outward: Outward,
}

struct Inward {
    reader: ReadHalf<Box<dyn Stream>>,
    buffer: BytesMut,
}

struct Outward {
    writer: WriteHalf<Box<dyn Stream>>,
    buffer: BytesMut,
    /// Something was written that the transport may still hold back.
    unflushed: bool,
}

impl Link {
    pub(super) fn new(options: Options, target: Target, debug: bool) -> Self {
        Self {
            version: options.version,
            client: Client::new(options),
            target,
            debug,
            wire: None,
            events: VecDeque::new(),
            outputs: Vec::new(),
            started: Instant::now(),
        }
    }

    /// Opens the transport and sends the CONNECT.
    ///
    /// # Errors
    /// Why no transport came up; the next [`Link::reconnect_delay`] counts it.
    pub(super) async fn open(&mut self) -> Result<(), DialError> {
        match self.target.dial().await {
            Ok(stream) => {
                self.wire = Some(Wire::new(stream));
                self.handle(Input::Opened);
                Ok(())
            }
            Err(error) => {
                self.handle(Input::Lost);
                Err(error)
            }
        }
    }

    /// Has the client act on something the command asks for.
    pub(super) fn handle(&mut self, input: Input) {
        let mut outputs = std::mem::take(&mut self.outputs);
        self.client.handle(self.now(), input, &mut outputs);
        for output in outputs.drain(..) {
            self.perform(output);
        }
        self.outputs = outputs;
    }

    /// Drives the connection until there is something to tell. May be dropped and called again.
    ///
    /// Packets are taken one at a time: what the command has not been told is not acknowledged.
    pub(super) async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.events.pop_front() {
                self.part_if_closed(&event).await;
                return event;
            }
            if !self.take_packet() {
                self.turn().await;
            }
        }
    }

    /// Says good-bye, where there is a connection, and closes it.
    pub(super) async fn leave(&mut self) {
        self.handle(Input::Disconnect);
        while self.wire.is_some() {
            match self.next().await {
                Event::Closed(_) | Event::Lost(_) => return,
                Event::Told(_) | Event::Relieved => {}
            }
        }
    }

    /// Whether much is written that the transport has not taken.
    pub(super) fn is_busy(&self) -> bool {
        self.wire.as_ref().is_some_and(|wire| wire.outward.buffer.len() > BUSY)
    }

    /// Whether the transport has taken everything.
    pub(super) fn is_flushed(&self) -> bool {
        self.wire.as_ref().is_none_or(|wire| wire.outward.is_idle())
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The protocol that is spoken.
    pub(super) const fn version(&self) -> Version {
        self.version
    }

    /// What else to check about a broker that does not answer.
    pub(super) fn hint(&self) -> &'static str {
        match (&self.target.trust, self.target.websocket) {
            (None, false) => ", and whether this port expects TLS (--cafile)",
            (Some(_), _) | (None, true) => "",
        }
    }

    /// `host:port` of the broker.
    pub(super) fn authority(&self) -> String {
        self.target.authority()
    }

    fn now(&self) -> Time {
        Time::from_secs(1) + self.started.elapsed()
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Send(packet) => self.send(&packet),
            Output::Close { reason } => self.events.push_back(Event::Closed(reason)),
            Output::Connected { .. }
            | Output::Message(_)
            | Output::Acknowledged { .. }
            | Output::Subscribed { .. }
            | Output::Unsubscribed { .. }
            | Output::Failed { .. } => self.events.push_back(Event::Told(output)),
        }
    }

    fn send(&mut self, packet: &Packet) {
        if self.debug {
            words::say(format_args!("{} sends {}", self.client.client_id(), words::packet(packet)));
        }
        if let Some(wire) = &mut self.wire {
            let mut bytes = Vec::new();
            codec::encode(self.version, packet, &mut bytes);
            wire.outward.buffer.extend_from_slice(&bytes);
        }
    }

    /// Hands one whole packet to the client, if there is one.
    fn take_packet(&mut self) -> bool {
        let Some(wire) = &mut self.wire else { return false };
        let input = match wire.inward.packet(self.version) {
            Ok(None) => return false,
            Ok(Some(packet)) => Input::Received(packet),
            Err(violation) => Input::Broken(violation),
        };
        if let (true, Input::Received(packet)) = (self.debug, &input) {
            let id = self.client.client_id();
            words::say(format_args!("{id} received {}", words::packet(packet)));
        }
        self.handle(input);
        self.check_timeout();
        true
    }

    /// Waits for the transport or for time, whichever is first.
    async fn turn(&mut self) {
        let before = (self.is_busy(), self.is_flushed());
        let due = self.client.next_timeout().map(|due| self.started + (due - Time::from_secs(1)));
        let Some(Wire { inward, outward }) = &mut self.wire else {
            return std::future::pending().await;
        };
        let done = tokio::select! {
            biased;
            done = outward.write(), if !outward.is_idle() => done.map(|()| None),
            done = inward.read() => done.map(Some),
            () = wait_until(due) => Ok(None),
        };
        match done {
            Ok(None) if before != (self.is_busy(), self.is_flushed()) => {
                self.events.push_back(Event::Relieved);
            }
            Ok(None) => {}
            Ok(Some(0)) => self.lost(None),
            Ok(Some(_)) => self.handle(Input::Alive),
            Err(error) => self.lost(Some(error)),
        }
        self.check_timeout();
    }

    /// Also while packets keep coming, or a client that only receives would never ping.
    fn check_timeout(&mut self) {
        if self.client.next_timeout().is_some_and(|due| due <= self.now()) {
            self.handle(Input::Timeout);
        }
    }

    fn lost(&mut self, error: Option<io::Error>) {
        self.wire = None;
        self.handle(Input::Lost);
        self.events.push_back(Event::Lost(error));
    }

    async fn part_if_closed(&mut self, event: &Event) {
        if !matches!(event, Event::Closed(_)) {
            return;
        }
        let Some(mut wire) = self.wire.take() else { return };
        // A peer that does not even take the last bytes has nothing to say to us either.
        let _ = timeout(FAREWELL, wire.outward.finish()).await;
    }
}

impl Wire {
    fn new(stream: Box<dyn Stream>) -> Self {
        let (reader, writer) = split(stream);
        let outward = Outward { writer, buffer: BytesMut::new(), unflushed: false };
        Self { inward: Inward { reader, buffer: BytesMut::new() }, outward }
    }
}

impl Inward {
    /// The number of bytes read, 0 at the end.
    async fn read(&mut self) -> io::Result<usize> {
        self.buffer.reserve(16 * 1024);
        self.reader.read_buf(&mut self.buffer).await
    }

    fn packet(&mut self, version: Version) -> Result<Option<Packet>, Violation> {
        let Some(len) = codec::frame_len(&self.buffer, LIMITS.max_packet_size)? else {
            return Ok(None);
        };
        if self.buffer.len() < len {
            return Ok(None);
        }
        let frame = self.buffer.split_to(len).freeze();
        codec::decode(answer_version(version, &frame), frame, &LIMITS).map(Some)
    }
}

impl Outward {
    fn is_idle(&self) -> bool {
        self.buffer.is_empty() && !self.unflushed
    }

    async fn write(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            self.writer.flush().await?;
            self.unflushed = false;
        } else {
            let count = self.writer.write(&self.buffer).await?;
            self.buffer.advance(count);
            self.unflushed = true;
        }
        Ok(())
    }

    async fn finish(&mut self) -> io::Result<()> {
        self.writer.write_all(&self.buffer).await?;
        self.writer.flush().await?;
        self.writer.shutdown().await
    }
}

/// A broker that does not know 5.0 answers a CONNECT of 5.0 as it would one of 3.1.1.
fn answer_version(version: Version, frame: &[u8]) -> Version {
    let is_old_connack = frame.first() == Some(&0x20) && frame.len() == CONNACK_V3_LEN;
    if version == Version::V5 && is_old_connack { Version::V3_1_1 } else { version }
}

async fn wait_until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
