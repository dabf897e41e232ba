//! Why a `store` command ends early, in words for the person at the terminal.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use surewire_engine::id::Lsn;
use surewire_engine::log::FormatError;
use surewire_engine::log::recovery::RecoveryError;
use surewire_engine::log::writer::LogError;

use crate::cli::words;
use crate::config::ConfigError;

/// As the broker's own (`EX_IOERR` of sysexits).
const DISK_FAILED: u8 = 74;

/// Why a command ends with an exit code other than 0.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Config(Box<ConfigError>),
    #[error("{}: cannot be used: {error}", .directory.display())]
    Directory { directory: PathBuf, error: io::Error },
    #[error(
        "{}: this is no data directory: there is neither a `.log` file nor the broker's `lock`",
        .directory.display()
    )]
    NoStore { directory: PathBuf },
    #[error(
        "{}: another process uses it; stop the broker first (only `surewire store backup` works \
         beside it)",
        .directory.display()
    )]
    Locked { directory: PathBuf },
    #[error("{}: {error}", .directory.display())]
    Refused { directory: PathBuf, error: RecoveryError },
    #[error(
        "{}: record {} cannot be read: {error}; a later version wrote it, or this is a bug of ours",
        .directory.display(), .lsn.0
    )]
    Record { directory: PathBuf, lsn: Lsn, error: FormatError },
    #[error(
        "{}: all records can be read, but no broker can be in the state they stand for: a bug of \
         ours, see the message above",
        .directory.display()
    )]
    Inconsistent { directory: PathBuf },
    #[error("{} is not empty; give a directory that is not there yet, or an empty one", .0.display())]
    NotEmpty(PathBuf),
    #[error(
        "{} is there already: an earlier attempt was cut off; remove it, then try again",
        .0.display()
    )]
    Unfinished(PathBuf),
    #[error("{} is no name for a new directory", .0.display())]
    NoName(PathBuf),
    #[error("{}: {error}", .path.display())]
    Disk { path: PathBuf, error: io::Error },
    #[error("{}: {error}", .directory.display())]
    Log { directory: PathBuf, error: LogError },
    #[error(
        "{}: what was written is not what was to be written: a bug of ours, or the disk's",
        .0.display()
    )]
    NotTheSame(PathBuf),
    #[error(
        "{}: its files change faster than they can be copied; try again when the broker has less \
         to do",
        .0.display()
    )]
    TooFast(PathBuf),
    #[error("the system gives no random numbers: {0}")]
    Entropy(io::Error),
    #[error("cannot write to the standard output: {0}")]
    Stdout(io::Error),
}

impl Failure {
    /// Tells the person at the terminal; the exit code says it to scripts.
    pub(super) fn report(&self) -> ExitCode {
        words::say(format_args!("error: {self}"));
        match self {
            Self::Disk { .. }
            | Self::Log { .. }
            | Self::NotTheSame(_)
            | Self::Refused { error: RecoveryError::Disk { .. }, .. } => {
                ExitCode::from(DISK_FAILED)
            }
            Self::Config(_)
            | Self::Directory { .. }
            | Self::NoStore { .. }
            | Self::Locked { .. }
            | Self::Refused { .. }
            | Self::Record { .. }
            | Self::Inconsistent { .. }
            | Self::NotEmpty(_)
            | Self::Unfinished(_)
            | Self::NoName(_)
            | Self::TooFast(_)
            | Self::Entropy(_)
            | Self::Stdout(_) => ExitCode::FAILURE,
        }
    }
}
