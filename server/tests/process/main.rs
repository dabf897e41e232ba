//! The program itself, as a process with a log that somebody else reads.

#![cfg(test)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

/// No test waits longer for anything.
const DEADLINE: Duration = Duration::from_secs(20);

/// The program on one free port; killed when dropped.
struct Program {
    process: Child,
    address: SocketAddr,
    log: Option<BufReader<ChildStderr>>,
    /// Where it runs, and keeps its data.
    _directory: tempfile::TempDir,
}

impl Program {
    fn start() -> Self {
        Self::start_with("")
    }

    /// With this in its file besides the listener.
    fn start_with(rest: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("config.yaml");
        let listener = "listener: [{protocol: mqtt, addr: '127.0.0.1:0'}]\n";
        std::fs::write(&config, format!("{listener}{rest}")).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_surewire"))
            .arg("--config")
            .arg(&config)
            .current_dir(directory.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let address = loop {
            let mut line = String::new();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "it ended before it listened");
            if let Some((_, rest)) = line.split_once("listener=\"mqtt://") {
                break rest.split('"').next().unwrap().parse().unwrap();
            }
        };
        Self { process, address, log: Some(log), _directory: directory }
    }
}

impl Program {
    /// A connected client.
    fn client(&self, id: u8) -> TcpStream {
        let mut client = TcpStream::connect_timeout(&self.address, DEADLINE).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        client.set_write_timeout(Some(DEADLINE)).unwrap();
        let mut connect = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01".to_vec();
        connect.push(id);
        client.write_all(&connect).unwrap();
        let mut connack = [0; 4];
        client.read_exact(&mut connack).expect("CONNACK");
        assert_eq!(connack, [0x20, 2, 0, 0]);
        client
    }

    /// Makes the log longer than every pipe and what the broker keeps of it: more than 8 MiB, in
    /// lines of 1 KiB.
    fn flood(&self) {
        let mut client = self.client(b'f');
        let topic = [b't'; 1_000];
        let publish = [&[0x30, 0xea, 0x07, 0x03, 0xe8], &topic[..]].concat();
        for _ in 0..80 {
            client.write_all(&publish.repeat(100)).unwrap();
        }
        // What comes before it has been handled.
        client.write_all(&[0xc0, 0]).unwrap();
        let mut pingresp = [0; 2];
        client.read_exact(&mut pingresp).expect("PINGRESP");
        assert_eq!(pingresp, [0xd0, 0]);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_log_that_nobody_reads_any_more_stops_nothing() {
    let mut program = Program::start();
    // The reader of the pipe is gone: no line can be written from now on.
    drop(program.log.take());
    for id in b'a'..=b'j' {
        program.client(id);
    }
    assert!(program.process.try_wait().unwrap().is_none(), "the program ended");
}

#[test]
fn a_log_that_nobody_reads_for_a_while_stalls_nothing_and_tells_what_it_lost() {
    let mut program = Program::start_with("logging: true\n");
    // The pipe is full after the first lines, and stays so.
    program.flood();
    program.client(b'z');
    // Somebody reads again.
    let log = program.log.take().unwrap();
    let told = log.lines().map(Result::unwrap).find(|line| line.contains("of the log are lost"));
    let lost: u64 = told.unwrap().rsplit_once("lines=").unwrap().1.parse().unwrap();
    assert!(lost > 1_000, "{lost}");
}

#[test]
fn a_log_that_nobody_reads_does_not_keep_it_from_ending() {
    let mut program = Program::start_with("logging: true\n");
    program.flood();
    let pid = rustix::process::Pid::from_child(&program.process);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let asked = Instant::now();
    let status = program.process.wait().unwrap();
    assert!(status.success(), "{status}");
    // contract: section 7
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
}
