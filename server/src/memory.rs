//! How short memory is: measured, and told to the engine, which does something about it.

use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::time::Duration;

use surewire_engine::event::Memory;
use tokio::time::sleep;

use crate::core::Poisoned;
use crate::environment::Environment;
use crate::shared::Shared;

/// No broker fills memory faster than this, in bytes a second: so the next look can wait for as
/// long as it takes to get to the next stage.
const FASTEST: u64 = 1 << 30;

/// Bounds of that.
const SOONEST: Duration = Duration::from_millis(1);
const LATEST: Duration = Duration::from_secs(1);

/// From one look to the next once the last stage has begun.
const LAST: Duration = Duration::from_millis(10);

/// Looks how much memory there is in use, as often as it can change much, for ever.
pub(crate) async fn watch(shared: &Shared, environment: &dyn Environment) -> Infallible {
    match shared.settings.memory_limit {
        Some(limit) => watch_limit(shared, environment, limit).await,
        None => std::future::pending().await,
    }
}

async fn watch_limit(shared: &Shared, environment: &dyn Environment, limit: u64) -> Infallible {
    let mut told = Memory::Enough;
    loop {
        let in_use = in_use(environment, limit, told);
        let stage = stage(in_use, limit, told);
        if stage != told {
            told = stage;
            shared.most_unfinished.store(most_unfinished(stage), Ordering::Relaxed);
            shared.strangers.get_one_in(strangers_share(stage));
            if let Err(Poisoned) = shared.core.memory_is(stage) {
                // `run` is being told.
                return std::future::pending().await;
            }
        }
        sleep(until_next_look(in_use, limit)).await;
    }
}

/// What the process takes. Where that makes a difference, what was freed is given back first: nobody is to
/// be stopped for pages that nothing is in.
fn in_use(environment: &dyn Environment, limit: u64, told: Memory) -> u64 {
    // Without a figure nothing is known to be short.
    let look = || environment.memory_in_use().unwrap_or_default();
    let in_use = look();
    if stage(in_use, limit, told) == Memory::Enough {
        return in_use;
    }
    environment.release_memory();
    look()
}

/// Per cent of the limit from which on each stage holds.
const STAGES: [(u64, Memory); 3] =
    [(95, Memory::NoPublishers), (90, Memory::NoQueuedQos0), (80, Memory::NoNewSessions)];

/// A stage ends so many per cent below where it began, so that it does not come and go.
const SLACK: u64 = 2;

fn stage(in_use: u64, limit: u64, before: Memory) -> Memory {
    let holds = |(from, stage): &(u64, Memory)| {
        let from = if *stage <= before { from - SLACK } else { *from };
        in_use >= limit / 100 * from
    };
    STAGES.iter().find(|stage| holds(stage)).map_or(Memory::Enough, |(_, stage)| *stage)
}

/// Bytes of a packet that is not whole yet up to which it is read on. Thousands of large packets that never
/// end must not take what is left until everybody waits.
fn most_unfinished(stage: Memory) -> usize {
    match stage {
        Memory::Enough | Memory::NoNewSessions => usize::MAX,
        Memory::NoQueuedQos0 => 64 * 1024,
        Memory::NoPublishers => 512,
    }
}

/// Clients that are not accepted yet may keep one in so many bytes of what they may usually keep: an eighth of
/// the limit would take it from one stage beyond the next but one.
fn strangers_share(stage: Memory) -> u64 {
    match stage {
        Memory::Enough => 1,
        Memory::NoNewSessions => 2,
        Memory::NoQueuedQos0 => 4,
        Memory::NoPublishers => 8,
    }
}

fn until_next_look(in_use: u64, limit: u64) -> Duration {
    let begins = STAGES.iter().map(|(from, _)| limit / 100 * from);
    match begins.filter(|begin| *begin > in_use).min() {
        Some(begin) => {
            let left = (begin - in_use).min(FASTEST);
            Duration::from_millis(left * 1_000 / FASTEST).clamp(SOONEST, LATEST)
        }
        // Nothing is left to be done about it.
        None => LAST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: section 8
    #[test]
    fn stages_begin_at_80_90_and_95_per_cent() {
        for (in_use, expected) in [
            (0, Memory::Enough),
            (799, Memory::Enough),
            (800, Memory::NoNewSessions),
            (899, Memory::NoNewSessions),
            (900, Memory::NoQueuedQos0),
            (949, Memory::NoQueuedQos0),
            (950, Memory::NoPublishers),
            (5_000, Memory::NoPublishers),
        ] {
            assert_eq!(stage(in_use, 1_000, Memory::Enough), expected, "{in_use} of 1000");
        }
    }

    #[test]
    fn a_stage_ends_a_little_below_where_it_began() {
        assert_eq!(stage(930, 1_000, Memory::NoPublishers), Memory::NoPublishers);
        assert_eq!(stage(929, 1_000, Memory::NoPublishers), Memory::NoQueuedQos0);
        assert_eq!(stage(780, 1_000, Memory::NoNewSessions), Memory::NoNewSessions);
        assert_eq!(stage(779, 1_000, Memory::NoNewSessions), Memory::Enough);
        assert_eq!(stage(930, 1_000, Memory::NoNewSessions), Memory::NoQueuedQos0);
    }

    #[test]
    fn the_less_memory_the_shorter_are_packets_that_are_read_on() {
        assert_eq!(most_unfinished(Memory::Enough), usize::MAX);
        assert_eq!(most_unfinished(Memory::NoNewSessions), usize::MAX);
        assert_eq!(most_unfinished(Memory::NoQueuedQos0), 65_536);
        assert_eq!(most_unfinished(Memory::NoPublishers), 512);
    }

    #[test]
    fn looks_are_the_more_frequent_the_less_is_left() {
        assert_eq!(until_next_look(0, 16 << 30), Duration::from_secs(1));
        assert_eq!(until_next_look(0, 500 << 20), Duration::from_millis(390));
        assert_eq!(until_next_look(390 << 20, 500 << 20), Duration::from_millis(9));
        assert_eq!(until_next_look(430 << 20, 500 << 20), Duration::from_millis(19));
        assert_eq!(until_next_look(474 << 20, 500 << 20), Duration::from_millis(1));
        assert_eq!(until_next_look(600 << 20, 500 << 20), Duration::from_millis(10));
    }
}
