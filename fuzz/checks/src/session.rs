//! Clients of any version against the real engine, step by step by the input's choices: connections,
//! packets right and wrong, take-overs, slow and broken transports, time, a log that becomes durable
//! late, crashes and restarts from it, and the management interface.
//!
//! After every event the engine's own invariants hold, what it is agrees with what its log says, and
//! each packet that it sends is allowed where it is sent (`client`, `person`). In the end all
//! transports and the log are well again, and nothing is left to be answered.

mod client;
mod draw;
mod person;
mod steps;
mod store;
mod world;

use arbitrary::Unstructured;
use surewire_engine::planted::Planted;

use crate::choice::one_in;
use world::World;

/// An input has its time; what is behind this many steps is not looked at.
const MOST_STEPS: usize = 400;

/// Plays the input's steps.
pub fn check(input: &[u8]) {
    check_planted(input, Planted::NONE);
}

/// The same with an engine that may be wrong on purpose.
pub fn check_planted(input: &[u8], planted: Planted) {
    let mut u = Unstructured::new(input);
    let Ok(config) = draw::config(&mut u, planted) else { return };
    let Ok(has_hostile) = one_in(&mut u, 3) else { return };
    let mut world = World::new(config, has_hostile);
    for _ in 0..MOST_STEPS {
        if u.is_empty() || world.step(&mut u).is_err() {
            break;
        }
    }
    world.finish();
}
