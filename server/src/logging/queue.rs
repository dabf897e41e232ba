//! Lines on their way to standard error.
//!
//! Whoever logs must never wait for whoever reads the log: a pipe that nobody empties would stall
//! every client. So lines go into a bounded buffer and one thread of its own writes them; what
//! does not fit is lost, and the log says how much that was.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::warn;
use tracing_subscriber::fmt::MakeWriter;

/// Bytes that wait to be written. A burst of some 30,000 ordinary lines fits.
const CAPACITY: usize = 4 << 20;

/// A line is written so late at the most, with all that came meanwhile.
const GATHER: Duration = Duration::from_millis(5);

/// A buffer that grew beyond this is not kept.
const KEEP: usize = 64 * 1024;

/// The buffer, shared by all who log and the thread that writes.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    /// Notified when there is something to write.
    filled: Condvar,
    /// Notified when everything is written.
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<u8>,
    /// Lines that did not fit since the log last said so.
    lost: u64,
    /// The thread is writing what it has taken out.
    writing: bool,
}

impl Queue {
    /// Writes to `target` for ever.
    pub(super) fn write_to(&self, mut target: impl Write) {
        let mut lines = Vec::new();
        loop {
            let lost = self.take(&mut lines);
            if lost > 0 {
                // Into the buffer that has just been emptied, behind what was kept.
                warn!(lines = lost, "lines of the log are lost: they were not read fast enough");
            }
            // Complaining about a log that cannot be written would go to the same place.
            let _ = target.write_all(&lines).and_then(|()| target.flush());
            lines.clear();
            lines.shrink_to(KEEP);
        }
    }

    /// Waits until everything is written, at most for `time`.
    pub(super) fn flush(&self, time: Duration) {
        let busy = |state: &mut State| state.writing || !state.lines.is_empty();
        // Whether it was in time or not: there is nobody to tell.
        let _ = self.0.emptied.wait_timeout_while(self.lock(), time, busy);
    }

    /// Waits for lines, swaps them with `lines`, which is empty, and tells how many were lost.
    fn take(&self, lines: &mut Vec<u8>) -> u64 {
        let mut state = self.lock();
        state.writing = false;
        if state.lines.is_empty() {
            self.0.emptied.notify_all();
        }
        let nothing = |state: &mut State| state.lines.is_empty();
        drop(self.0.filled.wait_while(state, nothing));
        // Others follow: waking up for each of them costs its connection more than the line does.
        std::thread::sleep(GATHER);
        let mut state = self.lock();
        state.writing = true;
        std::mem::swap(&mut state.lines, lines);
        std::mem::take(&mut state.lost)
    }

    fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.lines.len() >= CAPACITY {
            state.lost += 1;
            return;
        }
        let first = state.lines.is_empty();
        state.lines.extend_from_slice(line);
        drop(state);
        if first {
            self.0.filled.notify_one();
        }
    }

    /// A panic between two steps of ours leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes one line in each call, as the formatter gives them.
impl Write for &Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// Tells what is written to it, and waits for permission before each write.
    struct Gate {
        open: Receiver<()>,
        written: Sender<Vec<u8>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.open.recv().map_err(io::Error::other)?;
            self.written.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gated() -> (Queue, Sender<()>, Receiver<Vec<u8>>) {
        let (queue, (go, open), (written, seen)) = (Queue::default(), channel(), channel());
        let writer = queue.clone();
        std::thread::spawn(move || writer.write_to(Gate { open, written }));
        (queue, go, seen)
    }

    #[test]
    fn nobody_waits_for_a_reader_and_what_does_not_fit_is_counted() {
        let (queue, go, seen) = gated();
        let line = [b'x'; 1_024];
        // The thread takes the first one out and is stuck with it.
        queue.push(b"first");
        while !queue.lock().writing {
            std::thread::yield_now();
        }
        for _ in 0..CAPACITY / line.len() + 7 {
            queue.push(&line);
        }
        assert_eq!(queue.lock().lost, 7);
        go.send(()).unwrap();
        assert_eq!(seen.recv().unwrap(), b"first");
        go.send(()).unwrap();
        assert_eq!(seen.recv().unwrap().len(), CAPACITY);
        assert_eq!(queue.lock().lost, 0);
    }

    #[test]
    fn a_flush_returns_when_all_is_written_or_time_is_up() {
        let (queue, go, seen) = gated();
        queue.push(b"line");
        queue.flush(Duration::from_millis(1));
        assert!(seen.try_recv().is_err());
        go.send(()).unwrap();
        queue.flush(Duration::from_secs(60));
        assert_eq!(seen.try_recv().unwrap(), b"line");
        queue.flush(Duration::from_secs(60));
    }
}
