//! The broker's behaviour in virtual time, one file for each chapter of the standard and each part
//! of the contract. Tests cite the statements they show.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks what it looks for")]

mod acks;
mod back_pressure;
mod broken_input;
mod connack;
mod connect;
mod counters;
mod data_representation;
mod disconnect;
mod errors;
mod explain;
mod fixed_header;
mod gate;
mod keep_alive;
mod lists;
mod memory;
mod no_room;
mod ordering;
mod orders;
mod overlap;
mod publish;
mod qos1;
mod qos2;
mod queue_policy;
mod recent;
mod redelivery;
mod replay;
mod restart;
mod resume;
mod retained;
mod runs;
mod session;
mod session_end;
mod shared;
mod stop;
mod subscribe;
#[path = "../support/mod.rs"]
mod support;
mod system;
mod takeover;
mod topics;
mod unsubscribe;
mod v5;
mod will;
mod window;
