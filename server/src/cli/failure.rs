//! Why a command ends early, in words for the person at the terminal.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use surewire_engine::client::{CloseReason, Fault};

use super::dial_error::DialError;
use super::words;

/// What `mosquitto_sub` exits with when its time is over; scripts know it.
const EXIT_TIMED_OUT: u8 = 27;

/// Why a command ends with an exit code other than 0.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Dial(#[from] DialError),
    #[error("{}", words::closed(.0))]
    Closed(CloseReason),
    #[error(
        "{address} closed the connection without an answer to CONNECT; check that it is an MQTT \
         broker that speaks {version}{hint}"
    )]
    LostEarly { address: String, version: &'static str, hint: &'static str },
    #[error(
        "{address} answers, but not to CONNECT: {fault}; check that it is an MQTT broker that \
         speaks {version}{hint}"
    )]
    NotMqtt { address: String, fault: Fault, version: &'static str, hint: &'static str },
    #[error("the connection was lost{}; {unacknowledged} messages are not acknowledged", cause(.error))]
    Lost { error: Option<io::Error>, unacknowledged: usize },
    #[error("the broker refused every subscription; is this user allowed to read these topics?")]
    NothingGranted,
    #[error("{0} messages were refused or lost")]
    NotPublished(usize),
    #[error("stopped; {unacknowledged} messages are not acknowledged")]
    Stopped { unacknowledged: usize },
    #[error("the payload has {bytes} bytes; a message of MQTT has room for {limit}")]
    PayloadTooLarge { bytes: usize, limit: usize },
    #[error("the will's payload has {bytes} bytes; a will has room for 65,535")]
    WillTooLarge { bytes: usize },
    #[error("cannot read {}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("cannot read the standard input: {0}")]
    Stdin(io::Error),
    #[error("cannot write to the standard output: {0}")]
    Stdout(io::Error),
    #[error("the system gives no random bytes for a client identifier; give one with --id")]
    NoRandomness,
    #[error("cannot start: {0}")]
    Runtime(io::Error),
    /// `-W` is over: no message, as with `mosquitto_sub`.
    #[error("the time given with -W is over")]
    TimedOut,
}

impl Failure {
    /// Tells the person at the terminal; the exit code says it to scripts.
    pub(super) fn report(&self) -> ExitCode {
        if matches!(self, Self::TimedOut) {
            return ExitCode::from(EXIT_TIMED_OUT);
        }
        words::say(format_args!("error: {self}"));
        ExitCode::FAILURE
    }
}

fn cause(error: &Option<io::Error>) -> String {
    error.as_ref().map_or_else(String::new, |error| format!(" ({error})"))
}
