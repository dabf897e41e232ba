//! Clients that connect and leave at once, 5,000 a second.

use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use surewire_load::dial;
use surewire_load::wire::Connect;

use super::each_of;
use crate::flood::aim::{Aim, Count, Deed};
use crate::flood::hostile::Hostile;

const THREADS: u64 = 8;
/// Between two clients of a thread: 5,000 a second of all.
const PACE: Duration = Duration::from_micros(1_600);

pub(in crate::flood) fn flood(aim: &Aim<'_>) -> Deed {
    let count = Count::default();
    each_of(aim, THREADS, THREADS, |thread| -> Option<()> {
        let mut due = Instant::now();
        for number in (thread..).step_by(8).take_while(|_| !aim.is_over()) {
            if visit(aim, number) {
                count.did(1)
            } else {
                count.refused()
            }
            due += PACE;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        None
    });
    count.deed()
}

/// The broker closes first, so that it is its side that remembers the port.
fn visit(aim: &Aim<'_>, number: u64) -> bool {
    let id = format!("churn{number}");
    let hostile = Hostile::accepted(aim, &aim.target(number), &Connect::new(&id));
    hostile.is_some_and(|mut hostile| {
        let left = dial::leave(hostile.stream());
        left.is_ok() && matches!(hostile.stream().read(&mut [0]), Ok(0))
    })
}
