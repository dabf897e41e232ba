//! `surewire store`: a data directory checked, shown, copied and repaired.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::broker::{Broker, MQTT};
use crate::support::{Ended, Program, run, run_in, surewire};

/// A client whose session is kept.
const WORKER: [&str; 7] = ["-i", "worker", "-c", "-q", "1", "-t", "jobs/#"];

/// Every file of a directory with what is in it.
fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn store(directory: &Path, arguments: &[&str]) -> Ended {
    run_in(directory, &[&["store"], arguments].concat())
}

/// What a command says that must have ended with exit code 1.
#[track_caller]
fn report(ended: Ended) -> String {
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    String::from_utf8(ended.stdout).unwrap()
}

fn dump(directory: &Path, arguments: &[&str]) -> Vec<Value> {
    let lines = store(directory, &[&["dump"], arguments].concat()).success();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The records of a dump that are of one kind.
fn of_kind<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["kind"] == kind).collect()
}

/// The only record that brings a message with this text.
#[track_caller]
fn message<'a>(lines: &'a [Value], text: &str) -> &'a Value {
    let mut found =
        of_kind(lines, "published").into_iter().filter(|l| l["fields"]["message"]["text"] == text);
    let record = found.next().unwrap_or_else(|| panic!("no {text:?} in {lines:#?}"));
    assert_eq!(found.next(), None);
    record
}

/// Flips a bit of the record of the message with this text; its number and its file.
fn damage(directory: &Path, text: &str) -> (u64, String) {
    let lines = dump(directory, &[]);
    let record = message(&lines, text);
    let name = record["file"].as_str().unwrap().to_owned();
    flip(&directory.join("data").join(&name), record["offset"].as_u64().unwrap() + 8);
    (record["record"].as_u64().unwrap(), name)
}

fn flip(path: &Path, offset: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 1], offset).unwrap();
}

/// A directory in which two brokers left two segments, stopped.
///
/// The first has the session, the retained message `before` and the job `one`; the second the jobs
/// `two` to `four`, the retained messages `a`, `b` and `c`, and a session that began late.
fn two_segments() -> TempDir {
    let broker = Broker::plain();
    broker.subscriber(&WORKER).stop().success();
    broker.publish(&["-t", "before", "-q", "1", "-r", "-m", "kept"]);
    broker.publish(&["-t", "jobs/1", "-q", "1", "-m", "one"]);
    let broker = broker.stop_and_restart();
    for (topic, payload) in [("jobs/2", "two"), ("jobs/3", "three"), ("jobs/4", "four")] {
        broker.publish(&["-t", topic, "-q", "1", "-m", payload]);
    }
    broker.subscriber(&["-i", "late", "-c", "-q", "1", "-t", "late"]).stop().success();
    for topic in ["a", "b", "c"] {
        broker.publish(&["-t", topic, "-q", "1", "-r", "-m", &topic.repeat(20)]);
    }
    broker.stop_and_keep()
}

/// A broker on `data_dir`.
fn broker_on(data_dir: &str) -> Broker {
    Broker::start(&[MQTT], &format!("data_dir: {data_dir}\n"))
}

#[test]
fn check_tells_what_is_there_and_changes_nothing() {
    let directory = two_segments();
    let data = directory.path().join("data");
    fs::write(data.join("00000000000000ff.new"), "never completed").unwrap();
    let before = contents(&data);
    let report = store(directory.path(), &["check"]).success();
    assert!(report.starts_with("data: good\n"), "{report}");
    for line in [
        "format version        1",
        "files                 2, 33554432 bytes",
        "sessions              2",
        "subscriptions         2",
        "queued messages       4",
        "messages in flight    0",
        "retained messages     4",
        "wills                 0",
        "00000000000000ff.new is not needed; a start removes it",
    ] {
        assert!(report.contains(&format!("  {line}\n")), "{line}: {report}");
    }
    assert!(report.contains(", number 1 to "), "{report}");
    assert!(contents(&data) == before, "it was changed");
}

#[test]
fn a_torn_end_is_no_damage() {
    let directory = two_segments();
    let data = directory.path().join("data");
    let lines = dump(directory.path(), &[]);
    let last = lines.iter().rfind(|line| line.get("batch").is_some()).unwrap();
    let end = last["offset"].as_u64().unwrap() + last["bytes"].as_u64().unwrap();
    let path = data.join(last["file"].as_str().unwrap());
    File::options().write(true).open(&path).unwrap().write_all_at(b"SWB1half", end).unwrap();
    let before = contents(&data);
    let report = store(directory.path(), &["check"]).success();
    assert!(report.starts_with("data: good\n"), "{report}");
    assert!(report.contains("  8 bytes behind record "), "{report}");
    assert!(report.contains("were never acknowledged"), "{report}");
    assert!(contents(&data) == before, "it was changed");
    // A copy has no torn end any more.
    store(directory.path(), &["backup", "--into", "copy"]).success();
    let report = store(directory.path(), &["check", "--data-dir", "copy"]).success();
    assert!(!report.contains("never acknowledged"), "{report}");
}

#[test]
fn check_names_damage_and_what_is_missing() {
    let directory = two_segments();
    let (record, file) = damage(directory.path(), "three");
    let report = report(store(directory.path(), &["check"]));
    assert!(report.starts_with("data: damaged\n"), "{report}");
    assert!(report.contains(&format!("  {file} is damaged at byte ")), "{report}");
    let missing = format!("  record {record} is missing, between byte ");
    assert!(report.contains(&missing), "{missing}: {report}");
    assert!(report.contains("surewire store repair --data-dir data --into NEWDIR"), "{report}");
}

#[test]
fn a_file_that_is_gone_is_damage() {
    let directory = two_segments();
    fs::remove_file(directory.path().join("data/0000000000000001.log")).unwrap();
    let report = report(store(directory.path(), &["check"]));
    assert!(report.contains("a file before 0000000000000002.log is missing"), "{report}");
    assert!(report.contains("records 1 to "), "{report}");
}

#[test]
fn directories_without_anything_in_them() {
    let directory = tempdir().unwrap();
    let message = store(directory.path(), &["check"]).failure(1);
    assert!(message.contains("data: cannot be used: No such file"), "{message}");
    fs::create_dir(directory.path().join("data")).unwrap();
    for command in
        [&["check"][..], &["dump"], &["backup", "--into", "b"], &["repair", "--into", "r"]]
    {
        let message = store(directory.path(), command).failure(1);
        assert!(message.contains("this is no data directory"), "{command:?}: {message}");
    }
    // A broker that has stored nothing.
    let directory = Broker::plain().stop_and_keep();
    let report = store(directory.path(), &["check"]).success();
    assert!(report.contains("  records               0\n"), "{report}");
    assert_eq!(store(directory.path(), &["dump"]).success(), "");
    store(directory.path(), &["backup", "--into", "copy"]).success();
    store(directory.path(), &["check", "--data-dir", "copy"]).success();
}

#[test]
fn the_directory_is_the_one_that_the_configuration_names() {
    let broker = broker_on("elsewhere");
    broker.publish(&["-t", "t", "-q", "1", "-r", "-m", "x"]);
    let directory = broker.stop_and_keep();
    let report = store(directory.path(), &["check"]).success();
    assert!(report.starts_with("elsewhere: good\n"), "{report}");
    fs::rename(directory.path().join("config.yaml"), directory.path().join("other.yaml")).unwrap();
    let report = store(directory.path(), &["check", "-c", "other.yaml"]).success();
    assert!(report.starts_with("elsewhere: good\n"), "{report}");
    let message = store(directory.path(), &["check", "-c", "none.yaml"]).failure(1);
    assert!(message.contains("none.yaml"), "{message}");
}

#[test]
fn a_running_broker_keeps_its_directory_to_itself() {
    let broker = Broker::plain();
    broker.publish(&["-t", "t", "-q", "1", "-r", "-m", "x"]);
    for command in [&["check"][..], &["dump"], &["repair", "--into", "new"]] {
        let message = store(broker.path(), command).failure(1);
        assert!(message.contains("data: another process uses it"), "{command:?}: {message}");
    }
    assert!(!broker.path().join("new").exists());
    broker.stop();
}

#[test]
fn a_dump_is_a_json_object_a_line_with_every_record() {
    const PASSWORD: &str = "hunter2-canary";
    let broker = Broker::plain();
    broker.subscriber(&WORKER).stop().success();
    let secret = ["-u", "ann", "-P", PASSWORD, "-i", "writer", "-c", "-q", "1"];
    broker.publish(&[&secret[..], &["-t", "jobs/1", "-m", "a text"]].concat());
    fs::write(broker.path().join("bytes"), b"\xFF\x00").unwrap();
    broker.publish(&["-t", "jobs/2", "-q", "1", "-f", "bytes"]);
    let directory = broker.stop_and_keep();
    let text = store(directory.path(), &["dump"]).success();
    assert!(!text.contains(PASSWORD), "{text}");
    let lines = dump(directory.path(), &[]);
    assert_eq!(lines[0]["segment"], "0000000000000001.log");
    assert_eq!((&lines[0]["version"], &lines[0]["first"]), (&1.into(), &1.into()));
    let numbers: Vec<u64> = lines.iter().filter_map(|line| line["record"].as_u64()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let batches = lines.iter().filter_map(|line| line["records"].as_u64());
    assert_eq!(batches.sum::<u64>(), numbers.len() as u64);
    let began = of_kind(&lines, "session_began");
    assert_eq!(began[0]["fields"]["client"], "worker");
    assert_eq!(of_kind(&lines, "subscribed")[0]["fields"]["filter"], "jobs/#");
    let published = message(&lines, "a text");
    assert_eq!(published["fields"]["message"]["topic"], "jobs/1");
    assert_eq!(published["fields"]["message"]["payload"], "YSB0ZXh0");
    assert_eq!(published["fields"]["to"][0]["session"], began[0]["fields"]["session"]);
    let binary = &of_kind(&lines, "published")[1]["fields"]["message"];
    assert_eq!((&binary["payload"], binary.get("text")), (&"/wA=".into(), None));
    // A part of them.
    let number = published["record"].as_u64().unwrap();
    let part = dump(directory.path(), &["--records", &format!("{number}..{number}")]);
    let numbers: Vec<_> = part.iter().filter_map(|line| line.get("record")).collect();
    assert_eq!(numbers, [&published["record"]]);
}

#[test]
fn a_dump_goes_around_damage_and_quietly_when_nobody_reads_it() {
    let directory = two_segments();
    let (record, file) = damage(directory.path(), "three");
    let lines = dump(directory.path(), &[]);
    let broken: Vec<_> = lines.iter().filter(|line| line.get("broken").is_some()).collect();
    assert_eq!((broken.len(), &broken[0]["broken"]), (1, &file.into()));
    let numbers: Vec<u64> = lines.iter().filter_map(|line| line["record"].as_u64()).collect();
    assert!(!numbers.contains(&record) && numbers.contains(&(record + 1)), "{numbers:?}");
    let mut command = surewire(&["store", "dump"]);
    command.current_dir(directory.path());
    let ended = Program::start_unread(command).end();
    assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn repair_makes_a_new_directory_of_what_is_good() {
    let directory = two_segments();
    let data = directory.path().join("data");
    let (three, _) = damage(directory.path(), "three");
    let (b, _) = damage(directory.path(), &"b".repeat(20));
    let before = contents(&data);

    let mut command = surewire(&[]);
    command.current_dir(directory.path());
    let refusal = Program::start(command).end().failure(1);
    assert!(refusal.contains("surewire store check"), "{refusal}");
    assert!(refusal.contains("surewire store repair"), "{refusal}");

    let report = store(directory.path(), &["repair", "--into", "new"]).success();
    assert!(report.contains(&format!("  record {three} is missing, ")), "{report}");
    assert!(report.contains(&format!("  record {b} is missing, ")), "{report}");
    assert!(report.contains("new: written and checked\n"), "{report}");
    assert!(contents(&data) == before, "the damaged directory was changed");
    let report = store(directory.path(), &["check", "--data-dir", "new"]).success();
    assert!(report.starts_with("new: good\n"), "{report}");

    let into = directory.path().join("new");
    let broker = broker_on(into.to_str().unwrap());
    let received = broker.receive(&[&WORKER[..], &["-C", "3", "-d"]].concat());
    assert!(received.stderr.contains("session present true"), "{received:?}");
    assert_eq!(received.success(), "one\ntwo\nfour\n");
    let (a, c) = ("a".repeat(20), "c".repeat(20));
    let retained = broker.receive(&["-t", "#", "-C", "3", "-v"]).success();
    let mut retained: Vec<_> = retained.lines().collect();
    retained.sort_unstable();
    assert_eq!(retained, [format!("a {a}").as_str(), "before kept", &format!("c {c}")]);
    let late = broker.receive(&["-i", "late", "-c", "-t", "late", "-d", "-W", "1"]);
    assert!(late.stderr.contains("session present true"), "{late:?}");
    broker.stop();
}

#[test]
fn what_depends_on_what_is_missing_is_left_out_and_counted() {
    let directory = two_segments();
    let lines = dump(directory.path(), &[]);
    let began = of_kind(&lines, "session_began")[0];
    let path = directory.path().join("data").join(began["file"].as_str().unwrap());
    flip(&path, began["offset"].as_u64().unwrap() + 8);
    let report = store(directory.path(), &["repair", "--into", "new"]).success();
    let left_out = report.lines().find(|line| line.contains("left out")).unwrap();
    assert!(
        left_out.ends_with("records about sessions whose beginning is missing (1)"),
        "{report}"
    );
    assert!(report.contains("  sessions              1\n"), "{report}");
    assert!(report.contains("  retained messages     4\n"), "{report}");
}

#[test]
fn a_segment_without_its_head_can_be_repaired() {
    let directory = two_segments();
    flip(&directory.path().join("data/0000000000000002.log"), 3);
    let report = store(directory.path(), &["repair", "--into", "new"]).success();
    assert!(report.contains("0000000000000002.log, bytes 0 to 63: its head is not"), "{report}");
    assert!(report.contains("  no record is missing\n"), "{report}");
    assert!(report.contains("  queued messages       4\n"), "{report}");
}

#[test]
fn what_a_later_version_wrote_is_not_guessed_at() {
    let directory = two_segments();
    let path = directory.path().join("data/0000000000000002.log");
    File::options().write(true).open(path).unwrap().write_all_at(&[2], 8).unwrap();
    for command in [&["check"][..], &["repair", "--into", "new"], &["backup", "--into", "new"]] {
        let message = store(directory.path(), command).failure(1);
        let part = "0000000000000002.log has format version 2; this program reads up to 1";
        assert!(message.contains(part), "{command:?}: {message}");
    }
    assert!(!directory.path().join("new").exists());
}

#[test]
fn nothing_is_overwritten() {
    let directory = two_segments();
    let full = directory.path().join("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("file"), "precious").unwrap();
    fs::create_dir(directory.path().join("cut-off.part")).unwrap();
    for command in ["repair", "backup"] {
        let message = store(directory.path(), &[command, "--into", "full"]).failure(1);
        assert!(message.contains("full is not empty"), "{message}");
        let message = store(directory.path(), &[command, "--into", "full/file"]).failure(1);
        assert!(message.contains("full/file: cannot be used: Not a directory"), "{message}");
        let message = store(directory.path(), &[command, "--into", "cut-off"]).failure(1);
        assert!(message.contains("cut-off.part is there already"), "{message}");
        let message = store(directory.path(), &[command, "--into", "no/where"]).failure(1);
        assert!(message.contains("no/where.part: cannot be used: No such file"), "{message}");
        // One that is there and empty is taken, and is then for nobody else to read.
        fs::create_dir(directory.path().join("empty")).unwrap();
        store(directory.path(), &[command, "--into", "empty"]).success();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let empty = directory.path().join("empty");
        assert_eq!(mode(&empty), 0o700);
        let files = contents(&empty);
        assert!(files.keys().any(|path| path.extension().is_some()), "{:?}", files.keys());
        for path in files.keys() {
            assert_eq!(mode(path), 0o600, "{}", path.display());
        }
        fs::remove_dir_all(empty).unwrap();
    }
    assert_eq!(contents(&full).into_values().collect::<Vec<_>>(), [b"precious"]);
}

#[test]
fn a_damaged_directory_is_not_copied_as_if_it_were_good() {
    let directory = two_segments();
    let (_, file) = damage(directory.path(), "three");
    let message = store(directory.path(), &["backup", "--into", "copy"]).failure(1);
    assert!(message.contains(&format!("data: {file} is damaged at byte ")), "{message}");
    let names = fs::read_dir(directory.path()).unwrap().map(|e| e.unwrap().file_name());
    let names: Vec<_> = names.filter_map(|name| name.into_string().ok()).collect();
    assert!(!names.iter().any(|name| name.starts_with("copy")), "{names:?}");
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let rows = [
        (&["store"][..], "Usage: surewire store <COMMAND>"),
        (&["store", "repiar"], "repiar"),
        (&["store", "repair"], "--into"),
        (&["store", "backup", "--data-dir", "d"], "--into"),
        (&["store", "check", "-c", "a.yaml", "--data-dir", "d"], "cannot be used with"),
        (&["store", "dump", "--records", "7..3"], "the first number is above the last"),
        (&["store", "dump", "--records", "7"], "a range is two numbers"),
    ];
    for (arguments, part) in rows {
        let message = run(arguments).failure(2);
        assert!(message.contains(part), "{arguments:?}: {message}");
    }
    let help = run(&["store", "--help"]).success();
    for word in ["check", "repair", "dump", "backup", "Exit codes:", "Examples:"] {
        assert!(help.contains(word), "{word}: {help}");
    }
}

/// A `pub` that publishes each line of a file, and says what it was acknowledged.
fn load(broker: &Broker, name: &str, lines: &str, arguments: &[&str]) -> Program {
    let path = broker.path().join(name);
    fs::write(&path, lines).unwrap();
    let mut command = broker.command("pub", &[&["-l", "-q", "1"], arguments].concat());
    command.stdin(File::open(path).unwrap());
    Program::start(command)
}

fn segments(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.filter_map(|name| name.into_string().ok()).collect();
    names.retain(|name| name.ends_with(".log"));
    names.sort();
    names
}

/// While one publisher fills the queue of a session and another one makes the log so long that it is
/// cleaned, copies are made; each has all that was acknowledged before it was begun.
#[test]
fn a_copy_of_a_busy_directory_has_all_that_was_acknowledged_before() {
    let deadline = Instant::now() + Duration::from_secs(120);
    let broker = Broker::start(&[MQTT], "max_msgqueue_messages: 0\n");
    broker.subscriber(&WORKER).stop().success();
    let jobs: String = (1..=200_000).map(|n| format!("job {n}\n")).collect();
    let states = format!("{}\n", "x".repeat(200_000)).repeat(500);
    let mut jobs = load(&broker, "jobs", &jobs, &["-t", "jobs/1", "--debug"]);
    let states = load(&broker, "states", &states, &["-t", "state", "-r"]);

    let data = broker.path().join("data");
    let (mut copies, mut acknowledged, mut records) = (0, 0, 0);
    while copies < 6 || segments(&data)[0] == "0000000000000001.log" {
        assert!(Instant::now() < deadline, "the log is not cleaned: {:?}", segments(&data));
        jobs.line("received PUBACK");
        acknowledged = jobs.count("received PUBACK");
        let _ = fs::remove_dir_all(broker.path().join("copy"));
        let said = store(broker.path(), &["backup", "--into", "copy"]).success();
        let (_, rest) = said.split_once(", up to number ").unwrap();
        let upto: u64 = rest.lines().next().unwrap().parse().unwrap();
        assert!(upto > records, "nothing was published meanwhile: {said}");
        (copies, records) = (copies + 1, upto);
    }
    assert!(acknowledged > 100, "hardly any load: {acknowledged}");
    broker.program.signal(Signal::KILL);
    drop((jobs, states));
    let report = store(broker.path(), &["check", "--data-dir", "copy"]).success();
    assert!(report.starts_with("copy: good\n"), "{report}");
    let copy = broker.path().join("copy");
    let on_copy = broker_on(copy.to_str().unwrap());
    let count = acknowledged.to_string();
    let received = on_copy.receive(&[&WORKER[..], &["-C", &count]].concat()).success();
    let expected: String = (1..=acknowledged).map(|n| format!("job {n}\n")).collect();
    assert_eq!(received, expected);
    on_copy.stop();
}
