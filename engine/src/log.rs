//! The log as a pure machine: records and positions in, what the disk is to do out.
//!
//! Reading order: `record` is what is stored, `encode` and `decode` its bytes; `disk` is all
//! that is ever asked of a disk; `batch` and `segment` are the bytes of files; `writer` turns
//! records into a durable log, `recovery` turns files back into records, and `image` is the
//! state that a sequence of records stands for. `scan` and `salvage` are for a log that recovery
//! refuses.
//!
//! docs/log-format.md describes the bytes.

pub mod batch;
mod decode;
pub mod disk;
mod encode;
pub mod image;
pub mod pending;
pub mod record;
pub mod recovery;
mod reserve;
pub mod salvage;
pub mod scan;
pub mod segment;
pub(crate) mod weigh;
pub mod writer;

pub use decode::{FormatError, decode};
pub use encode::encode;
