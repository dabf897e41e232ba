//! A connection that means no good.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread::Scope;
use std::time::Duration;

use surewire_load::dial::{self, Target};
use surewire_load::wire::Connect;

use super::aim::Aim;

/// How often one that is not read from looks whether the flood is over.
const TICK: Duration = Duration::from_millis(100);

/// A plain TCP connection of a flood.
pub(super) struct Hostile<'a> {
    stream: TcpStream,
    aim: &'a Aim<'a>,
}

impl<'a> Hostile<'a> {
    /// Opened, and nothing sent; none if the broker takes no more.
    pub(super) fn open(aim: &'a Aim<'a>, target: &Target) -> Option<Self> {
        let stream = target.open().ok()?;
        stream.set_write_timeout(Some(TICK)).ok()?;
        Some(Self { stream, aim })
    }

    /// Past its CONNACK; none if it is not accepted.
    pub(super) fn accepted(
        aim: &'a Aim<'a>,
        target: &Target,
        connect: &Connect<'_>,
    ) -> Option<Self> {
        let mut this = Self::open(aim, target)?;
        dial::introduce(&mut this.stream, connect).ok()?;
        Some(this)
    }

    /// For hand-shakes.
    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Sends all of it, however long the broker does not read. False when it has ended the
    /// connection, or the flood is over.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(e) if is_pause(&e) && !self.aim.is_over() => {}
                Err(_) => return false,
            }
        }
        !self.aim.is_over()
    }

    /// Whether the broker has ended it.
    pub(super) fn is_gone(&self) -> bool {
        let _ = self.stream.set_nonblocking(true);
        let gone = match self.stream.peek(&mut [0]) {
            Ok(count) => count == 0,
            Err(e) => !is_pause(&e),
        };
        let _ = self.stream.set_nonblocking(false);
        gone
    }

    /// Reads and forgets all that comes, on a thread of its own, until the end of the flood.
    pub(super) fn discard<'scope>(&self, scope: &'scope Scope<'scope, '_>)
    where
        'a: 'scope,
    {
        let (Ok(mut stream), aim) = (self.stream.try_clone(), self.aim) else { return };
        let _ = stream.set_read_timeout(Some(TICK));
        scope.spawn(move || {
            let mut bytes = vec![0; 64 << 10];
            while !aim.is_over() {
                match stream.read(&mut bytes) {
                    Ok(0) => return,
                    Ok(_) => {}
                    Err(e) if is_pause(&e) => {}
                    Err(_) => return,
                }
            }
        });
    }
}

fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
