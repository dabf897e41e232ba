//! TLS: hand-shakes that cost the broker a signature each, and others that never end.

use super::each_of;
use crate::flood::aim::{Aim, Count, Deed};
use crate::flood::hostile::Hostile;

const THREADS: u64 = 4;
/// A ClientHello of 60,000 bytes, of which three records of 16 KiB come.
const CLAIM: [u8; 4] = [1, 0, 0xea, 0x60];
const RECORD: [u8; 5] = [0x16, 3, 1, 0x40, 0];

pub(in crate::flood) fn flood(aim: &Aim<'_>) -> Deed {
    let count = Count::default();
    let half = half_hello();
    let begin = |number: u64| {
        let hostile = Hostile::open(aim, &aim.target(number));
        let begun = hostile.and_then(|mut hostile| hostile.push(&half).then_some(hostile));
        if begun.is_some() {
            count.did(1)
        } else {
            count.refused()
        }
        begun
    };
    let held = each_of(aim, THREADS, aim.size(4_000, 1_500), begin);
    each_of(aim, THREADS, THREADS, |thread| -> Option<()> {
        for number in (thread..).step_by(4).take_while(|_| !aim.is_over()) {
            let whole = aim.route.open_by(&aim.target(number));
            if whole.is_ok() { count.did(1) } else { count.refused() }
        }
        None
    });
    drop(held);
    count.deed()
}

fn half_hello() -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 0..3 {
        bytes.extend_from_slice(&RECORD);
        let head = if number == 0 { &CLAIM[..] } else { &[] };
        bytes.extend_from_slice(head);
        bytes.resize(bytes.len() + 0x4000 - head.len(), b'x');
    }
    bytes
}
