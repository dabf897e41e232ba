//! What all clients that are not accepted yet may make the broker keep together.
//!
//! An ordinary CONNECT over TCP needs no share of it: that is for the few that are long, and bounds those
//! that never end. TLS and WebSocket keep bytes of their own, which nobody can see from outside, so
//! there whatever comes before the CONNECT is accepted counts as kept.

use std::io;
use std::mem::take;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::environment::Stream;

/// Bytes of all unfinished CONNECTs behind what each may have anyway; less where memory is small.
const MOST: u64 = 64 << 20;

/// Of the memory limit, one in so many bytes.
const SHARE_OF_LIMIT: u64 = 8;

/// The bytes that are left.
#[derive(Debug)]
pub(crate) struct Strangers {
    most: u64,
    left: AtomicU64,
    /// So many of them are nobody's.
    reserved: AtomicU64,
}

/// What one of them has. It goes back when this is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    of: Arc<Strangers>,
    bytes: u64,
}

impl Strangers {
    /// For a broker that may take so many bytes of memory.
    pub(crate) fn new(memory_limit: Option<u64>) -> Arc<Self> {
        let most = memory_limit.map_or(MOST, |limit| MOST.min(limit / SHARE_OF_LIMIT));
        Arc::new(Self { most, left: AtomicU64::new(most), reserved: AtomicU64::new(0) })
    }

    /// From now on they get one in so many bytes of what they had in the beginning.
    pub(crate) fn get_one_in(&self, many: u64) {
        self.reserved.store(self.most - self.most / many, Ordering::Relaxed);
    }

    /// A share that is still empty.
    pub(crate) fn share(self: &Arc<Self>) -> Share {
        Share { of: Arc::clone(self), bytes: 0 }
    }
}

impl Share {
    /// Takes more.
    ///
    /// # Errors
    /// When all strangers together have all there is.
    pub(crate) fn grow(&mut self, bytes: usize) -> io::Result<()> {
        let bytes = bytes as u64;
        let reserved = self.of.reserved.load(Ordering::Relaxed);
        let enough = |rest: &u64| *rest >= reserved || bytes == 0;
        let rest = |left: u64| left.checked_sub(bytes).filter(enough);
        match self.of.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest) {
            Ok(_) => self.bytes += bytes,
            Err(_) => {
                return Err(io::Error::other(
                    "too much is kept of clients that are not accepted yet",
                ));
            }
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

/// A socket under TLS or WebSocket: all that comes counts until its client is admitted.
pub(crate) struct Counted {
    socket: Box<dyn Stream>,
    /// Until the client is admitted, or leaves.
    share: Option<Share>,
    /// What the first byte costs beside itself.
    state: usize,
}

impl Counted {
    /// Nothing has come yet. With the first byte `state` more are kept.
    pub(crate) fn new(socket: Box<dyn Stream>, share: Share, state: usize) -> Self {
        Self { socket, share: Some(share), state }
    }
}

impl Stream for Counted {
    fn admit(&mut self) {
        self.share = None;
        self.socket.admit();
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
        let this = &mut *self;
        if let Some(share) = &mut this.share {
            share.grow(buf.filled().len() - before + take(&mut this.state))?;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What still comes is thrown away.
        self.share = None;
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them_together_have_so_much_and_give_it_back() {
        let strangers = Strangers::new(Some(800));
        let mut one = strangers.share();
        one.grow(60).unwrap();
        let mut other = strangers.share();
        other.grow(40).unwrap();
        assert!(one.grow(1).is_err());
        drop(other);
        one.grow(40).unwrap();
        assert!(one.grow(1).is_err());
        drop(one);
        strangers.share().grow(100).unwrap();
    }

    #[test]
    fn they_can_be_given_less_and_keep_what_they_have() {
        let strangers = Strangers::new(Some(800));
        let mut one = strangers.share();
        one.grow(25).unwrap();
        strangers.get_one_in(4);
        assert!(one.grow(1).is_err());
        drop(one);
        let mut other = strangers.share();
        other.grow(25).unwrap();
        assert!(other.grow(1).is_err());
        strangers.get_one_in(1);
        other.grow(75).unwrap();
    }

    #[test]
    fn without_a_limit_of_memory_there_is_one_all_the_same() {
        for limit in [None, Some(u64::MAX)] {
            let strangers = Strangers::new(limit);
            let mut share = strangers.share();
            share.grow(64 << 20).unwrap();
            assert!(share.grow(1).is_err());
        }
    }

    #[tokio::test]
    async fn what_comes_under_tls_or_websocket_counts_until_its_client_is_admitted() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};

        let strangers = Strangers::new(Some(800));
        let (socket, mut peer) = tokio::io::duplex(1_000);
        let mut counted = Counted::new(Box::new(socket), strangers.share(), 20);
        assert!(strangers.share().grow(100).is_ok(), "silence costs nothing");
        peer.write_all(&[0; 60]).await.unwrap();
        counted.read_exact(&mut [0; 60]).await.unwrap();
        assert!(strangers.share().grow(20).is_ok());
        assert!(strangers.share().grow(21).is_err());
        counted.admit();
        peer.write_all(&[0; 300]).await.unwrap();
        counted.read_exact(&mut [0; 300]).await.unwrap();
        strangers.share().grow(100).unwrap();

        let (socket, mut peer) = tokio::io::duplex(1_000);
        let mut counted = Counted::new(Box::new(socket), strangers.share(), 0);
        peer.write_all(&[0; 101]).await.unwrap();
        assert!(counted.read_exact(&mut [0; 101]).await.is_err());
    }
}
