//! All that the log asks of a disk. It is asked one thing at a time and waits for the answer, so
//! that a driver is a loop: a thread over a file system, a task in a simulation, a step of the
//! swarm.

use std::fmt;

/// One thing to do in the log's directory. Files are named without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Tell the names of all files: [`Reply::Names`].
    List,
    /// Read up to `len` bytes from `offset`: [`Reply::Bytes`], shorter only at the end of the file.
    Read {
        /// Which file.
        file: String,
        /// From where.
        offset: u64,
        /// At most how many bytes.
        len: usize,
    },
    /// Make a file of `len` zero bytes and take the room for all of them now.
    Allocate {
        /// Its name, which no file has.
        file: String,
        /// Bytes.
        len: u64,
    },
    /// Write all of `bytes` at `offset`. Not durable before [`Op::Sync`].
    Write {
        /// Which file.
        file: String,
        /// Where.
        offset: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// Make what was written to the file durable.
    Sync {
        /// Which file.
        file: String,
    },
    /// Give a file another name, in place of a file that may have it. Not durable before
    /// [`Op::SyncDirectory`].
    Rename {
        /// Its name.
        from: String,
        /// Its new name.
        to: String,
    },
    /// Remove a file. Not durable before [`Op::SyncDirectory`].
    Remove {
        /// Which file.
        file: String,
    },
    /// Make the names of files durable.
    SyncDirectory,
}

/// What a disk answers where all went well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It is done.
    Done,
    /// To [`Op::List`], in any order.
    Names(Vec<String>),
    /// To [`Op::Read`].
    Bytes(Vec<u8>),
}

/// What a disk answers where it did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskError {
    /// There is no room for it. Nothing is done.
    NoRoom,
    /// Anything else, in the system's words. It is not known what is done.
    Failed(String),
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom => f.write_str("no space left"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}
