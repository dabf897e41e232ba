//! When messages expire, by the broker's own clock: I13 for messages.

use std::collections::BTreeMap;
use std::time::Duration;

use surewire_engine::action::Delivery;
use surewire_engine::packet::Publish;
use surewire_engine::time::Time;

use super::number_in;

/// Seconds that a message may wait in the gate: longer than any disk hangs and any process stands
/// still, and shorter than clients stay away in the end.
const GATE: u32 = 65;

/// Messages that expire, by their number.
#[derive(Debug, Default)]
pub(super) struct Expiry(BTreeMap<u64, Interval>);

#[derive(Clone, Copy, Debug)]
struct Interval {
    seconds: u32,
    /// When the broker was given it first and last: it may have taken it at either.
    first: Time,
    last: Time,
}

impl Expiry {
    /// The broker was given a message.
    pub(super) fn took(&mut self, now: Time, publish: &Publish) {
        let Some(seconds) = publish.properties.get().message_expiry_interval else { return };
        let number = number_in(&publish.payload);
        if number == 0 {
            return;
        }
        let given = Interval { seconds, first: now, last: now };
        self.0.entry(number).or_insert(given).last = now;
    }

    /// A client is sent a message; what is wrong with that, if anything is.
    pub(super) fn sent(&self, now: Time, delivery: &Delivery) -> Result<(), String> {
        let number = number_in(&delivery.message.content().payload);
        let Some(given) = self.0.get(&number) else { return Ok(()) };
        let Interval { seconds, first, last } = *given;
        // What was begun is brought to its end. At QoS 1 and 2 that may have been before a crash.
        let begun = delivery.dup || seconds == 0;
        // It waits in the gate for its own record or another one, as long as the disk takes.
        let end = last + Duration::from_secs((seconds + GATE).into());
        if now > end && !begun {
            let late = (now - end).as_millis();
            return Err(format!("I13: message {number} was sent {late} ms too late"));
        }
        let left = |since: Time| {
            let waited = u32::try_from((now - since).as_secs()).unwrap_or(u32::MAX);
            seconds.saturating_sub(waited)
        };
        // A restart may have set the clock back in between.
        let (least, most) = (left(first.min(last)), left(first.max(last)));
        match delivery.expiry {
            // It is told when it leaves the gate.
            Some(told) if (least..=most).contains(&told) => Ok(()),
            told => {
                let [first, last] = [first, last].map(|at| (now - at).as_millis());
                let given = format!("given {first} ms ago, or {last}");
                Err(format!("I13: {number} of {seconds} s, {given}, has {told:?} s left"))
            }
        }
    }
}
