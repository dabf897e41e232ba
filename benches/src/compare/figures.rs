//! Medians and ratios out of the runs. A row in which a broker failed has no figures of it.

use surewire_load::{Latency, Outcome};

use crate::compare::scenarios::Reading;
use crate::compare::{Plan, Sample};
use crate::stats::Spread;

/// One of the percentiles of a delay, in us.
pub type Percentile = fn(&Latency) -> f64;

/// The runs of a plan, to be asked by row and broker, both by their place in the plan.
#[derive(Debug, Clone, Copy)]
pub struct Figures<'a> {
    /// What was to be run.
    pub plan: &'a Plan,
    /// What has been run of the loads.
    pub samples: &'a [Sample],
    /// What has been run of the scenarios.
    pub readings: &'a [Reading],
}

impl<'a> Figures<'a> {
    /// The runs of one broker in one row.
    pub fn of(self, row: usize, contender: usize) -> impl Iterator<Item = &'a Sample> {
        let mine = move |sample: &&Sample| sample.row == row && sample.contender == contender;
        self.samples.iter().filter(mine)
    }

    /// What went wrong first, if anything did, in a word or two.
    #[must_use]
    pub fn failure(self, row: usize, contender: usize) -> Option<String> {
        self.of(row, contender).find_map(failure)
    }

    /// Delivered messages per CPU second.
    #[must_use]
    pub fn rate(self, row: usize, contender: usize) -> Option<Spread> {
        self.spread(row, contender, Outcome::messages_per_cpu_second)
    }

    /// CPU seconds per million delivered messages.
    #[must_use]
    pub fn cost(self, row: usize, contender: usize) -> Option<Spread> {
        self.spread(row, contender, cost)
    }

    /// One of the percentiles of the delay in us.
    #[must_use]
    pub fn delay(self, row: usize, contender: usize, percentile: Percentile) -> Option<Spread> {
        self.spread(row, contender, |outcome| outcome.latency.as_ref().map(percentile))
    }

    /// CPU time per message of one broker over that of another. A ratio is taken within each
    /// round, whose runs lie close together in time, so it is steadier than the figures.
    #[must_use]
    pub fn cost_ratio(self, row: usize, this: usize, other: usize) -> Option<Spread> {
        if self.failure(row, this).is_some() || self.failure(row, other).is_some() {
            return None;
        }
        let ratios = self.of(row, this).filter_map(|sample| {
            let in_round = self.of(row, other).find(|it| it.round == sample.round)?;
            Some(cost(sample.outcome()?)? / cost(in_round.outcome()?)?)
        });
        Spread::of(&ratios.collect::<Vec<_>>())
    }

    /// Messages per CPU second of the first broker over those of another, as
    /// [`Figures::cost_ratio`].
    #[must_use]
    pub fn first_to(self, row: usize, other: usize) -> Option<Spread> {
        self.cost_ratio(row, other, 0)
    }

    /// CPU time per message in multiples of that of the relay; nothing without a relay.
    #[must_use]
    pub fn times_relay(self, row: usize, contender: usize) -> Option<Spread> {
        self.relay().and_then(|relay| self.cost_ratio(row, contender, relay))
    }

    /// The place of the relay, if it runs.
    #[must_use]
    pub fn relay(self) -> Option<usize> {
        self.plan.contenders.iter().position(|it| it.is_relay())
    }

    /// Whether in every row that is not paced the first broker delivers `bar` times the messages
    /// per CPU second of every other broker, and has failed in no row.
    #[must_use]
    pub fn reaches(self, bar: f64) -> bool {
        let rows = || self.plan.rows.iter().enumerate();
        let clean = rows().all(|(row, _)| self.failure(row, 0).is_none());
        let others = || 1..self.plan.contenders.len();
        let closed = rows().filter(|(_, row)| !row.is_paced());
        let mut ratios =
            closed.flat_map(|(row, _)| others().filter_map(move |other| self.first_to(row, other)));
        clean && ratios.all(|ratio| ratio.median >= bar)
    }

    /// What the further subscriptions of a row took the broker each: bytes, and us of CPU time.
    #[must_use]
    pub fn filler(self, row: usize, contender: usize) -> [Option<Spread>; 2] {
        let bytes = |outcome: &Outcome| outcome.filler?.memory.map(|it| to_f64(it.bytes_each));
        let cpu = |outcome: &Outcome| Some(1e6 / outcome.filler?.subscribed.per_cpu_second?);
        [self.spread(row, contender, bytes), self.spread(row, contender, cpu)]
    }

    fn spread(
        self,
        row: usize,
        contender: usize,
        figure: impl Fn(&Outcome) -> Option<f64>,
    ) -> Option<Spread> {
        if self.failure(row, contender).is_some() {
            return None;
        }
        let figures = self.of(row, contender).filter_map(|sample| figure(sample.outcome()?));
        Spread::of(&figures.collect::<Vec<_>>())
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact to 2^53 bytes")]
const fn to_f64(bytes: u64) -> f64 {
    bytes as f64
}

/// CPU seconds per million messages.
fn cost(outcome: &Outcome) -> Option<f64> {
    outcome.messages_per_cpu_second().map(|rate| 1e6 / rate)
}

fn failure(sample: &Sample) -> Option<String> {
    let tally = match &sample.result {
        Err(_) => return Some("failed".into()),
        Ok(outcome) => outcome.tally,
    };
    match (tally.lost, tally.duplicates, tally.out_of_order) {
        (0, 0, 0) => None,
        (0, 0, _) => Some("reordered".into()),
        (0, _, _) => Some("doubled".into()),
        (lost, _, _) => Some(format!("lost {lost}")),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::broker::Software;
    use crate::compare::contender::{Choice, Contender};
    use crate::compare::rows;
    use surewire_load::wire::{Qos, Version};
    use surewire_load::{Shape, Tally};

    pub(in crate::compare) fn plan(row: &str, brokers: &[Software]) -> Plan {
        let contender = |software: &Software| {
            let choice = Choice::of(*software);
            Contender::Started { choice, program: "x".into() }
        };
        let all = rows::all(Duration::from_secs(1));
        Plan {
            contenders: brokers.iter().map(contender).collect(),
            rows: all.into_iter().filter(|it| it.name == row).collect(),
            scenarios: Vec::new(),
            rounds: 3,
            pinned: true,
        }
    }

    pub(in crate::compare) fn sample(contender: usize, round: u32, cpu_seconds: f64) -> Sample {
        let (p50_us, p99_us, p999_us, max_us) = (50.0, 1_234.0, 2_000.0, 3_000.0);
        let outcome = Outcome {
            shape: Shape::Fanin,
            qos: Qos::AtMostOnce,
            version: Version::V3_1_1,
            user_properties: 0,
            payload: 64,
            publishers: 100,
            subscribers: 1,
            published: 1_000_000,
            tally: Tally { received: 1_000_000, ..Tally::default() },
            seconds: 2.0,
            broker_cpu_seconds: Some(cpu_seconds),
            generator_cpu_seconds: Some(0.5),
            latency: Some(Latency { p50_us, p99_us, p999_us, max_us }),
            acknowledged: None,
            filler: None,
        };
        Sample { row: 0, contender, round, result: Ok(outcome) }
    }

    /// The machine is twice as slow in the second round, for both.
    pub(in crate::compare) fn samples() -> Vec<Sample> {
        let times = [(0, 0, 0.5), (1, 0, 2.0), (1, 1, 4.0), (0, 1, 1.0), (0, 2, 0.5), (1, 2, 2.0)];
        times.map(|(contender, round, cpu)| sample(contender, round, cpu)).to_vec()
    }

    pub(in crate::compare) const TWO: [Software; 2] = [Software::Surewire, Software::Mosquitto];

    #[test]
    fn ratios_are_taken_within_a_round() {
        let (plan, samples) = (plan("fanin0", &TWO), samples());
        let figures = Figures { plan: &plan, samples: &samples, readings: &[] };
        assert_eq!(figures.first_to(0, 1), Some(Spread { median: 4.0, min: 4.0, max: 4.0 }));
        assert_eq!(figures.cost(0, 0), Some(Spread { median: 0.5, min: 0.5, max: 1.0 }));
        assert_eq!(figures.times_relay(0, 0), None);
    }

    #[test]
    fn the_cost_is_told_in_multiples_of_the_relay() {
        let plan = plan("fanin0", &[Software::Surewire, Software::Relay]);
        let samples = samples();
        let figures = Figures { plan: &plan, samples: &samples, readings: &[] };
        assert_eq!(figures.times_relay(0, 0).map(|it| it.median), Some(0.25));
        assert_eq!(figures.times_relay(0, 1).map(|it| it.median), Some(1.0));
    }

    #[test]
    fn a_bar_is_reached_by_every_ratio_and_without_failures() {
        let (plan, mut samples) = (plan("fanin0", &TWO), samples());
        let reaches =
            |samples: &[Sample], bar| Figures { plan: &plan, samples, readings: &[] }.reaches(bar);
        assert!(reaches(&samples, 4.0) && !reaches(&samples, 4.1));
        samples[0].result.as_mut().unwrap().tally.duplicates = 1;
        assert!(!reaches(&samples, 4.0));
    }

    #[test]
    fn one_failure_takes_the_figures_of_its_row_and_broker_only() {
        let (plan, mut samples) = (plan("fanin0", &TWO), samples());
        samples[2].result = Err("connection reset".into());
        let figures = Figures { plan: &plan, samples: &samples, readings: &[] };
        assert_eq!(figures.failure(0, 1).as_deref(), Some("failed"));
        assert_eq!((figures.cost(0, 1), figures.first_to(0, 1)), (None, None));
        assert!(figures.cost(0, 0).is_some() && figures.failure(0, 0).is_none());
        samples[2] = sample(1, 1, 4.0);
        samples[2].result.as_mut().unwrap().tally.lost = 7;
        let figures = Figures { plan: &plan, samples: &samples, readings: &[] };
        assert_eq!(figures.failure(0, 1).as_deref(), Some("lost 7"));
    }
}
