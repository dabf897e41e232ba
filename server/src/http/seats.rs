//! How many connections there are, and which of them gives way to a new one.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// Connections at a time. Operators and their tools need few: one for each request in flight. Well
/// within the file descriptors that are kept back from MQTT's clients.
const LIMIT: usize = 64;

/// A connection whose answer got on at last tells nobody: while there is no room it is looked for
/// this often.
const LOOK: Duration = Duration::from_secs(1);

/// An answer of which nothing is taken for so long is stalled.
const STALLED: Duration = Duration::from_secs(2);

/// All connections, by the order they came in.
#[derive(Default)]
pub(super) struct Seats(Rc<Table>);

#[derive(Default)]
struct Table {
    taken: RefCell<BTreeMap<u64, Rc<Place>>>,
    next: Cell<u64>,
    freed: Notify,
}

/// What is known of a connection.
struct Place {
    /// Since when no request of it is being answered.
    idle_since: Cell<Option<Instant>>,
    /// Since when the other end takes nothing of an answer, if it does not.
    writing: Rc<Cell<Option<Instant>>>,
    /// It is to end after the answer at hand.
    close: Notify,
}

/// A connection's place, until it is dropped.
pub(super) struct Seat {
    table: Rc<Table>,
    number: u64,
    place: Rc<Place>,
}

impl Seats {
    /// Returns when there is room for one more. Where there is none, the connection that has been
    /// idle for longest ends, or else the one that has taken nothing of its answer for longest:
    /// whoever opens many and asks nothing, or reads nothing, keeps nobody out.
    pub(super) async fn room(&self) {
        while self.0.taken.borrow().len() >= LIMIT {
            if let Some(place) = self.longest_idle().or_else(|| self.longest_stalled()) {
                place.close.notify_one();
            }
            let _ = timeout(LOOK, self.0.freed.notified()).await;
        }
    }

    pub(super) fn take(&self) -> Seat {
        let number = self.0.next.replace(self.0.next.get() + 1);
        let idle_since = Cell::new(Some(Instant::now()));
        let place = Place { idle_since, writing: Rc::default(), close: Notify::new() };
        let place = Rc::new(place);
        self.0.taken.borrow_mut().insert(number, Rc::clone(&place));
        Seat { table: Rc::clone(&self.0), number, place }
    }

    /// Makes every connection end, those with a request in flight after its answer.
    pub(super) fn close_all(&self) {
        for place in self.0.taken.borrow().values() {
            place.close.notify_one();
        }
    }

    /// Returns when there is no connection.
    pub(super) async fn empty(&self) {
        while !self.0.taken.borrow().is_empty() {
            self.0.freed.notified().await;
        }
    }

    fn longest_idle(&self) -> Option<Rc<Place>> {
        let taken = self.0.taken.borrow();
        let idle = taken.values().filter_map(|place| Some((place.idle_since()?, place)));
        idle.min_by_key(|(since, _)| *since).map(|(_, place)| Rc::clone(place))
    }

    fn longest_stalled(&self) -> Option<Rc<Place>> {
        let taken = self.0.taken.borrow();
        let stalled = taken.values().filter_map(|place| Some((place.stalled_since()?, place)));
        stalled.min_by_key(|(since, _)| *since).map(|(_, place)| Rc::clone(place))
    }
}

impl Seat {
    /// A request is being answered until what is returned is dropped.
    pub(super) fn busy(&self) -> Busy {
        self.place.idle_since.set(None);
        Busy { table: Rc::clone(&self.table), place: Rc::clone(&self.place) }
    }

    /// Whether a request is being answered, up to its last byte.
    pub(super) fn is_busy(&self) -> bool {
        self.place.idle_since().is_none()
    }

    /// Whether the other end has stopped taking its answer.
    pub(super) fn is_stalled(&self) -> bool {
        self.place.stalled_since().is_some()
    }

    /// Where the stream tells since when a write waits.
    pub(super) fn writing(&self) -> Rc<Cell<Option<Instant>>> {
        Rc::clone(&self.place.writing)
    }

    /// Returns when the connection is to end.
    pub(super) async fn closed(&self) {
        self.place.close.notified().await;
    }
}

impl Place {
    fn idle_since(&self) -> Option<Instant> {
        self.idle_since.get().filter(|_| self.writing.get().is_none())
    }

    fn stalled_since(&self) -> Option<Instant> {
        self.writing.get().filter(|since| since.elapsed() >= STALLED)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.table.taken.borrow_mut().remove(&self.number);
        self.table.freed.notify_one();
    }
}

/// A request in flight.
pub(super) struct Busy {
    table: Rc<Table>,
    place: Rc<Place>,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.place.idle_since.set(Some(Instant::now()));
        // It may be the one that is to give way.
        self.table.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::{Context, Poll, Waker};

    fn is_ready(future: std::pin::Pin<&mut impl Future>) -> bool {
        matches!(future.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(_))
    }

    #[tokio::test(start_paused = true)]
    async fn the_connection_that_is_idle_for_longest_gives_way() {
        let seats = Seats::default();
        let mut taken: Vec<_> = (0..LIMIT).map(|_| seats.take()).collect();
        let _first_is_busy = taken[0].busy();
        taken[1].writing().set(Some(Instant::now()));
        let mut room = std::pin::pin!(seats.room());
        assert!(!is_ready(room.as_mut()));
        for (seat, gives_way) in taken.iter().zip([false, false, true, false]) {
            assert_eq!(is_ready(std::pin::pin!(seat.closed())), gives_way, "{}", seat.number);
        }
        taken.remove(2);
        assert!(is_ready(room));
    }
    #[tokio::test(start_paused = true)]
    async fn where_none_is_idle_the_answer_that_nobody_reads_gives_way() {
        let seats = Seats::default();
        let taken: Vec<_> = (0..LIMIT).map(|_| seats.take()).collect();
        let _busy: Vec<_> = taken.iter().map(Seat::busy).collect();
        taken[3].writing().set(Some(Instant::now()));
        assert!(!is_ready(std::pin::pin!(seats.room())));
        assert!(!is_ready(std::pin::pin!(taken[3].closed())), "it has only just stopped");
        tokio::time::advance(STALLED).await;
        assert!(!is_ready(std::pin::pin!(seats.room())));
        assert!(taken[3].is_stalled() && is_ready(std::pin::pin!(taken[3].closed())));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_goes_idle_while_all_are_busy_gives_way() {
        let seats = Seats::default();
        let taken: Vec<_> = (0..LIMIT).map(|_| seats.take()).collect();
        let mut busy: Vec<_> = taken.iter().map(Seat::busy).collect();
        let mut room = std::pin::pin!(seats.room());
        assert!(!is_ready(room.as_mut()));
        drop(busy.remove(5));
        assert!(!is_ready(room.as_mut()));
        assert!(is_ready(std::pin::pin!(taken[5].closed())));
    }
}
