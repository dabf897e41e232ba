//! The sockets, the configuration and the command line around Surewire's engine.

pub mod cli;
