//! Why there is no report, in words for the person at the terminal.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use surewire_fleet::RunError;

use crate::cli::words;
use crate::config::ConfigError;

/// The plan is wrong, or cannot be read.
const EXIT_NO_PLAN: u8 = 2;

/// Why the command ends without a report.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{}: cannot read the plan: {error}", file.display())]
    Unreadable { file: PathBuf, error: io::Error },
    #[error("{0}")]
    Invalid(Box<ConfigError>),
    #[error("{0}; please report this with the plan and the seed")]
    Run(#[from] RunError),
    #[error("cannot write to the standard output: {0}")]
    Stdout(io::Error),
}

impl Failure {
    /// Tells the person at the terminal; the exit code says it to scripts.
    pub(super) fn report(&self) -> ExitCode {
        words::say(format_args!("error: {self}"));
        match self {
            Self::Unreadable { .. } | Self::Invalid(_) => ExitCode::from(EXIT_NO_PLAN),
            Self::Run(_) | Self::Stdout(_) => ExitCode::FAILURE,
        }
    }
}
