//! The load generator: publishers and subscribers on one thread, counted and checked.
//!
//! A broker is another process, and nothing here knows how it works inside. It is reached over TCP,
//! or by what [`transport`] lays over that, of which the rest knows nothing.
//! Every payload starts with a [`stamp`](stamp::Stamp), so that each subscriber knows what is
//! missing, doubled or out of order, and how late it came.
//!
//! [`run`] has messages flow as a [`Workload`] says; everything else is in [`scenario`], one a file.
//! [`cli`] turns a command line into one of them.

mod arrivals;
mod audience;
pub mod cli;
pub mod clock;
mod connections;
mod cost;
mod delays;
pub mod dial;
mod driver;
mod error;
mod filler;
pub mod link;
pub mod machine;
mod outcome;
pub mod process;
mod publisher;
mod receiving;
pub mod scenario;
mod sending;
pub mod stamp;
mod subject;
mod subscriber;
mod topics;
pub mod transport;
mod window;
pub mod wire;
mod workload;

pub use arrivals::{Arrivals, Tally};
pub use cost::{Cost, Memory};
pub use driver::{run, run_then};
pub use error::Error;
pub use filler::Filler;
pub use outcome::{Latency, Outcome};
pub use subject::Subject;
pub use workload::{Limit, Pacing, Shape, Workload};
