//! A new directory that is there as a whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::failure::Failure;
use crate::environment::disk::{DIRECTORY_MODE, FILE_MODE};

/// A directory under another name until it is complete. Removed if it never is.
pub(super) struct Target {
    into: PathBuf,
    staging: PathBuf,
    is_finished: bool,
}

impl Target {
    /// Nothing is overwritten: `into` is not there, or it is empty.
    pub(super) fn new(into: &Path) -> Result<Self, Failure> {
        match fs::read_dir(into) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(Failure::NotEmpty(into.to_owned()));
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::Directory { directory: into.to_owned(), error }),
        }
        let mut name = into.file_name().ok_or_else(|| Failure::NoName(into.to_owned()))?.to_owned();
        name.push(".part");
        let staging = into.with_file_name(name);
        match DirBuilder::new().mode(DIRECTORY_MODE).create(&staging) {
            Ok(()) => Ok(Self { into: into.to_owned(), staging, is_finished: false }),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(Failure::Unfinished(staging))
            }
            Err(error) => Err(Failure::Directory { directory: staging, error }),
        }
    }

    /// Where its files go.
    pub(super) fn path(&self) -> &Path {
        &self.staging
    }

    /// Writes a file that is durable when this returns, in place of one of that name.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.staging.join(name);
        let write = || {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(FILE_MODE);
            let mut file = options.open(&path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(|error| Failure::Disk { path, error })
    }

    /// Removes a file again.
    pub(super) fn remove(&self, name: &str) -> Result<(), Failure> {
        let path = self.staging.join(name);
        fs::remove_file(&path).map_err(|error| Failure::Disk { path, error })
    }

    /// Cuts a file off.
    pub(super) fn cut(&self, name: &str, len: u64) -> Result<(), Failure> {
        let path = self.staging.join(name);
        let cut = || {
            let file = OpenOptions::new().write(true).open(&path)?;
            file.set_len(len)?;
            file.sync_all()
        };
        cut().map_err(|error| Failure::Disk { path, error })
    }

    /// Gives it its name. All of it is durable when this returns.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.name().map_err(|error| Failure::Disk { path: self.into.clone(), error })?;
        self.is_finished = true;
        Ok(())
    }

    fn name(&self) -> io::Result<()> {
        File::open(&self.staging)?.sync_all()?;
        fs::rename(&self.staging, &self.into)?;
        let above = self.into.parent().filter(|above| !above.as_os_str().is_empty());
        File::open(above.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if !self.is_finished {
            // What cannot be removed is named when somebody tries again.
            let _ = fs::remove_dir_all(&self.staging);
        }
    }
}
