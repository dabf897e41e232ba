//! What only MQTT 5.0 has, one file for each part of it.

mod auth;
mod session;
