//! Acknowledgements from clients: the window moves on, once for all that came together.

use smallvec::SmallVec;

use crate::codec::{self, AckKind, Acks};
use crate::connection::Connection;
use crate::engine::Engine;
use crate::id::{ConnId, Lsn, PacketId};
use crate::inflight::{Answer, Awaiting, Step};
use crate::log::record::{Record, Seq};
use crate::notice::DropReason;
use crate::packet::{Ack, Packet, ReasonCode, Version};
use crate::planted::Bug;
use crate::violation::Violation;

/// What is to be acknowledged, and the record that each waits for.
pub(super) type Answers = SmallVec<[(PacketId, Lsn); codec::MOST_ACKS]>;

impl Engine {
    pub(super) fn received_acks(&mut self, conn: ConnId, acks: &Acks) {
        let connection = self.connections.get_mut(conn);
        // An answer that is too large for its client ends the connection before the next.
        let takes_answers = |connection: &&mut Connection| connection.takes(Acks::LEN_WITH_CODE);
        let Some(connection) = connection.filter(takes_answers) else {
            for packet in acks.packets() {
                self.received(conn, packet);
                self.close_those_due();
            }
            return;
        };
        connection.heard = self.now;
        let taken = match acks.kind() {
            AckKind::Puback => self.acknowledged(conn, acks.ids(), Answer::Puback),
            AckKind::Pubrec => self.acknowledged(conn, acks.ids(), Answer::Pubrec),
            AckKind::Pubrel => self.released(conn, acks.ids()),
            AckKind::Pubcomp => self.acknowledged(conn, acks.ids(), Answer::Pubcomp),
        };
        self.counters.packets_received.add(acks.kind().packet_type(), taken);
    }

    /// Takes each of the exchanges one step on; how many there were, up to one that breaks the
    /// protocol.
    pub(super) fn acknowledged(&mut self, conn: ConnId, ids: &[PacketId], answer: Answer) -> u64 {
        let Some(slot) = self.session_of(conn) else { return 0 };
        let (mut taken, mut violates) = (0, false);
        let mut over: SmallVec<[Seq; codec::MOST_ACKS]> = SmallVec::new();
        let mut releases = Answers::new();
        for &id in ids {
            taken += 1;
            let outbox = self.sessions.get_mut(slot).and_then(|session| session.outbox.as_mut());
            let Some(exchange) = outbox.and_then(|outbox| outbox.inflight.get_mut(id)) else {
                if answer == Answer::Pubrec {
                    self.answer_all(conn, AckKind::Pubrel, &std::mem::take(&mut releases));
                    self.release_unknown(conn, id);
                }
                continue;
            };
            let seq = exchange.entry.seq;
            match exchange.awaiting.on(answer) {
                Step::Done => {
                    self.finish(slot, id, None);
                    over.push(seq);
                }
                Step::Refused => {
                    self.finish(slot, id, Some(DropReason::RefusedByClient));
                    over.push(seq);
                }
                Step::Release => releases.push((id, self.release(slot, id, seq))),
                Step::ReleaseAgain => releases.push((id, exchange.after)),
                Step::Ignore => {}
                Step::Violation => {
                    violates = true;
                    break;
                }
            }
        }
        self.answer_all(conn, AckKind::Pubrel, &releases);
        if !over.is_empty() {
            self.advance(slot, &over);
        }
        if violates {
            self.violated(conn, Violation::WrongAck { packet: answer.packet_type() as u8 });
        }
        taken
    }

    /// The exchange is over: its slot in the window is free.
    fn finish(&mut self, slot: u32, packet_id: PacketId, lost: Option<DropReason>) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let (durable, outbox) = (session.is_durable(), session.outbox.as_mut());
        let exchange = outbox.and_then(|outbox| outbox.inflight.finish(packet_id));
        let Some(entry) = exchange.map(|exchange| exchange.entry) else { return };
        if durable {
            self.let_go_held(&entry);
        }
        match lost {
            None => self.counters.delivered += 1,
            Some(why) => {
                self.dropped(Some(slot), entry.message.topic.clone(), entry.qos, why);
            }
        }
    }

    /// The client has the message: it is released, once the record returned is durable.
    fn release(&mut self, slot: u32, packet_id: PacketId, seq: Seq) -> Lsn {
        let now = self.now;
        self.append_for(slot, |session| Record::released(session, seq));
        let Some(session) = self.sessions.get_mut(slot) else { return Lsn::NONE };
        let waits = session.is_durable() && !self.config.planted.is(Bug::PubrelBeforeSync);
        let after = if waits { session.lsn } else { Lsn::NONE };
        if let Some(exchange) = session.outbox().inflight.get_mut(packet_id) {
            exchange.awaiting = Awaiting::Pubcomp;
            exchange.after = after;
        }
        session.outbox().inflight.sending(packet_id, now);
        if self.config.planted.is(Bug::IdFreeAtPubrec) {
            session.outbox().inflight.finish(packet_id);
        }
        after
    }

    /// Nothing is in flight by that id. Its PUBREC is answered so that the client comes to an end.
    fn release_unknown(&mut self, conn: ConnId, packet_id: PacketId) {
        let version = self.connections.get(conn).map(|connection| connection.version);
        let code = if version == Some(Version::V5) {
            ReasonCode::PacketIdentifierNotFound
        } else {
            ReasonCode::Success
        };
        let ack = Ack { code, ..Ack::new(packet_id) };
        self.answer(conn, Packet::Pubrel(ack), Lsn::NONE);
    }
}
