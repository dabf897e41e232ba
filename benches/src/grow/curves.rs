//! The curves. A further one is an entry in [`all`] and a function that measures one step.

use surewire_load::wire::Qos;
use surewire_load::{Error, Outcome, Pacing, Shape, Workload, scenario};

use crate::broker::Software;
use crate::compare::contender::{Choice, Contender};
use crate::compare::{self, rows, scenarios};
use crate::grow::{Bench, Curve, Failure, Figure, Slope};
use crate::idle;
use surewire_load::transport::{Route, Transport};

const CPU_EACH: Figure = Figure {
    name: "cpu_us_per_message",
    about: "us of CPU time per delivered message",
    log: true,
    slope: None,
};
const THROUGHPUT: Figure =
    Figure { name: "messages_per_second", about: "delivered messages/s", log: true, slope: None };

/// Every curve, in the order in which they run.
#[must_use]
pub fn all() -> Vec<Curve> {
    vec![CONNECTIONS, SUBSCRIBERS, SUBSCRIPTIONS, RETAINED, LEVELS, PAYLOAD, WORKERS]
}

const CONNECTIONS: Curve = Curve {
    name: "connections",
    about: "idle connections, each with one subscription",
    grows: "connections",
    steps: &[1_000, 2_000, 5_000, 10_000, 15_000, 19_000],
    quick: &[200, 500, 1_000],
    log: false,
    figures: &[
        Figure {
            name: "memory_bytes",
            about: "bytes of memory, the empty broker's included",
            log: false,
            slope: Some(Slope { factor: 1.0, unit: "bytes a connection" }),
        },
        Figure {
            name: "cpu_seconds",
            about: "CPU seconds to open and subscribe all",
            log: false,
            slope: Some(Slope { factor: 1e6, unit: "us a connection" }),
        },
    ],
    needs_all_cores: false,
    measure: connections,
};

const SUBSCRIBERS: Curve = Curve {
    name: "subscribers",
    about: "one publisher to many subscribers of one topic, QoS 0",
    grows: "subscribers",
    steps: &[1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000],
    quick: &[1, 10, 100],
    log: true,
    figures: &[CPU_EACH, THROUGHPUT],
    needs_all_cores: false,
    measure: subscribers,
};

const SUBSCRIPTIONS: Curve = Curve {
    name: "subscriptions",
    about: "100 publishers to one subscriber, QoS 0, under subscriptions that match nothing",
    grows: "further subscriptions",
    steps: &[1_000, 10_000, 100_000, 1_000_000, 5_000_000],
    quick: &[1_000, 10_000],
    log: true,
    figures: &[
        Figure {
            name: "memory_bytes",
            about: "bytes of memory, the empty broker's included",
            log: true,
            slope: Some(Slope { factor: 1.0, unit: "bytes a subscription" }),
        },
        CPU_EACH,
    ],
    needs_all_cores: false,
    measure: subscriptions,
};

const RETAINED: Curve = Curve {
    name: "retained",
    about: "retained messages of QoS 0, replayed to one subscriber",
    grows: "retained messages",
    steps: &[1_000, 10_000, 100_000, 1_000_000],
    quick: &[1_000, 10_000],
    log: true,
    figures: &[
        Figure {
            name: "memory_bytes",
            about: "bytes of memory, the empty broker's included",
            log: true,
            slope: Some(Slope { factor: 1.0, unit: "bytes a retained message" }),
        },
        Figure {
            name: "replayed_per_second",
            about: "messages replayed/s",
            log: true,
            slope: None,
        },
        Figure {
            name: "replay_cpu_us_per_message",
            about: "us of CPU time per replayed message",
            log: true,
            slope: None,
        },
    ],
    needs_all_cores: false,
    measure: retained,
};

const LEVELS: Curve = Curve {
    name: "levels",
    about: "100 publishers to one subscriber, QoS 0, topics of many levels",
    grows: "levels of the topic",
    steps: &[1, 2, 4, 8, 16, 32, 64],
    quick: &[1, 8, 64],
    log: true,
    figures: &[
        Figure { slope: Some(Slope { factor: 1e3, unit: "ns a level" }), ..CPU_EACH },
        THROUGHPUT,
    ],
    needs_all_cores: false,
    measure: levels,
};

const PAYLOAD: Curve = Curve {
    name: "payload",
    about: "100 pairs of publisher and subscriber, QoS 0",
    grows: "bytes of a payload",
    steps: &[20, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576],
    quick: &[20, 1_024, 65_536],
    log: true,
    figures: &[
        Figure { slope: Some(Slope { factor: 1e3, unit: "ns a byte" }), ..CPU_EACH },
        THROUGHPUT,
    ],
    needs_all_cores: false,
    measure: payload,
};

const WORKERS: Curve = Curve {
    name: "workers",
    about: "worker threads of Surewire, 100 pairs of QoS 0, nobody bound to a core",
    grows: "worker threads",
    steps: &[1, 2],
    quick: &[1, 2],
    log: false,
    figures: &[Figure { log: false, ..CPU_EACH }, Figure { log: false, ..THROUGHPUT }],
    needs_all_cores: true,
    measure: workers,
};

fn connections(bench: &Bench<'_>, at: u64) -> Result<Vec<f64>, Failure> {
    let running =
        compare::start(bench.contender, Transport::Tcp, bench.pinned)?.map_err(Failure::Broker)?;
    let (addr, process) = (running.addr(), running.process());
    let keep_alive = bench.contender.keep_alive_seconds();
    let row = idle::measure(&Route::from(addr), &process, small(at), keep_alive);
    let row = row.map_err(blamed)?;
    // With the empty broker's: the slope needs no zero.
    Ok(vec![to_f64(row.full_bytes), row.cpu_seconds])
}

fn subscribers(bench: &Bench<'_>, at: u64) -> Result<Vec<f64>, Failure> {
    load(bench, &rows::closed(Shape::Fanout, small(at), Qos::AtMostOnce, bench.time))
}

/// Memory in bytes, and CPU time per message in us.
fn subscriptions(bench: &Bench<'_>, at: u64) -> Result<Vec<f64>, Failure> {
    let usual = rows::closed(Shape::Fanin, 100, Qos::AtMostOnce, bench.time);
    let workload = Workload { filler_subscriptions: at, ..usual };
    if bench.contender.is_relay() || (at > 1_000_000 && !takes_millions(bench.contender)) {
        return Err(Failure::NotApplicable);
    }
    let outcome = outcome(bench, &workload)?;
    let memory = outcome.filler.and_then(|filler| filler.memory).ok_or_else(unknown)?;
    Ok(vec![to_f64(memory.after_bytes), cpu_us(&outcome)?])
}

/// Whether it needs little enough for a subscription: rumqttd takes 6 KiB, and millions of them the
/// machine's memory.
fn takes_millions(contender: &Contender) -> bool {
    match contender {
        Contender::Started { choice, .. } => {
            matches!(choice.software, Software::Surewire | Software::Mosquitto)
        }
        Contender::External(_) => true,
    }
}

/// Memory in bytes, messages replayed a second, and CPU time per replayed message in us.
fn retained(bench: &Bench<'_>, at: u64) -> Result<Vec<f64>, Failure> {
    if bench.contender.is_relay() {
        return Err(Failure::NotApplicable);
    }
    let running =
        compare::start(bench.contender, Transport::Tcp, bench.pinned)?.map_err(Failure::Broker)?;
    let subject = scenarios::subject(bench.contender, &running);
    let outcome = scenario::retained::run(&subject, &scenarios::of_retained(at));
    let outcome = outcome.map_err(blamed)?;
    if !outcome.tally.is_clean() {
        return Err(Failure::Broker(format!("{:?}", outcome.tally)));
    }
    let memory = outcome.memory.ok_or_else(unknown)?;
    let replayed = outcome.replayed;
    let per_cpu_second = replayed.per_cpu_second.ok_or_else(unknown)?;
    Ok(vec![to_f64(memory.after_bytes), replayed.per_second, 1e6 / per_cpu_second])
}

fn levels(bench: &Bench<'_>, at: u64) -> Result<Vec<f64>, Failure> {
    let usual = rows::closed(Shape::Fanin, 100, Qos::AtMostOnce, bench.time);
    let topic_levels = Some(u8::try_from(at).unwrap_or(u8::MAX));
    load(bench, &Workload { topic_levels, ..usual })
}

fn payload(bench: &Bench<'_>, at: u64) -> Result<Vec<f64>, Failure> {
    let usual = rows::closed(Shape::Pairs, 100, Qos::AtMostOnce, bench.time);
    let payload = usize::try_from(at).unwrap_or(usize::MAX);
    let pairs = u64::from(usual.clients);
    // A few packets of each pair under way, and at most 512 KiB: beyond 1 MiB a slow subscriber
    // is sent nothing more at QoS 0.
    let each = ((512 << 10) / at).clamp(1, Workload::OUTSTANDING / pairs);
    let (outstanding, burst) = (each * pairs, each.min(Workload::BURST));
    load(bench, &Workload { payload, pacing: Pacing::Closed { outstanding, burst }, ..usual })
}

fn workers(bench: &Bench<'_>, at: u64) -> Result<Vec<f64>, Failure> {
    let Contender::Started { choice, program } = bench.contender else {
        return Err(Failure::NotApplicable);
    };
    if choice.software != Software::Surewire {
        return Err(Failure::NotApplicable);
    }
    let choice = Choice { workers: Some(small(at)), ..*choice };
    let contender = Contender::Started { choice, program: program.clone() };
    let workload = rows::closed(Shape::Pairs, 100, Qos::AtMostOnce, bench.time);
    load(&Bench { contender: &contender, ..*bench }, &workload)
}

/// CPU time per message in us, and messages a second.
fn load(bench: &Bench<'_>, workload: &Workload) -> Result<Vec<f64>, Failure> {
    let outcome = outcome(bench, workload)?;
    Ok(vec![cpu_us(&outcome)?, outcome.messages_per_second()])
}

/// What a load showed, if each message arrived once and in order.
fn outcome(bench: &Bench<'_>, workload: &Workload) -> Result<Outcome, Failure> {
    let outcome = compare::measure(bench.contender, workload, Transport::Tcp, bench.pinned)?;
    let outcome = outcome.map_err(Failure::Broker)?;
    if !outcome.tally.is_clean() {
        return Err(Failure::Broker(format!("{:?}", outcome.tally)));
    }
    Ok(outcome)
}

fn cpu_us(outcome: &Outcome) -> Result<f64, Failure> {
    outcome.messages_per_cpu_second().map(|rate| 1e6 / rate).ok_or_else(unknown)
}

fn unknown() -> Failure {
    Failure::Broker("its CPU time and memory are not known".into())
}

/// A broker that runs is to blame for most errors.
fn blamed(error: Error) -> Failure {
    match compare::blame(error) {
        Ok(why) => Failure::Broker(why),
        Err(ours) => Failure::Ours(ours),
    }
}

fn small(at: u64) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "exact to 2^53 bytes")]
const fn to_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_have_names_of_their_own_and_steps_that_ascend() {
        let curves = all();
        for curve in &curves {
            assert_eq!(curves.iter().filter(|it| it.name == curve.name).count(), 1);
            for steps in [curve.steps, curve.quick] {
                assert!(steps.len() >= 2 && steps.is_sorted(), "{}", curve.name);
            }
            assert!(!curve.figures.is_empty(), "{}", curve.name);
        }
    }
}
