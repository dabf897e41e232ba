//! The process, under the names that every exporter uses. What the system does not tell is left
//! out.

use std::fs;

use rustix::param::page_size;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use surewire_engine::time::Time;

use super::text::Text;

pub(super) fn process(text: &mut Text, started: Time) {
    text.gauge(
        "process_start_time_seconds",
        "When the broker started, in seconds since the Unix epoch.",
        started.as_nanos() as f64 / 1e9,
    );
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    text.counter(
        "process_cpu_seconds_total",
        "CPU time that the process has used.",
        cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9,
    );
    if let Some([virtual_memory, resident]) = memory() {
        text.gauge("process_virtual_memory_bytes", "Address space.", virtual_memory);
        text.gauge("process_resident_memory_bytes", "Memory in use.", resident);
    }
    if let Some(open) = open_files() {
        text.gauge("process_open_fds", "Open file descriptors.", open);
    }
    if let Some(most) = getrlimit(Resource::Nofile).current {
        text.gauge("process_max_fds", "File descriptors that may be open.", most);
    }
}

/// Bytes of address space and of memory in use.
fn memory() -> Option<[u64; 2]> {
    let pages = fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = pages.split(' ').map_while(|number| number.parse::<u64>().ok());
    let mut bytes = || Some(pages.next()? * page_size() as u64);
    Some([bytes()?, bytes()?])
}

/// Linux tells the number as the size of the directory, since 6.2. To count the entries would take
/// a second with a million connections.
fn open_files() -> Option<u64> {
    let size = fs::metadata("/proc/self/fd").ok()?.len();
    (size > 0).then_some(size)
}
