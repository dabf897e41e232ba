//! WebSocket frames (RFC 6455) as a client of MQTT needs them, without a copy of what comes.
//!
//! Each packet leaves in a frame of its own, as it does from the MQTT clients of browsers. A
//! library for all of WebSocket would allocate for each, and the generator would be measured.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use tungstenite::client::ClientRequestBuilder;
use tungstenite::http::Uri;

use crate::Error;
use crate::link::invalid;
use crate::wire::next_frame;

/// The last frame of its message.
const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
/// Masks exist to keep scripts of strangers from writing bytes of their choice past a proxy. What
/// is sent here is ours, so one mask does for all. With zeros libwebsockets, which is in mosquitto,
/// would spare itself the unmasking, and no real client's messages are so cheap.
const MASK: [u8; 4] = [0x6d, 0x71, 0x74, 0x74];
/// The most that the payload of a control frame may hold.
const MOST_OF_CONTROL: u64 = 125;

mod opcode {
    pub(super) const CONTINUATION: u8 = 0;
    pub(super) const TEXT: u8 = 1;
    pub(super) const BINARY: u8 = 2;
    pub(super) const CLOSE: u8 = 8;
    pub(super) const PING: u8 = 9;
    pub(super) const PONG: u8 = 10;
}

/// Asks the broker to go on with WebSocket, subprotocol `mqtt`.
pub(super) fn shake_hands(stream: &mut (impl Read + Write), addr: SocketAddr) -> Result<(), Error> {
    let failed = |e: &dyn std::fmt::Display| {
        Error::Broker(format!(
            "the WebSocket hand-shake with {addr} failed: {e}; check that this port is a WebSocket \
             listener with the path /mqtt"
        ))
    };
    // The scheme would only tell tungstenite whether to encrypt, and that is done below.
    let uri: Uri = format!("ws://{addr}/mqtt").parse().map_err(|e| failed(&e))?;
    let request = ClientRequestBuilder::new(uri).with_sub_protocol("mqtt");
    // A broker sends nothing before CONNECT: nothing is lost with what it has read.
    tungstenite::client(request, stream).map(|_| ()).map_err(|e| failed(&e))
}

/// One end of a WebSocket, past its hand-shake.
#[derive(Debug, Default)]
pub(super) struct WebSocket {
    /// What has come of the header of the next frame.
    head: Vec<u8>,
    /// The frame whose payload comes now.
    current: Option<Current>,
    /// Whether a message has begun whose last frame is still to come.
    in_message: bool,
    /// Answers to what has come, as frames.
    answers: Vec<u8>,
    closed: bool,
}

#[derive(Debug)]
struct Current {
    content: Content,
    left: u64,
}

#[derive(Debug)]
enum Content {
    Data,
    Control { opcode: u8, payload: Vec<u8> },
}

impl WebSocket {
    /// Appends the answers that are due, and each of `packets` in a frame.
    pub(super) fn wrap(&mut self, packets: &[u8], wire: &mut Vec<u8>) {
        wire.append(&mut self.answers);
        let mut rest = packets;
        // What is no whole packet is for the broker to judge.
        while let Ok(Some((_, after))) = next_frame(rest) {
            let (packet, _) = rest.split_at(rest.len() - after.len());
            put_frame(opcode::BINARY, packet, wire);
            rest = after;
        }
        if !rest.is_empty() {
            put_frame(opcode::BINARY, rest, wire);
        }
    }

    pub(super) const fn has_answers(&self) -> bool {
        !self.answers.is_empty()
    }

    /// Whether the broker has said that it will close the connection.
    pub(super) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Moves the payload of what has come to the front of `bytes`; how much that is.
    pub(super) fn unwrap(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let (mut at, mut kept) = (0, 0);
        while at < bytes.len() && !self.closed {
            let Some(Current { content, left }) = &mut self.current else {
                self.head.extend(bytes.get(at));
                at += 1;
                self.current = self.begin()?;
                self.end_if_whole();
                continue;
            };
            let there = bytes.len() - at;
            let count = usize::try_from(*left).map_or(there, |left| left.min(there));
            match content {
                Content::Data => {
                    bytes.copy_within(at..at + count, kept);
                    kept += count;
                }
                Content::Control { payload, .. } => {
                    payload.extend_from_slice(bytes.get(at..at + count).unwrap_or_default());
                }
            }
            *left -= count as u64;
            at += count;
            self.end_if_whole();
        }
        Ok(kept)
    }

    /// The frame that begins with the header, once that is whole.
    fn begin(&mut self) -> io::Result<Option<Current>> {
        let (first, left) = match *self.head.as_slice() {
            [_, MASKED..=u8::MAX, ..] => {
                return Err(invalid("a masked WebSocket frame from a server"));
            }
            [first, length @ ..=125] => (first, u64::from(length)),
            [first, 126, high, low] => (first, u64::from(u16::from_be_bytes([high, low]))),
            [first, 127, a, b, c, d, e, f, g, h] => {
                (first, u64::from_be_bytes([a, b, c, d, e, f, g, h]))
            }
            _ => return Ok(None),
        };
        self.head.clear();
        let (is_last, opcode) = (first & FIN != 0, first & !FIN);
        let content = match opcode {
            opcode::BINARY if !self.in_message => Content::Data,
            opcode::CONTINUATION if self.in_message => Content::Data,
            opcode::TEXT => return Err(invalid("a WebSocket text message")),
            opcode::CLOSE | opcode::PING | opcode::PONG if is_last && left <= MOST_OF_CONTROL => {
                Content::Control { opcode, payload: Vec::new() }
            }
            _ => {
                return Err(invalid(format!(
                    "a WebSocket frame that has no place here: 0x{first:02x}, {left} bytes"
                )));
            }
        };
        if matches!(content, Content::Data) {
            self.in_message = !is_last;
        }
        Ok(Some(Current { content, left }))
    }

    fn end_if_whole(&mut self) {
        let Some(Current { content, .. }) = self.current.take_if(|current| current.left == 0)
        else {
            return;
        };
        match content {
            Content::Control { opcode: opcode::PING, payload } => {
                put_frame(opcode::PONG, &payload, &mut self.answers);
            }
            Content::Control { opcode: opcode::CLOSE, payload } => {
                // The one who hears it answers with the same, and the server then hangs up.
                put_frame(opcode::CLOSE, &payload, &mut self.answers);
                self.closed = true;
            }
            Content::Control { .. } | Content::Data => {}
        }
    }
}

fn put_frame(opcode: u8, payload: &[u8], wire: &mut Vec<u8>) {
    wire.push(FIN | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..=125), _) => wire.push(MASKED | length),
        (_, Ok(length)) => {
            wire.push(MASKED | 126);
            wire.extend_from_slice(&length.to_be_bytes());
        }
        (_, Err(_)) => {
            wire.push(MASKED | 127);
            wire.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    wire.extend_from_slice(&MASK);
    let start = wire.len();
    wire.extend_from_slice(payload);
    mask(wire.get_mut(start..).unwrap_or_default());
}

/// Masks or unmasks, eight bytes at a time as long as there are as many.
fn mask(bytes: &mut [u8]) {
    let [a, b, c, d] = MASK;
    let twice = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ twice).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(MASK.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{PINGREQ, PublishTemplate, Qos};

    /// A frame as a server sends it.
    fn from_server(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut framed = Vec::new();
        put_frame(first & !FIN, payload, &mut framed);
        framed[0] = first;
        framed[1] &= !MASKED;
        let at = framed.len() - payload.len();
        mask(&mut framed[at..]);
        framed.drain(at - MASK.len()..at);
        framed
    }

    /// A short frame as a client sends it, masked byte by byte.
    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let head = [first, MASKED | u8::try_from(payload.len()).unwrap()];
        let payload: Vec<_> =
            payload.iter().enumerate().map(|(at, byte)| byte ^ MASK[at % MASK.len()]).collect();
        [&head[..], &MASK, &payload].concat()
    }

    #[test]
    fn frames_are_masked_as_the_standard_says() {
        let payload: Vec<_> = (0..40).collect();
        for length in 0..=payload.len() {
            let mut wire = Vec::new();
            put_frame(opcode::BINARY, &payload[..length], &mut wire);
            assert_eq!(wire, masked(0x82, &payload[..length]));
        }
    }

    /// The payload of all that comes in pieces of this size, and what is answered.
    fn unwrapped(bytes: &[u8], piece: usize) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let (mut socket, mut payload, mut answers) = (WebSocket::default(), Vec::new(), Vec::new());
        for piece in bytes.chunks(piece) {
            let mut piece = piece.to_vec();
            let kept = socket.unwrap(&mut piece)?;
            payload.extend_from_slice(&piece[..kept]);
            socket.wrap(&[], &mut answers);
        }
        Ok((payload, answers))
    }

    #[test]
    fn payloads_come_whole_in_whatever_frames_and_pieces() {
        let long = vec![b'x'; 70_000];
        let bytes = [
            from_server(0x02, b"be"),
            from_server(0x89, b"there?"),
            from_server(0x00, &[]),
            from_server(0x80, b"gin"),
            from_server(0x8a, b"unasked"),
            from_server(0x82, &long[..300]),
            from_server(0x82, &long),
        ]
        .concat();
        let expected = [b"begin", &long[..300], &long].concat();
        for piece in [1, 2, 3, 7, 1_000, bytes.len()] {
            let (payload, answers) = unwrapped(&bytes, piece).unwrap();
            assert!(payload == expected, "in pieces of {piece}");
            assert_eq!(answers, masked(0x8a, b"there?"));
        }
    }

    #[test]
    fn a_close_is_answered_and_nothing_counts_behind_it() {
        let bytes = [from_server(0x88, b"\x03\xe8"), from_server(0x82, b"late")].concat();
        let (payload, answers) = unwrapped(&bytes, 3).unwrap();
        assert_eq!(payload, b"");
        assert_eq!(answers, masked(0x88, b"\x03\xe8"));
    }

    #[test]
    fn what_a_server_must_not_send_is_an_error() {
        let long = [0; 126];
        for bytes in [
            from_server(0x81, b"text"),
            from_server(0x80, b"the rest of nothing"),
            [from_server(0x02, b"a"), from_server(0x82, b"b")].concat(),
            from_server(0x09, b"a ping in parts"),
            from_server(0x89, &long),
            from_server(0xc2, b"compressed"),
            from_server(0x8b, b""),
            vec![0x82, 0x81, 0, 0, 0, 0, b'm'],
        ] {
            assert!(unwrapped(&bytes, 1).is_err(), "{bytes:02x?}");
        }
    }

    #[test]
    fn every_packet_leaves_in_a_frame_of_its_own() {
        for payload in [20, 200, 70_000] {
            let mut packets = PINGREQ.to_vec();
            PublishTemplate::new("t", Qos::AtMostOnce, 0, payload).put(&mut packets, 0, &[]);
            let mut wire = Vec::new();
            WebSocket::default().wrap(&packets, &mut wire);
            let mut expected = Vec::new();
            put_frame(opcode::BINARY, &PINGREQ, &mut expected);
            put_frame(opcode::BINARY, &packets[PINGREQ.len()..], &mut expected);
            assert!(wire == expected);
        }
    }

    #[test]
    fn lengths_are_written_in_their_shortest_form() {
        for (length, head) in [
            (125, &[0x82, 0xfd][..]),
            (126, &[0x82, 0xfe, 0, 126]),
            (65_535, &[0x82, 0xfe, 0xff, 0xff]),
            (65_536, &[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut wire = Vec::new();
            put_frame(opcode::BINARY, &vec![7; length], &mut wire);
            assert!(wire.starts_with(head), "{length}");
            assert_eq!(wire.len(), head.len() + MASK.len() + length);
        }
    }
}
