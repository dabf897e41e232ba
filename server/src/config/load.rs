//! From a file and an environment to a configuration.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::document::{Node, Origin, Place, parse};
use super::error::{ConfigError, Fault, Problem};
use super::overlay::overlay;
use super::reader;
use super::settings::Config;
use super::variables::settings;
use super::warning::Warning;

/// The file that is read where none is named.
pub const DEFAULT_FILE: &str = "config.yaml";

/// What stands in for a missing `config.yaml`: nobody asked to be reachable from outside.
const WITHOUT_A_FILE: &str = "listener: [{protocol: mqtt, addr: 'localhost:1883'}]";

/// No configuration comes near; a device or a wrong file is refused before it fills the memory.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A configuration that was read, and what to tell about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The values, complete and checked.
    pub config: Config,
    /// To be logged at start and shown by `surewire check`.
    pub warnings: Vec<Warning>,
    /// Where it came from.
    pub source: Source,
}

/// Where a configuration came from. Variables of the environment may have changed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// This file.
    File(PathBuf),
    /// No file was named and there is no `config.yaml`: the defaults, on loopback only.
    BuiltIn,
}

impl Config {
    /// Reads the file at `path` and lays `environment` over it.
    ///
    /// # Errors
    /// Everything that is wrong with the file or a `SUREWIRE_` variable, with its place.
    pub fn load<K: Into<OsString>, V: Into<OsString>>(
        path: &Path,
        environment: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Loaded, ConfigError> {
        let bytes = read_file(path)
            .map_err(|error| ConfigError::Unreadable { file: path.to_owned(), error })?;
        assemble(&bytes, environment, Source::File(path.to_owned()))
    }

    /// Reads `config.yaml` in `directory`; where there is none, takes the defaults with a listener
    /// on loopback only.
    ///
    /// # Errors
    /// As [`Config::load`]. A `config.yaml` that is there and cannot be read is an error.
    pub fn load_default<K: Into<OsString>, V: Into<OsString>>(
        directory: &Path,
        environment: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Loaded, ConfigError> {
        // Joined to "." it would show in every message.
        let path = if directory == Path::new(".") {
            PathBuf::from(DEFAULT_FILE)
        } else {
            directory.join(DEFAULT_FILE)
        };
        match read_file(&path) {
            Ok(bytes) => assemble(&bytes, environment, Source::File(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                assemble(WITHOUT_A_FILE.as_bytes(), environment, Source::BuiltIn)
            }
            Err(error) => Err(ConfigError::Unreadable { file: path, error }),
        }
    }

    /// Reads `bytes` as the content of a file named `config.yaml`.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse<K: Into<OsString>, V: Into<OsString>>(
        bytes: &[u8],
        environment: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Loaded, ConfigError> {
        assemble(bytes, environment, Source::File(PathBuf::from(DEFAULT_FILE)))
    }
}

impl Default for Config {
    /// What an empty file means: one MQTT listener on port 1883 of every interface.
    fn default() -> Self {
        let mut root = Node::empty_map(Place::BuiltIn);
        overlay(&mut root, Vec::new()).expect("there is no variable to fail");
        reader::read(&root).expect("a test reads every default").0
    }
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_FILE_BYTES) {
        return Ok(bytes);
    }
    Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"))
}

fn assemble<K: Into<OsString>, V: Into<OsString>>(
    bytes: &[u8],
    environment: impl IntoIterator<Item = (K, V)>,
    source: Source,
) -> Result<Loaded, ConfigError> {
    let environment = environment.into_iter().map(|(name, value)| (name.into(), value.into()));
    match values(bytes, environment, &source) {
        Ok((config, warnings)) => Ok(Loaded { config, warnings, source }),
        Err(problems) => Err(ConfigError::Invalid { file: source.file().cloned(), problems }),
    }
}

/// Problems of the file and of the environment are shown together, unless one of them stops.
fn values(
    bytes: &[u8],
    environment: impl Iterator<Item = (OsString, OsString)>,
    source: &Source,
) -> Result<(Config, Vec<Warning>), Vec<Problem>> {
    let origin = if source.file().is_some() { Origin::File } else { Origin::BuiltIn };
    let root = text_of(bytes, &origin).and_then(|text| parse(text, &origin));
    let root = root.map_err(|problem| vec![problem])?;
    let mut root = root.unwrap_or_else(|| Node::empty_map(origin.place(1, 1)));
    let outside = settings(environment).and_then(|settings| overlay(&mut root, settings));
    match (reader::read(&root), outside) {
        (Ok(values), Ok(())) => Ok(values),
        (Ok(_), Err(problems)) | (Err(problems), Ok(())) => Err(problems),
        (Err(mut problems), Err(outside)) => {
            let stopped = problems.iter().any(|problem| problem.fault.stops());
            problems.extend(outside.into_iter().filter(|_| !stopped));
            Err(problems)
        }
    }
}

fn text_of<'a>(bytes: &'a [u8], origin: &Origin) -> Result<&'a str, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let last = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        let column = String::from_utf8_lossy(last).chars().count() + 1;
        let fault =
            Fault::Syntax("found bytes that are not UTF-8; save the file as UTF-8".to_owned());
        Problem { place: origin.place(line, column), path: String::new(), fault }
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

impl Source {
    fn file(&self) -> Option<&PathBuf> {
        match self {
            Self::File(path) => Some(path),
            Self::BuiltIn => None,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::BuiltIn => write!(f, "built-in defaults (there is no {DEFAULT_FILE} here)"),
        }
    }
}
