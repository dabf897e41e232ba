//! What the operator should know about a configuration that works.

use std::fmt;

use super::values::Durability;

/// A warning about one key. Collected, never logged here: `main` and `check` decide where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The path of the key, such as `listener[0]`.
    pub path: String,
    /// What to know.
    pub concern: Concern,
}

/// What to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Concern {
    /// A value above the greatest that has a meaning.
    Clamped {
        /// As written.
        found: String,
        /// What is used instead.
        used: u64,
    },
    /// Anyone who reaches this address may publish and subscribe.
    OpenToAll {
        /// The listener's address as written.
        addr: String,
    },
    /// Anonymous clients are refused, and there is no authenticator to let anyone else in.
    ClosedToAll,
    /// A password that is guessed first, on an address that others reach.
    GuessablePassword {
        /// The REST address as written.
        addr: String,
    },
    /// What is acknowledged can be lost.
    WeakDurability(Durability),
    /// Accounts without an address to use them on.
    UnusedAccounts,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.escape_debug(), self.concern)
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clamped { found, used } => {
                write!(f, "{found} is more than there can be; {used} is used")
            }
            Self::OpenToAll { addr } => write!(
                f,
                "{addr} is not on loopback and has no authenticator: anyone who reaches it may \
                 publish and subscribe; bind it to 127.0.0.1 or set allow_anonymous: false"
            ),
            Self::ClosedToAll => f.write_str(
                "anonymous clients are refused and no authenticator is configured: nobody can \
                 connect here",
            ),
            Self::GuessablePassword { addr } => write!(
                f,
                "this password is among the first that are guessed and {addr} is not on \
                 loopback; choose another or bind it to 127.0.0.1"
            ),
            Self::WeakDurability(Durability::Power) => f.write_str("nothing acknowledged is lost"),
            Self::WeakDurability(Durability::Process) => f.write_str(
                "is process: what is acknowledged is lost when the power goes or the system \
                 crashes; power keeps it",
            ),
            Self::WeakDurability(Durability::None) => f.write_str(
                "is none: nothing is stored, and what is acknowledged is lost with the process; \
                 power keeps it",
            ),
            Self::UnusedAccounts => f.write_str("has no effect without http_server.addr"),
        }
    }
}
