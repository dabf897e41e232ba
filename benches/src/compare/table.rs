//! The table: medians, how far the runs lie apart, and ratios within a round.

use std::fmt::Write;

use crate::compare::{Plan, Sample};
use crate::stats::Spread;

/// Messages per CPU second of every broker, and how many times those of another broker the
/// first one reaches. A ratio is the median of the ratios of each round, whose runs lie close
/// together in time, so it is steadier than the figures.
#[must_use]
pub fn text(plan: &Plan, samples: &[Sample]) -> String {
    let mut text = String::from("Delivered messages per CPU second of the broker: median, and ");
    text += "(highest - lowest) / median\n\n";
    text += &header(plan);
    for row in 0..plan.rows.len() {
        text += &line(plan, samples, row);
    }
    text + &complaints(plan, samples)
}

/// The medians as JSON: one object a row, with one entry a broker.
#[must_use]
pub fn json(plan: &Plan, samples: &[Sample]) -> serde_json::Value {
    let rows = plan.rows.iter().enumerate().map(|(at, row)| {
        let brokers = plan.contenders.iter().enumerate().map(|(contender, it)| {
            let rate = rates(samples, at, contender);
            let ratio = ratio(samples, at, contender);
            let entry =
                serde_json::json!({ "messages_per_cpu_second": rate, "first_to_this": ratio });
            (it.name().to_owned(), entry)
        });
        let brokers: serde_json::Map<_, _> = brokers.collect();
        serde_json::json!({ "row": row.name, "about": row.about, "brokers": brokers })
    });
    rows.collect()
}

/// Whether in every row the median ratio to every other broker is at least `bar`, and no
/// message of the first broker was lost, doubled or reordered.
#[must_use]
pub fn reaches(bar: f64, plan: &Plan, samples: &[Sample]) -> bool {
    let rows = 0..plan.rows.len();
    let others = || 1..plan.contenders.len();
    let ratios = rows.flat_map(|row| others().filter_map(move |it| ratio(samples, row, it)));
    let clean = samples.iter().all(|it| it.contender != 0 || it.outcome.tally.is_clean());
    clean && ratios.into_iter().all(|ratio| ratio.median >= bar)
}

fn header(plan: &Plan) -> String {
    let mut line = format!("{:<9}", "row");
    for contender in &plan.contenders {
        line += &format!(" {:>12} {:>6}", contender.name(), "");
    }
    let first = plan.contenders.first().map_or("", |it| it.name());
    for other in plan.contenders.iter().skip(1) {
        line += &format!("  {:>22}", format!("{first}/{}", other.name()));
    }
    line + "\n"
}

fn line(plan: &Plan, samples: &[Sample], row: usize) -> String {
    let mut line = format!("{:<9}", plan.rows.get(row).map_or("", |row| row.name));
    for contender in 0..plan.contenders.len() {
        line += &match rates(samples, row, contender) {
            Some(rate) => {
                let percent = format!("{:.0} %", 100.0 * rate.relative_width());
                format!(" {:>12} {percent:>6}", grouped(rate.median))
            }
            None => format!(" {:>12} {:>6}", "-", ""),
        };
    }
    for other in 1..plan.contenders.len() {
        line += &match ratio(samples, row, other) {
            Some(Spread { median, min, max }) => {
                format!("  {:>22}", format!("{median:.2} ({min:.2} to {max:.2})"))
            }
            None => format!("  {:>22}", "-"),
        };
    }
    line + "\n"
}

/// What makes figures doubtful: messages that did not arrive as they should, and a generator
/// that had no time left, so that the broker had breaks.
fn complaints(plan: &Plan, samples: &[Sample]) -> String {
    let mut text = String::new();
    for (row_at, row) in plan.rows.iter().enumerate() {
        for (contender_at, contender) in plan.contenders.iter().enumerate() {
            let name = contender.name();
            for sample in of(samples, row_at, contender_at) {
                let tally = &sample.outcome.tally;
                if !tally.is_clean() {
                    let _ =
                        writeln!(text, "! {name} in {}, run {}: {tally:?}", row.name, sample.round);
                }
            }
            if of(samples, row_at, contender_at).any(is_generator_bound) {
                let _ =
                    writeln!(text, "note: the generator was the limit of {name} in {}", row.name);
            }
        }
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

fn is_generator_bound(sample: &Sample) -> bool {
    let outcome = &sample.outcome;
    let share = |cpu: Option<f64>| cpu.map_or(0.0, |cpu| cpu / outcome.seconds);
    share(outcome.generator_cpu_seconds) > 0.95 && share(outcome.broker_cpu_seconds) < 0.9
}

fn of(samples: &[Sample], row: usize, contender: usize) -> impl Iterator<Item = &Sample> {
    samples.iter().filter(move |sample| sample.row == row && sample.contender == contender)
}

fn rates(samples: &[Sample], row: usize, contender: usize) -> Option<Spread> {
    let rates = of(samples, row, contender).filter_map(|s| s.outcome.messages_per_cpu_second());
    Spread::of(&rates.collect::<Vec<_>>())
}

/// The first broker's rate over this one's, round by round.
fn ratio(samples: &[Sample], row: usize, contender: usize) -> Option<Spread> {
    let in_round = |round, contender| {
        let sample = of(samples, row, contender).find(|sample| sample.round == round)?;
        sample.outcome.messages_per_cpu_second()
    };
    let ratios = of(samples, row, 0).filter_map(|first| {
        Some(first.outcome.messages_per_cpu_second()? / in_round(first.round, contender)?)
    });
    Spread::of(&ratios.collect::<Vec<_>>())
}

/// A whole number with its thousands set apart.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::broker::Software;
    use crate::compare::contender::Contender;
    use crate::compare::rows;
    use surewire_load::wire::{Qos, Version};
    use surewire_load::{Outcome, Shape, Tally};

    fn plan() -> Plan {
        let contender = |software: Software| Contender::Started { software, program: "x".into() };
        Plan {
            contenders: vec![contender(Software::Surewire), contender(Software::Mosquitto)],
            rows: rows::all(Duration::from_secs(1)).into_iter().take(1).collect(),
            rounds: 3,
            pinned: true,
        }
    }

    fn sample(contender: usize, round: u32, cpu_seconds: f64) -> Sample {
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
            latency: None,
            acknowledged: None,
            filler: None,
        };
        Sample { row: 0, contender, round, outcome }
    }

    /// The machine is twice as slow in the second round, for both.
    fn samples() -> Vec<Sample> {
        let times = [(0, 0, 0.5), (1, 0, 2.0), (1, 1, 4.0), (0, 1, 1.0), (0, 2, 0.5), (1, 2, 2.0)];
        times.map(|(contender, round, cpu)| sample(contender, round, cpu)).to_vec()
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let text = text(&plan(), &samples());
        assert!(text.contains("2,000,000   50 %"), "{text}");
        assert!(text.contains("4.00 (4.00 to 4.00)"), "{text}");
        assert!(!text.contains('!') && !text.contains("note"), "{text}");
    }

    #[test]
    fn a_bar_is_reached_by_every_ratio_and_without_losses() {
        let mut samples = samples();
        assert!(reaches(4.0, &plan(), &samples) && !reaches(4.1, &plan(), &samples));
        samples[0].outcome.tally.duplicates = 1;
        assert!(!reaches(4.0, &plan(), &samples));
    }

    #[test]
    fn losses_are_complained_about() {
        let mut samples = samples();
        samples[1].outcome.tally.lost = 7;
        let text = text(&plan(), &samples);
        assert!(
            text.contains("! mosquitto in fanin0, run 0") && text.contains("lost: 7"),
            "{text}"
        );
    }

    #[test]
    fn a_row_nobody_ran_shows_dashes() {
        let text = text(&plan(), &[]);
        let row = text.lines().last().unwrap();
        assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["fanin0", "-", "-", "-"]);
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([grouped(7.0), grouped(1_234.0), grouped(1e6)], ["7", "1,234", "1,000,000"]);
    }
}
