//! What can go wrong while measuring, by whose fault it is.

use std::io;

/// Why a measurement could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller asked for something that cannot be measured.
    #[error("{0}")]
    Usage(String),
    /// The operating system refused something the tool needs.
    #[error("cannot {action}: {source}")]
    System {
        /// What was tried, to follow "cannot".
        action: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The broker did something that MQTT does not allow, or closed a connection.
    #[error("the broker misbehaved: {0}")]
    Broker(String),
}

impl Error {
    /// Wraps the system's answer to an attempt; for `map_err`.
    pub fn system(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { action: action.into(), source }
    }
}
