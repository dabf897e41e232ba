//! Publishers that send as fast as they are read.

use std::thread;

use surewire_load::wire::{Connect, PublishTemplate, Qos};

use super::each_of;
use crate::flood::aim::{Aim, Count};
use crate::flood::hostile::Hostile;

const THREADS: u64 = 2;
/// Messages of one write.
const BURST: u64 = 8;
/// Identifiers that take turns. They come around long after their PUBACK.
const IDENTIFIERS: u64 = 60_000;

/// Sends `messages` of `payload` bytes to `topics` in turn.
pub(super) fn publish(
    aim: &Aim<'_>,
    count: &Count,
    topics: &[String],
    qos: Qos,
    payload: usize,
    messages: u64,
) {
    let templates: Vec<_> =
        topics.iter().map(|topic| PublishTemplate::new(topic, qos, 0, payload)).collect();
    thread::scope(|scope| {
        each_of(aim, THREADS, THREADS, |thread| -> Option<()> {
            let id = format!("publisher{thread}");
            let hostile = Hostile::accepted(aim, &aim.target(thread), &Connect::new(&id));
            let Some(mut hostile) = hostile else {
                count.refused();
                return None;
            };
            hostile.discard(scope);
            let mut templates = templates.iter().cycle();
            let (mut burst, mut sent) = (Vec::new(), 0);
            while sent < messages / THREADS {
                burst.clear();
                for number in sent..sent + BURST {
                    let id = u16::try_from(number % IDENTIFIERS + 1).unwrap_or(1);
                    if let Some(template) = templates.next() {
                        template.put(&mut burst, id, &[]);
                    }
                }
                if !hostile.push(&burst) {
                    break;
                }
                sent += BURST;
                count.did(BURST);
            }
            None
        });
    });
}
