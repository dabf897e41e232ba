//! QoS 2 by every identifier there is, again and again, and never a PUBREL.

use std::thread;

use surewire_load::wire::{Connect, PublishTemplate, Qos};

use super::each_of;
use crate::flood::aim::{Aim, Count, Deed};
use crate::flood::hostile::Hostile;

const THREADS: u64 = 4;
/// Messages of one write.
const BURST: u16 = 255;

pub(in crate::flood) fn flood(aim: &Aim<'_>) -> Deed {
    let count = Count::default();
    let template = PublishTemplate::new("flood", Qos::ExactlyOnce, 0, 16);
    thread::scope(|scope| {
        let mut held = each_of(aim, THREADS, aim.size(400, 100), |number| {
            let id = format!("publisher{number}");
            let connect = Connect { persistent: true, ..Connect::new(&id) };
            let mut hostile = Hostile::accepted(aim, &aim.target(number), &connect)?;
            hostile.discard(scope);
            send_all(&mut hostile, &template, &count).then_some(hostile)
        });
        while !aim.is_over() {
            held.retain_mut(|hostile| send_all(hostile, &template, &count));
            aim.rest();
        }
    });
    count.deed()
}

/// One message by every identifier.
fn send_all(hostile: &mut Hostile<'_>, template: &PublishTemplate, count: &Count) -> bool {
    (1..=u16::MAX).step_by(255).all(|first| {
        let mut burst = Vec::new();
        for id in first..first.saturating_add(BURST) {
            template.put(&mut burst, id, &[]);
        }
        count.did(u64::from(BURST));
        hostile.push(&burst)
    })
}
