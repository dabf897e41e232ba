//! Receivers at QoS 1 for which everything is kept: their clients are away, or never acknowledge.

use std::thread;

use surewire_load::dial;
use surewire_load::wire::{Connect, Qos};

use super::publishers::publish;
use super::{each_of, hold};
use crate::flood::aim::{Aim, Count, Deed};
use crate::flood::hostile::Hostile;

const THREADS: u64 = 4;
const PAYLOAD: usize = 4_096;

/// Persistent sessions whose clients have left.
pub(in crate::flood) fn flood_offline(aim: &Aim<'_>) -> Deed {
    let receivers = receivers(aim);
    each_of(aim, THREADS, receivers, |number| -> Option<()> {
        let mut receiver = receiver(aim, number)?;
        dial::leave(receiver.stream()).ok()
    });
    fill(aim, receivers)
}

/// Clients that are there, and read, and never send a PUBACK.
pub(in crate::flood) fn flood_unacknowledged(aim: &Aim<'_>) -> Deed {
    let receivers = receivers(aim);
    thread::scope(|scope| {
        let held = each_of(aim, THREADS, receivers, |number| {
            let receiver = receiver(aim, number)?;
            receiver.discard(scope);
            Some(receiver)
        });
        let deed = fill(aim, receivers);
        drop(held);
        deed
    })
}

fn receivers(aim: &Aim<'_>) -> u64 {
    aim.size(500, 100)
}

/// A client with a persistent session that is subscribed to a topic of its own.
fn receiver<'a>(aim: &'a Aim<'a>, number: u64) -> Option<Hostile<'a>> {
    let id = format!("receiver{number}");
    let connect = Connect { persistent: true, ..Connect::new(&id) };
    let mut receiver = Hostile::accepted(aim, &aim.target(number), &connect)?;
    dial::subscribe(receiver.stream(), &topic(number), Qos::AtLeastOnce).ok()?;
    Some(receiver)
}

/// Some four times what the memory limit allows, if all of it is kept.
fn fill(aim: &Aim<'_>, receivers: u64) -> Deed {
    let count = Count::default();
    let topics: Vec<_> = (0..receivers).map(topic).collect();
    publish(aim, &count, &topics, Qos::AtLeastOnce, PAYLOAD, aim.size(500_000, 100_000));
    hold(aim, ());
    count.deed()
}

fn topic(number: u64) -> String {
    format!("flood/{number}")
}
