//! What the fuzz targets check. Each takes any bytes and panics where something is wrong, so that
//! libFuzzer can look for such bytes, and an ordinary test can replay what it found.

#![expect(
    clippy::indexing_slicing,
    reason = "a panic is how a check says that something is wrong, in itself too"
)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a check looks at the kinds of packet that it is about"
)]

mod choice;
#[cfg(feature = "server")]
pub mod config;
pub mod decode;
pub mod log;
mod packets;
#[cfg(feature = "server")]
pub mod rest;
pub mod round_trip;
pub mod session;
#[cfg(feature = "server")]
pub mod websocket;

/// A target's name and its check.
pub type Target = (&'static str, fn(&[u8]));

/// Every target there is.
pub const TARGETS: &[Target] = &[
    ("decode_v3", decode::check_v3),
    ("decode_v5", decode::check_v5),
    ("log", log::check),
    ("round_trip", round_trip::check),
    ("session", session::check),
    #[cfg(feature = "server")]
    ("config", config::check),
    #[cfg(feature = "server")]
    ("rest", rest::check),
    #[cfg(feature = "server")]
    ("websocket", websocket::check),
];
