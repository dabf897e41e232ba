//! WebSocket framing on a stream in memory: MQTT's bytes come out as they went in, whatever frames
//! and reads they are cut into and whatever control frames are between; what the broker writes comes
//! in binary frames that say the same. Any other bytes, in the handshake or behind it, end the
//! connection or are read, and bring no more bytes than they are.
//!
//! The input's first byte chooses which of these; the rest is bytes and cuts.

mod frames;
mod script;

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use arbitrary::{Result, Unstructured};
use surewire_server::accept_websocket;
use surewire_server::environment::Stream;
use surewire_server::planted::Planted;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::choice::{below, bytes, one_in};
use frames::{Frame, frames_in};
use script::{Script, Written};

/// As the broker has it for packets of 1 KiB.
const MAX_PACKET: usize = 1_024;

/// Message sizes beyond which the broker may refuse.
const MAX_MESSAGE: usize = MAX_PACKET + 1_024;

const REQUEST: &[u8] = b"GET /mqtt HTTP/1.1\r\nHost: broker\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Runs one of the stories by the input's choices.
pub fn check(input: &[u8]) {
    let mut u = Unstructured::new(input);
    // Without choices there is nothing to see.
    let _ = match u.arbitrary::<u8>().map(|choice| choice % 4) {
        Ok(0) => any_request(&mut u),
        Ok(1) => any_frames(&mut u),
        Ok(2) => bytes_out(&mut u),
        Ok(_) => bytes_in(&mut u),
        Err(_) => Ok(()),
    };
}

/// Something else than an upgrade request, or one in pieces.
fn any_request(u: &mut Unstructured<'_>) -> Result<()> {
    let at = usize::from(u.arbitrary::<u8>()?) % (REQUEST.len() + 1);
    let removed = below(u, 8)?.min(REQUEST.len() - at);
    let inserted = bytes(u, 2_000)?;
    let request = [&REQUEST[..at], inserted, &REQUEST[at + removed..]].concat();
    let (script, written) = Script::new(cut(u, &request)?, Vec::new());
    if let Ok(stream) = run(accept_websocket(Box::new(script), MAX_PACKET, Planted::NONE)) {
        assert!(written.borrow().starts_with(b"HTTP/1.1 101 "), "accepted without an answer");
        let (read, _) = read_all(Box::new(stream), 512);
        assert!(read.len() <= request.len(), "more bytes than came");
    }
    Ok(())
}

/// Any bytes behind the handshake.
fn any_frames(u: &mut Unstructured<'_>) -> Result<()> {
    let admitted = one_in(u, 2)?;
    let sent = bytes(u, 5_000)?.to_vec();
    let (mut stream, _) = connected(cut(u, &sent)?, Vec::new());
    if admitted {
        stream.admit();
    }
    let (read, _) = read_all(stream, 1 + below(u, 64)?);
    assert!(read.len() <= sent.len(), "more bytes than came");
    Ok(())
}

/// Right frames of a client that cuts its bytes anywhere.
fn bytes_in(u: &mut Unstructured<'_>) -> Result<()> {
    let content = bytes(u, 4_000)?.to_vec();
    let (wire, pings) = frame(u, &content)?;
    let (stream, written) = connected(cut(u, &wire)?, Vec::new());
    let (read, error) = read_all(stream, 1 + below(u, 256)?);
    assert_eq!(read, content, "the bytes in the frames; it ended with {error:?}");
    let answers = frames_in(&written.borrow()[..]);
    let pongs = answers.iter().filter(|frame| frame.opcode == frames::PONG).count();
    assert!(pongs <= pings, "{pongs} answers to {pings} pings");
    assert!(answers.iter().all(|frame| frame.opcode != frames::BINARY), "nobody wrote anything");
    Ok(())
}

/// The content in frames, control frames between them, and how many of these are Pings.
fn frame(u: &mut Unstructured<'_>, content: &[u8]) -> Result<(Vec<u8>, usize)> {
    let (mut wire, mut rest, mut pings) = (Vec::new(), content, 0);
    let (mut in_message, mut message) = (false, 0);
    while !rest.is_empty() || in_message {
        if one_in(u, 8)? {
            let opcode = if one_in(u, 2)? { frames::PONG } else { frames::PING };
            pings += usize::from(opcode == frames::PING);
            frames::write(&mut wire, opcode, true, u.arbitrary()?, bytes(u, 125)?);
        }
        let len = below(u, 200)?.min(rest.len()).min(MAX_MESSAGE - message);
        let (part, behind) = rest.split_at(len);
        rest = behind;
        message += len;
        let last = message == MAX_MESSAGE || u.is_empty() || one_in(u, 2)?;
        let opcode = if in_message { frames::CONTINUATION } else { frames::BINARY };
        // Out of choices: all that is left, in frames as large as they may be.
        if u.is_empty() {
            frames::write(&mut wire, opcode, true, [0; 4], part);
            for part in rest.chunks(MAX_MESSAGE) {
                frames::write(&mut wire, frames::BINARY, true, [0; 4], part);
            }
            break;
        }
        frames::write(&mut wire, opcode, last, u.arbitrary()?, part);
        in_message = !last;
        message = if last { 0 } else { message };
    }
    frames::write(&mut wire, frames::CLOSE, true, [0; 4], &[]);
    Ok((wire, pings))
}

/// What the broker writes, on a socket that takes a little at a time.
fn bytes_out(u: &mut Unstructured<'_>) -> Result<()> {
    let takes = bytes(u, 40)?.iter().map(|len| usize::from(*len)).collect();
    let (mut stream, written) = connected(Vec::new(), takes);
    let before = written.borrow().len();
    let mut expected = Vec::new();
    for _ in 0..=below(u, 8)? {
        let (one, two) = (bytes(u, 300)?, bytes(u, 300)?);
        let len = write(&mut stream, &[one, two]);
        expected.extend([one, two].concat().drain(..len));
        if one_in(u, 3)? {
            run(poll_fn(|cx| Pin::new(&mut stream).poll_flush(cx))).expect("the socket is well");
        }
    }
    run(poll_fn(|cx| Pin::new(&mut stream).poll_shutdown(cx))).expect("the socket is well");
    let sent = frames_in(&written.borrow()[before..]);
    let (close, messages) = sent.split_last().expect("a Close at least");
    assert_eq!(close.opcode, frames::CLOSE, "how it ends");
    let binary = |frame: &Frame| frame.opcode == frames::BINARY && frame.last && !frame.masked;
    assert!(messages.iter().all(binary), "whole binary messages");
    let all: Vec<u8> = messages.iter().flat_map(|frame| frame.content.clone()).collect();
    assert_eq!(all, expected, "what was written");
    Ok(())
}

/// The handshake is done, and these reads follow it; the socket takes so much at each write.
fn connected(reads: Vec<Vec<u8>>, takes: Vec<usize>) -> (Box<dyn Stream>, Written) {
    let reads = [vec![REQUEST.to_vec()], reads].concat();
    let (script, written) = Script::new(reads, takes);
    let stream = run(accept_websocket(Box::new(script), MAX_PACKET, Planted::NONE))
        .expect("a right request");
    (Box::new(stream), written)
}

/// The bytes in pieces as they may come from a socket.
fn cut(u: &mut Unstructured<'_>, mut whole: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut parts = Vec::new();
    while !whole.is_empty() {
        let len = if u.is_empty() { whole.len() } else { below(u, 256)? };
        let (part, rest) = whole.split_at(len.min(whole.len()));
        parts.push(part.to_vec());
        whole = rest;
    }
    Ok(parts)
}

fn write(stream: &mut Box<dyn Stream>, parts: &[&[u8]]) -> usize {
    let slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
    run(poll_fn(|cx| Pin::new(&mut *stream).poll_write_vectored(cx, &slices)))
        .expect("the socket is well")
}

/// Everything up to the end, and how that came if it was by an error.
fn read_all(mut stream: Box<dyn Stream>, at_once: usize) -> (Vec<u8>, Option<io::Error>) {
    let (mut all, mut room) = (Vec::new(), vec![0; at_once]);
    loop {
        let mut buf = ReadBuf::new(&mut room);
        match run(poll_fn(|cx| Pin::new(&mut stream).poll_read(cx, &mut buf))) {
            Ok(()) if buf.filled().is_empty() => return (all, None),
            Ok(()) => all.extend_from_slice(buf.filled()),
            Err(error) => return (all, Some(error)),
        }
    }
}

/// Runs it to its end. The stream is always ready when it is asked again.
fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    for _ in 0..1_000_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
    panic!("it waits for what has come")
}
