//! What is no flow of messages: things that a broker keeps, and clients that come and go.

use std::time::Duration;

use surewire_load::scenario::{churn, hold, queue, retained};
use surewire_load::transport::Transport;
use surewire_load::wire::{Qos, Version};
use surewire_load::{Cost, Error, Memory, Subject, Workload};

use crate::compare::contender::{Contender, Running};
use crate::compare::{blame, start};
use crate::stats::Spread;

/// The figures of a run, in the order in which they are named; nothing for one that is unknown.
pub type Values = Vec<Option<f64>>;

/// One scenario, in the size that goes with runs of [`Scenario::USUAL_TIME`].
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// The name on the command line.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// What is measured, in the order that its run returns it.
    pub figures: &'static [&'static str],
    /// How many things it does.
    pub count: u32,
    run: fn(&Subject, u32) -> Result<Values, Error>,
}

/// One run of one scenario at one broker.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Place of the scenario in the plan.
    pub scenario: usize,
    /// Place of the broker in the plan.
    pub contender: usize,
    /// Which repetition.
    pub round: u32,
    /// The figures, or why there are none, for people.
    pub result: Result<Values, String>,
}

/// Every scenario.
pub const ALL: [Scenario; 4] = [
    Scenario {
        name: "retained",
        about: "100,000 retained messages, QoS 0: stored, then replayed to one subscriber",
        figures: &[
            "messages stored per CPU s",
            "messages replayed per CPU s",
            "messages replayed/s",
            "bytes a retained message",
        ],
        count: 100_000,
        run: retained,
    },
    Scenario {
        name: "queue",
        about: "100,000 messages of QoS 1 for 10 sessions that are away and then come back",
        figures: &[
            "messages in per CPU s",
            "messages in/s",
            "messages out per CPU s",
            "messages out/s",
            "bytes a queued message",
        ],
        count: 100_000,
        run: queue,
    },
    Scenario {
        name: "churn",
        about: "20,000 times connect, subscribe, disconnect: 1,000 persistent sessions, 50 at once",
        figures: &["CPU us a cycle", "cycles/s"],
        count: 20_000,
        run: churn,
    },
    Scenario {
        name: "connect",
        about: "10,000 connections one after another, held with a subscription each",
        figures: &["CPU us a connection", "connections/s", "bytes a connection"],
        count: 10_000,
        run: connect,
    },
];

impl Scenario {
    /// The time of a run of messages with which a scenario has its full size.
    pub const USUAL_TIME: Duration = Duration::from_secs(2);

    /// The scenario in a size for runs of `time`, at most its full one: shorter runs do less.
    #[must_use]
    pub fn sized(self, time: Duration) -> Self {
        let share = time.as_secs_f64() / Self::USUAL_TIME.as_secs_f64();
        Self { count: scaled(self.count, share), ..self }
    }

    /// Runs it at a broker, which is started afresh. The inner error is the broker's own.
    ///
    /// # Errors
    /// What is no broker's fault.
    pub fn measure(
        &self,
        contender: &Contender,
        pinned: bool,
    ) -> Result<Result<Values, String>, Error> {
        let running = match start(contender, Transport::Tcp, pinned)? {
            Ok(running) => running,
            Err(why) => return Ok(Err(why)),
        };
        match (self.run)(&subject(contender, &running), self.count) {
            Ok(figures) => Ok(Ok(figures)),
            Err(error) => blame(error).map(Err),
        }
    }
}

/// The median and range of a figure over the runs at one broker; nothing if one of them failed.
#[must_use]
pub fn spread(
    readings: &[Reading],
    scenario: usize,
    contender: usize,
    figure: usize,
) -> Option<Spread> {
    let of =
        || readings.iter().filter(move |it| (it.scenario, it.contender) == (scenario, contender));
    if of().any(|reading| reading.result.is_err()) {
        return None;
    }
    let figures = of().filter_map(|it| *it.result.as_ref().ok()?.get(figure)?);
    Spread::of(&figures.collect::<Vec<_>>())
}

/// A broker that runs, as the generator sees it.
#[must_use]
pub fn subject(contender: &Contender, running: &Running) -> Subject {
    Subject {
        route: running.addr().into(),
        process: Some(running.process()),
        version: Version::V3_1_1,
        keep_alive_seconds: contender.keep_alive_seconds(),
        patience: Workload::PATIENCE,
    }
}

fn retained(subject: &Subject, count: u32) -> Result<Values, Error> {
    let outcome = retained::run(subject, &of_retained(count.into()))?;
    clean(outcome.tally.is_clean(), &outcome.tally)?;
    let (stored, replayed) = (outcome.stored, outcome.replayed);
    let (rate, memory) = (Some(replayed.per_second), each(outcome.memory));
    Ok(vec![stored.per_cpu_second, replayed.per_cpu_second, rate, memory])
}

/// So many retained messages as they usually are.
#[must_use]
pub const fn of_retained(messages: u64) -> retained::Plan {
    let (payload, window) = (Workload::PAYLOAD, Workload::WINDOW);
    retained::Plan { messages, qos: Qos::AtMostOnce, payload, window }
}

fn queue(subject: &Subject, count: u32) -> Result<Values, Error> {
    let (payload, window) = (Workload::PAYLOAD, Workload::WINDOW);
    let plan = queue::Plan { messages: count.into(), sessions: 10, payload, window };
    let outcome = queue::run(subject, &plan)?;
    clean(outcome.tally.is_clean(), &outcome.tally)?;
    let both = |cost: Cost| [cost.per_cpu_second, Some(cost.per_second)];
    let rates = [both(outcome.queued), both(outcome.drained)].concat();
    Ok([rates, vec![each(outcome.memory)]].concat())
}

fn churn(subject: &Subject, count: u32) -> Result<Values, Error> {
    // Every session must come back, in a small run too.
    let sessions = u64::from(count / 2).clamp(1, 1_000);
    let at_once = sessions.min(50);
    let plan = churn::Plan { cycles: count.into(), sessions, at_once, qos: Qos::AtLeastOnce };
    let outcome = churn::run(subject, &plan)?;
    let (forgotten, unexpected) = (outcome.forgotten, outcome.unexpected);
    clean(outcome.is_clean(), &format!("sessions forgotten {forgotten}, unexpected {unexpected}"))?;
    Ok(vec![cpu_us(outcome.cycled), Some(outcome.cycled.per_second)])
}

fn connect(subject: &Subject, count: u32) -> Result<Values, Error> {
    let outcome = hold::run(subject, &hold::Plan { connections: count })?;
    let connected = outcome.connected;
    Ok(vec![cpu_us(connected), Some(connected.per_second), each(outcome.memory)])
}

fn clean(is_clean: bool, told: &dyn std::fmt::Debug) -> Result<(), Error> {
    if is_clean { Ok(()) } else { Err(Error::Broker(format!("{told:?}"))) }
}

fn cpu_us(cost: Cost) -> Option<f64> {
    cost.per_cpu_second.map(|rate| 1e6 / rate)
}

/// Bytes of each thing; unknown where the broker had room left.
#[expect(clippy::cast_precision_loss, reason = "exact to 2^53 bytes")]
fn each(memory: Option<Memory>) -> Option<f64> {
    memory.map(|memory| memory.bytes_each as f64).filter(|bytes| *bytes > 0.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounding down is meant, and a share of a count is one"
)]
fn scaled(count: u32, share: f64) -> u32 {
    let least = count / 100;
    ((f64::from(count) * share.clamp(0.0, 1.0)) as u32).max(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_run_does_less_and_a_long_one_no_more() {
        let [retained, .., connect] = ALL;
        assert_eq!(retained.sized(Duration::from_secs(1)).count, 50_000);
        assert_eq!(retained.sized(Duration::ZERO).count, 1_000);
        assert_eq!(connect.sized(Duration::from_secs(60)).count, 10_000);
    }

    #[test]
    fn a_failure_takes_the_figures_of_its_scenario_and_broker_only() {
        let reading = |contender, result| Reading { scenario: 0, contender, round: 0, result };
        let readings = [
            reading(0, Ok(vec![Some(3.0), None])),
            reading(1, Ok(vec![Some(5.0), None])),
            reading(1, Err("closed".into())),
        ];
        assert_eq!(spread(&readings, 0, 0, 0).map(|it| it.median), Some(3.0));
        assert_eq!(spread(&readings, 0, 0, 1), None);
        assert_eq!(spread(&readings, 0, 1, 0), None);
        assert_eq!(spread(&readings, 1, 0, 0), None);
    }
}
