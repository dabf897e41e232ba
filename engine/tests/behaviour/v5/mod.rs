//! What only MQTT 5.0 has, one file for each part of it.

mod auth;
mod before_connack;
mod bytes;
mod connack;
mod connect;
mod data;
mod disconnect;
mod keep_alive;
mod limits;
mod malformed;
mod older;
mod session;
mod takeover;
mod will;
mod will_restart;
