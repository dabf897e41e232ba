//! The broker's behaviour in virtual time, one file for each chapter of the standard and each part
//! of the contract. Tests cite the statements they show.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks what it looks for")]

mod back_pressure;
mod errors;
mod gate;
mod ordering;
mod overlap;
mod qos1;
mod qos2;
mod queue_policy;
mod redelivery;
mod replay;
mod resume;
mod session_end;
mod shared;
mod subscribe;
#[path = "../support/mod.rs"]
mod support;
mod unsubscribe;
mod window;
