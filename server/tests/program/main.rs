//! The program `surewire` as its users meet it: arguments and files in, exit codes, output, log
//! lines and messages of MQTT out.

#![cfg(test)]

mod arguments;
mod bench;
mod broker;
mod clients;
mod connections;
mod durability;
mod http;
mod packets;
mod pprof;
mod profiles;
mod refusals;
mod secrets;
mod sessions;
mod signals;
mod simulate;
mod small_disk;
mod start;
mod store;
mod support;
