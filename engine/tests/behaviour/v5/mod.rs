//! What only MQTT 5.0 has, one file for each part of it.

mod before_connack;
mod bytes;
mod connack;
mod connect;
mod keep_alive;
mod malformed;
mod session;
