//! Attacks over real sockets that other brokers fell to, each by the name of its CVE or of its class.
//! Those that need no socket are with the engine. Time is the server's own, by short deadlines.

#![cfg(test)]

#[path = "../shell/broker.rs"]
#[allow(dead_code, reason = "shared with the tests of the shell, which use other parts of it")]
mod broker;

mod connections;
mod files;
mod handshakes;
mod management;
#[path = "../shell/secure.rs"]
mod secure;
mod strangers;
mod websocket;
