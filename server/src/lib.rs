//! Surewire's server: the sockets, the configuration and the command line around the engine.

pub mod config;
