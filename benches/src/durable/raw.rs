//! The disk alone: a write and a sync after the other, as the log does them.

use std::fmt;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::fs::{FallocateFlags, fallocate};
use surewire_load::{Error, Latency};

/// Bytes of the file that is written, as long as one of the log.
const FILE: u64 = 16 << 20;
const HOUR_NS: u64 = 3_600_000_000_000;

/// What the disk did.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Raw {
    /// Bytes of a write.
    pub bytes: usize,
    /// Writes, each with its sync, a second.
    pub per_second: f64,
    /// The syncs alone.
    pub sync: Latency,
}

/// Appends `bytes` and syncs, again and again, in a file below `folder` whose room was taken before.
///
/// # Errors
/// [`Error::System`] when the disk does not take it.
pub fn append_and_sync(folder: Option<&Path>, bytes: usize, time: Duration) -> Result<Raw, Error> {
    let dir = folder.map_or_else(tempfile::tempdir, tempfile::tempdir_in);
    let dir = dir.map_err(Error::system("make a folder for the raw disk"))?;
    write(dir.path(), bytes, time).map_err(Error::system("write to the raw disk"))
}

fn write(folder: &Path, bytes: usize, time: Duration) -> std::io::Result<Raw> {
    let data = vec![b'x'; bytes];
    let mut delays =
        Histogram::<u64>::new_with_bounds(1, HOUR_NS, 3).expect("the bounds are constants");
    let (began, mut files) = (Instant::now(), 0_u32);
    while began.elapsed() < time {
        files += 1;
        let path = folder.join(files.to_string());
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        fallocate(&file, FallocateFlags::empty(), 0, FILE.max(bytes as u64))?;
        file.sync_all()?;
        let mut offset = 0;
        while offset + bytes as u64 <= FILE.max(bytes as u64) && began.elapsed() < time {
            file.write_all_at(&data, offset)?;
            let written = Instant::now();
            file.sync_data()?;
            let took = written.elapsed();
            delays.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
            offset += bytes as u64;
        }
    }
    let per_second = super::to_f64(delays.len()) / began.elapsed().as_secs_f64();
    Ok(Raw { bytes, per_second, sync: Latency::of(&delays) })
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, per_second, sync } = self;
        write!(f, "append and fdatasync of {bytes} bytes: {per_second:.0}/s; sync: {sync}")
    }
}
