//! The one place where the engine's actions become deeds.

use surewire_engine::action::{Action, Outgoing};
use surewire_engine::codec;
use surewire_engine::id::ConnId;
use surewire_engine::message::LARGE_PAYLOAD;
use surewire_engine::packet::{Packet, ReasonCode, Version};
use surewire_engine::time::Time;

use super::frames::Frames;
use super::outbox::{Entry, Outbox};
use super::requests::Requests;
use super::slots::Slots;
use crate::logging::Report;
use crate::planted::{Bug, Planted};
use crate::store::Store;

/// Everything that an action can touch.
pub(super) struct Performer<'a> {
    pub(super) slots: &'a mut Slots,
    pub(super) outboxes: &'a mut [Outbox],
    pub(super) store: &'a mut Store,
    pub(super) report: &'a mut Report,
    pub(super) requests: &'a mut Requests,
    pub(super) woken: &'a mut Vec<usize>,
    /// Connections whose method of authentication there is nobody to ask for.
    pub(super) unasked: &'a mut Vec<ConnId>,
    /// The time of the event that the actions are of.
    pub(super) now: Time,
    pub(super) planted: Planted,
}

impl Performer<'_> {
    pub(super) fn perform(&mut self, action: Action) {
        match action {
            Action::Send { conn, outgoing } => self.send(conn, &outgoing),
            // No method is built in: nobody is there to ask.
            Action::Authenticate { conn, .. } => self.unasked.push(conn),
            Action::Read { conn, on } => {
                self.entry(conn, |entry, _| {
                    entry.read = Some(on);
                    0
                });
            }
            Action::Report { conn } => {
                self.entry(conn, |entry, _| {
                    entry.report = true;
                    0
                });
            }
            Action::Close { conn, reason: _ } => {
                self.entry(conn, |entry, _| {
                    entry.close = true;
                    0
                });
            }
            Action::Append { lsn, record, anew, frees } => {
                self.store.append(self.now, lsn, &record, anew, frees);
            }
            Action::Trim { before, live } => self.store.trim(before, live),
            Action::Answer { id, answer } => self.requests.answer(id, answer),
            Action::Notice(notice) => self.report.notice(notice),
        }
    }

    fn send(&mut self, conn: ConnId, outgoing: &Outgoing) {
        self.report.sent(conn, outgoing);
        self.entry(conn, |entry, version| {
            entry.admitted |= is_acceptance(outgoing);
            let before = entry.frames.len();
            encode(version, outgoing, &mut entry.frames);
            entry.frames.len() - before
        });
    }

    /// `change` tells how many bytes it adds. Nothing happens for a connection that is gone: its bytes
    /// have nowhere to go.
    fn entry(&mut self, conn: ConnId, change: impl FnOnce(&mut Entry, Version) -> usize) {
        let Some(slot) = self.slots.get_mut(conn) else { return };
        let worker = usize::from(slot.worker);
        let Some(outbox) = self.outboxes.get_mut(worker) else { return };
        if outbox.is_empty() && !self.planted.is(Bug::WakeLost) {
            self.woken.push(worker);
        }
        let bytes = change(outbox.entry(conn, slot), slot.version);
        outbox.grew(bytes);
    }
}

/// Whether more is to be read from the client: it is accepted, or to prove who it is.
fn is_acceptance(outgoing: &Outgoing) -> bool {
    let Outgoing::Packet(packet) = outgoing else { return false };
    matches!(packet, Packet::Connack(connack) if connack.code == ReasonCode::Success)
        || matches!(packet, Packet::Auth(_))
}

/// Small packets are copied, which is cheaper than a slice of a vectored write; large payloads, and
/// runs as they came, are shared between all their receivers.
fn encode(version: Version, outgoing: &Outgoing, frames: &mut Frames) {
    match outgoing {
        Outgoing::Publish(delivery)
            if delivery.message.content().payload.len() >= LARGE_PAYLOAD =>
        {
            codec::encode_delivery_head(version, delivery, &mut frames.bytes);
            frames.push_shared(delivery.message.content().payload.clone());
        }
        Outgoing::Run(run, numbers) if let Some(bytes) = run.as_it_came(version, *numbers) => {
            frames.push_passing(bytes);
        }
        Outgoing::Publish(_) | Outgoing::Run(..) | Outgoing::Packet(_) | Outgoing::Acks(_) => {
            outgoing.encode(version, &mut frames.bytes);
        }
    }
}
