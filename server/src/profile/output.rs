//! A file that a profile goes to: created at the start, filled at the stop.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Readable by its owner only: it tells what the program does and where in memory it lies.
const MODE: u32 = 0o600;

/// A file that exists and can be written.
#[derive(Debug)]
pub(crate) struct Output {
    key: &'static str,
    path: PathBuf,
    file: File,
}

/// Why a profile has no file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    /// It cannot be created.
    #[error(
        "{key}: cannot create {}: {error}; choose a file in a directory that this user may write \
         to, or remove the key to have no profile", .path.display()
    )]
    Create {
        /// The key that names it.
        key: &'static str,
        /// The path as configured.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Two names of one file.
    #[error(
        "profile.mem: {} is the same file as profile.cpu's {}; choose another for one of them",
        .mem.display(), .cpu.display()
    )]
    Same {
        /// The path of `profile.cpu`.
        cpu: PathBuf,
        /// The path of `profile.mem`.
        mem: PathBuf,
    },
}

impl Output {
    /// Creates the file, or empties the one there is.
    pub(crate) fn create(key: &'static str, path: &Path) -> Result<Self, OutputError> {
        match open(path) {
            Ok(file) => Ok(Self { key, path: path.to_owned(), file }),
            Err(error) => Err(OutputError::Create { key, path: path.to_owned(), error }),
        }
    }

    /// Finds out two names of one file.
    pub(crate) fn differs_from(&self, other: &Self) -> Result<(), OutputError> {
        let id = |output: &Self| output.file.metadata().map(|data| (data.dev(), data.ino())).ok();
        if id(self).is_some() && id(self) == id(other) {
            return Err(OutputError::Same { cpu: self.path.clone(), mem: other.path.clone() });
        }
        Ok(())
    }

    pub(crate) fn key(&self) -> &'static str {
        self.key
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes `bytes` the whole content, in one write: a reader sees all of it or nothing.
    pub(crate) fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Another process may have used the file in between.
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(bytes)?;
        self.file.sync_all()
    }
}

fn open(path: &Path) -> io::Result<File> {
    // Without waiting: a pipe that nobody reads would keep the broker from starting.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(MODE).custom_flags(flags);
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.set_len(0)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_is_gone_and_only_the_owner_reads() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("p");
        std::fs::write(&path, "something longer").unwrap();
        let mut output = Output::create("profile.cpu", &path).unwrap();
        let metadata = std::fs::metadata(&path).unwrap();
        assert_eq!((metadata.len(), metadata.mode() & 0o777), (0, MODE));
        std::fs::write(&path, "another process wrote here").unwrap();
        output.replace(b"longer").unwrap();
        output.replace(b"all").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"all");
    }

    #[test]
    fn two_names_of_one_file_are_found_out() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name| directory.path().join(name);
        let cpu = Output::create("profile.cpu", &path("a")).unwrap();
        std::os::unix::fs::symlink(path("a"), path("b")).unwrap();
        let mem = Output::create("profile.mem", &path("b")).unwrap();
        assert!(matches!(cpu.differs_from(&mem), Err(OutputError::Same { .. })));
        let mem = Output::create("profile.mem", &path("c")).unwrap();
        assert!(cpu.differs_from(&mem).is_ok());
    }

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let error = Output::create("profile.mem", directory.path()).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("profile.mem: cannot create /"), "{text}");
        assert!(text.contains("; choose a file"), "{text}");
        assert!(Output::create("profile.mem", Path::new("/dev/null")).is_err());
    }
}
