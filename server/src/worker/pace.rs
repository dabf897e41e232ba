//! How much one connection may bring before the others get their turn.
//!
//! A worker serves its connections one after the other, so what a client waits for is a round: what
//! everybody else brought, and all that follows from it. A message for a thousand readers is more work
//! than a thousand messages for nobody, so the round is not foreseen but measured, and shares are cut
//! until it is short. While only one connection brings anything nobody waits for it, and it may bring
//! all it has.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::task::Context;
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

/// Shares are cut when a round takes longer than this,
const LONG: Duration = Duration::from_millis(2);

/// to one in so many at once: a moment without the processor makes rounds long as well.
const DEEPEST_CUT: usize = 8;

/// They grow by `GROWTH` when a round takes less than this, at most once in `PATIENCE`: a flood that
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
    /// Reads that brought something, by whomever.
    reads: Cell<u64>,
    /// The round that is being measured, if one is.
    round: Cell<Option<Round>>,
}

/// From the beginning of one turn of a connection that has more to bring to that of its next but one: tokio
/// wakes those who waited for the reactor in the opposite order, so who was first is the last then.
#[derive(Clone, Copy, Debug)]
struct Round {
    key: u32,
    since: Time,
    /// Whether this is the second of the two.
    again: bool,
    /// Reads up to the end of its turn.
    reads: u64,
    /// Whether somebody else has brought something.
    others: bool,
    /// Whether it has more to bring.
    goes_on: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            share: Cell::new(MOST),
            changed: Cell::new(Time::ZERO),
            reads: Cell::new(0),
            round: Cell::new(None),
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

    /// A connection has brought something.
    pub(crate) fn count_read(&self) {
        self.reads.set(self.reads.get() + 1);
    }

    /// Bytes of all connections that the engine gets at once.
    pub(super) fn batch(&self) -> usize {
        2 * self.share()
    }

    /// Whether rounds were long again and again.
    pub(super) fn is_slow(&self) -> bool {
        self.share() < SLOW
    }

    /// So many rounds took from `since` until now. What began before the last change tells nothing of it.
    pub(super) fn took(&self, since: Time, now: Time, rounds: u32) {
        let (time, share) = ((now - since) / rounds, self.share());
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
    /// A turn of the connection begins. If it has waited for that, the round is over, and the next begins.
    pub(crate) fn turn_begins(&self, key: u32) {
        let pace = &self.pace;
        let Some(round) = pace.round.get().filter(|round| round.key == key) else { return };
        let others = round.others || round.reads != pace.reads.get();
        let now = self.shared.core.now();
        if !round.again && now - round.since <= 2 * LONG {
            pace.round.set(Some(Round { again: true, others, goes_on: false, ..round }));
            return;
        }
        // A single one that is this long may be two rounds as well.
        pace.took(if others { round.since } else { now }, now, 2);
        let next = Round { since: now, again: false, others: false, goes_on: false, ..round };
        pace.round.set(Some(next));
    }

    /// The connection has more to bring, and lets the others in. One at a time is measured.
    pub(crate) fn waits(&self, key: u32) {
        let pace = &self.pace;
        let round = pace.round.get();
        if round.is_none_or(|round| round.key == key) {
            let begun = || Round {
                key,
                since: self.shared.core.now(),
                again: false,
                reads: 0,
                others: false,
                goes_on: true,
            };
            let round = round.unwrap_or_else(begun);
            pace.round.set(Some(Round { reads: pace.reads.get(), goes_on: true, ..round }));
        }
    }

    /// The turn ends.
    pub(crate) fn turn_ends(&self, key: u32) {
        if self.pace.round.get().is_some_and(|round| round.key == key && !round.goes_on) {
            self.pace.round.set(None);
        }
    }

    /// Lets everybody else have a turn, and measures how long that takes.
    pub(crate) async fn let_others_in(&self) {
        let since = self.shared.core.now();
        yield_now().await;
        self.pace.took(since, self.shared.core.now(), 1);
    }
}

/// Has the task go on when the reactor has been asked who else is ready. Woken at once it would be in the
/// way of that: while there are tasks to run tokio asks only after 61 of them, and everybody else waits.
pub(crate) fn wake_after_others(cx: &mut Context<'_>) {
    let _deferred = pin!(yield_now()).poll(cx);
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
            pace.took(since, now, 1);
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
        pace.took(begun, over, 1);
        pace.took(begun, over, 1);
        pace.took(begun, over + Duration::from_nanos(1), 1);
        assert_eq!(pace.share(), MOST / 8);
    }

    /// Woken at once, a busy task goes on some 60 times before anybody else is noticed.
    #[test]
    fn who_becomes_readable_while_somebody_is_busy_is_noticed_in_the_next_round() {
        use std::future::poll_fn;
        use std::io::Write;
        use std::rc::Rc;
        use std::task::Poll;
        use tokio::io::AsyncReadExt;

        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build_local(tokio::runtime::LocalOptions::default());
        runtime.expect("a runtime").block_on(async {
            let (mut theirs, ours) = std::os::unix::net::UnixStream::pair().expect("a pair");
            ours.set_nonblocking(true).expect("a socket");
            let mut ours = tokio::net::UnixStream::from_std(ours).expect("a socket");
            let turns = Rc::new(Cell::new(0_u32));
            let busy = Rc::clone(&turns);
            tokio::task::spawn_local(poll_fn(move |cx| -> Poll<()> {
                busy.set(busy.get() + 1);
                if busy.get() == 100 {
                    theirs.write_all(b"x").expect("room");
                }
                wake_after_others(cx);
                Poll::Pending
            }));
            let mut byte = [0];
            ours.read_exact(&mut byte).await.expect("a byte");
            assert!(turns.get() <= 103, "noticed after {} turns", turns.get() - 100);
        });
    }
}
