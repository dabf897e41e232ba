//! What ends a command from outside: Ctrl-C, a signal to end, or the time given with `-W`.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until};

/// Why a command is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// SIGINT or SIGTERM.
    Signal,
    /// The time is over.
    TimedOut,
}

/// Waits for any of them.
pub(super) struct Stop {
    interrupt: Signal,
    terminate: Signal,
    deadline: Option<Instant>,
}

impl Stop {
    /// Takes the signals over from the system's default.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn new(time: Option<Duration>) -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            deadline: time.and_then(|time| Instant::now().checked_add(time)),
        })
    }

    /// Returns when the command is to end. May be dropped and called again.
    pub(super) async fn wait(&mut self) -> Stopped {
        let deadline = self.deadline;
        let over = async move {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Stopped::Signal,
            _ = self.terminate.recv() => Stopped::Signal,
            () = over => Stopped::TimedOut,
        }
    }
}
