//! What can be wrong with a configuration, in words for the operator.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::document::Place;

/// Why there is no configuration. Its `Display` is the one message the program ends with.
#[derive(Debug)]
pub enum ConfigError {
    /// The file cannot be read.
    Unreadable {
        /// As the operator named it.
        file: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file or the environment says something wrong.
    Invalid {
        /// The file, if one was read.
        file: Option<PathBuf>,
        /// At least one, in reading order.
        problems: Vec<Problem>,
    },
}

/// One thing wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// The path of the key, such as `listener[1].addr`; empty where none is known.
    pub path: String,
    /// What.
    pub fault: Fault,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Not YAML, or YAML that a configuration has no use for. Reading stops.
    Syntax(String),
    /// A key given twice in one map. Reading stops.
    DuplicateKey {
        /// Where it was given before.
        first: Place,
    },
    /// A value of another type. Reading stops.
    WrongType {
        /// As written; only its kind where it could be a secret.
        found: String,
        /// What would be right.
        expected: String,
    },
    /// A value of the right type that is not allowed.
    NotAllowed {
        /// As written.
        found: String,
        /// What would be right.
        expected: String,
    },
    /// A key nobody knows.
    UnknownKey {
        /// The known key it most likely meant.
        nearest: Option<String>,
        /// The known keys of that map.
        known: Vec<&'static str>,
    },
    /// A variable that begins with `SUREWIRE_` and names no key.
    UnknownVariable {
        /// The variable it most likely meant.
        nearest: Option<String>,
    },
    /// A variable for a list entry that cannot exist.
    NoSuchEntry {
        /// Entries that are there.
        length: usize,
    },
    /// A key that must be given and is not.
    Missing {
        /// What is expected.
        expected: String,
    },
    /// Values that do not go together.
    Conflict(Conflict),
}

/// Values that are each right and together are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// A certificate without its private key.
    CertificateWithoutKey,
    /// A private key without its certificate.
    KeyWithoutCertificate,
    /// A REST address and nobody who may use it.
    NoUser,
    /// `profile.cpu` and `profile.mem` with one path.
    OneFileForProfiles,
    /// `proxy_protocol: true`.
    ProxyProtocolNotThere,
}

impl Fault {
    /// Nothing behind such a fault can be judged, so it is shown alone.
    pub(crate) fn stops(&self) -> bool {
        matches!(self, Self::Syntax(_) | Self::DuplicateKey { .. } | Self::WrongType { .. })
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { error, .. } => Some(error),
            Self::Invalid { .. } => None,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, error } => {
                write!(f, "{}: cannot read the configuration: {error}", file.display())
            }
            Self::Invalid { file, problems } => {
                for (index, problem) in problems.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "\n" };
                    f.write_str(separator)?;
                    if let (Some(file), Place::File { .. }) = (file, &problem.place) {
                        write!(f, "{}:", file.display())?;
                    }
                    write!(f, "{problem}")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path.escape_debug())?;
        }
        write!(f, "{}", self.fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(what) => f.write_str(what),
            Self::DuplicateKey { first } => write!(f, "given twice; first at {first}"),
            Self::WrongType { found, expected } | Self::NotAllowed { found, expected } => {
                write!(f, "found {found}, expected {expected}")
            }
            Self::UnknownKey { nearest: Some(name), .. } => {
                write!(f, "unknown key; did you mean `{name}`?")
            }
            Self::UnknownKey { nearest: None, known } => write_known(f, known),
            Self::UnknownVariable { nearest: Some(name) } => {
                write!(f, "no key has this name; did you mean {name}?")
            }
            Self::UnknownVariable { nearest: None } => {
                f.write_str("no key has this name; unset it, or see `surewire check --schema`")
            }
            Self::NoSuchEntry { length } => {
                write!(f, "the list has {length} entries, so the next one is number {length}")
            }
            Self::Missing { expected } => write!(f, "missing, expected {expected}"),
            Self::Conflict(conflict) => write!(f, "{conflict}"),
        }
    }
}

/// Keys of the longest map that shows them.
const MOST_SHOWN: usize = 20;

/// Short maps show what they take; the long one would bury the message.
fn write_known(f: &mut fmt::Formatter<'_>, known: &[&str]) -> fmt::Result {
    if known.len() <= MOST_SHOWN {
        write!(f, "unknown key, expected one of {}", known.join(", "))
    } else {
        f.write_str("unknown key; `surewire check --schema` prints those that exist")
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CertificateWithoutKey => {
                "certfile is given without keyfile; TLS needs both, plain text needs neither"
            }
            Self::KeyWithoutCertificate => {
                "keyfile is given without certfile; TLS needs both, plain text needs neither"
            }
            Self::NoUser => {
                "addr is given without an account; add one, such as `user: {alice: a-password}`, \
                 or remove addr"
            }
            Self::OneFileForProfiles => {
                "cpu and mem name the same file; each profile needs one of its own"
            }
            Self::ProxyProtocolNotThere => {
                "found true, expected false: the PROXY protocol is not supported yet"
            }
        })
    }
}
