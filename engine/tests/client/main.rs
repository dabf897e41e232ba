//! The client machine in virtual time, against scripted packets and against a tiny server.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test that meets the unexpected is to panic"
)]

mod connection;
mod delivery;
mod desk;
mod loss;
mod publishing;
mod requests;
mod tiny_server;
mod topics;
