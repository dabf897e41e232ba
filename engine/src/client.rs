//! The client's side of MQTT as a pure machine, like the broker's: inputs and time in, outputs
//! out, no I/O. The command line, the bridge, the simulation and the load generator share it.
//!
//! The shell opens a transport and says [`Input::Opened`]; from there on it hands in what comes
//! and performs what goes out. When the transport is gone it says [`Input::Lost`], waits for
//! [`Client::reconnect_delay`] and tries again: messages in flight, and the ids of QoS 2 messages
//! half received, outlive the connection as the session does.
//!
//! Reading order: [`Input`] and [`Output`] are the contract; `link` is the life of a connection
//! with its timers, `outbox` the messages on their way out with `exchange` as their state machine,
//! `inbox` the messages on their way in, `requests` the subscriptions asked for.

mod backoff;
mod exchange;
mod fault;
mod ids;
mod inbox;
mod input;
mod link;
mod options;
mod outbox;
mod output;
mod receive;
mod requests;
mod topics;

pub use backoff::Backoff;
pub use fault::Fault;
pub use input::{Input, Token};
pub use options::Options;
pub use output::{CloseReason, Failure, Output};

use std::time::Duration;

use bytestring::ByteString;

use crate::client::ids::PacketIds;
use crate::client::inbox::Inbox;
use crate::client::link::{Due, Link};
use crate::client::outbox::Outbox;
use crate::client::requests::{Kind, Requests};
use crate::client::topics::Topics;
use crate::id::PacketId;
use crate::message::Content;
use crate::packet::{
    Disconnect, Packet, Properties, QoS, ReasonCode, Subscribe, SubscribeFilter, Unsubscribe,
    Version,
};
use crate::time::Time;

/// One client: a session, and perhaps a connection.
#[derive(Debug)]
pub struct Client {
    options: Options,
    link: Link,
    ids: PacketIds,
    outbox: Outbox,
    inbox: Inbox,
    requests: Requests,
    topics: Topics,
    /// Connections that failed or were lost since the last accepted CONNECT.
    failures: u32,
}

impl Client {
    /// A client without a connection and without a session.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            link: Link::new(options.response_timeout),
            outbox: Outbox::new(options.max_inflight, options.max_queued),
            ids: PacketIds::default(),
            inbox: Inbox::default(),
            requests: Requests::default(),
            topics: Topics::default(),
            failures: 0,
            options,
        }
    }

    /// Takes what happened at `now` and appends what is to be done, in order, to `out`. Time must
    /// not go back.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Vec<Output>) {
        let before = out.len();
        match input {
            Input::Opened => self.opened(now, out),
            Input::Received(packet) => self.received(now, packet, out),
            Input::Alive => self.link.heard(now),
            Input::Broken(violation) => self.fault(Fault::Malformed(violation), out),
            Input::Lost => self.lost(out),
            Input::Timeout => self.timeout(now, out),
            Input::Publish { token, content } => self.publish(token, content, out),
            Input::Subscribe { token, filters } => self.subscribe(token, filters, out),
            Input::Unsubscribe { token, filters } => self.unsubscribe(token, filters, out),
            Input::Disconnect => self.disconnect(out),
        }
        for output in out.iter_mut().skip(before) {
            let Output::Send(packet) = output else { continue };
            self.link.sent(now);
            // In the order in which they leave: an alias must be set before it is used.
            if let Packet::Publish(publish) = packet {
                self.topics.name(publish);
            }
        }
    }

    /// When [`Input::Timeout`] is due; `None` without a connection or without a keep alive.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Time> {
        self.link.due().map(|(when, _)| when)
    }

    /// Whether the server has accepted the connection and it has not ended since.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.link.is_connected()
    }

    /// QoS 1 and 2 messages handed in and not yet acknowledged: in flight and queued.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.outbox.in_flight() + self.outbox.queued()
    }

    /// Whether a QoS 1 or 2 message handed in now would be sent at once rather than queued: what a
    /// source that can be paused should ask.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.link.is_connected() && self.outbox.has_room()
    }

    /// How long to wait before the next attempt to connect: doubled with every attempt that failed
    /// since the last accepted CONNECT, up to the maximum of [`Options::backoff`].
    #[must_use]
    pub fn reconnect_delay(&self) -> Duration {
        self.options.backoff.delay(self.failures, self.options.seed)
    }

    /// The Client Identifier: as configured, or as the server assigned it (5.0).
    #[must_use]
    pub fn client_id(&self) -> &ByteString {
        &self.options.client_id
    }

    /// Panics where the client's own state contradicts itself. For tests and simulation.
    #[expect(clippy::missing_panics_doc, reason = "panicking is what it is for")]
    pub fn check(&self) {
        self.outbox.check(self.link.is_connected(), self.ids.is_exhausted());
        self.requests.check(self.link.is_connected());
        let used: Vec<_> = self.ids.iter().collect();
        let mut held: Vec<_> = self.outbox.ids().chain(self.requests.ids()).collect();
        held.sort_unstable();
        assert_eq!(used, held, "packet ids in use and packet ids held differ");
    }

    fn opened(&mut self, now: Time, out: &mut Vec<Output>) {
        self.drop_connection(out);
        self.link.opened(now);
        out.push(Output::Send(Packet::Connect(Box::new(self.options.connect()))));
    }

    /// The transport is gone, whoever ended it.
    fn lost(&mut self, out: &mut Vec<Output>) {
        self.failures = self.failures.saturating_add(1);
        self.drop_connection(out);
    }

    fn drop_connection(&mut self, out: &mut Vec<Output>) {
        self.topics = Topics::default();
        self.link.closed();
        self.outbox.suspend();
        for (id, token) in self.requests.drain() {
            self.ids.release(id);
            out.push(Output::Failed { token, why: Failure::ConnectionLost });
        }
    }

    fn timeout(&mut self, now: Time, out: &mut Vec<Output>) {
        match self.link.due() {
            Some((when, due)) if when <= now => self.act_on(due, now, out),
            Some(_) | None => {}
        }
    }

    fn act_on(&mut self, due: Due, now: Time, out: &mut Vec<Output>) {
        match due {
            Due::Ping => {
                self.link.pinged(now);
                out.push(Output::Send(Packet::Pingreq));
            }
            Due::NoConnack => self.close(CloseReason::NoConnack, out),
            Due::NoPingresp => self.close(CloseReason::NoPingresp, out),
        }
    }

    fn publish(&mut self, token: Token, content: Content, out: &mut Vec<Output>) {
        if content.qos == QoS::AtMostOnce {
            self.publish_once(token, content, out);
        } else if self.outbox.push(token, content) {
            self.pump(out);
        } else {
            out.push(Output::Failed { token, why: Failure::QueueFull });
        }
    }

    /// QoS 0: now or never.
    fn publish_once(&mut self, token: Token, content: Content, out: &mut Vec<Output>) {
        if !self.link.is_connected() {
            out.push(Output::Failed { token, why: Failure::NotConnected });
            return;
        }
        out.push(Output::Send(Packet::Publish(outbox::publish_packet(content, None, false))));
        out.push(Output::Acknowledged { token, code: ReasonCode::Success });
    }

    /// Sends what the window has room for.
    fn pump(&mut self, out: &mut Vec<Output>) {
        if self.link.is_connected() {
            self.outbox.pump(&mut self.ids, out);
        }
    }

    fn subscribe(&mut self, token: Token, filters: Vec<SubscribeFilter>, out: &mut Vec<Output>) {
        let Some(packet_id) = self.request(token, Kind::Subscribe, filters.len(), out) else {
            return;
        };
        let properties = Properties::NONE;
        let packet = Subscribe { packet_id, filters, properties };
        out.push(Output::Send(Packet::Subscribe(Box::new(packet))));
    }

    fn unsubscribe(&mut self, token: Token, filters: Vec<ByteString>, out: &mut Vec<Output>) {
        let Some(packet_id) = self.request(token, Kind::Unsubscribe, filters.len(), out) else {
            return;
        };
        let properties = Properties::NONE;
        let packet = Unsubscribe { packet_id, filters, properties };
        out.push(Output::Send(Packet::Unsubscribe(Box::new(packet))));
    }

    /// A packet id for a SUBSCRIBE or UNSUBSCRIBE, or the report why it cannot be made.
    fn request(
        &mut self,
        token: Token,
        kind: Kind,
        filters: usize,
        out: &mut Vec<Output>,
    ) -> Option<PacketId> {
        let why = match (self.link.is_connected(), filters) {
            (false, _) => Failure::NotConnected,
            (true, 0) => Failure::NoFilters,
            (true, _) => match self.ids.allocate() {
                Some(id) => {
                    self.requests.insert(id, token, kind, filters);
                    return Some(id);
                }
                None => Failure::NoPacketId,
            },
        };
        out.push(Output::Failed { token, why });
        None
    }

    fn disconnect(&mut self, out: &mut Vec<Output>) {
        if self.link.is_connected() {
            out.push(Output::Send(disconnect_packet(ReasonCode::Success)));
        }
        self.failures = 0;
        self.close_link(CloseReason::Requested, out);
    }

    /// The server broke the protocol: tell it where the version can, and leave.
    fn fault(&mut self, fault: Fault, out: &mut Vec<Output>) {
        if self.options.version == Version::V5 && self.link.is_connected() {
            out.push(Output::Send(disconnect_packet(fault.code())));
        }
        self.close(CloseReason::Fault(fault), out);
    }

    fn close(&mut self, reason: CloseReason, out: &mut Vec<Output>) {
        self.failures = self.failures.saturating_add(1);
        self.close_link(reason, out);
    }

    fn close_link(&mut self, reason: CloseReason, out: &mut Vec<Output>) {
        let was_open = self.link.is_open();
        self.drop_connection(out);
        if was_open {
            out.push(Output::Close { reason });
        }
    }
}

fn disconnect_packet(code: ReasonCode) -> Packet {
    Packet::Disconnect(Disconnect { code, properties: Properties::NONE })
}
