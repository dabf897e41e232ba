//! The management interface over real sockets: what is answered to whom, byte for byte, with real
//! clients beside it.

#![cfg(test)]

#[path = "../shell/broker.rs"]
#[allow(dead_code, reason = "shared with the tests of the shell, which use other parts of it")]
mod broker;

mod access;
mod connections;
mod dashboard;
mod encodings;
mod lists;
mod orders;
mod routes;
mod support;
