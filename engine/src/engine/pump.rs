//! What a client is still to get: first what is in flight and has to be sent again, then the
//! backlog, in order, as far as window and connection allow.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::action::{Delivery, Outgoing};
use crate::connection::Room;
use crate::engine::Engine;
use crate::engine::deliver::Copy;
use crate::id::{ConnId, Lsn, PacketId};
use crate::inflight::{Awaiting, Exchange};
use crate::log::record::{Record, Seq};
use crate::message::Message;
use crate::notice::DropReason;
use crate::packet::{Ack, Packet, QoS, Version};
use crate::planted::Bug;
use crate::queue::Entry;
use crate::timers::{SessionRef, Timer};

/// A message of the backlog that can be sent now: with any identifier, as it is to get one, and how
/// many bytes that takes.
struct Sendable {
    delivery: Delivery,
    len: u64,
}

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
            let window_open = self.window_takes_again(slot);
            let outbox = self.sessions.get_mut(slot).and_then(|session| session.outbox.as_mut());
            let Some(inflight) = outbox.map(|outbox| &mut outbox.inflight) else { return true };
            if !inflight.has_due() {
                return true;
            }
            let Some(packet_id) = inflight.first_due(window_open) else { return false };
            let Some(exchange) = self.exchange(slot, packet_id) else { return false };
            let after = exchange.after;
            if let Some(why) = self.is_pointless(conn, exchange) {
                self.give_up(slot, packet_id, why);
                continue;
            }
            let is_publish = exchange.awaiting != Awaiting::Pubcomp;
            let outgoing = if is_publish || self.config.planted.is(Bug::PublishAfterPubrec) {
                // DUP says that it has been sent before, not that it was meant to be.
                let dup = exchange.sent || !is_publish;
                let dup = dup && !self.config.planted.is(Bug::DupMissing);
                Outgoing::Publish(self.copy_of(conn, &exchange.entry, Some(packet_id), dup))
            } else {
                Outgoing::Packet(Packet::Pubrel(Ack::new(packet_id)))
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

    fn exchange(&self, slot: u32, packet_id: PacketId) -> Option<&Exchange> {
        self.sessions.get(slot)?.outbox.as_ref()?.inflight.get(packet_id)
    }

    /// Why a message that is to be sent again never will be. Once it has been sent, its expiry does
    /// not matter any more (5.0 section 3.3.2.3.3).
    fn is_pointless(&self, conn: ConnId, exchange: &Exchange) -> Option<DropReason> {
        if exchange.awaiting == Awaiting::Pubcomp {
            return None;
        }
        if !exchange.sent && exchange.entry.message.is_expired(self.now) {
            return Some(DropReason::Expired);
        }
        let connection = self.connections.get(conn)?;
        let copy = self.copy_of(conn, &exchange.entry, Some(exchange.packet_id), true);
        let len = copy.encoded_len(connection.version) as u64;
        let fits = len > 0 && connection.takes(len);
        (!fits).then_some(DropReason::PacketTooLarge)
    }

    /// Ends an exchange whose message will not be sent again.
    fn give_up(&mut self, slot: u32, packet_id: PacketId, why: DropReason) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let durable = session.is_durable();
        let Some(exchange) = session.outbox().inflight.finish(packet_id) else { return };
        let entry = exchange.entry;
        self.append_for(slot, |session| Record::advanced(session, Some(entry.seq)));
        if durable {
            self.let_go_held(&entry);
        }
        self.dropped(Some(slot), entry.message.topic.clone(), entry.qos, why);
    }

    /// Whether the client takes another of the messages that are to be sent again: it may have
    /// come back with a smaller Receive Maximum (5.0 section 4.9).
    fn window_takes_again(&self, slot: u32) -> bool {
        let Some(session) = self.sessions.get(slot) else { return false };
        let sent = session.outbox.as_ref().map_or(0, |outbox| outbox.inflight.sent_here());
        sent < usize::from(session.window)
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
        self.advance(slot, &[]);
    }

    /// The same, where messages have just left the window: the last of them in the record of what
    /// follows.
    pub(super) fn advance(&mut self, slot: u32, removed: &[Seq]) {
        let Some(session) = self.sessions.get(slot) else { return };
        let durable = session.is_durable();
        let nothing_waits = session.is_caught_up() && session.replays.is_none();
        let (removed, before) = match removed.split_last() {
            Some((last, before)) if !nothing_waits => (Some(*last), before),
            _ => (None, removed),
        };
        for seq in before {
            self.append_for(slot, |session| Record::advanced(session, Some(*seq)));
        }
        if nothing_waits {
            return;
        }
        let Some(session) = self.sessions.get(slot) else { return };
        let (mut sent, mut unsent) = (SmallVec::new(), SmallVec::new());
        if let Some(conn) = session.connection()
            && self.send_due(slot, conn)
        {
            unsent = self.send_backlog(slot, conn, durable, &mut sent);
        }
        if removed.is_some() || !sent.is_empty() {
            self.append_for(slot, |session| Record::Advanced {
                session,
                removed,
                released: None,
                sent,
            });
        }
        // Only now: what was sent waits for the record above.
        for seq in unsent {
            self.append_for(slot, |session| Record::advanced(session, Some(seq)));
        }
        self.replay(slot);
    }

    fn send_backlog(
        &mut self,
        slot: u32,
        conn: ConnId,
        durable: bool,
        sent: &mut SmallVec<[(Seq, PacketId); 2]>,
    ) -> SmallVec<[Seq; 2]> {
        let mut unsent = SmallVec::new();
        // Those that are sent have their limits in the window and in what a connection takes.
        let mut budget = self.config.budgets.unsendable;
        while let Some((entry, sendable)) = self.take_sendable(slot, conn) {
            let Sendable { mut delivery, len } = match sendable {
                Ok(sendable) => sendable,
                Err(why) => {
                    budget -= 1;
                    if durable && entry.qos != QoS::AtMostOnce {
                        unsent.push(entry.seq);
                        self.let_go_held(&entry);
                    }
                    self.dropped(Some(slot), entry.message.topic.clone(), entry.qos, why);
                    if budget == 0 {
                        self.pump_later(slot);
                        break;
                    }
                    continue;
                }
            };
            let mut after = Lsn::NONE;
            if entry.qos == QoS::AtMostOnce {
                self.counters.delivered += 1;
            } else {
                if durable && entry.qos == QoS::ExactlyOnce {
                    after = self.lsn.next();
                }
                let (seq, now) = (entry.seq, self.now);
                let Some(session) = self.sessions.get_mut(slot) else { break };
                let packet_id = session.outbox().inflight.start(entry, now, after);
                if durable {
                    sent.push((seq, packet_id));
                }
                self.set_redelivery(slot, conn);
                delivery.packet_id = Some(packet_id);
            }
            self.send_sized(conn, Outgoing::Publish(delivery), len, after);
        }
        unsent
    }

    /// Goes on with the backlog in a step of its own.
    fn pump_later(&mut self, slot: u32) {
        let now = self.now;
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let reference = session.reference(slot);
        session.outbox().pump_set = true;
        if self.config.planted.is(Bug::BacklogStops) {
            return;
        }
        self.set_timer(now, Timer::Pump(reference));
    }

    pub(super) fn go_on_pumping(&mut self, reference: SessionRef) {
        let Some(session) = self.session_by_reference(reference) else { return };
        let Some(outbox) = session.outbox.as_mut() else { return };
        outbox.pump_set = false;
        self.pump(reference.slot);
    }

    /// The next of the backlog, if window and connection have room for it: how it is sent, or why it
    /// is dropped.
    fn take_sendable(
        &mut self,
        slot: u32,
        conn: ConnId,
    ) -> Option<(Entry, Result<Sendable, DropReason>)> {
        let session = self.sessions.get(slot)?;
        let window_open = self.window_takes(session, 1);
        let outbox = session.outbox.as_ref()?;
        let next = outbox.queue.next(window_open)?;
        let packet_id = (next.qos != QoS::AtMostOnce).then_some(PacketId::FIRST);
        let expired = next.message.is_expired(self.now);
        let sendable = if expired && !self.config.planted.is(Bug::ExpiredDelivered) {
            Err(DropReason::Expired)
        } else {
            let connection = self.connections.get(conn)?;
            let delivery = self.copy_of(conn, next, packet_id, false);
            match connection.room_for(&delivery, self.config.max_unsent_bytes) {
                Room::For(len) => Ok(Sendable { delivery, len }),
                Room::TooLarge => Err(DropReason::PacketTooLarge),
                Room::Congested => {
                    self.watch_progress(conn);
                    return None;
                }
            }
        };
        let entry = self.sessions.get_mut(slot)?.outbox().queue.take_next(window_open)?;
        Some((entry, sendable))
    }

    fn copy_of(
        &self,
        conn: ConnId,
        entry: &Entry,
        packet_id: Option<PacketId>,
        dup: bool,
    ) -> Delivery {
        let Entry { qos, retain, ref matched, .. } = *entry;
        let (group, identifiers) = (matched.group(), matched.identifiers());
        let copy = Copy { qos, retain, group, identifiers };
        let message = Message::Kept(Arc::clone(&entry.message));
        let version = self.connections.get(conn).map_or(Version::V5, |c| c.version);
        copy.delivery(version, message, self.now, packet_id, dup)
    }
}
