//! The program itself, as a process with a log that somebody else reads.

#![cfg(test)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

/// No test waits longer for anything.
const DEADLINE: Duration = Duration::from_secs(20);

/// The program on one free port; killed when dropped.
struct Program {
    process: Child,
    address: SocketAddr,
    log: Option<BufReader<ChildStderr>>,
}

impl Program {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("config.yaml");
        std::fs::write(&config, "listener: [{protocol: mqtt, addr: '127.0.0.1:0'}]\n").unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_surewire"))
            .arg("--config")
            .arg(&config)
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
        Self { process, address, log: Some(log) }
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
        let mut client = TcpStream::connect_timeout(&program.address, DEADLINE).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut connect = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01".to_vec();
        connect.push(id);
        client.write_all(&connect).unwrap();
        let mut connack = [0; 4];
        client.read_exact(&mut connack).expect("CONNACK");
        assert_eq!(connack, [0x20, 2, 0, 0]);
    }
    assert!(program.process.try_wait().unwrap().is_none(), "the program ended");
}
