//! Where the log goes and how it looks.

use std::io;
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

use super::queue::Queue;
use crate::config::{Log, LogFormat, LogLevel};

/// The most that libraries say. At their lower levels they print frames and messages, and so the
/// passwords and payloads in them.
const OTHERS: LevelFilter = LevelFilter::WARN;

/// How long the end of the process waits for whoever reads the log.
const FLUSH: Duration = Duration::from_millis(500);

/// The log of this process, which ends with it.
#[derive(Clone, Debug)]
pub struct Logging(Queue);

/// Starts the log of this process on standard error. With `packets` the level is at least debug,
/// because every packet is a debug line.
///
/// Logging never waits: lines that nobody reads are lost, and counted in the log.
///
/// # Errors
/// There is no thread to write it.
pub fn start(log: &Log, packets: bool) -> io::Result<Logging> {
    let queue = Queue::default();
    let writer = queue.clone();
    let thread = std::thread::Builder::new().name("log".to_owned());
    thread.spawn(move || writer.write_to(io::stderr()))?;
    let format = fmt::layer().with_writer(queue.clone()).with_target(false);
    let format = match log.format {
        LogFormat::Text => format.with_ansi(false).boxed(),
        LogFormat::Json => format.json().flatten_event(true).with_current_span(false).boxed(),
    };
    // A log that is started already goes on as it is.
    let _ = registry().with(format).with(filter(log.level, packets)).try_init();
    Ok(Logging(queue))
}

impl Logging {
    /// Waits a moment for what is not written yet. To be called wherever the process ends.
    pub fn flush(&self) {
        self.0.flush(FLUSH);
    }
}

/// Ours are `surewire` and what begins so.
fn filter(level: LogLevel, packets: bool) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let ours = if packets { level.max(LevelFilter::DEBUG) } else { level };
    Targets::new().with_default(level.min(OTHERS)).with_target("surewire", ours)
}
