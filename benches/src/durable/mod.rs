//! What durability costs: throughput and latency beside the disk's own, and nothing at all for what
//! need not be kept.

mod raw;
mod run;
mod transient;

use std::path::PathBuf;
use std::time::Duration;

pub use raw::{Raw, append_and_sync};
pub use run::{Durability, Paced, Saturated, loaded, lone, saturated};
pub use transient::{Transient, transient};

/// What is measured, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The broker's program.
    pub program: PathBuf,
    /// A folder on the disk that is to be measured; `None`: where the system makes temporary files.
    pub folder: Option<PathBuf>,
    /// Pairs of a publisher and a subscriber whose session outlives its connection.
    pub pairs: u32,
    /// Bytes of a payload.
    pub payload: usize,
    /// Unacknowledged messages that a publisher, and the broker to a subscriber, may have.
    pub window: u16,
    /// How long each run publishes.
    pub time: Duration,
}

#[expect(clippy::cast_precision_loss, reason = "exact to 2^53 ns, bytes or messages")]
pub(crate) fn to_f64(number: u64) -> f64 {
    number as f64
}
