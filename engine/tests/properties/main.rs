//! Properties of the engine: random events in virtual time against references that are slow and
//! obvious, one subject a file. Properties of private types stand beside them in `src` (topics,
//! subscriptions, window, backlog, gate, timers, ..), those of the codec in `tests/codec`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks what it looks for")]

mod promises;
mod qos_receiver;
mod qos_sender;
mod queue;
#[path = "../support/mod.rs"]
mod support;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use surewire_engine::packet::Version;

/// Failing seeds are kept beside the test, in `regressions`.
fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

fn version() -> impl Strategy<Value = Version> + Clone {
    prop::sample::select(vec![Version::V3_1, Version::V3_1_1, Version::V5])
}
