//! The program as a process that can be killed.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A CONNECT of a clean session, and what it is answered.
const CONNECT: &[u8] = b"\x10\x11\0\x04MQTT\x04\x02\0\0\0\x05probe";
const CONNACK: [u8; 4] = [0x20, 0x02, 0x00, 0x00];

/// What the log says when all that is stored was read.
const RECOVERED: &str = "recovered";

/// What is run.
#[derive(Clone, Debug)]
pub enum Program {
    /// The program `surewire`.
    Real(PathBuf),
    /// This program once more, as the broker on a disk that loses what was not synced.
    Lossy {
        /// This program.
        program: PathBuf,
        /// Decides, with the number of the start, what is lost.
        seed: u64,
        /// The bug to be planted in it.
        planted: Option<String>,
    },
}

impl Program {
    /// Whether it is there, and made from the sources as they are.
    ///
    /// # Errors
    /// It is not, and what to do.
    pub fn check(&self) -> Result<(), String> {
        let Self::Real(program) = self else { return Ok(()) };
        let changed = |path: &Path| fs::metadata(path).and_then(|it| it.modified());
        let built = changed(program).map_err(|error| {
            format!("{}: {error}; `cargo build --release` makes it", program.display())
        })?;
        // Cargo notes beside a program what it was made from; no file of ours has a space in its name.
        let sources = fs::read_to_string(program.with_extension("d")).unwrap_or_default();
        let newer = sources
            .split_whitespace()
            .skip(1)
            .find(|source| changed(Path::new(source)).is_ok_and(|changed| changed > built));
        newer.map_or(Ok(()), |source| {
            Err(format!("{} is older than {source}: build it again", program.display()))
        })
    }

    /// For the start of this number.
    fn command(&self, start: u64) -> Command {
        match self {
            Self::Real(program) => Command::new(program),
            Self::Lossy { program, seed, planted } => {
                let mut command = Command::new(program);
                command.args(["broker", "--seed", &seed.wrapping_add(start).to_string()]);
                if let Some(bug) = planted {
                    command.args(["--planted", bug]);
                }
                command
            }
        }
    }
}

/// A broker in a directory of its own. It is killed when this is dropped.
#[derive(Debug)]
pub struct Broker {
    program: Program,
    directory: PathBuf,
    address: SocketAddr,
    starts: u64,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    process: Child,
    since: Instant,
    /// Bytes of the log that earlier processes wrote.
    log_len: u64,
}

impl Broker {
    /// Prepares `directory`; nothing runs yet.
    ///
    /// # Errors
    /// The directory cannot be written, or there is no free port.
    pub fn new(program: Program, directory: &Path) -> io::Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = format!(
            "listener: [{{protocol: mqtt, addr: '{address}'}}]\ndelivery_retry_interval: 1\n\
             max_msgqueue_messages: 0\nmax_queued_bytes: 1GiB\ndata_dir: data\n\
             durability: power\nworkers: 2\n"
        );
        fs::create_dir_all(directory)?;
        fs::write(directory.join("config.yaml"), config)?;
        Ok(Self { program, directory: directory.to_owned(), address, starts: 0, running: None })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts the process; it may not listen yet.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn spawn(&mut self) -> io::Result<()> {
        let log = File::options().create(true).append(true).open(self.directory.join("log"))?;
        let log_len = log.metadata()?.len();
        self.starts += 1;
        let mut command = self.program.command(self.starts);
        command.current_dir(&self.directory).stdin(Stdio::null()).stdout(Stdio::null());
        let since = Instant::now();
        self.running = Some(Running { process: command.stderr(log).spawn()?, since, log_len });
        Ok(())
    }

    /// Waits until it has answered a CONNECT, and tells how long after its start that was. It listens
    /// before it has read what is stored, so that a connection alone says nothing.
    ///
    /// # Errors
    /// It ended, or it does not answer within 30 s.
    pub fn wait(&mut self) -> io::Result<Duration> {
        loop {
            self.check()?;
            let answered = answers(self.address).is_ok_and(|answer| answer == CONNACK);
            let running = self.running.as_ref();
            let took = running.map(|running| running.since.elapsed()).unwrap_or(PATIENCE);
            if answered {
                return Ok(took);
            }
            if took >= PATIENCE {
                return Err(io::Error::other("the broker does not answer after 30 s"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether it runs still.
    ///
    /// # Errors
    /// It ended by itself.
    pub fn check(&mut self) -> io::Result<()> {
        let Some(running) = &mut self.running else { return Ok(()) };
        let Some(status) = running.process.try_wait()? else { return Ok(()) };
        let said = self.said()?;
        let last = said.lines().next_back().unwrap_or("nothing").to_owned();
        Err(io::Error::other(format!("the broker ended by itself, {status}; it said last: {last}")))
    }

    /// kill -9. Whether that was before it had read what was stored, as far as its log says.
    ///
    /// # Errors
    /// The system refuses.
    pub fn kill(&mut self) -> io::Result<bool> {
        let Some(running) = &mut self.running else { return Ok(false) };
        running.process.kill()?;
        running.process.wait()?;
        let in_recovery = !self.said()?.contains(RECOVERED);
        self.running = None;
        Ok(in_recovery)
    }

    /// What the process at hand wrote to the log.
    fn said(&self) -> io::Result<String> {
        let mut log = File::open(self.directory.join("log"))?;
        let from = self.running.as_ref().map_or(0, |running| running.log_len);
        log.seek(SeekFrom::Start(from))?;
        let mut said = Vec::new();
        log.read_to_end(&mut said)?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// What a CONNECT is answered.
fn answers(address: SocketAddr) -> io::Result<[u8; 4]> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(CONNECT)?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}
