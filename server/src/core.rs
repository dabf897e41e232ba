//! The engine behind its one lock, and all that must change together with it.
//!
//! A worker takes the lock once a turn: it hands in what its connections brought and leaves with
//! everything there is to write on its connections, whoever caused it. The clock is read and
//! packets are put into out-buffers under the lock; otherwise two workers could reorder what one
//! client sees. System calls and text are made outside.

mod chunked;
mod frames;
mod outbox;
mod perform;
mod requests;
mod slots;
mod snapshot;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use surewire_engine::Engine;
use surewire_engine::action::Action;
use surewire_engine::answer::Answer;
use surewire_engine::codec::BadConnect;
use surewire_engine::event::{Event, Memory, Peer, Verdict};
use surewire_engine::id::ConnId;
use surewire_engine::packet::{Connect, Version};
use surewire_engine::request::Request;
use surewire_engine::time::Time;
use tokio::sync::oneshot;

use crate::environment::Clock;
use crate::histogram::Histogram;
use crate::logging::Report;
use crate::planted::{Bug, Planted};
use crate::settings::Settings;
use crate::store::{Figures, Queue, Store};
use crate::sync::{AtomicUsize, CONTROLLED, Mutex, MutexGuard, Notify, yield_now};
use crate::timer::Deadline;

use perform::Performer;
use requests::Requests;
use slots::Slots;

pub(crate) use chunked::Table;
pub(crate) use frames::{Frames, Piece, SLICES};
pub(crate) use outbox::{Entry, Outbox, WRITE};
pub(crate) use snapshot::Snapshot;

/// The lock is let go after so many inputs or so much time, so that other workers get in.
const BATCH_INPUTS: usize = if CONTROLLED { 2 } else { 64 };
const BATCH_TIME: Duration = Duration::from_micros(50);

/// Bytes of what lives that are written anew in one step of cleaning the log: below a millisecond.
const CLEAN: u32 = 32 << 10;

/// The clock is read, and one step timed, every so many inputs.
const SAMPLE: usize = 8;

/// What a worker hands in.
pub(crate) enum Input {
    /// A connection's first packet; the answer in the outbox tells its number.
    Open {
        /// The worker that serves the connection.
        worker: usize,
        /// How the worker calls it.
        key: u32,
        /// What to write to it in.
        version: Version,
        /// The other end.
        peer: Peer,
        /// The CONNECT, or what is wrong with it.
        first: Result<Box<Connect>, BadConnect>,
    },
    /// Anything that concerns the engine.
    Event(Event),
    /// The transport is gone: the number may be given to another connection.
    Release(ConnId),
}

/// Somebody panicked under the lock: the engine's state is suspect and nothing goes on.
#[derive(Debug)]
pub(crate) struct Poisoned;

/// Whose packets it has, if it has any.
fn reader(event: &Event) -> Option<ConnId> {
    match event {
        Event::Received { conn, .. }
        | Event::ReceivedPart { conn, .. }
        | Event::ReceivedRun { conn, .. }
        | Event::ReceivedAcks { conn, .. } => Some(*conn),
        Event::Opened { .. }
        | Event::Broken { .. }
        | Event::Authenticated { .. }
        | Event::Written { .. }
        | Event::Closed { .. }
        | Event::Durable { .. }
        | Event::Request { .. }
        | Event::Timeout
        | Event::Clean { .. }
        | Event::Storage(_)
        | Event::Memory(_)
        | Event::Stop => None,
    }
}

/// The engine and what belongs under its lock.
pub(crate) struct Core {
    state: Mutex<State>,
    waiting: AtomicUsize,
    clock: Arc<dyn Clock>,
    wakes: Box<[Notify]>,
    /// What the committer takes records from, if there is one.
    queue: Option<Arc<Queue>>,
    /// When the engine wants a Timeout.
    pub(crate) deadline: Deadline,
    /// Notified when a turn panicked.
    pub(crate) failed: Notify,
}

struct State {
    engine: Engine,
    store: Store,
    actions: Vec<Action>,
    slots: Slots,
    outboxes: Vec<Outbox>,
    /// What a worker writes in one turn, in bytes.
    at_once: usize,
    report: Report,
    requests: Requests,
    /// Workers whose outbox was empty and is not any more.
    woken: Vec<usize>,
    unasked: Vec<ConnId>,
    lock_wait: Histogram,
    lock_held: Histogram,
    step: Histogram,
    /// Steps that no client waits for.
    chore: Histogram,
    /// The lock held for the management interface, and for what else comes from no worker.
    request: Histogram,
    clock: Arc<dyn Clock>,
    planted: Planted,
}

impl Core {
    pub(crate) fn new(
        engine: Engine,
        clock: Arc<dyn Clock>,
        store: Store,
        settings: &Settings,
    ) -> Self {
        let Settings { workers, log_packets, planted, at_once, .. } = *settings;
        let queue = store.queue();
        let state = State {
            engine,
            store,
            actions: Vec::new(),
            slots: Slots::default(),
            outboxes: (0..workers).map(|_| Outbox::default()).collect(),
            at_once,
            report: Report::new(log_packets),
            requests: Requests::default(),
            woken: Vec::new(),
            unasked: Vec::new(),
            lock_wait: Histogram::new(),
            lock_held: Histogram::new(),
            step: Histogram::new(),
            chore: Histogram::new(),
            request: Histogram::new(),
            clock: Arc::clone(&clock),
            planted,
        };
        Self {
            state: Mutex::new(state),
            waiting: AtomicUsize::new(0),
            clock,
            wakes: (0..workers).map(|_| Notify::new()).collect(),
            queue,
            deadline: Deadline::default(),
            failed: Notify::new(),
        }
    }

    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }

    /// Whether the engine is still to learn that something is durable.
    pub(crate) fn owes_acknowledgements(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.has_become_durable())
    }

    /// Whether so much waits for the disk that whoever brings more should wait too.
    pub(crate) fn disk_is_behind(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.is_behind())
    }

    /// Makes the worker take a turn soon.
    pub(crate) fn wake(&self, worker: usize) {
        if let Some(wake) = self.wakes.get(worker) {
            wake.notify_one();
        }
    }

    /// Returns when the worker is to take a turn.
    pub(crate) async fn woken(&self, worker: usize) {
        match self.wakes.get(worker) {
            Some(wake) => wake.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Ends the broker if a panic drops what it returns.
    pub(crate) fn fatal_panics(&self) -> impl Drop {
        OnPanic(&self.failed)
    }

    /// One turn: hands in `inputs` in order and fills `outbox` and `report`, which must be empty,
    /// with what there is for this worker.
    pub(crate) fn turn(
        &self,
        worker: usize,
        inputs: &mut Vec<Input>,
        outbox: &mut Outbox,
        report: &mut Report,
    ) -> Result<(), Poisoned> {
        let mut inputs = inputs.drain(..);
        loop {
            let (mut state, since) = self.lock()?;
            // Before the batch: what was waited for may be what its packets are about.
            state.settle(since);
            state.clean(since);
            state.batch(&*self.clock, since, &mut inputs);
            let done = inputs.as_slice().is_empty();
            if done {
                state.hand_out(worker, outbox, report);
            }
            let others = std::mem::take(&mut state.woken);
            let rearm = self.deadline.set(state.engine.next_timeout())
                && !state.planted.is(Bug::TimerNotTold);
            let handed = state.store.hand_over(since, Some(worker));
            state.lock_held.record(self.clock.now() - since);
            drop(state);
            self.commit(handed);
            self.tell(Some(worker), &others, rearm);
            if done {
                return Ok(());
            }
        }
    }

    /// Asks the engine, and returns its answer as soon as what it promises is durable.
    pub(crate) async fn ask(&self, request: Request) -> Result<Answer, Poisoned> {
        let answer = {
            let _fatal = self.fatal_panics();
            self.hand_in(request)?
        };
        // The sender is gone only with the engine.
        answer.await.map_err(|_| Poisoned)
    }

    fn hand_in(&self, request: Request) -> Result<oneshot::Receiver<Answer>, Poisoned> {
        self.outside_a_turn(|state, since| {
            let (id, answer) = state.requests.open();
            state.event(since, Event::Request { id, request: Box::new(request) });
            answer
        })
    }

    /// Tells the engine how short memory is.
    pub(crate) fn memory_is(&self, stage: Memory) -> Result<(), Poisoned> {
        let _fatal = self.fatal_panics();
        self.outside_a_turn(|state, since| state.event(since, Event::Memory(stage)))
    }

    /// Does what no worker has asked for, and wakes those that it concerns.
    fn outside_a_turn<T>(&self, what: impl FnOnce(&mut State, Time) -> T) -> Result<T, Poisoned> {
        let (mut state, since) = self.lock()?;
        state.settle(since);
        let outcome = what(&mut state, since);
        let handed = state.store.hand_over(since, None);
        let fresh = Report::new(state.report.shows_packets());
        let mut report = std::mem::replace(&mut state.report, fresh);
        let others = std::mem::take(&mut state.woken);
        let rearm = self.deadline.set(state.engine.next_timeout());
        let held = self.clock.now() - since;
        state.lock_held.record(held);
        state.request.record(held);
        drop(state);
        self.commit(handed);
        self.tell(None, &others, rearm);
        report.render();
        Ok(outcome)
    }

    /// One line for each histogram.
    pub(crate) fn histograms(&self) -> Result<Vec<String>, Poisoned> {
        let figures = self.stored();
        let (state, _) = self.lock()?;
        let line = |name, histogram: &Histogram| format!("histogram {name} {histogram}");
        Ok(vec![
            line("lock_wait", &state.lock_wait),
            line("lock_held", &state.lock_held),
            line("step", &state.step),
            line("chore", &state.chore),
            line("request", &state.request),
            line("sync", &figures.sync),
            line("commit", &figures.commit),
            format!("counters store {figures}"),
        ])
    }

    /// What the committer has done so far.
    pub(crate) fn stored(&self) -> Figures {
        self.queue.as_ref().map(|queue| queue.figures()).unwrap_or_default()
    }

    /// Lets the committer know of new records.
    fn commit(&self, handed: bool) {
        if let Some(queue) = self.queue.as_ref().filter(|_| handed) {
            queue.notify();
        }
    }

    fn lock(&self) -> Result<(MutexGuard<'_, State>, Time), Poisoned> {
        let asked = self.clock.now();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let locked = self.state.lock();
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        let mut state = locked.map_err(|_| Poisoned)?;
        let since = self.clock.now();
        state.lock_wait.record(since - asked);
        Ok((state, since))
    }

    fn tell(&self, worker: Option<usize>, others: &[usize], rearm: bool) {
        for &other in others.iter().filter(|other| Some(**other) != worker) {
            self.wake(other);
        }
        if rearm {
            self.deadline.moved.notify_one();
        }
        // The standard library's lock is unfair: whoever lets it go is the first to have it again.
        if self.waiting.load(Ordering::Relaxed) > 0 {
            yield_now();
        }
    }
}

impl State {
    /// Hands in as many inputs as one hold of the lock allows.
    fn batch(&mut self, clock: &dyn Clock, since: Time, inputs: &mut std::vec::Drain<'_, Input>) {
        let mut now = since;
        for count in 1..=BATCH_INPUTS {
            let Some(input) = inputs.next() else { return };
            let is_several = matches!(
                input,
                Input::Event(Event::ReceivedRun { .. } | Event::ReceivedAcks { .. })
            );
            self.input(now, input);
            if is_several || count % SAMPLE == 1 {
                let after = clock.now();
                if count % SAMPLE == 1 {
                    self.step.record(after - now);
                }
                now = after;
                // As much work as several others.
                if is_several && now - since > BATCH_TIME {
                    return;
                }
            } else if count % SAMPLE == 0 {
                now = clock.now();
                if now - since > BATCH_TIME {
                    return;
                }
            }
        }
    }

    fn input(&mut self, now: Time, input: Input) {
        match input {
            Input::Open { worker, key, version, peer, first } => {
                let conn = self.slots.occupy(worker, key, version);
                self.report.opened(conn, peer.address);
                if let Some(outbox) = self.outboxes.get_mut(worker) {
                    outbox.opened.push((key, conn));
                }
                self.event(now, Event::Opened { conn, peer, first });
            }
            Input::Event(event) => self.event(now, event),
            Input::Release(conn) => self.slots.release(conn),
        }
    }

    fn event(&mut self, now: Time, event: Event) {
        if matches!(event, Event::Timeout) {
            self.chore(now, event);
        } else {
            let (reader, records) = (reader(&event), self.store.fresh_bytes());
            self.engine.handle(now, event, &mut self.actions);
            self.perform(now);
            self.weigh(reader);
            let records = self.store.fresh_bytes().saturating_sub(records);
            if records > 0 && self.store.is_behind() {
                self.outbox_of(reader, |outbox, writer| outbox.writers.push((writer, records)));
            }
        }
        self.settle(now);
    }

    /// A step that no client waits for: each is timed, for a long one would be in everybody's way.
    fn chore(&mut self, now: Time, event: Event) {
        let begun = self.clock.now();
        self.engine.handle(now, event, &mut self.actions);
        self.perform(now);
        self.weigh(None);
        self.chore.record(self.clock.now() - begun);
    }

    /// Tells the engine what has become durable, and whether more can.
    fn settle(&mut self, now: Time) {
        while let Some(conn) = self.unasked.pop() {
            let refused = Event::Authenticated { conn, verdict: Verdict::Refused };
            self.engine.handle(now, refused, &mut self.actions);
            self.perform(now);
        }
        if let Some(storage) = self.store.storage() {
            self.engine.handle(now, Event::Storage(storage), &mut self.actions);
            self.perform(now);
        }
        while let Some(upto) = self.store.durable() {
            self.engine.handle(now, Event::Durable { upto }, &mut self.actions);
            self.perform(now);
            self.weigh(None);
            self.clean(now);
        }
    }

    /// A bit after each sync: cleaning never fills the log faster than the disk takes it. And a bit
    /// in each turn, for on a full disk there may be nothing else to sync.
    fn clean(&mut self, now: Time) {
        if self.store.is_outdated() {
            let owed = self.store.take_owed();
            self.chore(now, Event::Clean { step: CLEAN, owed });
        }
    }

    fn perform(&mut self, now: Time) {
        let mut performer = Performer {
            slots: &mut self.slots,
            outboxes: &mut self.outboxes,
            store: &mut self.store,
            report: &mut self.report,
            requests: &mut self.requests,
            woken: &mut self.woken,
            unasked: &mut self.unasked,
            now,
            planted: self.planted,
        };
        for action in self.actions.drain(..) {
            performer.perform(action);
        }
    }

    /// Notes what led to much output since the last call, and whose packets did.
    fn weigh(&mut self, reader: Option<ConnId>) {
        let much = self.at_once / 2;
        let mut is_much = false;
        for outbox in &mut self.outboxes {
            is_much |= outbox.weigh(much);
        }
        if is_much {
            self.outbox_of(reader, |outbox, cause| outbox.causes.push(cause));
        }
    }

    /// Does something to the outbox of the connection's worker, which calls the connection so.
    fn outbox_of(&mut self, conn: Option<ConnId>, what: impl FnOnce(&mut Outbox, (u32, ConnId))) {
        if let Some(conn) = conn
            && let Some(slot) = self.slots.get_mut(conn)
            && let Some(outbox) = self.outboxes.get_mut(usize::from(slot.worker))
        {
            what(outbox, (slot.key, conn));
        }
    }

    fn hand_out(&mut self, worker: usize, outbox: &mut Outbox, report: &mut Report) {
        if let Some(full) = self.outboxes.get_mut(worker) {
            std::mem::swap(full, outbox);
        }
        std::mem::swap(&mut self.report, report);
    }
}

/// Tells that the engine failed when it is dropped by a panic.
struct OnPanic<'a>(&'a Notify);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.notify_one();
        }
    }
}
