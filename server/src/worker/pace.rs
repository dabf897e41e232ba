//! How much one connection may bring before the others get their turn.
//!
//! A worker serves its connections one after the other, so what a client waits for is a round: what
//! everybody else brought, and all that follows from it. A message for a thousand readers is more work
//! than a thousand messages for nobody, so the round is not foreseen but measured, and shares are cut
//! until it is short. That costs little while few are busy, and is what keeps a flood from everybody
//! else.

use std::cell::Cell;
use std::time::Duration;

use surewire_engine::time::Time;
use tokio::task::yield_now;

use super::Worker;

/// Bytes that a connection may bring at once while rounds are short.
const MOST: usize = 64 * 1024;

/// The same while they are long.
const LEAST: usize = 512;

/// Shares are cut when a round takes longer than this,
const LONG: Duration = Duration::from_millis(2);

/// to one in so many at once: a moment without the processor makes rounds long as well.
const DEEPEST_CUT: usize = 8;

/// They grow again by `GROWTH` for every `PATIENCE` in which rounds take less than this: a flood that
/// pauses must not start from the beginning.
const SHORT: Duration = Duration::from_millis(1);
const GROWTH: usize = 1024;
const PATIENCE: Duration = Duration::from_millis(10);

/// Measures rounds, and tells shares.
#[derive(Debug)]
pub(crate) struct Pace {
    share: Cell<usize>,
    /// When the share was last changed.
    changed: Cell<Time>,
    /// A connection that has more to bring and lets the others in, by its key, and since when.
    waiting: Cell<Option<(u32, Time)>>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { share: Cell::new(MOST), changed: Cell::new(Time::ZERO), waiting: Cell::new(None) }
    }
}

impl Pace {
    /// Bytes that a connection may bring before others get their turn.
    pub(crate) fn share(&self) -> usize {
        self.share.get()
    }

    /// Whether so many bytes of one read are enough for one turn: half of the share.
    pub(crate) fn is_much(&self, bytes: usize) -> bool {
        bytes >= self.share() / 2
    }

    /// Bytes of all connections that the engine gets at once.
    pub(super) fn batch(&self) -> usize {
        2 * self.share()
    }

    /// Whether rounds are longer than they should be.
    pub(super) fn is_slow(&self) -> bool {
        self.share() < MOST
    }

    fn took(&self, time: Duration, now: Time) {
        let share = self.share();
        if time > LONG {
            let times = usize::try_from(time.as_micros() / LONG.as_micros()).unwrap_or(DEEPEST_CUT);
            self.set(share / times.clamp(2, DEEPEST_CUT), now);
        } else if time < SHORT && now - self.changed.get() >= PATIENCE {
            self.set(share + GROWTH, now);
        }
    }

    fn set(&self, share: usize, now: Time) {
        self.share.set(share.clamp(LEAST, MOST));
        self.changed.set(now);
    }
}

impl Worker {
    /// The connection has more to bring, and waits for the others. One at a time is measured.
    pub(crate) fn waits(&self, key: u32) {
        if self.pace.waiting.get().is_none() {
            self.pace.waiting.set(Some((key, self.shared.core.now())));
        }
    }

    /// It is the connection's turn, or it is gone.
    pub(crate) fn waited(&self, key: u32) {
        let Some((_, since)) = self.pace.waiting.get().filter(|(waiting, _)| *waiting == key)
        else {
            return;
        };
        self.pace.waiting.set(None);
        let now = self.shared.core.now();
        self.pace.took(now - since, now);
    }

    /// Lets the others in.
    pub(crate) async fn let_others_in(&self) {
        let since = self.shared.core.now();
        yield_now().await;
        let now = self.shared.core.now();
        self.pace.took(now - since, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_shrink_while_rounds_are_long_and_grow_slowly_while_they_are_short() {
        let pace = Pace::default();
        let mut now = Time::ZERO + Duration::from_secs(1);
        assert_eq!(pace.share(), MOST);
        pace.took(LONG + Duration::from_nanos(1), now);
        assert_eq!(pace.share(), MOST / 2);
        assert!(pace.is_slow());
        now = now + PATIENCE;
        pace.took(LONG, now);
        pace.took(SHORT, now);
        assert_eq!(pace.share(), MOST / 2, "neither long nor short");
        pace.took(3 * LONG, now);
        assert_eq!(pace.share(), MOST / 6);
        pace.took(Duration::from_secs(1), now);
        assert_eq!(pace.share(), MOST / 6 / 8);
        pace.took(Duration::from_secs(1), now);
        assert_eq!(pace.share(), LEAST);
        pace.took(Duration::ZERO, now);
        assert_eq!(pace.share(), LEAST, "too soon");
        for _ in 0..MOST / GROWTH {
            now = now + PATIENCE;
            pace.took(Duration::ZERO, now);
        }
        assert_eq!(pace.share(), MOST);
        assert!(!pace.is_slow());
    }
}
