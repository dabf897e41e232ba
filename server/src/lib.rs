//! Surewire's server: the sockets, the configuration and the command line around the engine.
//!
//! Reading order:
//!
//! * [`run`] binds the listeners, starts the workers, and stops everything; [`environment`] is
//!   where sockets, time, randomness and threads come from, so that a simulation runs the same
//!   code.
//! * `acceptor`, `worker` and `connection` are the way of a packet in and out; `core` holds the
//!   engine behind its one lock, with the one place that performs actions; `transport` is TLS and
//!   WebSocket.
//! * `store`, `timer`, `linger`, `logging`, `traffic` and `histogram` serve these.
//! * `http` is the way of a request in and out, `api` what is answered to it.
//! * [`config`] reads the file; [`settings`] is what comes out of it for this machine.

mod acceptor;
mod api;
pub mod cli;
pub mod config;
mod connection;
mod core;
pub mod environment;
mod error;
mod histogram;
mod http;
mod linger;
pub mod logging;
mod memory;
mod metrics;
mod run;
pub mod settings;
mod shared;
mod store;
mod system_topics;
mod timer;
mod traffic;
mod transport;
mod worker;

pub use error::RunError;
pub use run::{Server, run};
pub use transport::TlsError;
