//! Surewire measured from outside: a broker is another process, reached on loopback.
//!
//! Nothing here knows how a broker works inside, so every tool takes any MQTT 3.1.1 broker. The
//! programs in `bin/` are thin; what they do lives in the module of the same name.

pub mod broker;
pub mod certificate;
pub mod compare;
pub mod durable;
pub mod flood;
pub mod grow;
pub mod histograms;
pub mod http;
pub mod idle;
pub mod metrics;
pub mod pages;
pub mod relay;
pub mod replay;
pub mod report;
pub mod restart;
pub mod slow;
pub mod stats;
