//! The buffer that all connections of a worker read into.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::AsyncReadExt;

use crate::environment::Stream;

/// Allocated at once; used again as soon as nothing refers to it any more.
const CHUNK: usize = 256 * 1024;

/// With less room than this at its end a new chunk begins.
const LEAST_ROOM: usize = 16 * 1024;

/// Reads go to the tail; what was read is split off as a view and lives until its packets are
/// handled. No connection owns any of it.
#[derive(Default)]
pub(crate) struct Arena {
    tail: RefCell<BytesMut>,
    unhandled: Cell<usize>,
}

impl Arena {
    /// Reads what the stream has, at most `most` bytes, and returns it behind `head`; empty at the
    /// stream's end.
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        stream: &mut Box<dyn Stream>,
        head: &[u8],
        most: usize,
    ) -> Poll<io::Result<Bytes>> {
        let mut tail = self.tail.borrow_mut();
        // Whatever a read that did not happen left behind.
        tail.clear();
        if tail.capacity() < head.len() + LEAST_ROOM {
            tail.reserve(CHUNK.max(head.len() + LEAST_ROOM));
        }
        tail.extend_from_slice(head);
        let room = most.min(tail.capacity() - tail.len());
        let count = {
            let mut target = (&mut *tail).limit(room);
            ready!(pin!(stream.read_buf(&mut target)).poll(cx))?
        };
        if count == 0 {
            return Poll::Ready(Ok(Bytes::new()));
        }
        self.unhandled.set(self.unhandled.get() + count);
        Poll::Ready(Ok(tail.split().freeze()))
    }

    /// Bytes that were read and are not handled yet.
    pub(crate) fn unhandled(&self) -> usize {
        self.unhandled.get()
    }

    /// Everything that was read is being handled.
    pub(crate) fn handled(&self) {
        self.unhandled.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    fn read(arena: &Arena, stream: &mut Box<dyn Stream>, head: &[u8]) -> Poll<Bytes> {
        let mut cx = Context::from_waker(Waker::noop());
        arena.poll_read(&mut cx, stream, head, 64 * 1024).map(Result::unwrap)
    }

    impl Stream for fixed::Fixed {}

    mod fixed {
        use super::*;
        use std::pin::Pin;
        use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

        /// Gives its parts, or their beginnings, one read after the other; an empty part is "nothing yet".
        pub(super) struct Fixed(pub(super) Vec<Vec<u8>>);

        impl AsyncRead for Fixed {
            fn poll_read(
                mut self: Pin<&mut Self>,
                _cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                if self.0.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                let part = self.0.remove(0);
                buf.put_slice(&part[..part.len().min(buf.remaining())]);
                if part.is_empty() { Poll::Pending } else { Poll::Ready(Ok(())) }
            }
        }

        impl AsyncWrite for Fixed {
            fn poll_write(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
                _: &[u8],
            ) -> Poll<io::Result<usize>> {
                Poll::Pending
            }
            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Pending
            }
            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Pending
            }
        }
    }

    #[test]
    fn what_was_read_follows_the_head_and_a_read_that_waits_leaves_nothing() {
        let arena = Arena::default();
        let parts = vec![b"abc".to_vec(), vec![], b"ef".to_vec()];
        let mut stream: Box<dyn Stream> = Box::new(fixed::Fixed(parts));
        assert_eq!(read(&arena, &mut stream, b""), Poll::Ready(Bytes::from_static(b"abc")));
        assert_eq!(read(&arena, &mut stream, b"d"), Poll::Pending);
        assert_eq!(read(&arena, &mut stream, b"d"), Poll::Ready(Bytes::from_static(b"def")));
        assert_eq!(read(&arena, &mut stream, b"d"), Poll::Ready(Bytes::new()));
    }

    #[test]
    fn a_chunk_whose_views_are_gone_is_used_again() {
        let arena = Arena::default();
        let parts = vec![vec![7; 60 * 1024]; 40];
        let mut stream: Box<dyn Stream> = Box::new(fixed::Fixed(parts));
        let mut seen = Vec::new();
        while let Poll::Ready(view) = read(&arena, &mut stream, b"") {
            if view.is_empty() {
                break;
            }
            seen.push(view.as_ptr() as usize);
        }
        let (low, high) = (seen.iter().min().unwrap(), seen.iter().max().unwrap());
        assert!(high - low < 2 * CHUNK, "40 reads were spread over {} bytes", high - low);
    }
}
