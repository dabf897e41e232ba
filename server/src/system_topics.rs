//! What the broker tells of itself below `$SYS`, under the names that mosquitto's users know.
//!
//! `values` says what is told and `load` how it moves, both without a clock; here is the timer.

mod load;
mod values;

use std::sync::Arc;
use std::time::Duration;

use surewire_engine::request::{Command, Request};
use tokio::time::{MissedTickBehavior, interval};

use crate::core::Poisoned;
use crate::shared::Shared;

use values::{Reading, SystemTopics};

/// Publishes what has changed, at once and then every `period`, for ever.
pub(crate) async fn publish(shared: Arc<Shared>, period: Duration) {
    let Poisoned = publish_while_it_works(&shared, period).await;
    // `run` is being told that the engine failed. Ending here could come first, and look like a
    // fault of this task.
    std::future::pending().await
}

async fn publish_while_it_works(shared: &Shared, period: Duration) -> Poisoned {
    let started = shared.core.now();
    let mut topics = SystemTopics::default();
    let mut due = interval(period);
    // Late ones are not made up for: nobody needs two values at once.
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        let Ok(reading) = read(shared) else { return Poisoned };
        let changed = topics.update(reading.at - started, &reading);
        // One by one: a step of all of them would be long where many subscribe to them.
        for (topic, payload) in changed {
            let order = Request::Command(Command::PublishSystem { topic, payload });
            if shared.core.ask(order).await.is_err() {
                return Poisoned;
            }
        }
    }
}

fn read(shared: &Shared) -> Result<Reading, Poisoned> {
    let snapshot = shared.core.snapshot()?;
    Ok(Reading {
        at: snapshot.at,
        numbers: snapshot.numbers,
        traffic: shared.traffic(),
        durability: shared.settings.durability,
        full: snapshot.stored.full,
        sockets: shared.accepted(),
    })
}
