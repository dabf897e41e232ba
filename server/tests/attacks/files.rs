//! Files: who may read them, and what happens when there are no more descriptors for them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::broker::{DEADLINE, connect_bytes, tcp};

/// The program in a directory of its own. It is killed with the test.
struct Program {
    child: Child,
    address: SocketAddr,
    directory: tempfile::TempDir,
}

impl Program {
    /// Started by this shell command, of which `"$0"` is the program.
    fn start(shell: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = "listener: [{protocol: mqtt, addr: '127.0.0.1:0'}]\n";
        std::fs::write(directory.path().join("config.yaml"), config).unwrap();
        let mut child = Command::new("sh")
            .args(["-c", shell, env!("CARGO_BIN_EXE_surewire")])
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("it starts").unwrap();
            if let Some((_, rest)) = line.split_once("mqtt://") {
                break rest.split(['"', ' ']).next().unwrap().parse().unwrap();
            }
        };
        // Its log is read on, so that it never waits for us.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child, address, directory }
    }

    fn client(&self, id: &str) -> Option<TcpStream> {
        let mut stream = TcpStream::connect_timeout(&self.address, DEADLINE).ok()?;
        stream.set_read_timeout(Some(DEADLINE)).ok()?;
        stream.write_all(&connect_bytes(id)).ok()?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).ok()?;
        (answer == [0x20, 2, 0, 0]).then_some(stream)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// More clients than file descriptors: threads that panicked, or a listener that accepted no more.
#[test]
fn when_file_descriptors_run_out_clients_stay_and_accepting_goes_on() {
    let program = Program::start("ulimit -n 200; exec \"$0\"");
    let mut clients = Vec::new();
    while let Some(client) = program.client(&format!("c{}", clients.len())) {
        clients.push(client);
        assert!(clients.len() <= 200, "no limit");
    }
    assert!(clients.len() >= 50, "{} clients", clients.len());
    // Many more that only connect.
    let strangers: Vec<_> = (0..300).map(|_| tcp(program.address)).collect();
    for client in &mut clients {
        client.write_all(&[0xC0, 0]).unwrap();
        let mut answer = [0; 2];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [0xD0, 0]);
    }
    drop(strangers);
    clients.truncate(10);
    // Room again, as soon as the broker has seen who is gone.
    let deadline = std::time::Instant::now() + DEADLINE;
    while program.client("later").is_none() {
        assert!(std::time::Instant::now() < deadline, "nobody is let in any more");
    }
}

// What is kept was readable by everybody on the machine.
#[test]
fn cve_2017_9868_what_is_kept_is_for_the_brokers_own_account() {
    // Whatever the mask of its environment allows.
    let program = Program::start("umask 000; exec \"$0\"");
    let mut client = program.client("c").unwrap();
    // Retained, QoS 1.
    client.write_all(b"\x33\x06\0\x01t\0\x01m").unwrap();
    let mut answer = [0; 4];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [0x40, 2, 0, 1]);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let data = program.directory.path().join("data");
    assert_eq!(mode(&data), 0o700);
    let files: Vec<_> =
        std::fs::read_dir(&data).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}
