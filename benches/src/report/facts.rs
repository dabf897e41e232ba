//! What a report must say for its figures to mean anything: what ran, where and when.

use std::fs;
use std::num::NonZero;
use std::thread;

/// The command and the machine.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Facts {
    /// The command line.
    pub command: String,
    /// When it began, in UTC.
    pub date: String,
    /// The processor's own name.
    pub cpu: String,
    /// Cores that the process may use.
    pub cores: usize,
    /// Memory in bytes, if the system tells.
    pub memory_bytes: Option<u64>,
    /// The kernel's name and release.
    pub kernel: String,
}

impl Facts {
    /// Asks the system. To be called before the process is bound to one core.
    #[must_use]
    pub fn gather() -> Self {
        let words: Vec<_> = std::env::args().collect();
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let unknown = || "unknown".to_owned();
        let release = read("/proc/sys/kernel/osrelease");
        Self {
            command: command(&words),
            date: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
            cpu: value(&read("/proc/cpuinfo"), "model name").unwrap_or_else(unknown),
            cores: thread::available_parallelism().map_or(1, NonZero::get),
            memory_bytes: memory_bytes(&read("/proc/meminfo")),
            kernel: format!("{} {}", std::env::consts::OS, release.trim()).trim().to_owned(),
        }
    }

    /// The facts as pairs of a name and a text.
    #[must_use]
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![
            ("Date", self.date.clone()),
            ("Command", self.command.clone()),
            ("CPU", self.cpu.clone()),
            ("Cores", self.cores.to_string()),
            ("Kernel", self.kernel.clone()),
        ];
        if let Some(bytes) = self.memory_bytes {
            lines.push(("Memory", format!("{} MiB", bytes >> 20)));
        }
        lines
    }
}

/// The command line as one would type it, without the program's folder.
fn command(words: &[String]) -> String {
    let quoted = |word: &String| {
        let plain = |c: char| c.is_alphanumeric() || "-_=.,:/+%@".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    let program = words.first().map(|path| path.rsplit('/').next().unwrap_or(path).to_owned());
    program.into_iter().chain(words.iter().skip(1).map(quoted)).collect::<Vec<_>>().join(" ")
}

fn value(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim().to_owned())
    })
}

fn memory_bytes(meminfo: &str) -> Option<u64> {
    let total = value(meminfo, "MemTotal")?;
    total.strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_typed_again() {
        let words = ["/opt/bin/compare", "--rows", "fanin0,pairs0", "--html", "it's here"];
        let text = command(&words.map(String::from));
        assert_eq!(text, r"compare --rows fanin0,pairs0 --html 'it'\''s here'");
    }

    #[test]
    fn values_are_found_by_their_whole_name() {
        let text = "model\t\t: 79\nmodel name\t: Some CPU @ 2.2GHz: fast\n";
        assert_eq!(value(text, "model name").as_deref(), Some("Some CPU @ 2.2GHz: fast"));
        assert_eq!(memory_bytes("MemTotal:       24576 kB\nMemFree: 1 kB\n"), Some(24 << 20));
        assert_eq!(memory_bytes("MemTotal: many\n"), None);
    }
}
