//! Floods against the real program under a memory limit: what does it hold, and what do others notice?
//!
//! Two brokers run side by side. A hundred well-behaved clients always talk to the first. The flood is
//! aimed at the second, which has nothing else to do, and then at the first: what the machine alone
//! costs the clients is in both, and cancels out.

mod aim;
mod attack;
mod hostile;
mod row;
mod run;
mod scenario;

pub use row::{Bars, Row};
pub use run::{Plan, run};
pub use scenario::Scenario;
