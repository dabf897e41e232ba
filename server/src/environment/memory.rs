//! What the operating system tells of memory.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::param::page_size;

/// Bytes of memory that are this process's alone: its program's file and what it shares with others
/// go and come as the system likes.
pub(crate) fn in_use() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = statm.split(' ').skip(1).map_while(|number| number.parse::<u64>().ok());
    let (resident, shared) = (pages.next()?, pages.next()?);
    Some(resident.saturating_sub(shared) * page_size() as u64)
}

/// Bytes that the machine has, or fewer if the process's cgroup allows fewer.
#[must_use]
pub fn available() -> Option<u64> {
    let of_machine = of_machine(&fs::read_to_string("/proc/meminfo").ok()?);
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let read = |file: &Path| fs::read_to_string(file).ok();
    of_machine.into_iter().chain(of_groups(&groups, read)).min()
}

fn of_machine(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// The least that a group of the process, or one around it, may have, in version 2 of cgroups or 1.
/// Without a limit the file says `max`, or a number larger than any machine.
fn of_groups(groups: &str, read: impl Fn(&Path) -> Option<String>) -> Option<u64> {
    let files = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        match (parts.next()?, parts.next()?) {
            ("", path) => Some((PathBuf::from("/sys/fs/cgroup"), path, "memory.max")),
            (names, path) if names.split(',').any(|name| name == "memory") => {
                Some((PathBuf::from("/sys/fs/cgroup/memory"), path, "memory.limit_in_bytes"))
            }
            _ => None,
        }
    });
    let limits = files.flat_map(|(root, path, file)| {
        let around = Path::new(path.trim_start_matches('/')).ancestors().map(Path::to_path_buf);
        around.map(move |group| root.join(group).join(file)).collect::<Vec<_>>()
    });
    limits.filter_map(|file| read(&file)?.trim().parse().ok()).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_memory_of_this_machine() {
        let (in_use, available) = (in_use().unwrap(), available().unwrap());
        assert!(in_use > 100 << 10, "{in_use}");
        assert!(in_use < available, "{in_use} of {available}");
    }

    #[test]
    fn the_machines_memory_is_read() {
        assert_eq!(of_machine("MemFree: 1 kB\nMemTotal:       2048 kB\n"), Some(2 << 20));
        assert_eq!(of_machine("MemTotal: much"), None);
    }

    fn least(groups: &str, files: &[(&str, &str)]) -> Option<u64> {
        of_groups(groups, |asked| {
            let found = files.iter().find(|(path, _)| Path::new(path) == asked);
            found.map(|(_, text)| (*text).to_owned())
        })
    }

    #[test]
    fn the_least_of_a_group_and_those_around_it_counts() {
        let files = [
            ("/sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("/sys/fs/cgroup/a/memory.max", "4096\n"),
            ("/sys/fs/cgroup/memory.max", "8192\n"),
        ];
        assert_eq!(least("0::/a/b\n", &files), Some(4_096));
        assert_eq!(least("0::/\n", &files), Some(8_192));
        assert_eq!(least("0::/elsewhere\n", &[]), None);
    }

    #[test]
    fn the_first_version_of_cgroups_has_files_of_its_own() {
        let files = [("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "1024")];
        assert_eq!(least("5:cpu,cpuacct:/x\n4:memory:/x\n", &files), Some(1_024));
        assert_eq!(least("5:cpu,cpuacct:/x\n", &files), None);
    }
}
