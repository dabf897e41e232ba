//! What a turn brought goes out at once, unless that is much: the rest is late, and goes out in portions
//! between which everybody else has a turn.
//!
//! A message for a thousand clients is a thousand writes and takes tens of milliseconds. Whose packets
//! led to that is not read on before all of it has gone out, so that no more comes in than goes out;
//! everybody else is.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use surewire_engine::id::ConnId;
use tokio::task::yield_now;

use super::Worker;
use crate::connection::Connection;
use crate::core::{Entry, Outbox, WRITE};
use crate::planted::Bug;

/// What it costs to put something behind what waits for a full socket.
const QUEUED: usize = 128;

/// Of `max_unsent_bytes`, which counts what is late as if the socket were full, so much may be late
/// that the engine never drops anything for it: one in so many.
const MOST_LATE: u64 = 4;

/// Output that is late.
#[derive(Debug, Default)]
pub(super) struct Late {
    /// One entry a connection, by the worker's key.
    entries: HashMap<u32, Entry>,
    /// The keys in the order in which they became late; some have been delivered since.
    order: VecDeque<u32>,
    /// How many keys were ever put behind `order`, and taken from its front.
    came: u64,
    went: u64,
}

impl Late {
    fn push(&mut self, entry: Entry) {
        self.order.push_back(entry.key);
        self.came += 1;
        self.entries.insert(entry.key, entry);
    }

    fn pop(&mut self) -> Option<Entry> {
        while let Some(key) = self.order.pop_front() {
            self.went += 1;
            let entry = self.entries.remove(&key);
            if entry.is_some() {
                return entry;
            }
        }
        None
    }

    /// Puts the entry behind what is late for the same connection, if something is; what is to be
    /// delivered at once then.
    fn join(&mut self, entry: &mut Entry, most: u64) -> Joined {
        let Some(late) = self.entries.get_mut(&entry.key) else { return Joined::NotLate };
        if late.conn == entry.conn {
            late.append(entry);
            if !is_urgent(late) && late.frames.len() as u64 <= most {
                return Joined::Late;
            }
        }
        match self.entries.remove(&entry.key) {
            Some(late) if late.conn == entry.conn => Joined::Due(late),
            // It was for a connection that is gone.
            _ => Joined::NotLate,
        }
    }
}

/// What became of an entry beside what is late.
enum Joined {
    /// Nothing is late for its connection.
    NotLate,
    /// It is late as well.
    Late,
    /// All of it is to be delivered now.
    Due(Entry),
}

/// Whoever takes over a connection is let in when the old one is closed, and told so in this order.
fn is_urgent(entry: &Entry) -> bool {
    entry.admitted || entry.close
}

/// Delivers it; what that costs, in bytes.
fn deliver_to(connection: &Rc<Connection>, entry: &Entry) -> usize {
    let frames = &entry.frames;
    let cost =
        if connection.is_full() { QUEUED + frames.copied_len() } else { WRITE + frames.len() };
    connection.deliver(entry);
    cost
}

/// Delivers what is late whenever something is.
pub(super) async fn deliver_late(worker: Rc<Worker>) {
    loop {
        worker.late_wanted.notified().await;
        while worker.deliver_portion() {
            yield_now().await;
        }
    }
}

impl Worker {
    pub(super) fn deliver(&self, outbox: &mut Outbox) {
        for (key, id) in outbox.opened.drain(..) {
            if let Some(connection) = self.connections.borrow().get(key) {
                connection.numbered(id);
            }
        }
        let settings = &self.shared.settings;
        let (mut room, most) = (settings.at_once, settings.engine.max_unsent_bytes / MOST_LATE);
        for entry in outbox.entries() {
            let joined = if settings.planted.is(Bug::LateOvertaken) {
                Joined::NotLate
            } else {
                self.late.borrow_mut().join(entry, most)
            };
            let late = match joined {
                Joined::NotLate if room > 0 || is_urgent(entry) => None,
                Joined::NotLate => {
                    self.late.borrow_mut().push(entry.take());
                    self.late_wanted.notify_one();
                    continue;
                }
                Joined::Late => continue,
                Joined::Due(late) => Some(late),
            };
            let entry = late.as_ref().unwrap_or(entry);
            let Some(connection) = self.connection_of(entry.key, entry.conn) else { continue };
            room = room.saturating_sub(deliver_to(&connection, entry));
            if connection.is_full() && settings.planted.is(Bug::FullSocketBlocks) {
                break;
            }
        }
        if let Some(cause) = outbox.cause {
            self.have_patience(cause);
        }
        outbox.clear();
    }

    /// Delivers some of what is late; whether more is.
    fn deliver_portion(&self) -> bool {
        let mut room = self.shared.settings.at_once;
        while room > 0 {
            let Some(entry) = self.late.borrow_mut().pop() else { return false };
            if let Some(connection) = self.connection_of(entry.key, entry.conn) {
                room = room.saturating_sub(deliver_to(&connection, &entry));
            }
        }
        true
    }

    /// Whom it is for, unless that is gone.
    fn connection_of(&self, key: u32, conn: ConnId) -> Option<Rc<Connection>> {
        let connection = self.connections.borrow().get(key).map(Rc::clone);
        connection.filter(|connection| connection.id() == Some(conn))
    }

    /// The connection is not read on before all has gone out that is late now.
    fn have_patience(&self, (key, conn): (u32, ConnId)) {
        if let Some(connection) = self.connection_of(key, conn) {
            connection.patient.set(self.late.borrow().came);
        }
    }

    /// Whether all has gone out that the connection is to wait for.
    pub(crate) fn is_delivered(&self, until: u64) -> bool {
        let late = self.late.borrow();
        late.went >= until && !(until > 0 && self.shared.settings.planted.is(Bug::PatientForEver))
    }
}
