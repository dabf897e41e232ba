//! What a broker takes when all has come right: no more than what lives asks for.

use surewire_engine::event::Memory;

use super::World;

/// Segments that the log and its reserve take beside what lives: up to four before a start is
/// followed by cleaning, as many in the reserve, what is being written, and for batches that are
/// larger than a segment.
const SEGMENTS: u64 = 16;

impl World {
    /// Every client is there and has all that it waits for: nothing is held for anybody, nobody
    /// else is connected, and the log is as long as what lives makes it, or lived when it was
    /// cleaned last: it is cleaned above seven quarters of that, and has more than as much ahead.
    /// A start alone changes nothing: what an earlier process left stays until there is a record.
    pub(super) fn judge_room(&mut self) {
        let (live, disk) = (self.shadow.image().live_bytes(), self.disk.bytes());
        let segment = self.plan.segment_len;
        let clients = self.actors.len() + self.forgotten();
        let Some(broker) = self.process.broker_mut() else { return };
        let counters = broker.engine.counters();
        let held = counters.routed.saturating_sub(counters.delivered + counters.dropped.total());
        let connections = broker.engine.sizes().connections;
        let most = live.max(broker.log.live()) * 5 + SEGMENTS * segment;
        let mut too_much = |what: String| self.oracle.violation(format!("I8: {what}"));
        if broker.wrote && disk > most {
            too_much(format!("{disk} bytes on the disk, {live} live, {most} would do"));
        }
        if held > 0 {
            too_much(format!("{held} messages are held for nobody"));
        }
        if connections > clients {
            too_much(format!("{connections} connections of {clients} clients"));
        }
    }

    /// Connections that vanished before their client knew the identifier that the broker gave it: it comes
    /// back as somebody else, and takes over nothing.
    fn forgotten(&self) -> usize {
        let is_assigned =
            |client: usize| self.actors.get(client).is_some_and(|actor| actor.role.terms.assigned);
        let vanished = self
            .links
            .values()
            .filter(|link| link.broker_end && !link.client_end && !link.accepted);
        vanished.filter(|link| is_assigned(link.client)).count()
    }

    /// Memory gets short, or there is more of it again.
    pub(super) fn shorten_memory(&mut self) {
        let stages =
            [Memory::Enough, Memory::NoNewSessions, Memory::NoQueuedQos0, Memory::NoPublishers];
        let stage = self.streams.memory.pick(&stages).unwrap_or_default();
        self.coverage.shortages += u64::from(stage > Memory::Enough);
        self.memory_is(stage);
    }

    /// There is so much memory from now on.
    pub(super) fn memory_is(&mut self, stage: Memory) {
        self.enough_since = Some(self.now).filter(|_| stage == Memory::Enough);
        let now = self.process.time(self.now);
        if let Some(broker) = self.process.broker_mut() {
            broker.memory(now, stage);
            self.pump();
        }
    }
}
