//! Surewire's engine: a whole MQTT broker as one deterministic function, without any I/O.
//!
//! [`Engine`] takes events (a packet came, bytes were written, time passed) and gives actions
//! (send this, close that, store this record). It sees no clock, thread, socket, environment or
//! operating system randomness, so the same events give the same actions, always and everywhere:
//! every fault can be simulated and every failure replayed.
//!
//! Reading order:
//!
//! * [`event`] and [`action`]: the whole contract with the outside.
//! * [`packet`] and [`codec`]: MQTT's packets, one model for 3.1, 3.1.1 and 5.0, and their bytes.
//! * [`topic`], [`id`], [`identifiers`], [`time`], [`message`]: the words everything is said in.
//! * [`engine`]: the broker, one behaviour a file, over `session`, `queue`, `inflight`,
//!   `subscriptions`, `retained`, `walks`, `gate` and `timers`.
//! * [`request`] and [`answer`]: what the management interface asks and learns.
//! * [`config`], [`notice`], [`violation`], [`log`]: what it is told, what it tells, what it stores.
//! * [`client`]: the other end of the protocol, pure as well.

pub mod action;
mod alias;
pub mod answer;
mod arrivals;
pub mod client;
pub mod codec;
pub mod config;
mod connection;
pub mod counters;
pub mod engine;
pub mod event;
mod gate;
mod history;
pub mod id;
pub mod identifiers;
mod index;
mod inflight;
pub mod log;
mod map;
mod matched;
mod maybe;
pub mod message;
pub mod notice;
pub mod packet;
pub mod planted;
mod queue;
mod received;
pub mod request;
mod retained;
mod session;
mod subscriptions;
mod table;
pub mod time;
mod timers;
pub mod topic;
pub mod violation;
mod waiting;
mod walks;
mod watch;

pub use engine::Engine;
