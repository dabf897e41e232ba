//! What a client is still to get: first what is in flight and has to be sent again, then the
//! backlog, in order, as far as window and connection allow.

use smallvec::SmallVec;

use crate::action::{Delivery, Outgoing};
use crate::engine::Engine;
use crate::id::{ConnId, Lsn, PacketId};
use crate::inflight::{Awaiting, Exchange};
use crate::log::record::{Record, Seq};
use crate::message::Message;
use crate::packet::{Ack, Packet, QoS};
use crate::planted::Bug;
use crate::queue::Entry;

impl Engine {
    /// The client is back: what was in flight is sent again in its first order, then the backlog.
    pub(super) fn return_to(&mut self, slot: u32) {
        if self.config.planted.is(Bug::BacklogOvertakes) {
            self.pump(slot);
        }
        self.resend(slot, |_| true);
        self.set_redelivery_if_inflight(slot);
        self.pump(slot);
        // Only now is there room in its backlog for what its share groups kept.
        self.members_online(slot, true);
    }

    /// Sends again what is in flight and for which `is_due` says so, as the connection has room.
    pub(super) fn resend(&mut self, slot: u32, is_due: impl Fn(&Exchange) -> bool) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let Some(conn) = session.connection() else { return };
        let Some(outbox) = session.outbox.as_mut() else { return };
        outbox.inflight.set_due(is_due);
        self.send_due(slot, conn);
    }

    /// Goes on sending again; whether all of it is sent.
    fn send_due(&mut self, slot: u32, conn: ConnId) -> bool {
        loop {
            let outbox = self.sessions.get(slot).and_then(|session| session.outbox.as_ref());
            let Some(exchange) = outbox.and_then(|outbox| outbox.inflight.first_due()) else {
                return true;
            };
            let (packet_id, after) = (exchange.packet_id, exchange.after);
            let outgoing = if self.config.planted.is(Bug::PublishAfterPubrec) {
                Outgoing::Publish(delivery(&exchange.entry, Some(packet_id), true))
            } else {
                again(exchange)
            };
            let Some(connection) = self.connections.get(conn) else { return false };
            let len = outgoing.encoded_len(connection.version) as u64;
            if !connection.fits(len, self.config.max_unsent_bytes) {
                self.watch_progress(conn);
                return false;
            }
            let now = self.now;
            let Some(session) = self.sessions.get_mut(slot) else { return false };
            session.outbox().inflight.sending(packet_id, now);
            self.send_sized(conn, outgoing, len, after);
        }
    }

    fn set_redelivery_if_inflight(&mut self, slot: u32) {
        let Some(session) = self.sessions.get(slot) else { return };
        let Some(conn) = session.connection() else { return };
        if session.outbox.as_ref().is_some_and(|outbox| outbox.inflight.len() > 0) {
            self.set_redelivery(slot, conn);
        }
    }

    /// Whether something waits that room on the connection would let go.
    pub(super) fn has_work(&self, slot: u32) -> bool {
        self.sessions
            .get(slot)
            .is_some_and(|session| !session.is_caught_up() || session.replays.is_some())
    }

    /// Sends what may be sent now.
    pub(super) fn pump(&mut self, slot: u32) {
        self.advance(slot, None);
    }

    /// The same, with the message that has just left the window in the same record.
    pub(super) fn advance(&mut self, slot: u32, removed: Option<Seq>) {
        let Some(session) = self.sessions.get(slot) else { return };
        let durable = session.is_durable();
        let mut sent = SmallVec::new();
        if let Some(conn) = session.connection()
            && self.send_due(slot, conn)
        {
            self.send_backlog(slot, conn, durable, &mut sent);
        }
        if removed.is_some() || !sent.is_empty() {
            self.append_for(slot, |session| Record::Advanced {
                session,
                removed,
                released: None,
                sent,
            });
        }
        self.replay(slot);
    }

    fn send_backlog(
        &mut self,
        slot: u32,
        conn: ConnId,
        durable: bool,
        sent: &mut SmallVec<[(Seq, PacketId); 2]>,
    ) {
        while let Some(entry) = self.take_sendable(slot, conn) {
            if entry.qos == QoS::AtMostOnce {
                self.counters.delivered += 1;
                let outgoing = Outgoing::Publish(delivery(&entry, None, false));
                self.send(conn, outgoing, Lsn::NONE);
                continue;
            }
            let exactly_once = entry.qos == QoS::ExactlyOnce;
            let after = if durable && exactly_once { self.lsn.next() } else { Lsn::NONE };
            let now = self.now;
            let Some(session) = self.sessions.get_mut(slot) else { return };
            let packet_id = session.outbox().inflight.start(entry.clone(), now, after);
            if durable {
                sent.push((entry.seq, packet_id));
            }
            self.set_redelivery(slot, conn);
            let outgoing = Outgoing::Publish(delivery(&entry, Some(packet_id), false));
            self.send(conn, outgoing, after);
        }
    }

    /// The next of the backlog, if window and connection have room for it.
    fn take_sendable(&mut self, slot: u32, conn: ConnId) -> Option<Entry> {
        let window_open = self.window_has_room(slot);
        let outbox = self.sessions.get(slot)?.outbox.as_ref()?;
        let next = outbox.queue.next(window_open)?;
        let packet_id = (next.qos != QoS::AtMostOnce).then_some(PacketId::FIRST);
        if self.room_for(conn, &delivery(next, packet_id, false)).is_none() {
            self.watch_progress(conn);
            return None;
        }
        self.sessions.get_mut(slot)?.outbox().queue.take_next(window_open)
    }
}

/// The packet that the exchange is waiting for an answer to.
fn again(exchange: &Exchange) -> Outgoing {
    let packet_id = exchange.packet_id;
    match exchange.awaiting {
        Awaiting::Pubcomp => Outgoing::Packet(Packet::Pubrel(Ack::new(packet_id))),
        Awaiting::Puback | Awaiting::Pubrec => {
            // DUP says that it has been sent before, not that it was meant to be.
            Outgoing::Publish(delivery(&exchange.entry, Some(packet_id), exchange.sent))
        }
    }
}

fn delivery(entry: &Entry, packet_id: Option<PacketId>, dup: bool) -> Delivery {
    let message = Message::Kept(std::sync::Arc::clone(&entry.message));
    Delivery { message, qos: entry.qos, dup, retain: entry.retain, packet_id }
}
