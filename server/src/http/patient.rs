//! A stream whose reader must not stop for ever.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use crate::environment::Stream;

/// How long the other end may take nothing of an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Fails as soon as a write has not got on for a while. How long a request may take to come is
/// limited elsewhere.
pub(super) struct Patient {
    stream: Box<dyn Stream>,
    /// Runs while a write waits.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Since when one does, for those who would end the connection.
    waits: Rc<Cell<Option<Instant>>>,
}

impl Patient {
    pub(super) fn new(stream: Box<dyn Stream>, waits: Rc<Cell<Option<Instant>>>) -> Self {
        Self { stream, stalled: None, waits }
    }

    pub(super) fn into_inner(self) -> Box<dyn Stream> {
        self.stream
    }

    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.waits.set(None);
            self.stalled = None;
            return outcome;
        }
        self.waits.set(self.waits.get().or_else(|| Some(Instant::now())));
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        stalled.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watch(cx, outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        self.watch(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.watch(cx, outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_stops_is_given_up_and_a_slow_one_is_not() {
        let (ours, mut theirs) = tokio::io::duplex(10);
        let mut stream = Patient::new(Box::new(ours), Rc::default());
        for _ in 0..10 {
            tokio::join!(
                async { stream.write_all(&[0; 10]).await.expect("it is being read") },
                async {
                    sleep(PATIENCE / 2).await;
                    let mut part = [0; 10];
                    tokio::io::AsyncReadExt::read_exact(&mut theirs, &mut part).await.unwrap();
                }
            );
        }
        stream.write_all(&[0; 10]).await.unwrap();
        let error = stream.write_all(&[0]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
