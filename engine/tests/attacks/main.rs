//! Attacks that other brokers fell to, each by the name of its CVE or of its class.
//!
//! A fix is easily lost in a later change: so each class has its own test here for ever, also where a
//! chapter of `behaviour` shows the same in other words.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks what it looks for")]

mod bytes;
mod configuration;
mod deep_topics;
mod delivery;
mod sessions;
mod subscriptions;
#[path = "../support/mod.rs"]
mod support;
