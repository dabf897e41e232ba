//! Packets of MQTT 5.0 that are full of User Properties.

use std::thread;

use surewire_load::dial;
use surewire_load::wire::{Connect, Message, PublishTemplate, Qos, Version};

use super::{each_of, hold};
use crate::flood::aim::{Aim, Count, Deed};
use crate::flood::hostile::Hostile;

const PUBLISHERS: u64 = 4;
const SUBSCRIBERS: u64 = 20;
/// The most that a packet may have.
const MOST: u16 = 1_000;
const TOPIC: &str = "flood";

pub(in crate::flood) fn flood(aim: &Aim<'_>) -> Deed {
    let count = Count::default();
    let message = Message {
        version: Version::V5,
        user_properties: MOST,
        ..Message::new(TOPIC, Qos::AtMostOnce)
    };
    let mut packet = Vec::new();
    PublishTemplate::of(&message, 0, 0).put(&mut packet, 0, &[]);
    thread::scope(|scope| {
        let held = each_of(aim, 1, SUBSCRIBERS, |number| {
            let mut hostile = accepted(aim, &format!("subscriber{number}"), number)?;
            let filters = [TOPIC];
            let stream = hostile.stream();
            dial::subscribe_all(stream, Version::V5, &filters, Qos::AtMostOnce).ok()?;
            hostile.discard(scope);
            Some(hostile)
        });
        each_of(aim, PUBLISHERS, PUBLISHERS, |number| -> Option<()> {
            let mut hostile = accepted(aim, &format!("publisher{number}"), number)?;
            while hostile.push(&packet) {
                count.did(1);
            }
            count.refused();
            None
        });
        hold(aim, held);
    });
    count.deed()
}

fn accepted<'a>(aim: &'a Aim<'a>, id: &str, number: u64) -> Option<Hostile<'a>> {
    let connect = Connect { version: Version::V5, ..Connect::new(id) };
    Hostile::accepted(aim, &aim.target(number), &connect)
}
