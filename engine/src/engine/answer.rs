//! Sending: through the gate, counted against what the connection may leave unwritten.

use bytestring::ByteString;

use crate::action::{Action, Outgoing, TopicAlias};
use crate::codec::{self, AckKind, Acks};
use crate::connection::Connection;
use crate::engine::Engine;
use crate::id::{ConnId, Lsn, PacketId};
use crate::log::record::Record;
use crate::notice::CloseReason;
use crate::packet::{Packet, PacketType, Properties, PropertySet, QoS, Version};
use crate::planted::Bug;
use crate::timers::Timer;

impl Engine {
    /// Sends a packet other than a PUBLISH once the record `after` is durable. If it is larger than
    /// the client takes, it goes without words; if it still is, the connection ends.
    pub(super) fn answer(&mut self, conn: ConnId, mut packet: Packet, after: Lsn) {
        let Some(connection) = self.connections.get(conn) else { return };
        let version = connection.version;
        let mut len = codec::encoded_len(version, &packet) as u64;
        if len == 0 || !connection.takes(len) {
            packet.leave_out_words();
            len = codec::encoded_len(version, &packet) as u64;
            if len == 0 || !connection.takes(len) {
                return self.route.to_close.push((conn, CloseReason::AnswerTooLarge));
            }
        }
        self.send_sized(conn, Outgoing::Packet(packet), len, after);
    }

    /// Acknowledges these, each once its record is durable: in one go where all are.
    pub(super) fn answer_all(&mut self, conn: ConnId, kind: AckKind, answers: &[(PacketId, Lsn)]) {
        let at_once = |connection: &Connection| {
            let durable = answers.iter().all(|(_, after)| *after <= self.durable);
            durable && connection.gate.is_empty() && connection.takes(Acks::LEN)
        };
        if answers.len() > 1 && self.connections.get(conn).is_some_and(at_once) {
            let acks = Acks::new(kind, answers.iter().map(|(id, _)| *id));
            let len = acks.encoded_len() as u64;
            return self.send_now(conn, Outgoing::Acks(acks), len);
        }
        for (id, after) in answers {
            self.answer(conn, kind.packet(*id), *after);
        }
    }

    /// Words for a 5.0 client about what went wrong, if it wants them (5.0 section 3.1.2.11.7).
    pub(super) fn reason(&self, conn: ConnId, words: impl FnOnce() -> ByteString) -> Properties {
        let connection = self.connections.get(conn);
        let wants = |c: &&Connection| c.wants_reasons && c.version == Version::V5;
        if connection.filter(wants).is_none() {
            return Properties::NONE;
        }
        PropertySet { reason_string: Some(words()), ..PropertySet::NONE }.into()
    }

    /// Sends a packet of `len` bytes once the record `after` is durable.
    pub(super) fn send_sized(
        &mut self,
        conn: ConnId,
        mut outgoing: Outgoing,
        mut len: u64,
        after: Lsn,
    ) {
        let Some(connection) = self.connections.get_mut(conn) else { return };
        if let Outgoing::Publish(delivery) = &mut outgoing
            && self.config.planted.is(Bug::AliasBeforeGate)
        {
            delivery.alias = connection.name_topic(&delivery.message.content().topic, len);
            len = delivery.encoded_len(connection.version) as u64;
        }
        let was_empty = connection.gate.is_empty();
        let is_puback = is_puback(&outgoing);
        if self.config.planted.is(Bug::PubackOvertakes) && is_puback && after <= self.durable {
            return self.send_now(conn, outgoing, len);
        }
        match connection.gate.offer(outgoing, after, self.durable) {
            Some(outgoing) => self.send_now(conn, outgoing, len),
            None => {
                connection.held += len;
                connection.unanswered += u32::from(is_puback);
                if was_empty {
                    self.gated.push(conn);
                }
                self.regulate(conn);
            }
        }
    }

    /// Sends what has nothing to wait for.
    pub(super) fn send_now(&mut self, conn: ConnId, mut outgoing: Outgoing, mut len: u64) {
        let Some(connection) = self.connections.get_mut(conn) else { return };
        // Not before it leaves: an alias must be set by the packet that leaves first.
        if let Outgoing::Publish(delivery) = &mut outgoing
            && !self.config.planted.is(Bug::AliasBeforeGate)
        {
            delivery.alias = connection.name_topic(&delivery.message.content().topic, len);
            if delivery.alias != TopicAlias::None {
                len = delivery.encoded_len(connection.version) as u64;
            }
        }
        if connection.unsent == 0 {
            connection.progressed = self.now;
        }
        connection.unsent += len;
        let full = connection.unsent > self.config.max_unsent_bytes;
        match &outgoing {
            Outgoing::Publish(delivery) => {
                self.counters.sent.count(delivery.qos);
                self.counters.payload_sent += delivery.message.content().payload.len() as u64;
                self.counters.packets_sent.count(PacketType::Publish);
            }
            Outgoing::Packet(packet) => self.counters.packets_sent.count(packet.packet_type()),
            Outgoing::Acks(acks) => {
                let count = acks.ids().len() as u64;
                self.counters.packets_sent.add(acks.kind().packet_type(), count);
            }
            Outgoing::Run(run, numbers) => {
                let count = run.count().into();
                let numbers = numbers.filter(|_| !self.config.planted.is(Bug::RunCountedAsQoS0));
                let qos = numbers.map_or(QoS::AtMostOnce, |numbers| numbers.qos);
                self.counters.sent.add(qos, count);
                self.counters.payload_sent += run.payload_bytes();
                self.counters.packets_sent.add(PacketType::Publish, count);
            }
        }
        self.out.push(Action::Send { conn, outgoing });
        if full {
            self.watch_progress(conn);
            self.regulate(conn);
        }
    }

    /// Records up to `upto` are on disk: packets that waited for them may go.
    pub(super) fn durable(&mut self, upto: Lsn) {
        self.durable = self.durable.max(upto);
        self.end_cleaning();
        self.release_answers();
        for conn in std::mem::take(&mut self.gated) {
            let Some(connection) = self.connections.get_mut(conn) else { continue };
            let released = connection.gate.release(self.durable);
            let version = connection.version;
            let len = |outgoing: &Outgoing| outgoing.encoded_len(version) as u64;
            connection.held -= released.iter().map(len).sum::<u64>();
            let answered = released.iter().filter(|outgoing| is_puback(outgoing)).count();
            connection.unanswered -= u32::try_from(answered).unwrap_or(u32::MAX);
            if !connection.gate.is_empty() {
                self.gated.push(conn);
            }
            let slot = connection.session;
            for mut outgoing in released {
                let len = len(&outgoing);
                if let Outgoing::Publish(delivery) = &mut outgoing
                    && !self.config.planted.is(Bug::ExpiryStandsStill)
                {
                    delivery.expiry = delivery.message.content().expiry_left(self.now);
                }
                if let Outgoing::Packet(Packet::Pubrec(ack)) = &outgoing
                    && self.config.planted.is(Bug::IdStoredApart)
                {
                    let packet_id = ack.packet_id;
                    self.append_for(slot, |session| Record::Received { session, packet_id });
                }
                self.send_now(conn, outgoing, len);
            }
            self.regulate(conn);
        }
    }

    /// The transport has taken bytes: there is room again.
    pub(super) fn written(&mut self, conn: ConnId, bytes: u64) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(conn) else { return };
        connection.unsent = connection.unsent.saturating_sub(bytes);
        connection.report_asked = false;
        connection.progressed = now;
        let session = connection.session;
        self.regulate(conn);
        if self.has_work(session) {
            self.pump(session);
        }
        // A client that takes little at a time makes progress all the same.
        let watched = |connection: &Connection| connection.stall_set && connection.unsent > 0;
        if self.connections.get(conn).is_some_and(watched) {
            self.watch_progress(conn);
        }
    }

    /// Stops reading from a connection that makes us hold too much, or that publishes while memory
    /// is short, and goes on when it no longer does. Deliveries stop at `max_unsent_bytes`; only answers can take as much again. What
    /// waits in the gate is bounded by the Receive Maximum; by twice that where a client that
    /// exceeds it is disconnected, for which it has to be read.
    pub(super) fn regulate(&mut self, conn: ConnId) {
        let limit = self.config.max_unsent_bytes.saturating_mul(2);
        let policy = self.config.receive_maximum_policy;
        if self.config.planted.is(Bug::NoBackPressure) {
            return;
        }
        let Some(connection) = self.connections.get_mut(conn) else { return };
        let strict = usize::from(policy.is_strict(connection.version));
        let held_limit = usize::from(self.config.receive_maximum) << strict;
        let held = connection.gate.len();
        let full = if connection.paused {
            connection.unsent > limit / 2 || held > held_limit / 2
        } else {
            connection.unsent > limit || held >= held_limit
        };
        let pause = full || connection.hushed;
        if pause != connection.paused {
            connection.paused = pause;
            // A client that was not read has not been silent.
            connection.heard = self.now;
            self.out.push(Action::Read { conn, on: !pause });
        }
    }

    /// Watches that a connection whose output is full goes on taking some.
    pub(super) fn watch_progress(&mut self, conn: ConnId) {
        let due = self.now + self.config.stall_timeout;
        let Some(connection) = self.connections.get_mut(conn) else { return };
        if !std::mem::replace(&mut connection.report_asked, true) {
            self.out.push(Action::Report { conn });
        }
        if !connection.stall_set {
            connection.stall_set = true;
            connection.progressed = self.now;
            self.set_timer(due, Timer::Stall(conn));
        }
    }
}

fn is_puback(outgoing: &Outgoing) -> bool {
    matches!(outgoing, Outgoing::Packet(Packet::Puback(_)))
}
