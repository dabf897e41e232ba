//! One write for everything that a turn has for a connection; what does not fit waits.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use surewire_engine::event::Lost;
use tokio::io::AsyncWrite;

use super::queue::Queue;
use super::{Connection, End};
use crate::core::{Frames, SLICES};
use crate::environment::Stream;
use crate::planted::Bug;

/// The engine learns of written bytes at the latest when there are so many.
const REPORT: u64 = 64 * 1024;

impl Connection {
    /// Writes, or queues behind what waits already.
    pub(super) fn write(self: &Rc<Self>, frames: &Frames) {
        if let Some(queue) = self.queue.borrow_mut().as_mut()
            && !self.planted(Bug::QueueOvertaken)
        {
            queue.push(frames, 0);
            return;
        }
        let (written, outcome) = match self.stream.borrow_mut().as_mut() {
            Some(stream) => write_now(stream, frames),
            None => return,
        };
        self.wrote(written);
        match outcome {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => self.finish(End::Lost(Lost::Failed)),
            Poll::Pending => {
                let twice = self.planted(Bug::WrittenTwice);
                let mut queue = Queue::default();
                queue.push(frames, if twice { 0 } else { written });
                *self.queue.borrow_mut() = Some(Box::new(queue));
                // Its own task waits until the socket is writable.
                self.wake();
            }
        }
    }

    /// Writes on what is queued; ready when nothing is.
    pub(super) fn poll_write_on(self: &Rc<Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.queue.borrow().is_none() {
            return Poll::Ready(Ok(()));
        }
        let (written, outcome) = self.poll_queue(cx);
        self.wrote(written);
        ready!(outcome)?;
        *self.queue.borrow_mut() = None;
        // The engine holds messages back as long as it believes that the socket is full.
        self.worker.want_turn();
        Poll::Ready(Ok(()))
    }

    fn poll_queue(&self, cx: &mut Context<'_>) -> (usize, Poll<io::Result<()>>) {
        let (mut stream, mut queue) = (self.stream.borrow_mut(), self.queue.borrow_mut());
        let (Some(stream), Some(queue)) = (stream.as_mut(), queue.as_mut()) else {
            return (0, Poll::Ready(Ok(())));
        };
        let mut written = 0;
        while !queue.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = queue.slices(&mut slices);
            match poll_slices(stream, cx, slices.get(..count).unwrap_or_default()) {
                Poll::Ready(Ok(taken)) => {
                    queue.advance(taken);
                    written += taken;
                }
                stuck @ (Poll::Ready(Err(_)) | Poll::Pending) => {
                    return (written, stuck.map_ok(|_| ()));
                }
            }
        }
        (written, Pin::new(stream).poll_flush(cx))
    }

    fn wrote(self: &Rc<Self>, bytes: usize) {
        self.worker.count_sent(bytes);
        let Ok(bytes @ 1..) = u64::try_from(bytes) else { return };
        let before = self.unreported.get();
        if self.planted(Bug::WrittenNotTold) {
            return;
        }
        self.unreported.set(before + bytes);
        if before == 0 {
            self.worker.report_written(self);
        }
        let limit = self.worker.shared.settings.engine.max_unsent_bytes;
        if self.awaited.take() || before + bytes >= REPORT.min(limit / 4) {
            self.worker.want_turn();
        }
    }
}

/// Writes as much as the socket takes, without waiting for more.
fn write_now(stream: &mut Box<dyn Stream>, frames: &Frames) -> (usize, Poll<io::Result<()>>) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut written = 0;
    loop {
        let outcome = match frames.unshared().map(|bytes| bytes.get(written..).unwrap_or_default())
        {
            Some([]) => return (written, Pin::new(stream).poll_flush(&mut cx)),
            Some(rest) => poll_slices(stream, &mut cx, &[IoSlice::new(rest)]),
            None => {
                let mut slices = [IoSlice::new(&[]); SLICES];
                match frames.slices(written, &mut slices) {
                    0 => return (written, Pin::new(stream).poll_flush(&mut cx)),
                    count => poll_slices(stream, &mut cx, slices.get(..count).unwrap_or_default()),
                }
            }
        };
        match outcome {
            Poll::Ready(Ok(taken)) => written += taken,
            stuck @ (Poll::Ready(Err(_)) | Poll::Pending) => {
                return (written, stuck.map_ok(|_| ()));
            }
        }
    }
}

fn poll_slices(
    stream: &mut Box<dyn Stream>,
    cx: &mut Context<'_>,
    slices: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let stream = Pin::new(stream);
    let taken = match slices {
        [only] => ready!(stream.poll_write(cx, only)),
        several => ready!(stream.poll_write_vectored(cx, several)),
    };
    Poll::Ready(match taken {
        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
        taken => taken,
    })
}
