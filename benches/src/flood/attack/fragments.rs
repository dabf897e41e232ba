//! WebSocket messages that are sent in fragments and never end, after CONNECT and before it.

use std::io::{Read, Write};

use surewire_load::wire::connect;

use super::{each_of, hold};
use crate::flood::aim::{Aim, Count, Deed};
use crate::flood::hostile::Hostile;

const THREADS: u64 = 4;
/// The last fragment of a message has this bit.
const FIN: u8 = 0x80;
const BINARY: u8 = 2;
const CONTINUATION: u8 = 0;
/// Fragments of this size, and how many of them: a little below the largest packet.
const LARGE: usize = 16 << 10;
const LARGE_COUNT: usize = 124;
/// Before CONNECT, fragments of one byte, a little below what is kept then.
const SMALL_COUNT: usize = 60_000;
/// Of so many clients one never sends its CONNECT.
const EVERY: u64 = 4;

pub(in crate::flood) fn flood(aim: &Aim<'_>) -> Deed {
    let count = Count::default();
    let held = each_of(aim, THREADS, aim.size(2_000, 250), |number| {
        let begun = begin(aim, number, &count);
        if begun.is_none() {
            count.refused();
        }
        begun
    });
    hold(aim, held);
    count.deed()
}

fn begin<'a>(aim: &'a Aim<'a>, number: u64, count: &Count) -> Option<Hostile<'a>> {
    let mut hostile = Hostile::open(aim, &aim.target(number))?;
    upgrade(&mut hostile)?;
    if number.is_multiple_of(EVERY) {
        let fragments = fragments(1, SMALL_COUNT, 0x10);
        count.did(SMALL_COUNT as u64);
        return hostile.push(&fragments).then_some(hostile);
    }
    let mut packet = Vec::new();
    put_frame(&mut packet, FIN | BINARY, &connect(&format!("fragments{number}")));
    hostile.stream().write_all(&packet).ok()?;
    // A frame's head of two bytes and the CONNACK.
    hostile.stream().read_exact(&mut [0; 6]).ok()?;
    count.did(LARGE_COUNT as u64);
    hostile.push(&fragments(LARGE, LARGE_COUNT, 0x30)).then_some(hostile)
}

fn upgrade(hostile: &mut Hostile<'_>) -> Option<()> {
    let request = "GET /mqtt HTTP/1.1\r\nHost: flood\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
    hostile.stream().write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        hostile.stream().read_exact(&mut byte).ok()?;
        answer.extend(byte);
    }
    answer.starts_with(b"HTTP/1.1 101 ").then_some(())
}

/// A message of so many fragments, none of them the last, whose first byte is `first`.
fn fragments(size: usize, count: usize, first: u8) -> Vec<u8> {
    let mut frames = Vec::new();
    let mut payload = vec![0x80; size];
    for number in 0..count {
        let opcode = if number == 0 { BINARY } else { CONTINUATION };
        if let Some(byte) = payload.first_mut() {
            *byte = if number == 0 { first } else { 0x80 };
        }
        put_frame(&mut frames, opcode, &payload);
    }
    frames
}

/// A masked frame; the mask of zeros leaves the payload as it is.
fn put_frame(out: &mut Vec<u8>, head: u8, payload: &[u8]) {
    const MASKED: u8 = 0x80;
    out.push(head);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..=125), _) => out.push(MASKED | length),
        (_, Ok(length)) => {
            out.push(MASKED | 126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        (_, Err(_)) => {
            out.push(MASKED | 127);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}
