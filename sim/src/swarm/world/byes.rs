//! Other ways to go: DISCONNECT with a Will, with another Session Expiry Interval, a client that
//! falls silent for good, and a broker that stops in order.

use surewire_engine::codec;
use surewire_engine::id::ConnId;
use surewire_engine::packet::{Disconnect, Packet, PropertySet, ReasonCode, Version};

use super::{Happening, MS, World};
use crate::swarm::actor::Kept;
use crate::swarm::variety::Part;

/// Nanoseconds of a second.
const SECOND: u64 = 1_000 * MS;

/// Longer than anybody may be silent.
const SILENCE: u64 = 100 * SECOND;

impl World {
    /// A client of 5.0 says more than that it leaves; whether it does.
    pub(super) fn say_other_bye(&mut self, client: usize) -> bool {
        let Some(actor) = self.actors.get(client) else { return false };
        let speaks = actor.role.version == Version::V5 && actor.accepted;
        if !speaks || !self.plan.variety.has(Part::Byes) || !actor.machine.is_connected() {
            return false;
        }
        let Some(link) = actor.link else { return false };
        let (clean, usual) = (actor.clean, actor.usual);
        let random = &mut self.streams.byes;
        let with_will = random.one_in(2);
        let code = if with_will { ReasonCode::DisconnectWithWill } else { ReasonCode::Success };
        let times = [None, Some(0), Some(1), Some(20), Some(u32::MAX)];
        let seconds = random.pick(&times).unwrap_or(None).filter(|seconds| {
            // Where sessions never expire nobody looks at the time, and clocks jump.
            !clean && (usual.at_most.is_some() || *seconds == 0)
        });
        let orderly = random.one_in(2);
        let set = PropertySet { session_expiry_interval: seconds, ..PropertySet::NONE };
        let packet = Packet::Disconnect(Disconnect { code, properties: set.into() });
        let mut bytes = Vec::new();
        codec::encode(Version::V5, &packet, &mut bytes);
        self.trace.note(self.now, format_args!("c{client}: {packet:?}"), &[11]);
        self.coverage.byes += 1;
        let Some(actor) = self.actors.get_mut(client) else { return false };
        actor.said_bye = !with_will;
        if let Some(seconds) = seconds {
            actor.kept = actor.usual.or(Kept::exactly(lasting(seconds)));
        }
        self.send_to_broker(link, bytes);
        if orderly {
            let at = self.links.get(&link).map_or(self.now, |there| there.to_broker_at);
            self.at(at, Happening::BrokerLoses(link));
            self.leave(client);
        } else {
            self.cut(client);
        }
        true
    }

    /// The broker has read a DISCONNECT: from now on it is known how long the session is kept,
    /// unless the client is about to come back, or the process ends.
    pub(super) fn bye_is_read(&mut self, conn: ConnId, disconnect: &Disconnect) {
        let Some(there) = self.links.get(&u64::from(conn.slot)) else { return };
        let Some(seconds) = disconnect.properties.get().session_expiry_interval else { return };
        if let Some(actor) = self.actors.get_mut(there.client).filter(|actor| actor.link.is_none())
        {
            actor.kept = Kept::exactly(lasting(seconds));
        }
    }

    /// A client that is connected falls silent, and comes back when that must have been noticed.
    pub(super) fn fade(&mut self, client: usize) {
        let Some(actor) = self.actors.get_mut(client) else { return };
        actor.faded = actor.link.filter(|_| actor.accepted);
        actor.away = true;
        self.vanish(client);
        self.after(SILENCE, Happening::ComeBack(client));
    }

    /// I10: the connection of a client that fell silent is closed by then, if it has a Keep Alive.
    pub(super) fn judge_faded(&mut self, client: usize) {
        let Some(actor) = self.actors.get_mut(client) else { return };
        let (asked, faded) = (actor.role.keep_alive, actor.faded.take());
        let watched = asked > 0 || self.config.max_keepalive.is_some();
        let first = self.process.first_link;
        let stays =
            faded.filter(|link| watched && *link >= first).and_then(|link| self.links.get(&link));
        if stays.is_some_and(|there| there.broker_end) {
            self.oracle.violation(format!("I10: c{client} is silent, and its connection stays"));
        }
    }

    /// Now and then a process that is going to end is told so.
    pub(super) fn stop_first(&mut self) {
        if !self.plan.variety.has(Part::Stops) || !self.streams.stops.one_in(2) {
            return;
        }
        let now = self.process.time(self.now);
        let Some(broker) = self.process.broker_mut() else { return };
        self.stopping = true;
        self.coverage.stops += 1;
        broker.stop(now);
        self.pump();
    }

    /// The broker closes a connection because it stops: a Will waits then for its client.
    pub(super) fn closed_by_stop(&mut self, link: u64) {
        if !self.stopping {
            return;
        }
        let Some(there) = self.links.get_mut(&link) else { return };
        there.stopped = true;
        if std::mem::take(&mut there.will_due) {
            self.oracle.will_not_due(there.client);
        }
    }
}

/// Nanoseconds of a Session Expiry Interval; `None` is for ever.
fn lasting(seconds: u32) -> Option<u64> {
    (seconds != u32::MAX).then(|| u64::from(seconds) * SECOND)
}
