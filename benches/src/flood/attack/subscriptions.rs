//! Subscriptions without end: plain ones, and in share groups.

use std::thread;

use surewire_load::wire::{Connect, PublishTemplate, Qos, Version, subscribe_all};

use super::{each_of, hold};
use crate::flood::aim::{Aim, Count, Deed};
use crate::flood::hostile::Hostile;

/// Filters of a client, within what it may have.
const EACH: u64 = 50_000;
/// Filters of a SUBSCRIBE.
const BATCH: u64 = 500;
const THREADS: u64 = 4;

pub(in crate::flood) fn flood(aim: &Aim<'_>) -> Deed {
    subscribe(aim, |client, number| format!("flood/{client}/{number}/+/x"))
}

/// All groups share one filter: each message is delivered to all of them.
pub(in crate::flood) fn flood_groups(aim: &Aim<'_>) -> Deed {
    thread::scope(|scope| {
        scope.spawn(|| publish_to_all(aim));
        subscribe(aim, |client, number| format!("$share/{client}x{number}/flood"))
    })
}

fn subscribe(aim: &Aim<'_>, filter: impl Fn(u64, u64) -> String + Sync) -> Deed {
    let (count, clients) = (Count::default(), aim.size(2_000_000, 400_000).div_ceil(EACH));
    thread::scope(|scope| {
        let held = each_of(aim, THREADS, clients, |client| {
            let id = format!("subscriber{client}");
            let hostile = Hostile::accepted(aim, &aim.target(client), &Connect::new(&id));
            let Some(mut hostile) = hostile else {
                count.refused();
                return None;
            };
            hostile.discard(scope);
            for batch in 0..EACH / BATCH {
                let filters = (batch * BATCH..(batch + 1) * BATCH).map(|n| filter(client, n));
                let filters: Vec<_> = filters.collect();
                let packet = subscribe_all(Version::V3_1_1, 1, &filters, Qos::AtMostOnce);
                if !hostile.push(&packet) {
                    break;
                }
                count.did(BATCH);
            }
            Some(hostile)
        });
        hold(aim, held);
    });
    count.deed()
}

/// A message now and then, which every group gets.
fn publish_to_all(aim: &Aim<'_>) {
    let publisher = Hostile::accepted(aim, &aim.target(0), &Connect::new("publisher"));
    let Some(mut publisher) = publisher else { return };
    let mut packet = Vec::new();
    PublishTemplate::new("flood", Qos::AtMostOnce, 0, 100).put(&mut packet, 0, &[]);
    while publisher.push(&packet) {
        aim.rest();
    }
}
