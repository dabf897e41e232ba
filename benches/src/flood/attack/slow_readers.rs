//! Receivers that never read, and messages for all of them.

use surewire_load::dial::{self, Target};
use surewire_load::wire::{Connect, Qos};

use super::publishers::publish;
use super::{each_of, hold};
use crate::flood::aim::{Aim, Count, Deed};
use crate::flood::hostile::Hostile;

const THREADS: u64 = 4;
const TOPIC: &str = "flood";
const PAYLOAD: usize = 16 << 10;

pub(in crate::flood) fn flood(aim: &Aim<'_>) -> Deed {
    let count = Count::default();
    let held = each_of(aim, THREADS, aim.size(1_000, 250), |number| {
        let id = format!("slow{number}");
        // The smallest buffer that the system gives.
        let target = Target { receive_buffer: Some(1), ..aim.target(number) };
        let mut reader = Hostile::accepted(aim, &target, &Connect::new(&id))?;
        dial::subscribe(reader.stream(), TOPIC, Qos::AtMostOnce).ok()?;
        Some(reader)
    });
    publish(aim, &count, &[TOPIC.into()], Qos::AtMostOnce, PAYLOAD, u64::MAX);
    hold(aim, held);
    count.deed()
}
