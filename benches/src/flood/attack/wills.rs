//! Large Wills, and clients that vanish so that they are published.

use std::io::Read;

use surewire_load::wire::{CONNACK, framed};

use super::each_of;
use crate::flood::aim::{Aim, Count, Deed};
use crate::flood::hostile::Hostile;

const THREADS: u64 = 4;
/// Bytes of a Will that fits what a client may send before it is accepted.
const LARGE: usize = 60_000;
/// Bytes of one that does not.
const TOO_LARGE: usize = 1 << 20;
/// Of so many clients one brings the latter.
const EVERY: u64 = 20;

pub(in crate::flood) fn flood(aim: &Aim<'_>) -> Deed {
    let count = Count::default();
    let connect = |number: u64| {
        let large = if number.is_multiple_of(EVERY) { TOO_LARGE } else { LARGE };
        let client = with_will(aim, number, large);
        if client.is_some() {
            count.did(1)
        } else {
            count.refused()
        }
        client
    };
    let most = aim.size(8_000, 3_000);
    let mut held = Vec::new();
    let mut first = 0;
    while !aim.is_over() {
        let missing = most - held.len() as u64;
        held.extend(each_of(aim, THREADS, missing, |number| connect(first + number)));
        first += missing;
        // One in ten vanishes.
        held.truncate(held.len() - held.len() / 10);
        aim.rest();
    }
    count.deed()
}

fn with_will<'a>(aim: &'a Aim<'a>, number: u64, large: usize) -> Option<Hostile<'a>> {
    let mut hostile = Hostile::open(aim, &aim.target(number))?;
    if !hostile.push(&connect(&format!("will{number}"), large)) {
        return None;
    }
    accepted(&mut hostile).then_some(hostile)
}

fn accepted(hostile: &mut Hostile<'_>) -> bool {
    let mut answer = [0; CONNACK.len()];
    hostile.stream().read_exact(&mut answer).is_ok() && answer == CONNACK
}

/// A CONNECT of 3.1.1 with a clean session and a Will of `large` bytes to `flood/will`.
fn connect(id: &str, large: usize) -> Vec<u8> {
    let mut body = b"\x00\x04MQTT\x04\x06\x00\x00".to_vec();
    put_field(&mut body, id.as_bytes());
    put_field(&mut body, b"flood/will");
    put_field(&mut body, &vec![b'w'; large]);
    framed(0x10, &body)
}

/// What is longer than its length can say follows all the same.
fn put_field(body: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    body.extend_from_slice(&length.to_be_bytes());
    body.extend_from_slice(bytes);
}
