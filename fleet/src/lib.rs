//! A fleet of MQTT clients on Surewire's engine, in virtual time: a day of ten thousand clients in
//! some minutes.
//!
//! What runs is what is shipped: the engine, its codec, its client machine and its log. Around them
//! is a world of links, outages and a disk, in which time passes from one thing that happens to the
//! next. What a run shows of logic and limits is therefore exact; what the processor would need for
//! it is not modelled.
//!
//! The same [`Plan`] gives the same [`Report`], always: there is no clock, thread or randomness but
//! that of the seed.
//!
//! Reading order: `plan` is what a user wants to know about, `world` what happens, `report` what
//! comes out. `pipe`, `disk`, `pattern`, `schedule` and `random` serve these.

mod disk;
mod meter;
mod pattern;
mod pipe;
pub mod plan;
mod random;
pub mod report;
mod schedule;
mod world;

pub use pattern::{Pattern, PatternError};
pub use plan::Plan;
pub use report::Report;
pub use world::{RunError, run};
