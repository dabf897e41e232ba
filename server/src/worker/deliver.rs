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

/// Of what the engine lets a connection leave unwritten, and counts what is late as, so much may be
/// late: one in so many. So it drops nothing for that.
const MOST_LATE: u64 = 4;

/// Keys and entries that there is room for when nothing is late.
const KEEP: usize = 1_024;

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
        self.entries.shrink_to(KEEP);
        self.order.shrink_to(KEEP);
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

/// Whether anything is gained by that.
fn may_be_late(entry: &Entry, most: u64) -> bool {
    !is_urgent(entry) && (1..=most).contains(&(entry.frames.len() as u64))
}

/// Delivers it; what that costs, in bytes.
fn deliver_to(connection: &Rc<Connection>, entry: &Entry) -> usize {
    let frames = &entry.frames;
    let cost = match (frames.len(), connection.is_full()) {
        (0, _) => 0,
        (_, true) => QUEUED + frames.copied_len(),
        (len, false) => WRITE + len,
    };
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
    /// What is for few goes first: a client must not wait because a message for a thousand others came
    /// before its own.
    pub(super) fn deliver(&self, outbox: &mut Outbox) {
        for (key, id) in outbox.opened.drain(..) {
            if let Some(connection) = self.connections.borrow().get(key) {
                connection.numbered(id);
            }
        }
        let mut room = self.shared.settings.at_once;
        for heavy in [false, true] {
            let is_next = |entry: &&mut Entry| heavy == (entry.heavy && !is_urgent(entry));
            for entry in outbox.entries().filter(is_next) {
                self.deliver_in(&mut room, entry);
                let planted = self.shared.settings.planted.is(Bug::FullSocketBlocks);
                if planted && self.connection_of(entry.key, entry.conn).is_some_and(|c| c.is_full())
                {
                    break;
                }
            }
        }
        for &cause in &outbox.causes {
            self.have_patience(cause);
        }
        for &((key, conn), records) in &outbox.writers {
            if let Some(connection) = self.connection_of(key, conn) {
                connection.brought_records(records);
            }
        }
        outbox.clear();
    }

    /// Delivers the entry if there is room, and makes it late otherwise.
    fn deliver_in(&self, room: &mut usize, entry: &mut Entry) {
        let Some(connection) = self.connection_of(entry.key, entry.conn) else { return };
        // Never late: who must not be read from is not.
        connection.read_on(entry.read.take());
        let most = self.most_late();
        let joined = if self.shared.settings.planted.is(Bug::LateOvertaken) {
            Joined::NotLate
        } else {
            self.late.borrow_mut().join(entry, most)
        };
        match joined {
            Joined::Late => {}
            Joined::Due(late) => *room = room.saturating_sub(deliver_to(&connection, &late)),
            Joined::NotLate if *room == 0 && may_be_late(entry, most) => {
                self.late.borrow_mut().push(entry.take());
                self.late_wanted.notify_one();
            }
            Joined::NotLate => *room = room.saturating_sub(deliver_to(&connection, entry)),
        }
    }

    /// Bytes that may be late for one connection. As memory gets short the engine lets it leave less
    /// unwritten.
    fn most_late(&self) -> u64 {
        let most = self.shared.settings.engine.max_unsent_bytes;
        most.min(self.shared.most_unfinished() as u64) / MOST_LATE
    }

    /// Delivers some of what is late; whether more is.
    fn deliver_portion(&self) -> bool {
        // As in a turn: what is late would never arrive.
        let _fatal = self.shared.core.fatal_panics();
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

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u64 = 100;

    fn conn(slot: u32, generation: u32) -> ConnId {
        ConnId { slot, generation }
    }

    fn entry(key: u32, conn: ConnId, bytes: &[u8]) -> Entry {
        let mut entry = Entry::new(conn, key);
        entry.frames.bytes.extend_from_slice(bytes);
        entry
    }

    #[test]
    fn what_is_late_goes_out_in_the_order_in_which_it_became_so_with_what_came_later() {
        let mut late = Late::default();
        for (key, bytes) in [(7, b"a"), (3, b"b"), (5, b"c")] {
            late.push(entry(key, conn(key, 0), bytes));
        }
        let mut later = entry(3, conn(3, 0), b"d");
        assert!(matches!(late.join(&mut later, MOST), Joined::Late));
        assert!(matches!(late.join(&mut entry(4, conn(4, 0), b"e"), MOST), Joined::NotLate));
        let out: Vec<_> = std::iter::from_fn(|| late.pop()).collect();
        let out: Vec<_> = out.iter().map(|e| (e.key, &e.frames.bytes[..])).collect();
        assert_eq!(out, [(7, &b"a"[..]), (3, b"bd"), (5, b"c")]);
        assert_eq!((late.came, late.went), (3, 3));
    }

    #[test]
    fn who_is_closed_or_has_too_much_gets_all_of_it_now_and_nothing_twice() {
        let mut late = Late::default();
        for key in [1, 2, 3] {
            late.push(entry(key, conn(key, 0), b"x"));
        }
        let mut closing = entry(1, conn(1, 0), b"bye");
        closing.close = true;
        let Joined::Due(due) = late.join(&mut closing, MOST) else { panic!("not due") };
        assert!(due.close && due.frames.bytes == b"xbye");
        let Joined::Due(due) = late.join(&mut entry(2, conn(2, 0), &[b'y'; 100]), MOST) else {
            panic!("not due")
        };
        assert_eq!(due.frames.len(), 101);
        assert_eq!(late.pop().map(|entry| entry.key), Some(3));
        assert!(late.pop().is_none());
        assert_eq!((late.came, late.went), (3, 3), "those that were due count as well");
    }

    #[test]
    fn nothing_comes_to_the_next_connection_with_the_same_key() {
        let mut late = Late::default();
        late.push(entry(1, conn(1, 0), b"x"));
        assert!(matches!(late.join(&mut entry(1, conn(1, 1), b"y"), MOST), Joined::NotLate));
        assert!(late.pop().is_none());
    }
}
