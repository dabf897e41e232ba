//! How much one connection may bring before the others get their turn.
//!
//! What a client waits for is a round: what everybody else brought, and all that follows from it. How many
//! bring much in a round is bounded by time (`line.rs`). What one of them causes is not to be foreseen, since
//! a message for a thousand readers is more work than a thousand messages for nobody. So that is measured,
//! and shares are cut until it is short. While only one connection brings anything nobody waits for it, and
//! it may bring all it has.

use std::cell::Cell;
use std::time::Duration;

use surewire_engine::time::Time;
use tokio::task::yield_now;

use super::Worker;

/// Bytes that a connection may bring at once while rounds are short.
const MOST: usize = 64 * 1024;

/// The same while they are long.
const LEAST: usize = 512;

/// From here on turns are taken as soon as they are wanted, and do not wait for more to do: that is what
/// makes them cheap, and rounds long.
const SLOW: usize = MOST / 8;

/// Shares are cut when one turn, and what follows from it, takes longer than this,
const LONG: Duration = Duration::from_millis(2);

/// to one in so many at once: a moment without the processor makes turns long as well.
const DEEPEST_CUT: usize = 8;

/// They grow by `GROWTH` when it takes less than this, at most once in `PATIENCE`: a flood that pauses must
/// not start from the beginning.
const SHORT: Duration = Duration::from_millis(1);
const GROWTH: usize = 1024;
const PATIENCE: Duration = Duration::from_millis(10);

/// Tells what may come at once.
#[derive(Debug)]
pub(crate) struct Pace {
    share: Cell<usize>,
    /// When the share was last changed.
    changed: Cell<Time>,
    /// Whether somebody was left in line.
    crowded: Cell<bool>,
    /// Turns in which something came, of whomever.
    turns: Cell<u64>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            share: Cell::new(MOST),
            changed: Cell::new(Time::ZERO),
            crowded: Cell::new(false),
            turns: Cell::new(0),
        }
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

    /// A connection has brought something in its turn.
    pub(crate) fn count_turn(&self) {
        self.turns.set(self.turns.get() + 1);
    }

    /// How often that was.
    pub(super) fn turns(&self) -> u64 {
        self.turns.get()
    }

    /// Bytes of all connections that the engine gets at once.
    pub(super) fn batch(&self) -> usize {
        2 * self.share()
    }

    /// Whether rounds are long.
    pub(super) fn is_slow(&self) -> bool {
        self.share() < SLOW || self.crowded.get()
    }

    /// Whether the round was over before all who stood in line were let in.
    pub(super) fn set_crowded(&self, crowded: bool) {
        self.crowded.set(crowded);
    }

    /// Something that everybody waited for took from `since` until now. What began before the last change
    /// tells nothing of it.
    pub(super) fn took(&self, since: Time, now: Time) {
        let (time, share) = (now - since, self.share());
        if since < self.changed.get() {
            return;
        }
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
    /// Lets everybody else have a turn, and measures how long that takes.
    pub(super) async fn let_others_in(&self) {
        let since = self.shared.core.now();
        yield_now().await;
        // Otherwise those who stand there are measured.
        if self.line.is_empty() {
            self.pace.took(since, self.shared.core.now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_shrink_while_rounds_are_long_and_grow_slowly_while_they_are_short() {
        let pace = Pace::default();
        let mut now = Time::ZERO + Duration::from_secs(1);
        let mut took = |pace: &Pace, time: Duration| {
            let since = now;
            now = now + time;
            pace.took(since, now);
        };
        assert_eq!(pace.share(), MOST);
        took(&pace, LONG + Duration::from_nanos(1));
        assert_eq!(pace.share(), MOST / 2);
        assert!(!pace.is_slow());
        took(&pace, LONG);
        took(&pace, LONG);
        took(&pace, LONG);
        took(&pace, SHORT);
        assert_eq!(pace.share(), MOST / 2, "neither long nor short");
        took(&pace, 3 * LONG);
        assert_eq!(pace.share(), MOST / 6);
        took(&pace, Duration::from_secs(1));
        assert_eq!(pace.share(), MOST / 6 / 8);
        assert!(pace.is_slow());
        took(&pace, Duration::from_secs(1));
        assert_eq!(pace.share(), LEAST);
        took(&pace, Duration::ZERO);
        assert_eq!(pace.share(), LEAST, "too soon");
        for _ in 0..MOST / GROWTH * 40 {
            took(&pace, SHORT / 2);
        }
        assert_eq!(pace.share(), MOST);
        assert!(!pace.is_slow());
    }

    #[test]
    fn a_long_moment_counts_once() {
        let pace = Pace::default();
        let [begun, over] = [1, 2].map(|at| Time::ZERO + Duration::from_secs(at));
        pace.took(begun, over);
        pace.took(begun, over);
        pace.took(begun, over + Duration::from_nanos(1));
        assert_eq!(pace.share(), MOST / 8);
    }
}
