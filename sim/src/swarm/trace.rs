//! All that happened in a run, as a number that two runs can be compared by, and as text.

use std::collections::VecDeque;
use std::fmt;

/// What happened.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    /// Text costs time, so it is made only when a failed run is repeated.
    lines: VecDeque<String>,
    /// How many of the last events are kept as text.
    shown: usize,
}

impl Trace {
    pub(crate) fn new(shown: usize) -> Self {
        Self { hash: 0xCBF2_9CE4_8422_2325, lines: VecDeque::new(), shown }
    }

    /// Something happened at `now`, in words and as bytes that tell it from everything else.
    pub(crate) fn note(&mut self, now: u64, what: fmt::Arguments<'_>, bytes: &[u8]) {
        for byte in now.to_le_bytes().iter().chain(bytes) {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
        if self.shown > 0 {
            if self.lines.len() == self.shown {
                self.lines.pop_front();
            }
            self.lines.push_back(format!("{:>12.6} {what}", nanos(now)));
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.into()
    }
}

#[expect(clippy::cast_precision_loss, reason = "to be read by people")]
fn nanos(now: u64) -> f64 {
    now as f64 / 1e9
}
