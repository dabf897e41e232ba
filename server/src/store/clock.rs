//! The time after a restart.

use std::sync::Arc;
use std::time::Duration;

use surewire_engine::time::Time;

use crate::environment::Clock;

/// A clock that starts at the last stored time at the earliest: the machine's may have been put
/// back since, and what is stored must not lie in the future.
pub(crate) fn not_before(last: Time, clock: Arc<dyn Clock>) -> Arc<dyn Clock> {
    let behind = last - clock.now();
    if behind.is_zero() { clock } else { Arc::new(Ahead { clock, by: behind }) }
}

struct Ahead {
    clock: Arc<dyn Clock>,
    by: Duration,
}

impl Clock for Ahead {
    fn now(&self) -> Time {
        self.clock.now() + self.by
    }
}
