//! A socket in memory that does what a script says.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use surewire_server::environment::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Everything that was written to a socket.
pub(super) type Written = Rc<RefCell<Vec<u8>>>;

/// Brings what it is to bring, one piece a read and then the end; takes what it is to take.
pub(super) struct Script {
    reads: VecDeque<Vec<u8>>,
    /// How much each write takes, 0 for "not now"; all of it when there is no more.
    takes: VecDeque<usize>,
    /// The last read brought something: the next one has to wait.
    pause: bool,
    written: Written,
}

impl Script {
    pub(super) fn new(reads: Vec<Vec<u8>>, takes: Vec<usize>) -> (Self, Written) {
        let written = Written::default();
        let script = Self {
            reads: reads.into(),
            takes: takes.into(),
            pause: false,
            written: Rc::clone(&written),
        };
        (script, written)
    }
}

impl Stream for Script {}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.pause) {
            return Poll::Pending;
        }
        while let Some(mut piece) = self.reads.pop_front() {
            if piece.is_empty() {
                continue;
            }
            let rest = piece.split_off(piece.len().min(buf.remaining()));
            buf.put_slice(&piece);
            self.pause = rest.is_empty();
            if !rest.is_empty() {
                self.reads.push_front(rest);
            }
            break;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let taken = match self.takes.pop_front() {
            Some(0) => return Poll::Pending,
            Some(most) => most.min(bytes.len()),
            None => bytes.len(),
        };
        self.written.borrow_mut().extend_from_slice(&bytes[..taken]);
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
