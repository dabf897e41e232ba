//! After the storm: nothing goes wrong any more, and everything that was promised comes.

use surewire_engine::event::Memory;
use surewire_engine::packet::QoS;

use super::{Happening, MS, World};
use crate::swarm::actor::Actor;
use crate::swarm::actor::Kept;
use crate::swarm::plan::{Role, Terms};
use crate::swarm::variety::Part;
use std::collections::BTreeMap;

/// Longer than every waiting time of a plan.
const PATIENCE: u64 = 1_000_000 * MS;

/// So long after the last message nothing is on its way.
pub(super) const QUIET: u64 = 3_000 * MS;

impl World {
    pub(super) fn heal(&mut self) {
        self.healing = true;
        (self.full_until, self.slow) = (0, 1);
        (self.disk.fails, self.disk.misdirects) = (false, false);
        self.memory_is(Memory::Enough);
        self.deadline = self.now + PATIENCE;
        self.trace.note(self.now, format_args!("everything is to come right"), &[8]);
        for client in 0..self.actors.len() {
            let waits = self.actors.get(client).is_some_and(Actor::delays_will);
            let expires = self.plan.config.session_expiry_interval.is_some();
            if (waits || expires) && self.random.one_in(3) {
                self.stay_away(client);
                continue;
            }
            if self.plan.variety.has(Part::Byes) && self.streams.byes.one_in(4) {
                self.fade(client);
                continue;
            }
            self.come_back(client);
            self.read_on(client);
            self.ask_again(client);
        }
        self.after(100 * MS, Happening::Check);
    }

    /// A client comes so late that its session must be gone, whatever happened before, and that its
    /// Will must have been published.
    fn stay_away(&mut self, client: usize) {
        let leaves_will = |actor: &&Actor| {
            actor.link.is_some() && actor.accepted && !actor.said_bye && actor.delays_will()
        };
        if self.actors.get(client).filter(leaves_will).is_some() {
            self.coverage.delayed_wills += 1;
            self.oracle.will_due(client);
        }
        self.cut(client);
        if let Some(actor) = self.actors.get_mut(client) {
            actor.away = true;
        }
        self.after(100_000 * MS, Happening::ComeBack(client));
    }

    pub(super) fn check(&mut self) {
        self.go_on_clearing();
        let idle = self.actors.iter().all(Actor::is_idle);
        let quiet = self.now.saturating_sub(self.quiet_since) > QUIET;
        let missing = if idle && quiet { self.oracle.missing() } else { Vec::new() };
        if idle && quiet && missing.is_empty() {
            return self.look_at_retained();
        }
        if self.now > self.deadline {
            let mut what = missing;
            for actor in self.actors.iter().filter(|actor| !actor.is_idle()) {
                let (index, asked) = (actor.index, actor.asked.values().next());
                let connected = actor.machine.is_connected();
                what.push(format!("I10: c{index} waits: connected {connected}, asked {asked:?}"));
            }
            what.into_iter().for_each(|what| self.oracle.violation(what));
            return;
        }
        let delay = if self.now + 60_000 * MS < self.deadline { 1_000 } else { 100 };
        self.after(delay * MS, Happening::Check);
    }

    /// A new client looks at everything; when that has come, all is done.
    fn look_at_retained(&mut self) {
        let index = self.plan.actors.len();
        if self.actors.len() == index {
            let role = Role {
                version: self.plan.reader(),
                persistent: false,
                keep_alive: 0,
                max_inflight: 1,
                filters: vec![("#".to_owned(), QoS::ExactlyOnce)],
                toggles: Vec::new(),
                options: BTreeMap::new(),
                identified: false,
                restlessness: u64::MAX,
                publishes: false,
                will: None,
                terms: Terms::default(),
            };
            if self.judge_attacks() {
                return self.after(100 * MS, Happening::Check);
            }
            self.judge_desk();
            self.judge_room();
            self.judge_deadlines();
            let kept = Kept::exactly(None);
            self.actors.push(Actor::new(index, role, kept));
            self.quiet_since = self.now;
            self.dial(index);
            return self.after(100 * MS, Happening::Check);
        }
        if !self.oracle.is_subscribed(index, "#") {
            return self.after(100 * MS, Happening::Check);
        }
        if self.finale.has_begun() {
            return self.try_retain_handling();
        }
        self.oracle.judge_retained(&self.found);
        if self.plan.variety.is_any() {
            return self.try_retain_handling();
        }
        self.compare_counters();
        self.done = true;
    }

    /// I10 and I13: nothing is late.
    fn judge_deadlines(&mut self) {
        let now = self.process.time(self.now);
        if let Some(what) = self.tap.overdue(now) {
            self.oracle.violation(what);
        }
    }
}
