//! Connections: bytes take their time, arrive in pieces, or not at all.

use bytes::Bytes;
use surewire_engine::client::Input;
use surewire_engine::codec;
use surewire_engine::id::ConnId;
use surewire_engine::packet::{Packet, QoS};

use super::{Happening, MS, World};
use crate::swarm::broker::LIMITS;
use crate::swarm::link::Link;
use crate::swarm::tap::number_in;

/// The broker's name for the connection.
pub(super) fn conn(link: u64) -> ConnId {
    ConnId { slot: u32::try_from(link).unwrap_or(u32::MAX), generation: 0 }
}

/// The message that comes with it, if one of QoS 2 does.
fn exactly_once(input: &Input) -> Option<u64> {
    let Input::Received(Packet::Publish(publish)) = input else { return None };
    (publish.qos == QoS::ExactlyOnce).then(|| number_in(&publish.payload))
}

impl World {
    /// A client wants a connection.
    pub(super) fn dial(&mut self, client: usize) {
        let Some(actor) = self.actors.get(client) else { return };
        if actor.link.is_some() || actor.away {
            return;
        }
        if !self.process.is_up() {
            let delay = self.random.between(MS, 20 * MS);
            return self.after(delay, Happening::Dial(client));
        }
        self.next_link += 1;
        let link = self.next_link;
        self.links.insert(link, Link::new(client));
        let overdue = self.must_have_expired(client);
        if self.may_have_expired(client) {
            self.forget_session(client, overdue);
        }
        if let Some(actor) = self.actors.get_mut(client) {
            (actor.overdue, actor.known_gone) = (overdue, None);
            actor.kept = actor.kept.or(actor.usual);
            (actor.link, actor.said_bye, actor.accepted) = (Some(link), false, false);
            actor.stuck = false;
            actor.unread.clear();
        }
        let at = self.now + self.random.below(self.plan.latency);
        if let Some(there) = self.links.get_mut(&link) {
            there.to_broker_at = at;
        }
        self.at(at, Happening::Accept(link));
        self.connecting(client);
        self.client_hands_in(client, Input::Opened);
    }

    /// The client was away for so long that it relies on nothing: if an answer that its session is
    /// gone got lost, the next one would say that there is one. So it gives up what may be left,
    /// unless nothing can be.
    fn forget_session(&mut self, client: usize, overdue: bool) {
        self.oracle.discarding(client);
        if let Some(actor) = self.actors.get_mut(client) {
            actor.begin_anew(actor.clean || !overdue);
        }
    }

    pub(super) fn accept(&mut self, link: u64) {
        let Some(there) = self.links.get_mut(&link) else { return };
        let first = self.process.first_link;
        match self.process.broker_mut().filter(|_| link >= first) {
            Some(broker) => {
                there.broker_end = true;
                broker.accept(conn(link));
                if let Some(actor) = self.actors.get_mut(there.client) {
                    actor.known_gone = None;
                }
            }
            None => self.after(0, Happening::ClientLoses(link)),
        }
    }

    /// The client's side writes.
    pub(super) fn send_to_broker(&mut self, link: u64, mut bytes: Vec<u8>) {
        while !bytes.is_empty() {
            let len =
                if self.plan.pieces { self.random.index(bytes.len()) + 1 } else { bytes.len() };
            let rest = bytes.split_off(len);
            let at = self.now + self.random.below(self.plan.latency);
            let Some(there) = self.links.get_mut(&link) else { return };
            there.to_broker_at = there.to_broker_at.max(at);
            there.under_way += bytes.len();
            let at = there.to_broker_at;
            self.at(at, Happening::ToBroker(link, bytes));
            bytes = rest;
        }
    }

    /// The broker's side writes.
    pub(super) fn send_to_client(&mut self, link: u64, bytes: Vec<u8>) {
        let at = self.now + self.random.below(self.plan.latency);
        let Some(there) = self.links.get_mut(&link) else { return };
        there.to_client_at = there.to_client_at.max(at);
        let at = there.to_client_at;
        self.at(at, Happening::ToClient(link, bytes));
    }

    pub(super) fn broker_receives(&mut self, link: u64, bytes: &[u8]) {
        let Some(there) = self.links.get_mut(&link) else { return };
        let arriving = there.arriving(bytes);
        if arriving.is_empty() || !there.broker_end {
            return;
        }
        self.trace.note(self.now, format_args!("link {link}: {} bytes in", arriving.len()), bytes);
        let now = self.process.time(self.now);
        if let Some(broker) = self.process.broker_mut() {
            broker.receive(now, conn(link), arriving);
        }
        self.pump();
    }

    pub(super) fn client_receives(&mut self, link: u64, bytes: &[u8]) {
        let Some(there) = self.links.get(&link) else { return };
        if !there.client_end || there.silent {
            return;
        }
        let client = there.client;
        self.trace.note(self.now, format_args!("link {link}: {} bytes out", bytes.len()), bytes);
        let Some(actor) = self.actors.get_mut(client) else { return };
        actor.unread.extend_from_slice(bytes);
        if !actor.stuck {
            self.client_reads(client);
        }
    }

    /// The client takes all packets that are complete.
    pub(super) fn client_reads(&mut self, client: usize) {
        loop {
            let Some(actor) = self.actors.get_mut(client) else { return };
            let len = codec::frame_len(&actor.unread, LIMITS.max_packet_size).ok().flatten();
            let Some(len) = len.filter(|len| *len <= actor.unread.len()) else { return };
            let rest = actor.unread.split_off(len);
            let frame = Bytes::from(std::mem::replace(&mut actor.unread, rest));
            let input = match codec::decode(actor.role.version, frame, &LIMITS) {
                Ok(packet) => Input::Received(packet),
                Err(violation) => Input::Broken(violation),
            };
            let exactly_once = exactly_once(&input);
            let delivered = self.coverage.delivered;
            self.client_hands_in(client, input);
            if let Some(number) = exactly_once.filter(|_| self.coverage.delivered == delivered) {
                self.oracle.took_for_repetition(client, number);
            }
        }
    }

    pub(super) fn broker_loses(&mut self, link: u64) {
        let Some(there) = self.links.get_mut(&link) else { return };
        if there.silent || !std::mem::take(&mut there.broker_end) {
            return;
        }
        let now = self.process.time(self.now);
        let client = there.client;
        self.knows_gone(client, self.now);
        if let Some(broker) = self.process.broker_mut() {
            broker.lose(now, conn(link));
        }
        self.pump();
    }

    pub(super) fn client_loses(&mut self, link: u64) {
        let Some(there) = self.links.get(&link) else { return };
        if there.client_end && !there.silent {
            self.leave(there.client);
        }
    }

    /// The client's end of its connection is gone; the broker's may stay.
    pub(super) fn leave(&mut self, client: usize) {
        let Some(actor) = self.actors.get_mut(client) else { return };
        let Some(link) = actor.link.take() else { return };
        let accepted = actor.accepted;
        actor.left_at = if accepted { Some(self.now) } else { actor.left_at };
        actor.unread.clear();
        // One that waits is perhaps withdrawn.
        let due = actor.role.will.is_some() && !actor.delays_will();
        let stopped = self.links.get(&link).is_some_and(|there| there.stopped);
        if actor.accepted && !actor.said_bye && due && !stopped {
            self.oracle.will_due(client);
            if let Some(there) = self.links.get_mut(&link) {
                there.will_due = true;
            }
        }
        self.oracle.left(client);
        if actor.clean {
            self.oracle.discarding(client);
        }
        if let Some(there) = self.links.get_mut(&link) {
            there.client_end = false;
        }
        self.client_hands_in(client, Input::Lost);
        // Whoever is refused is in no hurry, nor is anybody while a full disk may be what refuses.
        let refused = !accepted || self.now < self.full_until;
        let most = if refused { self.plan.redial.max(30 * MS) } else { self.plan.redial };
        let delay = self.random.between(most / 8, most);
        self.after(delay, Happening::Dial(client));
    }

    /// The connection breaks anywhere, also inside a packet.
    pub(super) fn cut(&mut self, client: usize) {
        let Some(link) = self.actors.get(client).and_then(|actor| actor.link) else { return };
        self.coverage.cuts += 1;
        if let Some(there) = self.links.get_mut(&link) {
            there.rest = Some(self.random.index(there.under_way + 1));
            let at = there.to_broker_at;
            self.at(at, Happening::BrokerLoses(link));
        }
        self.leave(client);
    }

    /// From then on the broker knows that the client is gone, unless it has another connection.
    pub(super) fn knows_gone(&mut self, client: usize, when: u64) {
        let others = |link: &Link| link.client == client && link.broker_end;
        if !self.links.values().any(others)
            && let Some(actor) = self.actors.get_mut(client)
        {
            actor.known_gone = Some(when);
        }
    }

    /// The client is gone and the broker does not know.
    pub(super) fn vanish(&mut self, client: usize) {
        let Some(link) = self.actors.get(client).and_then(|actor| actor.link) else { return };
        if let Some(there) = self.links.get_mut(&link) {
            there.silent = true;
        }
        self.stick(link, true);
        self.leave(client);
    }

    pub(super) fn stick(&mut self, link: u64, stuck: bool) {
        let now = self.process.time(self.now);
        if let Some(broker) = self.process.broker_mut() {
            broker.stick(now, conn(link), stuck);
        }
        self.pump();
    }
}
