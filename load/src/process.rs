//! What a process has used, read from `/proc` (Linux).

use std::path::PathBuf;
use std::time::Duration;
use std::{fs, io, thread};

use crate::Error;

/// How often, and how many times at most, memory is looked at until it stands still.
const SETTLE_ROUND: Duration = Duration::from_millis(200);
const SETTLE_ROUNDS: u32 = 15;
/// Memory that changes by no more than this many bytes stands still.
const SETTLED: u64 = 64 << 10;

/// A process that is being watched.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    pid: u32,
}

/// CPU time at one moment, from the two sources that Linux has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuTime {
    /// Sum over the living threads, exact to the nanosecond.
    threads_ns: u64,
    /// User and system time of the whole process, threads that ended included, in clock ticks.
    ticks_ns: u64,
    tick_ns: u64,
}

impl CpuTime {
    /// CPU time used since `earlier`. Counted from the threads, unless some have ended
    /// meanwhile and took their nanoseconds along; then from the ticks.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Duration {
        let by_threads = self.threads_ns.saturating_sub(earlier.threads_ns);
        let by_ticks = self.ticks_ns.saturating_sub(earlier.ticks_ns);
        let exact = by_threads + 3 * self.tick_ns >= by_ticks;
        Duration::from_nanos(if exact { by_threads } else { by_ticks })
    }
}

impl Process {
    /// The process with this number.
    #[must_use]
    pub const fn new(pid: u32) -> Self {
        Self { pid }
    }

    /// The calling process.
    #[must_use]
    pub fn own() -> Self {
        Self::new(std::process::id())
    }

    /// CPU time used so far.
    ///
    /// # Errors
    /// [`Error::System`] when the process is gone or `/proc` cannot be read.
    pub fn cpu_time(&self) -> Result<CpuTime, Error> {
        let tick_ns = 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1);
        let ticks = self.read("stat").and_then(|stat| ticks_of(&stat).ok_or_else(unreadable));
        let threads = self.threads_ns();
        let action = || format!("read the CPU time of process {}", self.pid);
        Ok(CpuTime {
            threads_ns: threads.map_err(Error::system(action()))?,
            ticks_ns: ticks.map_err(Error::system(action()))? * tick_ns,
            tick_ns,
        })
    }

    /// Resident memory of its own in bytes. Pages of its program are not counted: the kernel maps
    /// and takes away megabytes of them as it likes.
    ///
    /// # Errors
    /// As [`Process::cpu_time`].
    pub fn own_bytes(&self) -> Result<u64, Error> {
        self.memory("smaps_rollup", "Anonymous:")
    }

    /// The same once it stands still, or after 3 s: a broker may still be at work after its last
    /// answer, and gives memory back later.
    ///
    /// # Errors
    /// As [`Process::cpu_time`].
    pub fn settled_bytes(&self) -> Result<u64, Error> {
        let mut last = self.own_bytes()?;
        for _ in 0..SETTLE_ROUNDS {
            thread::sleep(SETTLE_ROUND);
            let now = self.own_bytes()?;
            if now.abs_diff(last) <= SETTLED.max(now / 1_000) {
                return Ok(now);
            }
            last = now;
        }
        Ok(last)
    }

    /// The highest resident memory in bytes since the process began or since
    /// [`Process::forget_peak`].
    ///
    /// # Errors
    /// As [`Process::cpu_time`].
    pub fn peak_resident_bytes(&self) -> Result<u64, Error> {
        self.memory("status", "VmHWM:")
    }

    /// Resident bytes that are its program's and its libraries' files: the system takes them back when
    /// it likes.
    ///
    /// # Errors
    /// As [`Process::cpu_time`].
    pub fn file_bytes(&self) -> Result<u64, Error> {
        self.memory("status", "RssFile:")
    }

    /// Starts a new peak from the present resident memory.
    ///
    /// # Errors
    /// As [`Process::cpu_time`].
    pub fn forget_peak(&self) -> Result<(), Error> {
        let action = format!("reset the memory peak of process {}", self.pid);
        fs::write(self.path("clear_refs"), "5").map_err(Error::system(action))
    }

    fn memory(&self, file: &str, key: &str) -> Result<u64, Error> {
        self.read(file)
            .and_then(|text| kilobytes_of(&text, key).ok_or_else(unreadable))
            .map(|kilobytes| kilobytes * 1024)
            .map_err(Error::system(format!("read the memory of process {}", self.pid)))
    }

    fn threads_ns(&self) -> io::Result<u64> {
        let mut sum = 0;
        for thread in fs::read_dir(self.path("task"))? {
            match fs::read_to_string(thread?.path().join("schedstat")) {
                Ok(text) => sum += first_number(&text).ok_or_else(unreadable)?,
                // The thread ended between the listing and the reading.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
        }
        Ok(sum)
    }

    fn read(&self, file: &str) -> io::Result<String> {
        fs::read_to_string(self.path(file))
    }

    fn path(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.pid))
    }
}

fn unreadable() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not the format that Linux documents")
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// utime + stime: fields 14 and 15, counted after the name, which may hold spaces and brackets.
fn ticks_of(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn kilobytes_of(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| first_number(line.strip_prefix(key)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_a_nasty_name() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 100 0 0 0 70 30 0 0 20 0 1 0 5 6 7";
        assert_eq!(ticks_of(stat), Some(100));
    }

    #[test]
    fn kilobytes_are_found_by_key() {
        let text = "Name:\tx\nVmHWM:\t    5120 kB\nVmRSS:\t 4096 kB\n";
        assert_eq!(kilobytes_of(text, "VmHWM:"), Some(5120));
        assert_eq!(kilobytes_of(text, "VmSwap:"), None);
    }

    #[test]
    fn cpu_time_survives_threads_that_end() {
        let tick_ns = 10_000_000;
        let at = |threads_ns, ticks_ns| CpuTime { threads_ns, ticks_ns, tick_ns };
        let start = at(5_000, 0);
        assert_eq!(at(1_005_000, 0).since(&start), Duration::from_millis(1));
        assert_eq!(at(6_000, 500_000_000).since(&start), Duration::from_millis(500));
    }
}
