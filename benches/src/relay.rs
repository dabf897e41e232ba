//! The yardstick: a relay that passes packets on without understanding them.
//!
//! It answers CONNECT, SUBSCRIBE and PINGREQ, and looks up once, at a connection's first
//! PUBLISH, who has subscribed to exactly that topic. From then on it only finds where packets
//! end, copies runs of them, and writes once a turn to each connection, as a good broker does.
//! What it costs is therefore what the kernel and the copies cost. What subscribers send goes
//! back to their publisher: between pairs, QoS 1 and 2 work end to end.

use std::io;
use std::net::{SocketAddr, TcpStream};

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use surewire_load::Error;
use surewire_load::link::{Link, invalid};
use surewire_load::wire::{self, Frame, Version, kind, next_frame};

/// Bytes that one read may bring, which is also the longest packet.
const SCRATCH: usize = 1 << 20;
const LISTENER: Token = Token(usize::MAX);

/// Serves until the process is ended. What a slow receiver does not take is kept without a
/// bound: whoever sends must wait for what it has sent.
///
/// # Errors
/// [`Error::System`] when it cannot listen or wait.
pub fn serve(addr: SocketAddr) -> Result<(), Error> {
    let mut relay = Relay::listen(addr).map_err(Error::system(format!("listen on {addr}")))?;
    let mut events = Events::with_capacity(1024);
    let mut scratch = vec![0; SCRATCH];
    loop {
        match relay.poll.poll(&mut events, None) {
            Err(e) if e.kind() != io::ErrorKind::Interrupted => {
                return Err(Error::system("wait for connections")(e));
            }
            Ok(()) | Err(_) => relay.turn(&events, &mut scratch),
        }
    }
}

struct Relay {
    poll: Poll,
    listener: TcpListener,
    /// By token; closed ones stay empty, so that nobody's peers change.
    peers: Vec<Option<Peer>>,
    /// Connections with something to write at the end of the turn; twice does no harm.
    dirty: Vec<usize>,
}

struct Peer {
    link: Link,
    /// The filter it has subscribed to.
    filter: Option<Vec<u8>>,
    /// Where its packets go; unknown until its first PUBLISH.
    receivers: Vec<usize>,
}

/// What to do with the packets of one read.
#[derive(Debug, Default)]
struct Sorted {
    answers: Vec<u8>,
    filter: Option<Vec<u8>>,
    /// Topic of the first PUBLISH.
    topic: Option<Vec<u8>>,
    /// Packets for the receivers.
    passed_on: Vec<u8>,
}

impl Relay {
    fn listen(addr: SocketAddr) -> io::Result<Self> {
        let (poll, mut listener) = (Poll::new()?, TcpListener::bind(addr)?);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self { poll, listener, peers: Vec::new(), dirty: Vec::new() })
    }

    fn turn(&mut self, events: &Events, scratch: &mut [u8]) {
        for event in events {
            match event.token() {
                LISTENER => self.accept(),
                Token(at) => self.read(at, scratch),
            }
        }
        for at in std::mem::take(&mut self.dirty) {
            let Some(Some(peer)) = self.peers.get_mut(at) else { continue };
            if peer.link.flush().is_err() {
                self.close(at);
            }
        }
    }

    fn accept(&mut self) {
        // Any error ends the round: none waits, or this one is gone already.
        while let Ok((stream, _)) = self.listener.accept() {
            let token = Token(self.peers.len());
            let nodelay = stream.set_nodelay(true);
            let link = nodelay.and_then(|()| {
                Link::new(TcpStream::from(stream).into(), self.poll.registry(), token)
            });
            let peer = link.map(|link| Peer { link, filter: None, receivers: Vec::new() });
            self.peers.push(peer.ok());
        }
    }

    fn read(&mut self, at: usize, scratch: &mut [u8]) {
        // Taken out, so that its receivers can be written to meanwhile.
        let Some(mut peer) = self.peers.get_mut(at).and_then(Option::take) else { return };
        let mut sorted = Sorted::default();
        let read = peer.link.read_packets(scratch, |bytes, _| sorted.sort(bytes));
        peer.link.out().append(&mut sorted.answers);
        if peer.link.is_waiting() {
            self.dirty.push(at);
        }
        peer.filter = sorted.filter.or(peer.filter);
        if let Some(topic) = sorted.topic.filter(|_| peer.receivers.is_empty()) {
            peer.receivers = self.subscribe_to_acks(at, &topic);
        }
        self.pass_on(&peer.receivers, &sorted.passed_on);
        if read.is_ok() {
            self.replace(at, Some(peer));
        }
    }

    /// The subscribers of a topic, each of which now sends its answers to publisher `at`.
    fn subscribe_to_acks(&mut self, at: usize, topic: &[u8]) -> Vec<usize> {
        let mut receivers = Vec::new();
        for (number, peer) in self.peers.iter_mut().enumerate() {
            let Some(peer) = peer else { continue };
            if peer.filter.as_deref() == Some(topic) {
                peer.receivers = vec![at];
                receivers.push(number);
            }
        }
        receivers
    }

    fn pass_on(&mut self, receivers: &[usize], bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        for &at in receivers {
            if let Some(Some(receiver)) = self.peers.get_mut(at) {
                // Otherwise it is noted already, or waits for its socket.
                if !receiver.link.is_waiting() {
                    self.dirty.push(at);
                }
                receiver.link.out().extend_from_slice(bytes);
            }
        }
    }

    fn close(&mut self, at: usize) {
        self.replace(at, None);
    }

    fn replace(&mut self, at: usize, with: Option<Peer>) {
        if let Some(peer) = self.peers.get_mut(at) {
            *peer = with;
        }
    }
}

impl Sorted {
    /// Sorts the complete packets of `bytes`; how long they are together.
    fn sort(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (mut at, mut run_start) = (0, 0);
        while let Some((frame, rest)) =
            next_frame(bytes.get(at..).unwrap_or_default()).map_err(invalid)?
        {
            let end = bytes.len() - rest.len();
            if self.is_for_relay(frame)? {
                self.passed_on.extend_from_slice(bytes.get(run_start..at).unwrap_or_default());
                run_start = end;
            }
            at = end;
        }
        self.passed_on.extend_from_slice(bytes.get(run_start..at).unwrap_or_default());
        Ok(at)
    }

    /// Answers what the relay itself must answer.
    fn is_for_relay(&mut self, frame: Frame<'_>) -> io::Result<bool> {
        match frame.kind() {
            kind::CONNECT => self.answers.extend_from_slice(&wire::CONNACK),
            kind::PINGREQ => self.answers.extend_from_slice(&wire::PINGRESP),
            kind::SUBSCRIBE => self.on_subscribe(frame)?,
            kind::PUBLISH => {
                if self.topic.is_none() {
                    self.topic =
                        Some(frame.publish(Version::V3_1_1).map_err(invalid)?.topic.to_vec());
                }
                return Ok(false);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn on_subscribe(&mut self, frame: Frame<'_>) -> io::Result<()> {
        let id = frame.packet_id().map_err(invalid)?;
        let (filter, qos) = match frame.body {
            [_, _, _, _, filter @ .., qos] => (filter, *qos),
            _ => return Err(invalid("a SUBSCRIBE without a filter")),
        };
        let [high, low] = id.to_be_bytes();
        self.answers.extend_from_slice(&[kind::SUBACK << 4, 3, high, low, qos]);
        self.filter = Some(filter.to_vec());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surewire_load::wire::{PublishTemplate, Qos, connect, subscribe};

    fn publish(topic: &str) -> Vec<u8> {
        let mut packet = Vec::new();
        PublishTemplate::new(topic, Qos::AtMostOnce, 0, 10).put(&mut packet, 0, &[]);
        packet
    }

    #[test]
    fn handshakes_are_answered_and_the_rest_is_passed_on_whole() {
        let (first, second) = (publish("a"), publish("b"));
        let start = &second[..4];
        let bytes = [&connect("c"), &first, &wire::PINGREQ[..], &first, &second, start].concat();
        let mut sorted = Sorted::default();
        assert_eq!(sorted.sort(&bytes).unwrap(), bytes.len() - start.len());
        assert_eq!(sorted.passed_on, [first.as_slice(), &first, &second].concat());
        assert_eq!(sorted.answers, [&wire::CONNACK[..], &wire::PINGRESP].concat());
        assert_eq!(sorted.topic.as_deref(), Some(b"a".as_slice()));
    }

    #[test]
    fn a_subscription_is_granted_and_remembered() {
        let mut sorted = Sorted::default();
        sorted.sort(&subscribe(1, "load/in", Qos::AtLeastOnce)).unwrap();
        assert_eq!(sorted.answers, [0x90, 3, 0, 1, 1]);
        assert_eq!(sorted.filter.as_deref(), Some(b"load/in".as_slice()));
        assert!(sorted.passed_on.is_empty());
    }
}
