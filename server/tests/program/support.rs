//! Processes of the program and what they print, with a deadline on everything waited for.

use std::io::{BufRead, BufReader, PipeReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// For one event on a busy machine; nothing here takes nearly as long.
const DEADLINE: Duration = Duration::from_secs(30);

/// A process of the program. It is killed when this is dropped, also by a failing test.
pub(crate) struct Program {
    command: Command,
    child: Child,
    /// Its standard output, complete when it has ended.
    stdout: Option<JoinHandle<Vec<u8>>>,
    /// Its lines on standard error, and those of them that were waited through.
    stderr: Receiver<String>,
    seen: String,
}

/// How a process ended and what it printed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// The command `surewire` with these arguments, and none of our own environment's settings.
pub(crate) fn surewire(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_surewire"));
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SUREWIRE_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Ended {
    Program::start(surewire(arguments)).end()
}

/// Runs the program in `directory` to its end.
pub(crate) fn run_in(directory: &Path, arguments: &[&str]) -> Ended {
    let mut command = surewire(arguments);
    command.current_dir(directory);
    Program::start(command).end()
}

impl Program {
    pub(crate) fn start(command: Command) -> Self {
        let (mut program, mut stdout) = Self::spawn(command);
        program.stdout = Some(std::thread::spawn(move || {
            let mut bytes = Vec::new();
            stdout.read_to_end(&mut bytes).unwrap();
            bytes
        }));
        program
    }

    /// Starts a process whose standard output nobody reads any more.
    pub(crate) fn start_unread(command: Command) -> Self {
        Self::spawn(command).0
    }

    /// Starts a process with `input` as its whole standard input, which must fit into a pipe.
    pub(crate) fn start_with_input(mut command: Command, input: &[u8]) -> Self {
        command.stdin(Stdio::piped());
        let mut program = Self::start(command);
        program.child.stdin.take().unwrap().write_all(input).unwrap();
        program
    }

    fn spawn(mut command: Command) -> (Self, PipeReader) {
        let (stdout, written) = std::io::pipe().unwrap();
        let mut child = command.stdout(written).stderr(Stdio::piped()).spawn().unwrap();
        // The command holds our copy of the writing end, which would keep the pipe open.
        command.stdout(Stdio::null());
        let lines = BufReader::new(child.stderr.take().unwrap());
        let (sender, stderr) = channel();
        std::thread::spawn(move || {
            lines.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok())
        });
        (Self { command, child, stdout: None, stderr, seen: String::new() }, stdout)
    }

    /// Waits for a line on standard error that contains `part`.
    pub(crate) fn line(&mut self, part: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            match self.next_line(deadline) {
                Some(line) if line.contains(part) => return line,
                Some(_) => {}
                None => panic!("{:?} ended without {part:?}:\n{}", self.command, self.seen),
            }
        }
    }

    /// Waits until this many lines on standard error contain `part`, those waited through included.
    pub(crate) fn lines(&mut self, part: &str, count: usize) {
        while self.seen.lines().filter(|line| line.contains(part)).count() < count {
            self.line("");
        }
    }

    /// How many lines on standard error contain `part`, of those that have come so far.
    pub(crate) fn count(&mut self, part: &str) -> usize {
        for line in self.stderr.try_iter() {
            self.seen.push_str(&line);
            self.seen.push('\n');
        }
        self.seen.lines().filter(|line| line.contains(part)).count()
    }

    /// Waits for the end.
    pub(crate) fn end(self) -> Ended {
        self.end_within(DEADLINE)
    }

    /// Waits for the end, which comes within `time` or the test fails.
    pub(crate) fn end_within(mut self, time: Duration) -> Ended {
        let deadline = Instant::now() + time;
        while self.next_line(deadline).is_some() {}
        let stdout = self.stdout.take().map(|reader| reader.join().unwrap()).unwrap_or_default();
        let status = self.child.wait().unwrap();
        Ended { status, stdout, stderr: std::mem::take(&mut self.seen) }
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Asks for a graceful end and waits for it.
    pub(crate) fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        self.end()
    }

    /// `None` when the process has closed its standard error: it ends.
    fn next_line(&mut self, deadline: Instant) -> Option<String> {
        match self.stderr.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                self.seen.push_str(&line);
                self.seen.push('\n');
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!("{:?} takes too long after:\n{}", self.command, self.seen)
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// The standard output as text of a process that must have succeeded.
    #[track_caller]
    pub(crate) fn success(self) -> String {
        assert!(self.status.success(), "{self:?}");
        String::from_utf8(self.stdout).unwrap()
    }

    /// The standard error of a process that must have ended with `code`.
    #[track_caller]
    pub(crate) fn failure(self, code: i32) -> String {
        assert_eq!(self.status.code(), Some(code), "{self:?}");
        assert!(self.stdout.is_empty(), "{self:?}");
        self.stderr
    }
}
