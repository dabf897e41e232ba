//! A non-blocking connection: bytes out of a buffer, frames into a closure.

use std::io::{self, Read, Write};

use mio::{Interest, Registry, Token};

use crate::clock::Clock;
use crate::transport::layers::{Got, Layers};
use crate::transport::stream::{Parts, Stream};
use crate::wire::{Frame, next_frame};

/// One connection of the generator or the relay.
#[derive(Debug)]
pub struct Link {
    stream: mio::net::TcpStream,
    /// None over plain TCP.
    layers: Option<Box<Layers>>,
    /// Packets for the next flush.
    out: Vec<u8>,
    /// What they have become for the socket, which has taken `written` of it.
    wire: Vec<u8>,
    written: usize,
    /// The start of a frame whose rest has not come yet.
    partial: Vec<u8>,
    /// Whether `partial` came with a hand-shake's answer, and nobody has looked into it.
    unseen: bool,
}

impl Link {
    /// Takes over a stream and watches it for both directions. Notices come on edges:
    /// there is one registration for the whole life of the connection.
    ///
    /// # Errors
    /// The system's, when it cannot watch the stream.
    pub fn new(stream: Stream, registry: &Registry, token: Token) -> io::Result<Self> {
        let Parts { socket, layers, unread: partial } = stream.into_parts();
        socket.set_nonblocking(true)?;
        let mut stream = mio::net::TcpStream::from_std(socket);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let unseen = !partial.is_empty();
        let (out, wire) = (Vec::new(), Vec::new());
        Ok(Self { stream, layers, out, wire, written: 0, partial, unseen })
    }

    /// The buffer that the next [`Link::flush`] writes.
    pub fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Whether bytes wait, because the socket took no more.
    pub fn is_waiting(&self) -> bool {
        !self.out.is_empty() || !self.wire.is_empty()
    }

    /// Writes as much as the socket takes.
    ///
    /// # Errors
    /// The system's, when the connection is broken.
    pub fn flush(&mut self) -> io::Result<()> {
        loop {
            while let Some(rest) = self.wire.get(self.written..).filter(|rest| !rest.is_empty()) {
                match self.stream.write(rest) {
                    Ok(count) => self.written += count,
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    // Who has said good-bye need not wait for ours.
                    Err(_) if self.layers.as_ref().is_some_and(|it| it.is_closed()) => break,
                    Err(e) => return Err(e),
                }
            }
            self.wire.clear();
            self.written = 0;
            if !self.wrap()? {
                return Ok(());
            }
        }
    }

    /// Makes of the packets what the socket is to be given; whether there is any. Only when it has
    /// taken all from before: what waits is then seen by whoever looks how much that is.
    fn wrap(&mut self) -> io::Result<bool> {
        match &mut self.layers {
            None => std::mem::swap(&mut self.out, &mut self.wire),
            Some(layers) if !self.out.is_empty() || layers.has_answers() => {
                layers.wrap(&self.out, &mut self.wire)?;
                self.out.clear();
            }
            Some(_) => {}
        }
        Ok(!self.wire.is_empty())
    }

    /// Reads all there is and hands over every complete frame, with the time of its read and
    /// the buffer for answers. `scratch` must be larger than the largest frame.
    ///
    /// # Errors
    /// `UnexpectedEof` when the peer has closed, the system's, or what `each` returns.
    pub fn read_frames(
        &mut self,
        scratch: &mut [u8],
        clock: &Clock,
        mut each: impl FnMut(Frame<'_>, u64, &mut Vec<u8>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.read_packets(scratch, |bytes, out| {
            let (now_ns, mut rest) = (clock.now_ns(), bytes);
            while let Some((frame, after)) = next_frame(rest).map_err(invalid)? {
                each(frame, now_ns, out)?;
                rest = after;
            }
            Ok(bytes.len() - rest.len())
        })
    }

    /// Reads all there is. `take` gets the bytes of each read behind those it left the last
    /// time, and returns how many it has dealt with, which must be whole packets.
    ///
    /// # Errors
    /// As [`Link::read_frames`].
    pub fn read_packets(
        &mut self,
        scratch: &mut [u8],
        mut take: impl FnMut(&[u8], &mut Vec<u8>) -> io::Result<usize>,
    ) -> io::Result<()> {
        if std::mem::take(&mut self.unseen) {
            let taken = take(&self.partial, &mut self.out)?;
            self.partial.drain(..taken);
        }
        loop {
            let kept = self.partial.len();
            let Some((start, room)) =
                scratch.split_at_mut_checked(kept).filter(|(_, room)| !room.is_empty())
            else {
                return Err(invalid("a packet larger than any that was sent"));
            };
            start.copy_from_slice(&self.partial);
            let Got { count, emptied } = match read(&mut self.stream, &mut self.layers, room) {
                Ok(got) => got,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            if count > 0 {
                let bytes = scratch.get(..kept + count).unwrap_or_default();
                let taken = take(bytes, &mut self.out)?;
                self.partial.clear();
                self.partial.extend_from_slice(bytes.get(taken..).unwrap_or_default());
            }
            if emptied {
                return Ok(());
            }
        }
    }
}

/// Reads once. A short read emptied the socket: the next bytes bring a new notice.
fn read(
    stream: &mut mio::net::TcpStream,
    layers: &mut Option<Box<Layers>>,
    room: &mut [u8],
) -> io::Result<Got> {
    if let Some(layers) = layers {
        return layers.read(stream, room);
    }
    match stream.read(room)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => Ok(Got { count, emptied: count < room.len() }),
    }
}

/// An error of the peer's making.
pub fn invalid(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use mio::{Events, Poll};

    use super::*;
    use crate::wire::{PINGREQ, PublishTemplate, Qos, kind};

    /// A link and the blocking other end of its connection.
    fn pair(poll: &Poll) -> (Link, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        (Link::new(near.into(), poll.registry(), Token(0)).unwrap(), far)
    }

    #[test]
    fn frames_come_whole_however_the_bytes_come() {
        let mut poll = Poll::new().unwrap();
        let (mut link, mut far) = pair(&poll);
        let mut bytes = PINGREQ.to_vec();
        PublishTemplate::new("t", Qos::AtMostOnce, 0, 500).put(&mut bytes, 0, &[]);
        bytes.extend_from_slice(&PINGREQ);
        let (mut kinds, mut scratch) = (Vec::new(), [0; 600]);
        for piece in bytes.chunks(70) {
            far.write_all(piece).unwrap();
            poll.poll(&mut Events::with_capacity(4), None).unwrap();
            link.read_frames(&mut scratch, &Clock::start(), |frame, _, _| {
                kinds.push(frame.kind());
                Ok(())
            })
            .unwrap();
        }
        // The last pieces may still be under way when a notice of writability came first.
        while kinds.len() < 3 {
            poll.poll(&mut Events::with_capacity(4), None).unwrap();
            link.read_frames(&mut scratch, &Clock::start(), |frame, _, _| {
                kinds.push(frame.kind());
                Ok(())
            })
            .unwrap();
        }
        assert_eq!(kinds, [kind::PINGREQ, kind::PUBLISH, kind::PINGREQ]);
    }

    #[test]
    fn what_the_socket_does_not_take_waits() {
        let mut poll = Poll::new().unwrap();
        let (mut link, mut far) = pair(&poll);
        let sent = vec![b'x'; 32 << 20];
        link.out().extend_from_slice(&sent);
        link.flush().unwrap();
        assert!(link.is_waiting());
        let reader = std::thread::spawn(move || {
            let mut got = Vec::new();
            far.read_to_end(&mut got).map(|_| got)
        });
        while link.is_waiting() {
            poll.poll(&mut Events::with_capacity(4), None).unwrap();
            link.flush().unwrap();
        }
        drop(link);
        assert!(reader.join().unwrap().unwrap() == sent);
    }
}
