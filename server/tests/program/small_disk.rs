//! The program on a file system of its own that is really full, or really read-only. That needs
//! root; nothing is shown without.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::broker::{Broker, MQTT};
use crate::support::{Program, surewire};

/// A file system in memory, which ends with this.
struct Mounted(TempDir);

impl Mounted {
    /// `None` where this user may not mount.
    fn new(options: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        mount(options, directory.path()).then(|| Self(directory))
    }

    fn remount(&self, options: &str) {
        assert!(mount(&format!("remount,{options}"), self.0.path()));
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Also while the program, which a failing test kills, still uses it.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn mount(options: &str, path: &Path) -> bool {
    let mut command = Command::new("mount");
    command.args(["-t", "tmpfs", "-o", options, "surewire-test"]).arg(path);
    command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[test]
fn a_full_file_system_is_survived_without_a_restart() {
    // Two files of the log, and not a third.
    let Some(disk) = Mounted::new("size=40m") else { return };
    let data_dir = disk.0.path().join("data");
    let rest = format!("data_dir: {}\n", data_dir.display());
    let mut broker = Broker::start(&[MQTT], &rest);
    broker.publish(&["-t", "state", "-q", "1", "-r", "-m", "on"]);
    broker.program.line("no space left");

    let refused = Program::start(broker.command("pub", &["-t", "t", "-q", "1", "-m", "x"])).end();
    assert!(!refused.status.success(), "{refused:?}");
    assert_eq!(broker.receive(&["-t", "state", "-C", "1"]).success(), "on\n");
    broker.publish(&["-t", "state", "-q", "1", "-r", "-n"]);

    disk.remount("size=200m");
    broker.program.line("takes everything again");
    broker.publish(&["-t", "t", "-q", "1", "-r", "-m", "x"]);
    let broker = broker.kill_and_restart();
    assert_eq!(broker.receive(&["-t", "t", "-C", "1"]).success(), "x\n");
    broker.stop();
}

#[test]
fn a_file_system_that_is_read_only_is_named() {
    let Some(disk) = Mounted::new("size=1m") else { return };
    std::fs::create_dir(disk.0.path().join("there")).unwrap();
    disk.remount("ro");
    for name in ["there", "new"] {
        let data_dir = disk.0.path().join(name);
        let directory = tempfile::tempdir().unwrap();
        let text = format!("listener: [{MQTT}]\ndata_dir: {}\n", data_dir.display());
        std::fs::write(directory.path().join("config.yaml"), text).unwrap();
        let mut command = surewire(&[]);
        command.current_dir(directory.path());
        let message = Program::start(command).end().failure(74);
        let expected = format!("data_dir {}: cannot be used: Read-only", data_dir.display());
        assert!(message.contains(&expected), "{message}");
    }
}
