//! Runs above QoS 0: each message is kept and recorded by itself, but its receivers are looked at,
//! written to and its publisher answered once for all of them.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::action::Outgoing;
use crate::codec::{AckKind, Acks, Lengths, Numbers, Run};
use crate::engine::Engine;
use crate::engine::ack::Answers;
use crate::engine::deliver::Receiver;
use crate::engine::publish::outcome;
use crate::id::{ConnId, PacketId};
use crate::log::record::Retained;
use crate::packet::{Properties, QoS, ReasonCode};

/// A receiver that gets the whole run in one piece.
#[derive(Clone, Copy, Debug)]
struct Taker {
    conn: ConnId,
    numbers: Numbers,
    /// Bytes of all its packets.
    len: u64,
}

impl Engine {
    /// Whether the run can be taken as a whole: nothing of it is refused or answered in another way
    /// than the rest. Its receivers have been found.
    pub(super) fn takes_numbered(&self, conn: ConnId, run: &Run) -> bool {
        let Some(connection) = self.connections.get(conn) else { return false };
        // A group's members take turns.
        if !self.route.matches.groups.is_empty() || self.takes_no_more() {
            return false;
        }
        let takes_answers = connection.takes(Acks::LEN_WITH_CODE);
        if !takes_answers || self.exceeds_receive_maximum(conn, count_of(run)) {
            return false;
        }
        let Some(session) = self.sessions.get(connection.session) else { return false };
        if run.qos() == QoS::AtLeastOnce {
            return true;
        }
        // They are few, and each is there only once unless a client is confused.
        let mut ids: SmallVec<[PacketId; 8]> = SmallVec::new();
        run.packet_ids().all(|id| {
            let is_new = !ids.contains(&id) && !session.received.contains(id);
            ids.push(id);
            is_new
        })
    }

    pub(super) fn bring_numbered(&mut self, conn: ConnId, run: &Arc<Run>) {
        let Some(connection) = self.connections.get(conn) else { return };
        let (slot, version) = (connection.session, connection.version);
        let before = self.counters.routed;
        let mut receivers = std::mem::take(&mut self.route.receivers);
        receivers.retain(|receiver| {
            receiver.granted != QoS::AtMostOnce || !self.send_run(receiver, run)
        });
        let takers: SmallVec<[Option<Taker>; 2]> =
            receivers.iter().map(|receiver| self.taker(receiver, run)).collect();
        let answers = self.bring_each(slot, run, &receivers, &takers);
        for taker in takers.into_iter().flatten() {
            let Taker { conn, numbers, len } = taker;
            self.send_now(conn, Outgoing::Run(Arc::clone(run), Some(numbers)), len);
        }
        self.route.receivers = receivers;
        let code = outcome(version, run.qos(), self.counters.routed == before);
        if code == ReasonCode::Success {
            let exactly_once = run.qos() == QoS::ExactlyOnce;
            let ack = if exactly_once { AckKind::Pubrec } else { AckKind::Puback };
            return self.answer_all(conn, ack, &answers);
        }
        for (id, after) in answers {
            self.acknowledge(conn, run.qos(), Some(id), (code, Properties::NONE), after);
        }
    }

    /// Brings each message to its receivers and records it; what is to be acknowledged.
    fn bring_each(
        &mut self,
        slot: u32,
        run: &Run,
        receivers: &[Receiver],
        takers: &[Option<Taker>],
    ) -> Answers {
        if receivers.is_empty() {
            let received = |id| (id, self.take_received(slot, run.qos(), Some(id)));
            return run.packet_ids().map(received).collect();
        }
        let topic = self.route.matches.topic.clone();
        let topic = topic.unwrap_or_else(|| run.topic().detached());
        let mut answers = Answers::new();
        for (id, mut message) in run.kept(&topic) {
            let Some(id) = id else { continue };
            let received = self.note_received(slot, run.qos(), Some(id));
            for (receiver, taker) in receivers.iter().zip(takers) {
                let copy = receiver.copy_of(message.content());
                if taker.is_some() {
                    self.counters.routed += 1;
                    self.start(receiver.session, message.keep(), copy);
                } else {
                    self.deliver(receiver.session, &mut message, copy);
                }
            }
            let record = self.record_route(&mut message, Retained::Untouched, received);
            self.touch(slot, record);
            answers.push((id, self.promised(record)));
        }
        for (receiver, taker) in receivers.iter().zip(takers) {
            if let Some(taker) = taker {
                self.set_redelivery(receiver.session, taker.conn);
            }
        }
        answers
    }

    /// How a receiver takes all messages at once, if it does: as they are, now, and without waiting
    /// for their records.
    fn taker(&self, receiver: &Receiver, run: &Run) -> Option<Taker> {
        let session = self.sessions.get(receiver.session)?;
        let conn = session.connection()?;
        let qos = run.qos().min(receiver.granted);
        let waits_for_disk = session.is_durable() && qos == QoS::ExactlyOnce;
        let in_turn = session.is_caught_up() && self.window_takes(session, count_of(run));
        if qos == QoS::AtMostOnce || waits_for_disk || !in_turn {
            return None;
        }
        let connection = self.connections.get(conn)?;
        let as_it_is = connection.alias_maximum == 0 && receiver.identifiers.is_empty();
        if !as_it_is || !connection.gate.is_empty() {
            return None;
        }
        let Lengths { all, largest } = run.lengths(connection.version, true);
        let len = all as u64;
        let fits = connection.has_room(len, self.max_unsent());
        if !fits || !connection.takes(largest as u64) {
            return None;
        }
        let first = match &session.outbox {
            Some(outbox) => outbox.inflight.next_ids(count_of(run))?,
            None => PacketId::FIRST,
        };
        Some(Taker { conn, numbers: Numbers { qos, first }, len })
    }
}

fn count_of(run: &Run) -> usize {
    run.count() as usize
}
