//! What clients saw and when, as one number that two runs can be compared by.

use std::fmt;
use std::sync::{Arc, Mutex};

/// Everything seen by all clients of a simulation, in order.
#[derive(Clone, Debug, Default)]
pub struct Trace(Arc<Mutex<Vec<Line>>>);

#[derive(Debug)]
struct Line {
    nanos: u128,
    client: String,
    bytes: Vec<u8>,
}

impl Trace {
    /// `client` saw `bytes`; none are the end of its connection.
    ///
    /// # Panics
    /// If a client panicked in here, which ends the simulation anyway.
    pub fn saw(&self, client: &str, bytes: &[u8]) {
        let nanos = turmoil::sim_elapsed().unwrap_or_default().as_nanos();
        let line = Line { nanos, client: client.to_owned(), bytes: bytes.to_vec() };
        self.0.lock().expect("no client panics while it adds a line").push(line);
    }

    /// FNV-1a over all lines: small, and the same in every process.
    ///
    /// # Panics
    /// If a client panicked while it added a line.
    #[must_use]
    pub fn hash(&self) -> u64 {
        let shown = self.to_string();
        shown.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        })
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.0.lock().expect("no client panics while it adds a line").iter() {
            writeln!(f, "{} {} {:02x?}", line.nanos, line.client, line.bytes)?;
        }
        Ok(())
    }
}
