//! The load generator: publishers and subscribers on one thread, counted and checked.
//!
//! Every payload starts with a [`stamp`](stamp::Stamp), so that each subscriber knows what is
//! missing, doubled or out of order, and how late it came.

mod arrivals;
mod delays;
mod driver;
pub mod flags;
mod outcome;
mod publisher;
pub mod stamp;
mod subscriber;
mod workload;

pub use arrivals::{Arrivals, Tally};
pub use driver::run;
pub use outcome::{Latency, Outcome};
pub use workload::{Limit, Pacing, Shape, Workload};
