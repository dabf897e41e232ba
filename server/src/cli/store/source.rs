//! A data directory that is only read.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use surewire_engine::log::disk::{DiskError, Op, Reply};
use surewire_engine::log::segment;

use super::failure::Failure;
use crate::environment::disk::{LOCK, failure};

/// A data directory. Nothing in it is ever changed, made or removed.
pub(super) struct Source {
    path: PathBuf,
    /// Keeps a broker from starting while we read.
    _lock: Option<File>,
}

impl Source {
    /// A directory that no broker uses, which is so until this is dropped. Others may read it.
    pub(super) fn at_rest(path: &Path) -> Result<Self, Failure> {
        let lock = match File::open(path.join(LOCK)) {
            Ok(file) => Some(file),
            // A copy that somebody made of the segments alone: no broker has been here.
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(unusable(path, error)),
        };
        if let Some(file) = &lock {
            match flock(file, FlockOperation::NonBlockingLockShared) {
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    return Err(Failure::Locked { directory: path.to_owned() });
                }
                Err(error) => return Err(unusable(path, error.into())),
            }
        }
        let source = Self { path: path.to_owned(), _lock: lock };
        source.must_be_a_store()?;
        Ok(source)
    }

    /// A directory that a broker may be using.
    pub(super) fn live(path: &Path) -> Result<Self, Failure> {
        let source = Self { path: path.to_owned(), _lock: None };
        source.must_be_a_store()?;
        Ok(source)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The generations of its segments, oldest first.
    pub(super) fn segments(&self) -> Result<Vec<u64>, Failure> {
        let names = self.names().map_err(|error| unusable(&self.path, error))?;
        let mut generations: Vec<u64> =
            names.iter().filter_map(|name| segment::generation_of(name)).collect();
        generations.sort_unstable();
        Ok(generations)
    }

    /// The file of a segment.
    pub(super) fn segment(&self, generation: u64) -> Result<Vec<u8>, Failure> {
        self.part(&segment::name(generation), 0, usize::MAX)
            .map_err(|error| self.unreadable(&segment::name(generation), error))
    }

    /// The first bytes of the file of a segment.
    pub(super) fn head(&self, generation: u64) -> Result<Vec<u8>, Failure> {
        self.part(&segment::name(generation), 0, segment::HEAD)
            .map_err(|error| self.unreadable(&segment::name(generation), error))
    }

    /// Does what reading a log asks for, and changes nothing: whoever starts the broker removes what
    /// is to be removed, and makes durable what is read.
    pub(super) fn perform(&self, op: &Op) -> Result<Reply, DiskError> {
        let reply = match op {
            Op::List => self.names().map(Reply::Names),
            Op::Read { file, offset, len } => self.part(file, *offset, *len).map(Reply::Bytes),
            Op::Write { .. } | Op::Sync { .. } | Op::Remove { .. } | Op::SyncDirectory => {
                Ok(Reply::Done)
            }
            Op::Allocate { .. } | Op::Rename { .. } => {
                Err(io::Error::new(ErrorKind::ReadOnlyFilesystem, "nothing is written here"))
            }
        };
        reply.map_err(|error| failure(&error))
    }

    fn must_be_a_store(&self) -> Result<(), Failure> {
        let is_used = self.path.join(LOCK).exists();
        if self.segments()?.is_empty() && !is_used {
            return Err(Failure::NoStore { directory: self.path.clone() });
        }
        Ok(())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_type()?.is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn part(&self, name: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.path.join(name))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(u64::try_from(len).unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn unreadable(&self, name: &str, error: io::Error) -> Failure {
        Failure::Disk { path: self.path.join(name), error }
    }
}

fn unusable(path: &Path, error: io::Error) -> Failure {
    Failure::Directory { directory: path.to_owned(), error }
}
