//! What was acknowledged is there after a restart, and what the program says of a directory that it
//! cannot use.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::broker::Broker;
use crate::support::{Program, surewire};

const LISTENER: &str = "{protocol: mqtt, addr: '127.0.0.1:0'}";

/// A client whose session is kept.
const WORKER: [&str; 7] = ["-i", "worker", "-c", "-q", "2", "-t", "jobs/#"];

/// A broker that is going to fail in `directory`.
fn refusal_in(directory: &Path) -> String {
    let mut command = surewire(&[]);
    command.current_dir(directory);
    Program::start(command).end().failure(1)
}

fn write_config(directory: &Path, rest: &str) {
    let text = format!("listener: [{LISTENER}]\n{rest}");
    fs::write(directory.join("config.yaml"), text).unwrap();
}

fn segments(broker: &Broker) -> Vec<PathBuf> {
    let files = fs::read_dir(broker.path().join("data")).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    paths.filter(|path| path.file_name().unwrap() != "lock").collect()
}

// contract: section 7, make state durable
#[test]
fn a_stop_keeps_sessions_their_messages_and_retained_messages() {
    let broker = Broker::plain();
    broker.subscriber(&WORKER).stop().success();
    broker.publish(&["-t", "jobs/1", "-q", "1", "-m", "one"]);
    broker.publish(&["-t", "jobs/2", "-q", "2", "-m", "two"]);
    broker.publish(&["-t", "state", "-q", "1", "-r", "-m", "on"]);
    let mut broker = broker.stop_and_restart();
    broker.program.lines("recovered", 1);
    let received = broker.receive(&[&WORKER[..], &["-C", "2", "-d"]].concat());
    assert!(received.stderr.contains("session present true"), "{received:?}");
    assert_eq!(received.success(), "one\ntwo\n");
    assert_eq!(broker.receive(&["-t", "state", "-C", "1"]).success(), "on\n");
    // What is delivered is gone, also after another restart.
    let broker = broker.stop_and_restart();
    broker.publish(&["-t", "jobs/3", "-q", "1", "-m", "three"]);
    assert_eq!(broker.receive(&[&WORKER[..], &["-C", "1"]].concat()).success(), "three\n");
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let broker = Broker::plain();
    broker.subscriber(&WORKER).stop().success();
    // It ends when it has the PUBACK or PUBCOMP.
    broker.publish(&["-t", "jobs/1", "-q", "1", "-m", "one"]);
    broker.publish(&["-t", "jobs/2", "-q", "2", "-m", "two"]);
    let broker = broker.kill_and_restart();
    assert_eq!(broker.receive(&[&WORKER[..], &["-C", "2"]].concat()).success(), "one\ntwo\n");
}

#[test]
fn of_two_processes_one_has_the_directory() {
    let broker = Broker::plain();
    let message = refusal_in(broker.path());
    assert!(message.contains("data_dir data: another process uses it"), "{message}");
    broker.stop();
}

#[test]
fn a_damaged_file_is_named_and_nothing_starts() {
    let broker = Broker::plain();
    broker.subscriber(&WORKER).stop().success();
    for payload in ["one", "two", "three"] {
        broker.publish(&["-t", "jobs/1", "-q", "1", "-m", payload]);
    }
    let segment = segments(&broker).remove(0);
    let directory = broker.stop_and_keep();
    let file = File::options().read(true).write(true).open(&segment).unwrap();
    let mut start = vec![0; 64 * 1024];
    let found = file.read_at(&mut start, 0).unwrap();
    let place = start[..found].windows(3).position(|bytes| bytes == b"one").unwrap();
    file.write_all_at(b"0", place as u64).unwrap();
    let before = fs::read(&segment).unwrap();

    let message = refusal_in(directory.path());
    let name = segment.file_name().unwrap().to_str().unwrap();
    assert!(message.contains(&format!("data_dir data: {name} is damaged at byte")), "{message}");
    assert!(!message.contains("recovered"), "{message}");
    // Nobody is told to come before what is stored can be used.
    assert!(!message.contains("listening"), "{message}");
    assert!(fs::read(&segment).unwrap() == before, "it was changed");
}

#[test]
fn what_is_not_kept_is_not_written() {
    let broker = Broker::plain();
    let subscriber = broker.subscriber(&["-t", "t", "-q", "1", "-C", "2"]);
    broker.publish(&["-t", "t", "-m", "zero"]);
    broker.publish(&["-t", "t", "-q", "1", "-m", "one"]);
    assert_eq!(subscriber.end().success(), "zero\none\n");
    assert_eq!(segments(&broker), [] as [PathBuf; 0]);
    broker.stop();
}

#[test]
fn nobody_else_can_read_what_is_kept() {
    let broker = Broker::plain();
    broker.publish(&["-t", "state", "-q", "1", "-r", "-m", "on"]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let directory = broker.path().join("data");
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(&directory.join("lock")), 0o600);
    let segments = segments(&broker);
    assert!(!segments.is_empty());
    for segment in segments {
        assert_eq!(mode(&segment), 0o600, "{}", segment.display());
    }
    broker.stop();
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |data_dir: &str, why: &str| {
        write_config(directory.path(), &format!("data_dir: {data_dir}\n"));
        let message = refusal_in(directory.path());
        let expected = format!("data_dir {data_dir}: cannot be used: {why}");
        assert!(message.contains(&expected), "{message}");
    };
    refused("config.yaml/data", "Not a directory");
    let readable = directory.path().join("readable");
    fs::create_dir(&readable).unwrap();
    fs::set_permissions(&readable, fs::Permissions::from_mode(0o500)).unwrap();
    // Nothing is closed to root.
    if !geteuid().is_root() {
        refused("readable", "Permission denied");
    }
}

#[test]
fn without_durability_nothing_is_made_and_it_says_so() {
    let broker = Broker::start(&[LISTENER], "durability: none\n");
    broker.publish(&["-t", "state", "-q", "1", "-r", "-m", "on"]);
    assert!(!broker.path().join("data").exists());
    let level = broker.receive(&["-t", "$SYS/broker/store/durability", "-C", "1"]);
    assert_eq!(level.success(), "none\n");
    let log = broker.stop().stderr;
    assert!(log.contains("durability: is none: nothing is stored"), "{log}");
}

#[test]
fn process_keeps_over_a_kill_and_says_what_it_does_not() {
    let broker = Broker::start(&[LISTENER], "durability: process\n");
    broker.publish(&["-t", "state", "-q", "1", "-r", "-m", "on"]);
    let broker = broker.kill_and_restart();
    assert_eq!(broker.receive(&["-t", "state", "-C", "1"]).success(), "on\n");
    let log = broker.stop().stderr;
    assert!(log.contains("durability: is process: what is acknowledged is lost when"), "{log}");
}
