//! Where the log goes and how it looks.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt;

use crate::config::{Log, LogFormat, LogLevel};

/// Starts the log of this process on standard error. With `packets` the level is at least debug,
/// because every packet is a debug line.
///
/// A second call in one process does nothing.
pub fn start(log: &Log, packets: bool) {
    let level = level(log.level);
    let level = if packets { level.max(LevelFilter::DEBUG) } else { level };
    let builder = fmt().with_max_level(level).with_writer(io::stderr).with_target(false);
    // Complaining about a log that cannot be written would go to the same place, and panic there.
    let builder = builder.log_internal_errors(false);
    let _ = match log.format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}

fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
