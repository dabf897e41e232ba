//! The broker itself.

use crate::action::Action;
use crate::config::Config;
use crate::event::Event;
use crate::time::Time;

/// The broker: events in, actions out.
#[derive(Debug)]
pub struct Engine {}

impl Engine {
    /// A broker without sessions. The seed keys its hash tables and makes the ids that nobody may
    /// guess: random in production, fixed in simulation.
    #[must_use]
    pub fn new(_config: Config, _seed: [u8; 32]) -> Self {
        Self {}
    }

    /// Takes one event and appends to `actions` what is to be done, in order. `now` never goes
    /// back from one call to the next.
    pub fn handle(&mut self, _now: Time, _event: Event, _actions: &mut Vec<Action>) {}

    /// When [`Event::Timeout`] is due next; `None` while nothing waits for time to pass.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Time> {
        None
    }

    /// Checks every invariant.
    ///
    /// # Panics
    /// If one is broken, which is a bug of ours.
    pub fn check(&self) {}
}
