//! What clients saw and when, as one number that two runs can be compared by.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes of a packet that are shown.
const SHOWN: usize = 48;

/// Everything seen by all clients of a simulation, in order.
#[derive(Clone, Debug)]
pub struct Trace(Arc<Mutex<Lines>>);

#[derive(Debug)]
struct Lines {
    hash: u64,
    last: VecDeque<Line>,
    most: usize,
}

#[derive(Debug)]
struct Line {
    nanos: u128,
    who: String,
    what: What,
}

#[derive(Debug)]
enum What {
    /// A packet's first bytes, and how many it has.
    Packet(Vec<u8>, usize),
    /// In words.
    Words(String),
}

impl Default for Trace {
    /// A trace that can show all of it.
    fn default() -> Self {
        Self::of(usize::MAX)
    }
}

impl Trace {
    /// A trace that can show its last so many lines. The number is of all of them.
    #[must_use]
    pub fn of(most: usize) -> Self {
        let (hash, last) = (0xCBF2_9CE4_8422_2325, VecDeque::new());
        Self(Arc::new(Mutex::new(Lines { hash, last, most })))
    }

    /// `client` saw `bytes`; none are the end of its connection.
    pub fn saw(&self, client: &str, bytes: &[u8]) {
        let shown = bytes.get(..SHOWN).unwrap_or(bytes).to_vec();
        self.lines().add(client, bytes, What::Packet(shown, bytes.len()));
    }

    /// Something happened to `who`.
    pub(crate) fn note(&self, who: &str, words: String) {
        let mut lines = self.lines();
        let bytes = words.clone().into_bytes();
        lines.add(who, &bytes, What::Words(words));
    }

    /// Something happens in the story, which is on no host.
    pub(crate) fn happens(&self, at: Duration, words: &str) {
        self.lines().add(
            "story",
            &[],
            What::Words(format!("{words} at {:.3} s", at.as_secs_f64())),
        );
    }

    /// FNV-1a over all that was seen: small, and the same in every process.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.lines().hash
    }

    /// Whoever panicked while it added a line has ended the simulation.
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn add(&mut self, who: &str, bytes: &[u8], what: What) {
        let nanos = turmoil::sim_elapsed().unwrap_or_default().as_nanos();
        let of = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        self.hash = nanos.to_le_bytes().iter().fold(self.hash, of);
        self.hash = who.as_bytes().iter().chain(bytes).fold(self.hash, of);
        if self.most > 0 {
            if self.last.len() == self.most {
                self.last.pop_front();
            }
            self.last.push_back(Line { nanos, who: who.to_owned(), what });
        }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Line { nanos, who, what } in &self.lines().last {
            let (seconds, micros) = (nanos / 1_000_000_000, nanos / 1_000 % 1_000_000);
            write!(f, "{seconds:>4}.{micros:06} {who:<12} ")?;
            match what {
                What::Packet(_, 0) => writeln!(f, "the end")?,
                What::Packet(bytes, len) => {
                    writeln!(f, "{} of {len} bytes: {}", name(bytes), bytes.escape_ascii())?;
                }
                What::Words(words) => writeln!(f, "-- {words}")?,
            }
        }
        Ok(())
    }
}

/// The packet's name, which is in its first byte.
fn name(bytes: &[u8]) -> &'static str {
    match bytes.first().map(|first| first >> 4) {
        Some(2) => "CONNACK",
        Some(3) => "PUBLISH",
        Some(4) => "PUBACK",
        Some(5) => "PUBREC",
        Some(6) => "PUBREL",
        Some(7) => "PUBCOMP",
        Some(9) => "SUBACK",
        Some(11) => "UNSUBACK",
        Some(13) => "PINGRESP",
        Some(14) => "DISCONNECT",
        Some(15) => "AUTH",
        _ => "bytes",
    }
}
