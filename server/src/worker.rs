//! A worker: one thread's connections, and the turns that carry their packets to the engine.

mod arena;
mod deliver;
mod leave;
pub(crate) mod line;
mod pace;
mod turn;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use surewire_engine::event::Event;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use crate::connection::{self, Connection};
use crate::core::{Input, Table};
use crate::environment::Incoming;
use crate::shared::{Seat, Shared};
use crate::sync::{JoinHandle, spawn_local};
use crate::timer::keep_time;
use crate::transport::Transport;

use arena::Arena;
use deliver::Late;
use leave::Exit;
use line::Line;
use pace::Pace;
use turn::Spare;

/// So many connections may begin in one round.
const ARRIVALS: usize = 16;

/// The same while rounds are long.
const SLOW_ARRIVALS: usize = 2;

/// What is sent to a worker.
pub(crate) enum Mail {
    /// A new connection.
    Arrival(Box<Arrival>),
    /// The broker stops: no new connection, and the engine is to end the others.
    Stop,
    /// Whatever is left is dropped.
    End,
}

/// An accepted connection.
pub(crate) struct Arrival {
    pub(crate) incoming: Box<dyn Incoming>,
    pub(crate) peer: SocketAddr,
    pub(crate) transport: Arc<Transport>,
    pub(crate) anonymous: bool,
    pub(crate) accepted: Instant,
    pub(crate) seat: Seat,
}

/// Everything on one worker's thread. Nothing in it is locked, nothing of it is shared.
pub(crate) struct Worker {
    index: usize,
    pub(crate) shared: Arc<Shared>,
    connections: RefCell<Table<Rc<Connection>>>,
    pub(crate) arena: Arena,
    pub(crate) pace: Pace,
    pub(crate) line: Rc<Line>,
    inbox: RefCell<Vec<Input>>,
    /// Connections with written bytes that the engine does not know of yet.
    written: RefCell<Vec<Rc<Connection>>>,
    /// Keys that are free after the next turn.
    released: RefCell<Vec<u32>>,
    spare: RefCell<Spare>,
    late: RefCell<Late>,
    late_wanted: Notify,
    exit: Exit,
    turn_wanted: Cell<bool>,
    /// As many filters wait for the turn as are its work.
    much_to_do: Cell<bool>,
    timeout_wanted: Cell<bool>,
    stopping: Cell<bool>,
    stop: Notify,
}

/// Runs a worker until it is told to end.
pub(crate) async fn work(shared: Arc<Shared>, index: usize, mail: UnboundedReceiver<Mail>) {
    let worker = Rc::new(Worker::new(shared, index));
    let _connections = ForgetOnDrop(Rc::clone(&worker));
    // Without tokio's budget, which would make the 129th write of a turn look like a full socket.
    let turns = spawn_local(tokio::task::unconstrained(turn::take_turns(Rc::clone(&worker))));
    let _turns = AbortOnDrop(turns);
    let late = spawn_local(tokio::task::unconstrained(deliver::deliver_late(Rc::clone(&worker))));
    let _late = AbortOnDrop(late);
    let _line = AbortOnDrop(spawn_local(let_in(Rc::clone(&worker))));
    let _leaving = AbortOnDrop(spawn_local(leave::let_leave(Rc::clone(&worker))));
    let _timer = (index == 0).then(|| AbortOnDrop(spawn_local(time(Rc::clone(&worker)))));
    // A task like the others, so that it has its turns among them.
    let over = Rc::new(Notify::new());
    let reading = {
        let (worker, over) = (Rc::clone(&worker), NotifyOnDrop(Rc::clone(&over)));
        async move {
            let _over = over;
            read_mail(worker, mail).await;
        }
    };
    let _reading = AbortOnDrop(spawn_local(reading));
    over.notified().await;
    worker.abandon();
}

async fn read_mail(worker: Rc<Worker>, mut mail: UnboundedReceiver<Mail>) {
    let mut arrivals = VecDeque::new();
    loop {
        let next = if arrivals.is_empty() { mail.recv().await } else { mail.try_recv().ok() };
        match next {
            // What is said to all passes arrivals that wait.
            Some(Mail::Arrival(arrival)) => {
                arrivals.push_back(arrival);
                continue;
            }
            Some(Mail::Stop) => worker.stop(),
            Some(Mail::End) => return,
            None if arrivals.is_empty() => return,
            None => {}
        }
        // Many new clients must not hold up those who are here.
        let at_once = if worker.pace.is_slow() { SLOW_ARRIVALS } else { ARRIVALS };
        for arrival in arrivals.drain(..arrivals.len().min(at_once)) {
            connection::start(&worker, *arrival);
        }
        if !arrivals.is_empty() {
            worker.let_others_in().await;
        }
    }
}

async fn let_in(worker: Rc<Worker>) {
    let core = &worker.shared.core;
    match worker.line.move_on(&worker.pace, || core.now(), || core.disk_is_behind()).await {}
}

async fn time(worker: Rc<Worker>) {
    keep_time(&worker.shared.core, || {
        if !worker.timeout_wanted.replace(true) {
            worker.submit(Input::Event(Event::Timeout));
        }
    })
    .await;
}

impl Worker {
    fn new(shared: Arc<Shared>, index: usize) -> Self {
        let spare = Spare::new(shared.settings.log_packets);
        Self {
            index,
            shared,
            connections: RefCell::default(),
            arena: Arena::default(),
            pace: Pace::default(),
            line: Rc::default(),
            inbox: RefCell::default(),
            written: RefCell::default(),
            released: RefCell::default(),
            spare: RefCell::new(spare),
            late: RefCell::default(),
            late_wanted: Notify::new(),
            exit: Exit::default(),
            turn_wanted: Cell::new(false),
            much_to_do: Cell::new(false),
            timeout_wanted: Cell::new(false),
            stopping: Cell::new(false),
            stop: Notify::new(),
        }
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// Bytes came from a client.
    pub(crate) fn count_received(&self, bytes: usize) {
        if let Some(traffic) = self.shared.traffic_of(self.index) {
            traffic.received(bytes);
        }
    }

    /// Bytes went to a client.
    pub(crate) fn count_sent(&self, bytes: usize) {
        if let Some(traffic) = self.shared.traffic_of(self.index) {
            traffic.sent(bytes);
        }
    }

    /// Gives the connection the key that the outbox calls it by.
    pub(crate) fn register(&self, connection: &Rc<Connection>) -> u32 {
        self.connections.borrow_mut().insert(Rc::clone(connection))
    }

    /// Whether so much was read that it should be handled before more is.
    pub(crate) fn has_read_enough(&self) -> bool {
        self.arena.unhandled() > self.pace.batch()
    }

    /// As many filters were handed in as are the work of a turn.
    pub(crate) fn got_much_to_do(&self) {
        self.much_to_do.set(true);
    }

    /// Whether that was since the last turn.
    pub(crate) fn has_much_to_do(&self) -> bool {
        self.much_to_do.get()
    }

    /// Hands something in with the next turn, which is soon.
    pub(crate) fn submit(&self, input: Input) {
        self.inbox.borrow_mut().push(input);
        self.want_turn();
    }

    /// The connection's transport is gone. Called once for each registered connection.
    pub(crate) fn release(&self, connection: &Connection) {
        self.released.borrow_mut().push(connection.key());
        if let Some(id) = connection.id() {
            self.submit(Input::Release(id));
        }
    }

    /// The engine is to learn what this connection has written.
    pub(crate) fn report_written(&self, connection: &Rc<Connection>) {
        self.written.borrow_mut().push(Rc::clone(connection));
    }

    /// Makes a turn happen soon.
    pub(crate) fn want_turn(&self) {
        if !self.turn_wanted.replace(true) {
            self.shared.core.wake(self.index);
        }
    }

    /// Returns when the broker stops.
    pub(crate) async fn stopped(&self) {
        let notified = self.stop.notified();
        if !self.stopping.get() {
            notified.await;
        }
    }

    fn stop(&self) {
        self.stopping.set(true);
        self.stop.notify_waiters();
        // One worker speaks for all.
        if self.index == 0 {
            self.submit(Input::Event(Event::Stop));
        }
    }

    fn abandon(&self) {
        for connection in self.connections.borrow().iter() {
            connection.abandon();
        }
    }
}

/// Tells that a task is over, however it ends.
struct NotifyOnDrop(Rc<Notify>);

impl Drop for NotifyOnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Forgets the worker's connections, each of which has the worker, however its work ends.
struct ForgetOnDrop(Rc<Worker>);

impl Drop for ForgetOnDrop {
    fn drop(&mut self) {
        self.0.connections.take();
        self.0.written.take();
    }
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
