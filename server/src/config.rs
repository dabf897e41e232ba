//! The configuration: what `config.yaml` and the `SUREWIRE_` variables may say, and what they said.
//!
//! ```text
//!  config.yaml ──document──▶ tree of nodes ──overlay──▶ tree ──reader──▶ Config, warnings
//!  SUREWIRE_.. ──variables──────────────────▲             or every problem, each with its place
//! ```
//!
//! The sections in [`settings`] are the one place that names a key, its type, its default, its
//! limits and its reason. The reader, the JSON schema, the names of the variables and the test of
//! the shipped `config.yaml` all walk that table.

mod check;
mod cross;
pub(crate) mod document;
mod error;
pub(crate) mod key;
pub(crate) mod load;
mod nearest;
mod overlay;
pub(crate) mod reader;
pub(crate) mod scalar;
mod schema;
pub(crate) mod section;
mod settings;
pub(crate) mod values;
mod variables;
mod warning;

pub use check::report;
pub use document::Place;
pub use error::{ConfigError, Conflict, Fault, Problem};
pub use load::{DEFAULT_FILE, Loaded, Source};
pub use schema::schema;
pub use settings::{Config, HttpServer, Listener, Log, Profile, Retained};
pub use values::{
    AddressError, ByteSize, Durability, Host, ListenAddress, LogFormat, LogLevel, MemoryLimit,
    Multiplier, Protocol, QueueFullPolicy, ReceiveMaximumPolicy, Secret, TimeSpan,
};
pub use warning::{Concern, Warning};
