//! The floods, one kind a file. Each goes on until it has its size and then holds what it has, or does
//! the same again, until it is told that it is over.

pub(super) mod churn;
pub(super) mod fragments;
pub(super) mod half_connects;
pub(super) mod handshakes;
pub(super) mod no_pubrel;
pub(super) mod properties;
mod publishers;
pub(super) mod queues;
pub(super) mod retained;
pub(super) mod slow_readers;
pub(super) mod subscriptions;
pub(super) mod wills;
pub(super) mod wrong_passwords;

use std::thread;

use super::aim::Aim;

/// Calls `each` with every number below `count`, on `threads` threads, until the flood is over. What
/// they return is kept until then, in an order that means nothing.
fn each_of<T: Send>(
    aim: &Aim<'_>,
    threads: u64,
    count: u64,
    each: impl Fn(u64) -> Option<T> + Sync,
) -> Vec<T> {
    let share = |first: u64| {
        let numbers = (first..count).step_by(usize::try_from(threads).unwrap_or(1));
        numbers.take_while(|_| !aim.is_over()).filter_map(&each).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|first| scope.spawn(move || share(first))).collect();
        running.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
    })
}

/// Waits for the end of the flood.
fn hold<T>(aim: &Aim<'_>, held: T) {
    while !aim.is_over() {
        aim.rest();
    }
    drop(held);
}
