//! Where the messages of `pub` come from.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::failure::Failure;

/// Lines that are read ahead of the connection.
const READ_AHEAD: usize = 16;

/// Gives the payloads, one after the other.
pub(super) enum Source {
    /// One message, or none once it was taken.
    One(Option<Bytes>),
    /// A message for each line, read by a thread of its own: a read of a terminal cannot be ended.
    Lines(mpsc::Receiver<io::Result<Bytes>>),
}

impl Source {
    pub(super) fn text(text: String) -> Self {
        Self::One(Some(Bytes::from(text)))
    }

    pub(super) fn empty() -> Self {
        Self::One(Some(Bytes::new()))
    }

    /// # Errors
    /// A file that cannot be read.
    pub(super) fn file(path: &Path) -> Result<Self, Failure> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Self::One(Some(Bytes::from(bytes)))),
            Err(error) => Err(Failure::File { path: path.to_owned(), error }),
        }
    }

    /// # Errors
    /// A standard input that cannot be read.
    pub(super) fn stdin() -> Result<Self, Failure> {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map_err(Failure::Stdin)?;
        Ok(Self::One(Some(Bytes::from(bytes))))
    }

    /// # Errors
    /// A system that gives no thread.
    pub(super) fn lines() -> Result<Self, Failure> {
        let (sender, receiver) = mpsc::channel(READ_AHEAD);
        std::thread::Builder::new()
            .name(String::from("stdin"))
            .spawn(move || send_lines(BufReader::new(io::stdin()), &sender))
            .map_err(Failure::Runtime)?;
        Ok(Self::Lines(receiver))
    }

    /// The next payload; `None` at the end. May be dropped and called again.
    ///
    /// # Errors
    /// A standard input that cannot be read any further.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        match self {
            Self::One(payload) => Ok(payload.take()),
            Self::Lines(lines) => lines.recv().await.transpose().map_err(Failure::Stdin),
        }
    }
}

/// Ends with the input, or when nobody wants the lines any more.
fn send_lines(mut input: impl BufRead, sender: &mpsc::Sender<io::Result<Bytes>>) {
    loop {
        let mut line = Vec::new();
        let sent = match input.read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => {
                line.pop_if(|last| *last == b'\n');
                sender.blocking_send(Ok(Bytes::from(line)))
            }
            Err(error) => {
                let _ = sender.blocking_send(Err(error));
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &'static [u8]) -> Vec<Bytes> {
        let (sender, mut receiver) = mpsc::channel(READ_AHEAD);
        send_lines(input, &sender);
        drop(sender);
        std::iter::from_fn(|| receiver.blocking_recv()).map(Result::unwrap).collect()
    }

    #[test]
    fn each_line_is_a_message_without_its_line_break() {
        assert_eq!(lines(b"a\n\nb\r\nc"), ["a", "", "b\r", "c"]);
        assert_eq!(lines(b""), [""; 0]);
    }

    #[test]
    fn a_line_need_not_be_text() {
        assert_eq!(lines(b"\xFF\x00\n"), [&b"\xFF\x00"[..]]);
    }
}
