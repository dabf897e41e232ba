//! Why the broker cannot run.

use std::io;
use std::path::PathBuf;

use crate::transport::TlsError;

/// Why [`run`](crate::run) gave up. All but [`RunError::Engine`] and
/// [`RunError::Task`] are the operator's to cure.
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
    /// The thread that writes the log could not be started.
    #[error("the thread that writes to data_dir cannot start: {0}")]
    Committer(io::Error),
    /// The engine panicked: its state is suspect, so the process must end.
    #[error(
        "the engine failed (a bug of ours, see the message above); nothing it holds is trusted"
    )]
    Engine,
    /// The directory that the log is in cannot be used.
    #[error(
        "data_dir {}: cannot be used: {error}; {}, or choose another",
        .directory.display(), directory_cure(.error)
    )]
    DataDirectory {
        /// As configured.
        directory: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Another process has the directory that the log is in.
    #[error(
        "data_dir {}: another process uses it; stop that one, or choose another directory",
        .directory.display()
    )]
    Locked {
        /// As configured.
        directory: PathBuf,
    },
    /// What is stored is not what was written.
    #[error(
        "data_dir {}: {what}; nothing was changed. Bring the directory back from a backup; or ask \
         `surewire store check` what is missing, and have `surewire store repair` make a new \
         directory of the rest",
        .directory.display()
    )]
    Damaged {
        /// As configured.
        directory: PathBuf,
        /// Which file, and where in it.
        what: String,
    },
    /// What is stored is not for this version.
    #[error(
        "data_dir {}: {why}. Nothing was changed; move the directory away to begin with nothing",
        .directory.display()
    )]
    Unusable {
        /// As configured.
        directory: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The disk failed. What it holds is not known, so the process must end; nothing was
    /// acknowledged that it had not taken.
    #[error(
        "data_dir {}: {error}; nothing was acknowledged since. Look after the disk, then start \
         again",
        .directory.display()
    )]
    Disk {
        /// As configured.
        directory: PathBuf,
        /// What the system said.
        error: String,
    },
    /// The broker stopped while the disk was full.
    #[error(
        "data_dir {}: no space left for the last records before the stop; what they are about was \
         not acknowledged. Make room, then start again",
        .directory.display()
    )]
    NoRoom {
        /// As configured.
        directory: PathBuf,
    },
    /// A task that was to run for as long as the broker ended.
    #[error("a part of the broker failed (a bug of ours, see the message above)")]
    Task,
}

fn directory_cure(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::ReadOnlyFilesystem {
        "mount what it is on for writing"
    } else {
        "let this user write there"
    }
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
