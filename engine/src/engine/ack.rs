//! Acknowledgements from clients: the window moves on.

use crate::engine::Engine;
use crate::id::{ConnId, Lsn, PacketId};
use crate::inflight::{Answer, Awaiting, Step};
use crate::log::record::{Record, Seq};
use crate::notice::DropReason;
use crate::packet::{Ack, Packet, ReasonCode, Version};
use crate::planted::Bug;
use crate::violation::Violation;

impl Engine {
    pub(super) fn puback(&mut self, conn: ConnId, ack: &Ack) {
        let answer = if ack.code.is_error() { Answer::PubackFailed } else { Answer::Puback };
        self.answered(conn, ack.packet_id, answer, 4);
    }

    pub(super) fn pubrec(&mut self, conn: ConnId, ack: &Ack) {
        let answer = if ack.code.is_error() { Answer::PubrecFailed } else { Answer::Pubrec };
        self.answered(conn, ack.packet_id, answer, 5);
    }

    pub(super) fn pubcomp(&mut self, conn: ConnId, ack: &Ack) {
        self.answered(conn, ack.packet_id, Answer::Pubcomp, 7);
    }

    /// Takes the exchange one step on. `packet` is the answer's packet type.
    fn answered(&mut self, conn: ConnId, packet_id: PacketId, answer: Answer, packet: u8) {
        let Some(slot) = self.session_of(conn) else { return };
        let outbox = self.sessions.get_mut(slot).and_then(|session| session.outbox.as_mut());
        let exchange = outbox.and_then(|outbox| outbox.inflight.get_mut(packet_id));
        let Some(exchange) = exchange else { return self.unknown_answer(conn, packet_id, answer) };
        let seq = exchange.entry.seq;
        match exchange.awaiting.on(answer) {
            Step::Done => self.finish(slot, packet_id, seq, None),
            Step::Refused => self.finish(slot, packet_id, seq, Some(DropReason::RefusedByClient)),
            Step::Release => self.release(conn, slot, packet_id, seq),
            Step::ReleaseAgain => {
                let after = exchange.after;
                self.answer(conn, Packet::Pubrel(Ack::new(packet_id)), after);
            }
            Step::Ignore => {}
            Step::Violation => self.violated(conn, Violation::WrongAck { packet }),
        }
    }

    /// The exchange is over: its slot in the window is free.
    fn finish(&mut self, slot: u32, packet_id: PacketId, seq: Seq, lost: Option<DropReason>) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let (durable, outbox) = (session.is_durable(), session.outbox.as_mut());
        if let Some(exchange) = outbox.and_then(|outbox| outbox.inflight.finish(packet_id)) {
            let entry = exchange.entry;
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
        self.advance(slot, Some(seq));
    }

    /// The client has the message: it is released, once that is stored.
    fn release(&mut self, conn: ConnId, slot: u32, packet_id: PacketId, seq: Seq) {
        let now = self.now;
        self.append_for(slot, |session| Record::released(session, seq));
        let Some(session) = self.sessions.get_mut(slot) else { return };
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
        self.answer(conn, Packet::Pubrel(Ack::new(packet_id)), after);
    }

    /// Nothing is in flight by that id. PUBREC is answered so that the client comes to an end.
    fn unknown_answer(&mut self, conn: ConnId, packet_id: PacketId, answer: Answer) {
        if answer != Answer::Pubrec {
            return;
        }
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
