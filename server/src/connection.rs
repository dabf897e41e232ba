//! One connection's life on its worker: opening, reading and writing, closing.
//!
//! ```text
//!  accepted ──TLS, WebSocket, CONNECT──▶ numbered ──CONNACK──▶ admitted
//!     │ timeout, error, stop                │                     │ packets ⇄
//!     ▼                                     ▼                     ▼
//!   dropped                        closed by the engine, or lost: lingers, then released
//! ```

mod close;
mod filters;
mod open;
mod queue;
mod read;
mod strangers;
mod write;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker, ready};

use surewire_engine::event::{Event, Lost};
use surewire_engine::id::ConnId;
use surewire_engine::packet::Version;

use crate::core::{Entry, Input};
use crate::environment::{LocalFuture, Stream};
use crate::planted::Bug;
use crate::shared::Seat;
use crate::sync::spawn_local;
use crate::worker::{Arrival, Worker};

use queue::Queue;
use read::Reader;

pub(crate) use open::STRANGER_LIMIT;
pub(crate) use strangers::{Counted, Share, Strangers};

/// A connection whose CONNECT is there. What is rare is boxed: an idle one is small.
pub(crate) struct Connection {
    worker: Rc<Worker>,
    /// `None` when the connection is closing or gone.
    stream: RefCell<Option<Box<dyn Stream>>>,
    reader: RefCell<Reader>,
    /// What the socket did not take; `Some` while it is full.
    queue: RefCell<Option<Box<Queue>>>,
    /// Bytes written that the engine does not know of.
    unreported: Cell<u64>,
    /// The engine waits to hear of the next bytes written, however few.
    awaited: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    id: Cell<Option<ConnId>>,
    key: Cell<u32>,
    version: Version,
    /// The engine accepted the CONNECT: everything may be decoded.
    admitted: Cell<bool>,
    /// The engine wants to be read to.
    reading: Cell<bool>,
    /// Bytes that are no packet came: nothing is read any more.
    broken: Cell<bool>,
    end: Cell<Option<End>>,
    /// Its packets led to much: it is not read on before so much of what is late has gone out.
    pub(crate) patient: Cell<u64>,
    /// Bytes of records that it has brought since the disk is behind.
    for_disk: Cell<usize>,
    /// Its place in the worker's line, if it stands there.
    place: Cell<u64>,
    _seat: Seat,
}

/// Why a connection's reading and writing ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The engine asks for it.
    Asked,
    /// The transport ended.
    Lost(Lost),
    /// The broker ends.
    Abandoned,
}

/// Serves an accepted connection in a task of its own.
pub(crate) fn start(worker: &Rc<Worker>, arrival: Arrival) {
    // Boxed and gone after CONNECT, so that the task of an idle connection is small.
    let opening = Box::pin(open::open(Rc::clone(worker), arrival));
    spawn_local(live(opening));
}

async fn live(opening: LocalFuture<'static, Option<Rc<Connection>>>) {
    if let Some(connection) = opening.await {
        let watch = Watch(connection);
        let end = poll_fn(|cx| watch.0.poll_end(cx)).await;
        Box::pin(close::close(&watch.0, end)).await;
    }
}

impl Connection {
    fn new(worker: Rc<Worker>, stream: Box<dyn Stream>, version: Version, seat: Seat) -> Rc<Self> {
        let connection = Rc::new(Self {
            worker,
            stream: RefCell::new(Some(stream)),
            reader: RefCell::default(),
            queue: RefCell::new(None),
            unreported: Cell::new(0),
            awaited: Cell::new(false),
            waker: RefCell::new(None),
            id: Cell::new(None),
            key: Cell::new(0),
            version,
            admitted: Cell::new(false),
            reading: Cell::new(true),
            broken: Cell::new(false),
            end: Cell::new(None),
            patient: Cell::new(0),
            for_disk: Cell::new(0),
            place: Cell::new(0),
            _seat: seat,
        });
        connection.key.set(connection.worker.register(&connection));
        connection
    }

    /// The engine's name for it; none before the turn that opens it.
    pub(crate) fn id(&self) -> Option<ConnId> {
        self.id.get()
    }

    /// The worker's name for it.
    pub(crate) fn key(&self) -> u32 {
        self.key.get()
    }

    /// It has its number.
    pub(crate) fn numbered(&self, id: ConnId) {
        self.id.set(Some(id));
    }

    /// Does what a turn brought for it, but for reading.
    pub(crate) fn deliver(self: &Rc<Self>, entry: &Entry) {
        if self.end.get().is_some() {
            return;
        }
        if entry.admitted {
            self.admit();
        }
        if !entry.frames.is_empty() {
            self.write(&entry.frames);
        }
        if entry.report {
            self.tell_progress();
        }
        if entry.close && !self.planted(Bug::CloseIgnored) {
            self.finish(End::Asked);
        }
    }

    /// Reads on, or not, if that has changed.
    pub(crate) fn read_on(&self, changed: Option<bool>) {
        if let Some(on) = changed {
            self.reading.set(on && !self.planted(Bug::NeverReadAgain));
            self.wake();
        }
    }

    /// The engine waits for room: it is told of what was written, or else of what will be next.
    fn tell_progress(&self) {
        if self.unreported.get() > 0 {
            self.worker.want_turn();
        } else {
            self.awaited.set(true);
        }
    }

    /// Its packets led to so many bytes of records although the disk is behind.
    pub(crate) fn brought_records(&self, bytes: usize) {
        self.for_disk.set(self.for_disk.get() + bytes);
    }

    /// Bytes written since the last call.
    pub(crate) fn take_unreported(&self) -> u64 {
        self.unreported.take()
    }

    /// Whether output waits for its socket.
    pub(crate) fn is_full(&self) -> bool {
        self.queue.borrow().is_some()
    }

    /// Drops the connection as it is.
    pub(crate) fn abandon(&self) {
        self.finish(End::Abandoned);
    }

    /// Whether this is wrong on purpose.
    fn planted(&self, bug: Bug) -> bool {
        self.worker.shared.settings.planted.is(bug)
    }

    fn admit(&self) {
        self.admitted.set(true);
        if let Some(stream) = self.stream.borrow_mut().as_mut() {
            stream.admit();
        }
        self.wake();
    }

    /// Runs the connection: writes on what is queued, reads what is there.
    fn poll_end(self: &Rc<Self>, cx: &mut Context<'_>) -> Poll<End> {
        self.remember(cx.waker());
        if let Poll::Ready(Err(_)) = self.poll_write_on(cx) {
            return Poll::Ready(End::Lost(Lost::Failed));
        }
        if let Some(end) = self.end.get() {
            return Poll::Ready(end);
        }
        let lost = ready!(self.poll_packets(cx));
        Poll::Ready(self.end.get().unwrap_or(End::Lost(lost)))
    }

    fn remember(&self, waker: &Waker) {
        let mut known = self.waker.borrow_mut();
        match known.as_mut() {
            Some(known) => known.clone_from(waker),
            None => *known = Some(waker.clone()),
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// Makes its task end, unless it is ending already.
    fn finish(&self, end: End) {
        if self.end.get().is_none() {
            self.end.set(Some(end));
        }
        self.wake();
    }

    fn submit(&self, event: impl FnOnce(ConnId) -> Event) {
        if let Some(id) = self.id.get() {
            self.worker.submit(Input::Event(event(id)));
        }
    }
}

/// Notices when the connection's own task panics, closes the connection and counts it.
struct Watch(Rc<Connection>);

impl Drop for Watch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.worker.shared.panics.fetch_add(1, Ordering::Relaxed);
            close::panicked(&self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_is_small() {
        let task = size_of_val(&live(Box::pin(async { None })));
        assert!(task <= 64, "the task of an idle connection takes {task} bytes");
        let connection = size_of::<Connection>();
        assert!(connection <= 208, "a connection takes {connection} bytes");
    }
}
