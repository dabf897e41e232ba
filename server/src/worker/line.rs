//! Whoever has more to bring than its share stands in line, and is let in when there is time.
//!
//! Everybody else is served as soon as the reactor tells of them. So a round stays short however many
//! clients flood the broker: they wait for each other, and nobody else waits for them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use surewire_engine::time::Time;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::pace::Pace;

/// After so long nobody is let in any more before the reactor was asked who else is ready.
const ROUND: Duration = Duration::from_millis(1);

/// From one round to the next while the disk has too much to write and nobody brings anything else.
const DISK_PAUSE: Duration = Duration::from_millis(1);

/// Room for so many stays when nobody stands in line.
const KEEP: usize = 64;

/// The line of one worker. A place in it is a number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Line {
    waiting: RefCell<VecDeque<Waker>>,
    /// The last place that was taken, and the last one that was let in.
    last: Cell<u64>,
    let_in: Cell<u64>,
    begun: Notify,
}

impl Line {
    /// Takes the place behind everybody else for the task, which is woken when it is let in.
    pub(crate) fn stand(&self, cx: &Context<'_>) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.is_empty() {
            self.begun.notify_one();
        }
        waiting.push_back(cx.waker().clone());
        self.last.set(self.last.get() + 1);
    }

    /// Stands in line until it is let in.
    pub(crate) async fn stand_and_wait(&self) {
        let mut place = None;
        poll_fn(|cx| match place {
            Some(place) if self.is_let_in(place) => Poll::Ready(()),
            Some(_) => Poll::Pending,
            None => {
                self.stand(cx);
                place = Some(self.last());
                Poll::Pending
            }
        })
        .await;
    }

    /// The place that was taken last.
    pub(crate) fn last(&self) -> u64 {
        self.last.get()
    }

    /// Whether the place was let in: it may have been woken for something else.
    pub(crate) fn is_let_in(&self, place: u64) -> bool {
        place <= self.let_in.get()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn len(&self) -> usize {
        self.waiting.borrow().len()
    }

    /// Lets the first one in.
    fn let_one_in(&self) {
        let mut waiting = self.waiting.borrow_mut();
        if let Some(first) = waiting.pop_front() {
            self.let_in.set(self.let_in.get() + 1);
            first.wake();
        }
        if waiting.is_empty() {
            waiting.shrink_to(KEEP);
        }
    }

    /// Lets them in, round after round, and measures what each of them costs. If none of them brings anything
    /// because they wait for the disk, it is looked again in a while.
    pub(super) async fn move_on(
        &self,
        pace: &Pace,
        now: impl Fn() -> Time,
        disk_is_behind: impl Fn() -> bool,
    ) -> Infallible {
        loop {
            self.begun.notified().await;
            let mut guest = None;
            while !self.is_empty() {
                // Asks the reactor who else is ready. While there are tasks to run tokio would do so only after
                // 61 of them.
                yield_now().await;
                let turns = pace.turns();
                self.round(pace, &now, &mut guest).await;
                if pace.turns() == turns && disk_is_behind() {
                    sleep(DISK_PAUSE).await;
                    guest = None;
                }
            }
        }
    }

    /// Lets them in one after the other until all had a turn, or the round is long enough. `guest` is the last
    /// one of the round before.
    async fn round(&self, pace: &Pace, now: &impl Fn() -> Time, guest: &mut Option<Guest>) {
        let begun = now();
        let (mut left, mut since) = (self.len(), begun);
        let is_alone = left == 1;
        while left > 0 && since - begun < ROUND {
            if let Some(guest) = guest.replace(Guest { since, turns: pace.turns(), is_alone }) {
                guest.measure(pace, since);
            }
            self.let_one_in();
            left -= 1;
            run_all_others().await;
            since = now();
        }
        pace.set_crowded(left > 0);
    }
}

/// Who was let in last. What that costs is all that follows until the next one is: its own turn, what the engine
/// makes of it, and what others wait for meanwhile.
struct Guest {
    since: Time,
    /// Turns that there were before.
    turns: u64,
    /// Whether nobody else stood in line.
    is_alone: bool,
}

impl Guest {
    /// Whoever is the only one that brings anything is in nobody's way.
    fn measure(&self, pace: &Pace, now: Time) {
        if !self.is_alone || pace.turns() - self.turns > 1 {
            pace.took(self.since, now);
        }
    }
}

/// Has everybody run who is to.
async fn run_all_others() {
    let mut have_run = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut have_run, true) {
            return Poll::Ready(());
        }
        // Unlike `yield_now`, which asks the reactor as well.
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::rc::Rc;
    use tokio::io::AsyncReadExt;
    use tokio::task::spawn_local;

    #[test]
    fn they_are_let_in_in_the_order_in_which_they_came() {
        let line = Line::default();
        let cx = Context::from_waker(Waker::noop());
        assert!(line.is_let_in(0), "who never stood there");
        let places = [(); 3].map(|()| {
            line.stand(&cx);
            line.last()
        });
        for count in 0..=3 {
            assert_eq!(places.map(|place| line.is_let_in(place)), [1, 2, 3].map(|n| n <= count));
            line.let_one_in();
        }
        assert!(line.is_empty());
    }

    /// Everything on a thread of its own, as a worker's, with a clock that only moves when it is told to.
    struct Hall {
        line: Line,
        pace: Pace,
        now: Cell<Time>,
        turns: Cell<u32>,
        disk_is_behind: Cell<bool>,
    }

    impl Hall {
        fn run<T>(body: impl AsyncFnOnce(Rc<Self>) -> T) -> T {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .start_paused(true)
                .build_local(tokio::runtime::LocalOptions::default());
            let (line, pace) = (Line::default(), Pace::default());
            let (now, turns) = (Cell::new(Time::ZERO), Cell::new(0));
            let disk_is_behind = Cell::new(false);
            let hall = Rc::new(Self { line, pace, now, turns, disk_is_behind });
            runtime.expect("a runtime").block_on(async {
                let porter = Rc::clone(&hall);
                spawn_local(async move {
                    let Self { line, pace, now, disk_is_behind, .. } = &*porter;
                    line.move_on(pace, || now.get(), || disk_is_behind.get()).await;
                });
                body(hall).await
            })
        }

        /// Somebody who always has more to bring, which takes so long.
        fn enter_busy(self: &Rc<Self>, cost: Duration, mut each: impl FnMut(u32) + 'static) {
            let hall = Rc::clone(self);
            spawn_local(async move {
                loop {
                    hall.line.stand_and_wait().await;
                    hall.pace.count_turn();
                    hall.now.set(hall.now.get() + cost);
                    hall.turns.set(hall.turns.get() + 1);
                    each(hall.turns.get());
                }
            });
        }
    }

    #[test]
    fn who_becomes_readable_while_somebody_is_busy_is_noticed_in_the_next_round() {
        Hall::run(async |hall| {
            let (mut theirs, ours) = std::os::unix::net::UnixStream::pair().expect("a pair");
            ours.set_nonblocking(true).expect("a socket");
            let mut ours = tokio::net::UnixStream::from_std(ours).expect("a socket");
            hall.enter_busy(Duration::ZERO, move |turns| {
                if turns == 100 {
                    theirs.write_all(b"x").expect("room");
                }
            });
            let mut byte = [0];
            ours.read_exact(&mut byte).await.expect("a byte");
            let turns = hall.turns.get();
            assert!(turns <= 103, "noticed after {} turns", turns - 100);
        });
    }

    #[test]
    fn however_many_stand_in_line_a_round_is_short() {
        Hall::run(async |hall| {
            for _ in 0..1_000 {
                hall.enter_busy(ROUND * 2 / 5, |_| {});
            }
            while hall.turns.get() == 0 {
                yield_now().await;
            }
            for _ in 0..1_000 {
                let before = hall.turns.get();
                yield_now().await;
                assert!(hall.turns.get() - before <= 3);
            }
            assert!(hall.turns.get() > 2_000, "{}", hall.turns.get());
            assert!(hall.pace.is_slow(), "others were left");
        });
    }

    #[test]
    fn a_disk_that_all_wait_for_is_not_waited_for_busily() {
        Hall::run(async |hall| {
            let looks = Rc::new(Cell::new(0_u32));
            let (waiting, seen) = (Rc::clone(&hall), Rc::clone(&looks));
            hall.disk_is_behind.set(true);
            spawn_local(async move {
                while waiting.disk_is_behind.get() {
                    waiting.line.stand_and_wait().await;
                    seen.set(seen.get() + 1);
                }
            });
            // The clock only moves while nobody has anything to do.
            sleep(DISK_PAUSE * 100).await;
            assert!((90..=101).contains(&looks.get()), "{}", looks.get());
        });
    }

    /// What the engine makes of a turn comes after it, and what others bring is read between two rounds.
    #[test]
    fn what_comes_of_a_turn_counts_while_others_bring_something() {
        for others in [false, true] {
            Hall::run(async |hall| {
                let share = hall.pace.share();
                hall.enter_busy(Duration::ZERO, |_| {});
                while hall.turns.get() < 20 {
                    yield_now().await;
                    hall.now.set(hall.now.get() + ROUND * 3);
                    if others {
                        hall.pace.count_turn();
                    }
                }
                assert_eq!(hall.pace.share() < share, others);
            });
        }
    }

    #[test]
    fn shares_are_cut_for_who_takes_long_and_is_not_alone() {
        for (count, is_cut) in [(1, false), (2, true)] {
            Hall::run(async |hall| {
                let share = hall.pace.share();
                for _ in 0..count {
                    hall.enter_busy(ROUND * 3, |_| {});
                }
                while hall.turns.get() < 10 {
                    yield_now().await;
                }
                assert_eq!(hall.pace.share() < share, is_cut);
            });
        }
    }
}
