//! QoS 1 and 2 messages on their way out: the window, and the queue behind it.

use std::collections::{BTreeMap, VecDeque};

use super::exchange::{Answer, State, Step};
use super::ids::PacketIds;
use super::{Failure, Fault, Output, Token};
use crate::id::PacketId;
use crate::message::Content;
use crate::packet::{Ack, Packet, Publish, QoS, ReasonCode};

/// A message with a packet id: sent, not finished.
#[derive(Debug)]
struct Exchange {
    token: Token,
    id: PacketId,
    state: State,
    /// Gone once the server has it (QoS 2 past PUBREC).
    content: Option<Content>,
    /// Whether its PUBLISH was sent on the connection at hand and so counts for its window.
    counted: bool,
}

/// The outgoing half of the session.
#[derive(Debug)]
pub(super) struct Outbox {
    max_inflight: usize,
    max_queued: usize,
    /// The server's Receive Maximum on this connection.
    receive_maximum: usize,
    /// Never sent, in order.
    queue: VecDeque<(Token, Content)>,
    /// By the order in which they were first sent.
    exchanges: BTreeMap<u64, Exchange>,
    by_id: BTreeMap<PacketId, u64>,
    next_order: u64,
    /// To be sent again on this connection, in order.
    resend: VecDeque<u64>,
    /// How many exchanges are counted.
    counted: usize,
}

impl Outbox {
    pub(super) fn new(max_inflight: u16, max_queued: usize) -> Self {
        Self {
            max_inflight: usize::from(max_inflight.max(1)),
            max_queued,
            receive_maximum: usize::from(u16::MAX),
            queue: VecDeque::new(),
            exchanges: BTreeMap::new(),
            by_id: BTreeMap::new(),
            next_order: 0,
            resend: VecDeque::new(),
            counted: 0,
        }
    }

    /// Takes a message of QoS 1 or 2; `false` when too many wait.
    pub(super) fn push(&mut self, token: Token, content: Content) -> bool {
        let fits = self.queue.len() < self.max_queued || self.has_room();
        if fits {
            self.queue.push_back((token, content));
        }
        fits
    }

    /// Whether the next message would be sent at once.
    pub(super) fn has_room(&self) -> bool {
        self.queue.is_empty() && self.resend.is_empty() && self.window_is_open()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.exchanges.len()
    }

    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// The connection ended: nothing is on its way any more.
    pub(super) fn suspend(&mut self) {
        self.resend.clear();
        self.counted = 0;
        for exchange in self.exchanges.values_mut() {
            exchange.counted = false;
        }
    }

    /// The server still has the session: everything in flight is sent again, in order.
    pub(super) fn resume(&mut self, receive_maximum: u16) {
        self.receive_maximum = usize::from(receive_maximum);
        self.resend = self.exchanges.keys().copied().collect();
    }

    /// The server has no session. QoS 1 messages become new messages, before the queued ones. Of
    /// QoS 2 messages nobody knows whether they arrived: they fail.
    pub(super) fn restart(
        &mut self,
        receive_maximum: u16,
        ids: &mut PacketIds,
        out: &mut Vec<Output>,
    ) {
        self.receive_maximum = usize::from(receive_maximum);
        self.by_id.clear();
        let mut again = VecDeque::new();
        for exchange in std::mem::take(&mut self.exchanges).into_values() {
            ids.release(exchange.id);
            match (exchange.state, exchange.content) {
                (State::Puback, Some(content)) => again.push_back((exchange.token, content)),
                (State::Puback | State::Pubrec | State::Pubcomp, _) => {
                    out.push(Output::Failed { token: exchange.token, why: Failure::SessionLost });
                }
            }
        }
        again.append(&mut self.queue);
        self.queue = again;
    }

    /// Sends what the window allows: first what must be sent again, then new messages.
    pub(super) fn pump(&mut self, ids: &mut PacketIds, out: &mut Vec<Output>) {
        while let Some(order) = self.resend.front().copied() {
            if !self.send_again(order, out) {
                return;
            }
            self.resend.pop_front();
        }
        while self.window_is_open() && !self.queue.is_empty() {
            let Some(id) = ids.allocate() else { return };
            let Some((token, content)) = self.queue.pop_front() else { return };
            self.send_new(id, token, content, out);
        }
    }

    /// Takes an acknowledgement.
    pub(super) fn answer(
        &mut self,
        answer: Answer,
        ack: &Ack,
        ids: &mut PacketIds,
        out: &mut Vec<Output>,
    ) -> Result<(), Fault> {
        let Some(order) = self.by_id.get(&ack.packet_id).copied() else {
            unknown(answer, ack.packet_id, out);
            return Ok(());
        };
        let Some(exchange) = self.exchanges.get_mut(&order) else { return Ok(()) };
        match exchange.state.on(answer) {
            Step::Wrong => {
                let packet = answer.packet_name();
                return Err(Fault::WrongAck { packet, packet_id: ack.packet_id });
            }
            Step::Release => {
                exchange.state = State::Pubcomp;
                exchange.content = None;
                out.push(Output::Send(Packet::Pubrel(Ack::new(ack.packet_id))));
            }
            Step::Done => self.finish(order, ack.code, ids, out),
        }
        Ok(())
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = PacketId> {
        self.by_id.keys().copied()
    }

    pub(super) fn check(&self, connected: bool, ids_exhausted: bool) {
        assert_eq!(self.by_id.len(), self.exchanges.len(), "an exchange without its id");
        for (id, order) in &self.by_id {
            assert_eq!(self.exchanges.get(order).map(|e| e.id), Some(*id), "ids point astray");
        }
        let counted = self.exchanges.values().filter(|e| e.counted).count();
        assert_eq!(counted, self.counted, "the window is counted wrongly");
        assert!(self.exchanges.len() <= self.max_inflight, "more in flight than allowed");
        assert!(self.counted <= self.receive_maximum, "Receive Maximum exceeded");
        for exchange in self.exchanges.values() {
            let held = exchange.content.is_some();
            assert_eq!(held, exchange.state != State::Pubcomp, "a payload kept or lost wrongly");
        }
        if connected {
            let may_send = self.window_is_open() && self.resend.is_empty() && !ids_exhausted;
            assert!(
                self.queue.is_empty() || !may_send,
                "a message waits though the window is open"
            );
        } else {
            assert!(self.counted == 0 && self.resend.is_empty(), "counted without a connection");
        }
    }

    fn window_is_open(&self) -> bool {
        self.exchanges.len() < self.max_inflight && self.counted < self.receive_maximum
    }

    /// `false` when the window has no room for it yet. A PUBREL needs none.
    fn send_again(&mut self, order: u64, out: &mut Vec<Output>) -> bool {
        let Some(exchange) = self.exchanges.get_mut(&order) else { return true };
        let Some(content) = &exchange.content else {
            out.push(Output::Send(Packet::Pubrel(Ack::new(exchange.id))));
            return true;
        };
        if self.counted >= self.receive_maximum {
            return false;
        }
        let packet = publish_packet(content.clone(), Some(exchange.id), true);
        out.push(Output::Send(Packet::Publish(packet)));
        exchange.counted = true;
        self.counted += 1;
        true
    }

    fn send_new(&mut self, id: PacketId, token: Token, content: Content, out: &mut Vec<Output>) {
        let state = State::first(content.qos).expect("QoS 0 is never queued");
        out.push(Output::Send(Packet::Publish(publish_packet(content.clone(), Some(id), false))));
        let exchange = Exchange { token, id, state, content: Some(content), counted: true };
        self.by_id.insert(id, self.next_order);
        self.exchanges.insert(self.next_order, exchange);
        self.next_order += 1;
        self.counted += 1;
    }

    fn finish(&mut self, order: u64, code: ReasonCode, ids: &mut PacketIds, out: &mut Vec<Output>) {
        let Some(exchange) = self.exchanges.remove(&order) else { return };
        self.by_id.remove(&exchange.id);
        self.counted -= usize::from(exchange.counted);
        ids.release(exchange.id);
        out.push(Output::Acknowledged { token: exchange.token, code });
    }
}

/// The packet that carries the message.
pub(super) fn publish_packet(content: Content, packet_id: Option<PacketId>, dup: bool) -> Publish {
    debug_assert_eq!(packet_id.is_some(), content.qos != QoS::AtMostOnce);
    Publish {
        dup,
        qos: content.qos,
        retain: content.retain,
        topic: Some(content.topic),
        packet_id,
        properties: content.properties,
        payload: content.payload,
    }
}

/// An answer for an id that we know nothing of: only a PUBREC must not stay without an answer,
/// or the server keeps the id for ever.
fn unknown(answer: Answer, packet_id: PacketId, out: &mut Vec<Output>) {
    if answer == Answer::Pubrec {
        let code = ReasonCode::PacketIdentifierNotFound;
        out.push(Output::Send(Packet::Pubrel(Ack { code, ..Ack::new(packet_id) })));
    }
}
