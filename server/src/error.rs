//! Why the broker cannot run.

use std::io;

use crate::transport::TlsError;

/// Why [`run`](crate::run) gave up. All but the last two are the operator's to cure.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A listener's socket could not be opened.
    #[error("listener {listener}: cannot listen: {error}{}", cure(.error))]
    Bind {
        /// Scheme and address as configured.
        listener: String,
        /// What the system said.
        error: io::Error,
    },
    /// A listener's certificate or key cannot be used.
    #[error("listener {listener}: {error}")]
    Tls {
        /// Scheme and address as configured.
        listener: String,
        /// What is wrong with them.
        error: Box<TlsError>,
    },
    /// The system gave no random seed.
    #[error("the system gives no random numbers: {0}")]
    Entropy(io::Error),
    /// A worker's thread could not be started.
    #[error("worker {index} cannot start: {error}")]
    Worker {
        /// Which one.
        index: usize,
        /// What the system said.
        error: io::Error,
    },
    /// The engine panicked: its state is suspect, so the process must end.
    #[error(
        "the engine failed (a bug of ours, see the message above); nothing it holds is trusted"
    )]
    Engine,
    /// A task that was to run for as long as the broker ended.
    #[error("a part of the broker failed (a bug of ours, see the message above)")]
    Task,
}

fn cure(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::AddrInUse {
        "; stop the other program on this port or choose another `addr`"
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        "; ports below 1024 need a privilege, choose a higher one or grant CAP_NET_BIND_SERVICE"
    } else if error.kind() == io::ErrorKind::AddrNotAvailable {
        "; this machine has no such address"
    } else {
        ""
    }
}
