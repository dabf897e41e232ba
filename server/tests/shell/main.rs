//! The shell over real sockets: every listener kind, every limit before and after CONNECT, every
//! way a connection ends. What the engine decides is tested with the engine.

#![cfg(test)]

mod broker;
mod faults;
mod limits;
mod metrics;
mod room;
mod secure;
mod start;
mod stop;
mod system_topics;
mod tcp;
mod tls;
mod websocket;
