//! contract: section 2, `profile.cpu` and `profile.mem`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::broker::{Broker, MQTT, listening};
use crate::pprof::Pprof;
use crate::support::{Program, run, run_in, surewire};

/// As the file has it that users already have.
const BOTH: &str = "profile: {cpu: \"cpuprofile\", mem: \"memprofile\"}\n\
                    workers: 2\nmax_msgqueue_messages: 0\n";

/// What a process of the program has in its environment when it profiles.
const SAMPLER: &str = "DIAL9_FORCE_CTIMER=1";
const ALLOCATOR: &str = "_RJEM_MALLOC_CONF=prof:true,prof_active:true,lg_prof_sample:19";

/// Of messages that wait: some 64 samples, as the allocator takes one in 512 KiB.
const WAITING: usize = 32 << 20;

#[test]
fn both_profiles_at_once_name_our_functions() {
    let broker = Broker::start(&[MQTT], BOTH);
    let _deaf = leave_waiting(&broker, WAITING);
    keep_busy(&broker, Duration::from_secs(2));
    let used_ns = cpu_time_ns(broker.program.id());
    let directory = broker.path().to_owned();
    let ended = broker.program.stop();
    assert!(ended.status.success(), "{ended:?}");
    for (key, file) in [("profile.cpu", "cpuprofile"), ("profile.mem", "memprofile")] {
        let path = directory.join(file);
        let size = fs::metadata(&path).unwrap().len();
        let line = format!("{key} written path={file} bytes={size}");
        assert_eq!(ended.stderr.matches(&line).count(), 1, "{line}: {}", ended.stderr);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    judge_cpu(&Pprof::read(&directory.join("cpuprofile")), used_ns);
    judge_heap(&Pprof::read(&directory.join("memprofile")));
}

fn judge_cpu(cpu: &Pprof, used_ns: u64) {
    assert_eq!(cpu.kinds, [kind("samples", "count"), kind("cpu", "nanoseconds")]);
    assert_eq!(cpu.period, 10_000_000);
    assert!(cpu.duration_ns > 2_000_000_000, "{}", cpu.duration_ns);
    assert!(cpu.total(0) > 0);
    // All of it: every thread, system calls included. The kernel counts in ticks of its own.
    let total = cpu.total(1) as f64 / used_ns as f64;
    assert!((0.7..1.3).contains(&total), "{total} of {used_ns} ns");
    assert!(cpu.sum(1, "surewire_engine") > 0, "{cpu:?}");
    let threads = cpu.labels("thread");
    assert!(threads.contains("worker-0") && threads.contains("worker-1"), "{threads:?}");
}

fn judge_heap(heap: &Pprof) {
    assert_eq!(heap.kinds, [kind("inuse_objects", "count"), kind("inuse_space", "bytes")]);
    assert_eq!(heap.period, 512 << 10);
    // What the engine holds while it serves, give or take the sampling. The stop itself ends the
    // session that holds it.
    let held = heap.sum(1, "surewire_engine") as f64 / WAITING as f64;
    assert!((0.4..2.0).contains(&held), "{held}");
    // The allocator's own functions tell nothing.
    assert_eq!(heap.sum(0, "_rjem_") + heap.sum(0, "rallocx"), 0, "{heap:?}");
}

fn kind(what: &str, unit: &str) -> (String, String) {
    (what.to_owned(), unit.to_owned())
}

/// A connection that is accepted.
fn connect(broker: &Broker, name: u8) -> TcpStream {
    let mut stream = TcpStream::connect(broker.addresses[0]).unwrap();
    stream.write_all(&[0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0, 0, 1, name]).unwrap();
    stream.read_exact(&mut [0; 4]).unwrap();
    stream
}

/// A client of a clean session that acknowledges nothing, so that almost all of this waits for it.
fn leave_waiting(broker: &Broker, bytes: usize) -> TcpStream {
    // One larger than this is kept where it was read.
    const PAYLOAD: usize = 8 << 10;
    let mut deaf = connect(broker, b'd');
    deaf.write_all(&[0x82, 6, 0, 1, 0, 1, b'h', 1]).unwrap();
    deaf.read_exact(&mut [0; 5]).unwrap();
    let mut stream = connect(broker, b'p');
    // QoS 1. Length 8,192 + 5 in groups of 7 bits.
    let head = [0x32, 0x85, 0x40, 0, 1, b'h', 0, 1];
    let packet = [&head[..], &vec![b'p'; PAYLOAD]].concat();
    for _ in 0..bytes / PAYLOAD {
        stream.write_all(&packet).unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
    }
    deaf
}

/// Publishes for that long, over a connection on either worker.
fn keep_busy(broker: &Broker, time: Duration) {
    let mut streams = [b'a', b'b'].map(|name| connect(broker, name));
    let packets = [0x32, 6, 0, 1, b't', 0, 1, b'm'].repeat(100);
    let end = Instant::now() + time;
    while Instant::now() < end {
        for stream in &mut streams {
            stream.write_all(&packets).unwrap();
        }
        for stream in &mut streams {
            stream.read_exact(&mut [0; 400]).unwrap();
        }
    }
}

/// The processor time of a process, in user and system mode.
fn cpu_time_ns(process: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let of_thread = |path: &Path| -> u64 {
        let text = fs::read_to_string(path.join("schedstat")).unwrap();
        text.split(' ').next().unwrap().parse().unwrap()
    };
    threads.map(|thread| of_thread(&thread.unwrap().path())).sum()
}

#[test]
fn a_process_that_profiles_is_the_same_process_to_everyone() {
    let directory = directory_with(BOTH);
    let mut command = surewire(&["-c", "config.yaml"]);
    command.arg0("a name").env("KEPT", "yes").env("_RJEM_MALLOC_CONF", "narenas:3");
    command.current_dir(directory.path());
    let mut program = Program::start(command);
    listening(&mut program);
    let of = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", program.id())).unwrap();
    assert_eq!(of("cmdline"), "a name\0-c\0config.yaml\0");
    assert_eq!(of("comm"), "surewire\n");
    let environment = of("environ");
    for variable in ["KEPT=yes", SAMPLER, &format!("{ALLOCATOR},narenas:3")] {
        assert!(environment.split('\0').any(|one| one == variable), "{variable}: {environment}");
    }
    assert!(program.stop().status.success());
}

// contract: section 2, off
#[test]
fn without_the_keys_nothing_is_written_and_nothing_started_anew() {
    let broker = Broker::plain();
    let path = format!("/proc/{}/environ", broker.program.id());
    let environment = fs::read_to_string(path).unwrap();
    assert!(!environment.contains("_RJEM_MALLOC_CONF"), "{environment}");
    assert!(!environment.contains("DIAL9"), "{environment}");
    let names = || fs::read_dir(broker.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names().collect();
    names.sort();
    assert_eq!(names, ["config.yaml", "data"]);
    broker.stop();
}

#[test]
fn an_allocator_that_does_not_profile_is_told_once() {
    let directory = directory_with(BOTH);
    let mut command = surewire(&[]);
    command.current_dir(directory.path()).env("_RJEM_MALLOC_CONF", "prof:false");
    let mut program = Program::start(command);
    listening(&mut program);
    let ended = program.stop();
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(ended.stderr.matches("WARN profile.mem: there will be no profile").count(), 1);
    assert_eq!(Pprof::read(&directory.path().join("cpuprofile")).kinds.len(), 2);
}

#[test]
fn one_profile_alone_works() {
    for (key, file, other) in [("cpu", "a", "b"), ("mem", "b", "a")] {
        let broker = Broker::start(&[MQTT], &format!("profile: {{{key}: {file}}}"));
        let path = broker.path().join(file);
        let directory = broker.path().to_owned();
        let ended = broker.program.stop();
        assert!(ended.status.success(), "{ended:?}");
        assert_eq!(Pprof::read(&path).kinds.len(), 2);
        assert!(!directory.join(other).exists());
    }
}

// contract: section 2, cannot create
#[test]
fn a_file_that_cannot_be_created_ends_the_start() {
    for (key, path) in [("cpu", "missing/profile"), ("mem", "missing/profile"), ("mem", "/dev")] {
        let directory = directory_with(&format!("profile: {{{key}: {path}}}"));
        let log = run_in(directory.path(), &[]).failure(1);
        assert_eq!(log.lines().count(), 1, "{log}");
        let message = format!("surewire: profile.{key}: cannot create {path}: ");
        assert!(log.starts_with(&message), "{log}");
        assert!(log.contains("; choose a file in a directory"), "{log}");
    }
}

#[test]
fn one_file_for_both_is_refused() {
    let directory = directory_with("profile: {cpu: same, mem: same}");
    for arguments in [&[][..], &["check"]] {
        let log = run_in(directory.path(), arguments).failure(1);
        assert!(log.contains("profile: cpu and mem name the same file"), "{log}");
    }
    let directory = directory_with("profile: {cpu: same, mem: ./same}");
    let log = run_in(directory.path(), &[]).failure(1);
    assert!(log.contains("./same is the same file as profile.cpu's same"), "{log}");
}

#[test]
fn a_start_that_fails_still_leaves_profiles() {
    // An address that no machine has.
    let text = format!("listener: [{{protocol: mqtt, addr: '192.0.2.1:1'}}]\n{BOTH}");
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("config.yaml"), text).unwrap();
    run_in(directory.path(), &[]).failure(1);
    for file in ["cpuprofile", "memprofile"] {
        assert_eq!(Pprof::read(&directory.path().join(file)).kinds.len(), 2);
    }
}

#[test]
fn the_commands_do_not_profile() {
    let directory = directory_with(BOTH);
    run_in(directory.path(), &["check"]).success();
    run(&["check", directory.path().join("config.yaml").to_str().unwrap()]).success();
    run_in(directory.path(), &["pub", "-p", "1", "-t", "t", "-m", "m"]).failure(1);
    let names = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["config.yaml"]);
}

/// A directory with a configuration of one listener and `rest`.
fn directory_with(rest: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let text = format!("listener: [{MQTT}]\n{rest}");
    fs::write(directory.path().join("config.yaml"), text).unwrap();
    directory
}
