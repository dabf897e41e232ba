//! What the broker's threads tell each other with, named in one place.
//!
//! It is the standard library's and tokio's. Under the feature `shuttle` it is `controlled`, where
//! a scheduler says which thread goes on at every step, so that tests see thousands of orders that
//! a machine shows once a year. What only one thread touches, and counters that nobody waits for,
//! are not from here.

#[cfg(feature = "shuttle")]
mod controlled;

#[cfg(feature = "shuttle")]
pub(crate) use controlled::{
    AtomicBool, AtomicU64, AtomicUsize, JoinHandle, JoinSet, Mutex, MutexGuard, Notify,
    spawn_local, yield_now,
};
#[cfg(not(feature = "shuttle"))]
pub(crate) use {
    std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize},
    std::sync::{Mutex, MutexGuard},
    std::thread::yield_now,
    tokio::sync::Notify,
    tokio::task::{JoinHandle, JoinSet, spawn_local},
};

/// Whether orders of threads are tested. Sizes are small then, so that a few records fill a queue.
pub(crate) const CONTROLLED: bool = cfg!(feature = "shuttle");

#[cfg(all(test, feature = "shuttle"))]
pub(crate) use controlled::{block_on, step};
