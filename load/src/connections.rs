//! Several connections in one loop, for scenarios that are no flow of messages.

use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use crate::Error;
use crate::clock::Clock;
use crate::driver::broken;
use crate::link::Link;
use crate::transport::Stream;
use crate::wire::{Frame, PINGREQ, kind};

/// Bytes that one read may bring, besides the largest frame.
const SCRATCH: usize = 256 << 10;
/// The longest sleep, so that a silent broker is noticed.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// Connections by number, from 0.
pub(crate) struct Connections {
    poll: Poll,
    events: Events,
    scratch: Vec<u8>,
    links: Vec<Link>,
    clock: Clock,
}

impl Connections {
    /// None yet. No frame may be larger than `payload` and some 250 KiB.
    pub(crate) fn new(payload: usize) -> Result<Self, Error> {
        Ok(Self {
            poll: Poll::new().map_err(Error::system("make an event queue"))?,
            events: Events::with_capacity(1024),
            scratch: vec![0; SCRATCH + payload],
            links: Vec::new(),
            clock: Clock::start(),
        })
    }

    /// Takes over a stream, as the next number.
    pub(crate) fn add(&mut self, stream: Stream) -> Result<(), Error> {
        let token = Token(self.links.len());
        let link = Link::new(stream, self.poll.registry(), token);
        self.links.push(link.map_err(Error::system("watch a connection"))?);
        Ok(())
    }

    /// All of them.
    pub(crate) fn links(&mut self) -> &mut [Link] {
        &mut self.links
    }

    /// Sleeps until something can be read or written, at most for `timeout`, and hands over every
    /// frame with the number of its connection and the buffer for answers. Whether there was any.
    pub(crate) fn turn(
        &mut self,
        timeout: Duration,
        mut each: impl FnMut(usize, Frame<'_>, &mut Vec<u8>) -> io::Result<()>,
    ) -> io::Result<bool> {
        if let Err(e) = self.poll.poll(&mut self.events, Some(timeout)) {
            let interrupted = e.kind() == io::ErrorKind::Interrupted;
            return if interrupted { Ok(false) } else { Err(e) };
        }
        let mut any = false;
        for event in &self.events {
            let Token(at) = event.token();
            let Some(link) = self.links.get_mut(at) else { continue };
            link.flush()?;
            link.read_frames(&mut self.scratch, &self.clock, |frame, _, out| {
                any = true;
                each(at, frame, out)
            })?;
            link.flush()?;
        }
        Ok(any)
    }

    /// Asks for a PINGRESP on every connection, and waits for all of them. Each comes behind
    /// everything that the broker has sent until then, which is handed over like in a turn.
    ///
    /// # Errors
    /// [`Error::Broker`] when a connection ends, or nothing comes within `limit`.
    pub(crate) fn ping_all(
        &mut self,
        limit: Duration,
        mut each: impl FnMut(usize, Frame<'_>, &mut Vec<u8>) -> io::Result<()>,
    ) -> Result<(), Error> {
        for link in &mut self.links {
            link.out().extend_from_slice(&PINGREQ);
            link.flush().map_err(broken)?;
        }
        let (mut waiting, mut patience) = (self.links.len(), Patience::new(limit));
        while waiting > 0 {
            let moved = self.turn(TICK, |at, frame, out| {
                if frame.kind() != kind::PINGRESP {
                    return each(at, frame, out);
                }
                waiting = waiting.saturating_sub(1);
                Ok(())
            });
            if patience.is_over(moved.map_err(broken)?) {
                return Err(patience.error("answer to PINGREQ"));
            }
        }
        Ok(())
    }
}

/// How long nothing has happened.
pub(crate) struct Patience {
    limit: Duration,
    last: Instant,
}

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, last: Instant::now() }
    }

    /// Whether it is over. Something has happened if `moved`.
    pub(crate) fn is_over(&mut self, moved: bool) -> bool {
        if moved {
            self.last = Instant::now();
        }
        self.last.elapsed() > self.limit
    }

    /// What to say when it is over.
    pub(crate) fn error(&self, awaited: &str) -> Error {
        Error::Broker(format!("no {awaited} within {} s", self.limit.as_secs_f64()))
    }
}
