//! Surewire under a simulated network and clock: the real [`surewire_server::run`] on turmoil.
//!
//! The simulation replaces only the server's `Environment`: sockets are turmoil's, time is the
//! simulated host's, randomness comes from the seed, threads are tasks whose turn the seed draws,
//! and the disk is in memory and loses what a power cut would.
//!
//! Reading order: [`scenarios`] are stories of what networks, disks and clients do to a broker, one
//! a file; `stage` is what they are played on, with its faults at their times; `device` is a client
//! that publishes and receives, `history` judges by what clients saw; `environment` is the simulated
//! computer. [`swarm`], [`crash`] and [`churn`] are other ways to the same question.

// Documentation is made with flags of its own, and runs nothing.
#[cfg(not(any(tokio_unstable, doc, doctest)))]
compile_error!(
    "the simulation needs `--cfg tokio_unstable`: without it tokio chooses at random and \
     swallows panics; build inside the workspace, whose .cargo/config.toml sets it"
);

pub mod churn;
mod client;
pub mod crash;
mod device;
mod environment;
mod history;
mod http;
mod network;
mod packets;
pub mod scenarios;
mod stage;
pub mod swarm;
mod trace;
mod wire;

pub use client::Client;
pub use environment::SimulatedEnvironment;
pub use network::simulation;
pub use trace::Trace;

/// The wall clock at the start of every simulation, in seconds since the Unix epoch.
pub const EPOCH_SECS: u64 = 1_750_000_000;
