//! A directory of a file system as the log's disk.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock};
use rustix::io::Errno;
use surewire_engine::log::disk::{DiskError, Op, Reply};

use super::{Disk, LocalFuture};

/// Nobody else may read what clients say to each other.
pub(crate) const DIRECTORY_MODE: u32 = 0o700;
pub(crate) const FILE_MODE: u32 = 0o600;

/// Locked for as long as the process lives, and none of the log's files.
pub(crate) const LOCK: &str = "lock";

/// A directory, and the lock on it.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// The directory itself, for its own sync.
    itself: File,
    /// The system lets it go with the process, however that ends.
    _lock: File,
    /// The file that was used last: the log writes one at a time.
    open: Option<(String, File)>,
}

impl Directory {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        make(path)?;
        let lock = options().create(true).truncate(false).open(path.join(LOCK))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        let itself = File::open(path)?;
        Ok(Self { path: path.to_owned(), itself, _lock: lock, open: None })
    }

    /// As [`Disk::perform`], which never waits here.
    pub(crate) fn perform_now(&mut self, op: &Op) -> Result<Reply, DiskError> {
        self.try_perform(op).map_err(|error| failure(&error))
    }

    fn try_perform(&mut self, op: &Op) -> io::Result<Reply> {
        match op {
            Op::List => return self.list().map(Reply::Names),
            Op::Read { file, offset, len } => {
                return read(self.file(file)?, *offset, *len).map(Reply::Bytes);
            }
            Op::Allocate { file, len } => self.allocate(file, *len)?,
            Op::Write { file, offset, bytes } => {
                self.file(file)?.write_all_at(bytes, *offset)?;
            }
            Op::Sync { file } => self.file(file)?.sync_data()?,
            Op::Rename { from, to } => {
                self.forget(from);
                self.forget(to);
                fs::rename(self.place(from)?, self.place(to)?)?;
            }
            Op::Remove { file } => {
                self.forget(file);
                fs::remove_file(self.place(file)?)?;
            }
            Op::SyncDirectory => self.itself.sync_all()?,
        }
        Ok(Reply::Done)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            // What is no file and what has no such name is none of ours.
            if entry.file_type()?.is_file()
                && let Ok(name) = entry.file_name().into_string()
                && name != LOCK
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn allocate(&mut self, name: &str, len: u64) -> io::Result<()> {
        let path = self.place(name)?;
        let file = options().create_new(true).open(&path)?;
        if let Err(error) = take_room(&file, len) {
            // Nothing is done, so that it can be tried again. What the system says to this does
            // not matter: recovery removes files that were never begun.
            drop(file);
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        self.open = Some((name.to_owned(), file));
        Ok(())
    }

    fn file(&mut self, name: &str) -> io::Result<&File> {
        let known = self.open.take().filter(|(open, _)| open == name);
        let open = match known {
            Some(open) => open,
            None => (name.to_owned(), options().open(self.place(name)?)?),
        };
        Ok(&self.open.insert(open).1)
    }

    fn forget(&mut self, name: &str) {
        self.open.take_if(|(open, _)| open == name);
    }

    fn place(&self, name: &str) -> io::Result<PathBuf> {
        if name.is_empty() || name.starts_with('.') || name.contains('/') || name == LOCK {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no name of a log's file"));
        }
        Ok(self.path.join(name))
    }
}

impl Disk for Directory {
    fn perform(&mut self, op: Op) -> LocalFuture<'_, Result<Reply, DiskError>> {
        Box::pin(std::future::ready(self.perform_now(&op)))
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(FILE_MODE);
    options
}

/// Makes the directory and those above it, and makes their names durable.
fn make(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => return Err(Errno::NOTDIR.into()),
        // What else may be wrong shows when it is made.
        Err(_) => {}
    }
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    let above = above.unwrap_or(Path::new("."));
    make(above)?;
    DirBuilder::new().mode(DIRECTORY_MODE).create(path)?;
    File::open(above)?.sync_all()
}

fn take_room(file: &File, len: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, len) {
        // Not every file system can: then a write may find no room, which ends the broker.
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => file.set_len(len),
        outcome => Ok(outcome?),
    }
}

fn read(file: &File, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    // Whoever wants all of a file does not know how much that is.
    let behind = usize::try_from(file.metadata()?.len().saturating_sub(offset));
    let mut bytes = vec![0; len.min(behind.unwrap_or(usize::MAX))];
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(done);
    Ok(bytes)
}

/// What the log is told of an error.
pub(crate) fn failure(error: &io::Error) -> DiskError {
    if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        DiskError::NoRoom
    } else {
        DiskError::Failed(error.to_string())
    }
}
