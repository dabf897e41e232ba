//! One direction of a connection: what is sent waits for the line, and then takes its time.

use std::collections::VecDeque;

use bytes::Bytes;

/// Whole packets, or the end of the connection.
pub(crate) type Chunk = Option<Bytes>;

/// Bytes on their way, in order. The system's send buffer is its head, so it never refuses.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    /// Not on the line yet.
    waiting: VecDeque<Chunk>,
    waiting_bytes: u64,
    /// Something is being put on the line, which takes time.
    is_busy: bool,
    /// When what was sent last arrives.
    arrival: u64,
}

impl Pipe {
    pub(crate) fn push(&mut self, chunk: Chunk) {
        self.waiting_bytes += length(&chunk);
        self.waiting.push_back(chunk);
    }

    /// Bytes that are not on the line yet.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.waiting_bytes
    }

    /// Forgets what is not on the line yet.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.waiting_bytes = 0;
    }

    /// What goes on an open line now, and for how many nanoseconds it occupies it. After a time
    /// above 0 [`Pipe::is_free`] is to be told.
    pub(crate) fn next(&mut self, bandwidth: Option<u64>) -> Option<(Chunk, u64)> {
        if self.is_busy {
            return None;
        }
        let chunk = self.waiting.pop_front()?;
        let bytes = length(&chunk);
        self.waiting_bytes -= bytes;
        let takes = bandwidth.map_or(0, |rate| bytes * 1_000_000_000 / rate.max(1));
        self.is_busy = takes > 0;
        Some((chunk, takes))
    }

    /// The line is free again.
    pub(crate) fn is_free(&mut self) {
        self.is_busy = false;
    }

    /// When something arrives that would arrive at `at`, were nothing before it.
    pub(crate) fn arrives(&mut self, at: u64) -> u64 {
        self.arrival = self.arrival.max(at);
        self.arrival
    }
}

fn length(chunk: &Chunk) -> u64 {
    chunk.as_ref().map_or(0, |bytes| bytes.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_line_takes_one_thing_at_a_time() {
        let mut pipe = Pipe::default();
        pipe.push(Some(Bytes::from_static(&[0; 500])));
        pipe.push(Some(Bytes::from_static(&[0; 250])));
        pipe.push(None);
        let next = pipe.next(Some(1_000)).map(|(_, takes)| takes);
        assert_eq!((next, pipe.waiting_bytes()), (Some(500_000_000), 250));
        assert_eq!(pipe.next(Some(1_000)), None);
        pipe.is_free();
        assert_eq!(pipe.next(Some(1_000)).map(|(_, takes)| takes), Some(250_000_000));
        pipe.is_free();
        assert_eq!(pipe.next(Some(1_000)), Some((None, 0)));
    }

    #[test]
    fn nothing_overtakes() {
        let mut pipe = Pipe::default();
        assert_eq!((pipe.arrives(30), pipe.arrives(20), pipe.arrives(40)), (30, 30, 40));
    }
}
