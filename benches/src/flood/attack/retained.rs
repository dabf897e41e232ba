//! Retained messages without end, and subscribers that want all of them again and again.

use std::thread;

use surewire_load::dial;
use surewire_load::wire::{Connect, Message, PublishTemplate, Qos, Version, subscribe_all};

use super::{each_of, hold};
use crate::flood::aim::{Aim, Count, Deed};
use crate::flood::hostile::Hostile;

const PUBLISHERS: u64 = 4;
const SUBSCRIBERS: u64 = 10;
const PAYLOAD: usize = 100;
/// Messages of one write.
const BURST: u64 = 64;

pub(in crate::flood) fn flood(aim: &Aim<'_>) -> Deed {
    let (count, each) = (Count::default(), aim.size(2_000_000, 500_000) / PUBLISHERS);
    thread::scope(|scope| {
        scope.spawn(|| want_all(aim));
        each_of(aim, PUBLISHERS, PUBLISHERS, |publisher| -> Option<()> {
            let id = format!("publisher{publisher}");
            let hostile = Hostile::accepted(aim, &aim.target(publisher), &Connect::new(&id));
            let Some(mut hostile) = hostile else {
                count.refused();
                return None;
            };
            for first in (0..each).step_by(64) {
                let mut burst = Vec::new();
                for number in first..first + BURST {
                    put(&mut burst, &format!("flood/{publisher}/{number}"));
                }
                if !hostile.push(&burst) {
                    return None;
                }
                count.did(BURST);
            }
            None
        });
        hold(aim, ());
    });
    count.deed()
}

fn put(out: &mut Vec<u8>, topic: &str) {
    let message = Message { retain: true, ..Message::new(topic, Qos::AtMostOnce) };
    PublishTemplate::of(&message, 0, PAYLOAD).put(out, 0, &[]);
}

/// Half of them read what they get, and ask for it again.
fn want_all(aim: &Aim<'_>) {
    thread::scope(|scope| {
        let all = subscribe_all(Version::V3_1_1, 1, &["#"], Qos::AtMostOnce);
        let mut held = each_of(aim, 1, SUBSCRIBERS, |number| {
            let id = format!("subscriber{number}");
            let mut hostile = Hostile::accepted(aim, &aim.target(number), &Connect::new(&id))?;
            dial::subscribe(hostile.stream(), "#", Qos::AtMostOnce).ok()?;
            if number % 2 == 0 {
                hostile.discard(scope);
            }
            Some((number, hostile))
        });
        while !aim.is_over() {
            held.retain_mut(|(number, hostile)| *number % 2 != 0 || hostile.push(&all));
            aim.rest();
        }
    });
}
