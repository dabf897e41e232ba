//! The tables: medians, how far the runs lie apart, and ratios within a round.

use std::fmt::Write;

use crate::compare::figures::{Figures, Percentile};
use crate::compare::rows::Row;
use crate::compare::scenarios::{self, Reading};
use crate::compare::{Plan, Sample};
use crate::report::number::{grouped, percent, ratio, three_digits, time_us};
use crate::report::table::Table;
use crate::stats::Spread;

/// The tables of a comparison, and below them what makes figures doubtful.
#[must_use]
pub fn text(figures: Figures<'_>) -> String {
    let mut text = String::new();
    for table in tables(figures) {
        let _ = writeln!(text, "{table}");
    }
    for line in complaints(figures) {
        let _ = writeln!(text, "{line}");
    }
    text
}

/// Every table that has a row: rates, their ratios, the cost in multiples of the relay's, delays.
#[must_use]
pub fn tables(figures: Figures<'_>) -> Vec<Table> {
    let all = [rates(figures), ratios(figures), times_relay(figures), delays(figures)];
    let all = all.into_iter().flatten().chain([kept(figures)]);
    all.filter(|table| !table.rows.is_empty()).collect()
}

/// The medians as JSON: one object a row, with one entry a broker.
#[must_use]
pub fn json(figures: Figures<'_>) -> serde_json::Value {
    let plan = figures.plan;
    let rows = plan.rows.iter().enumerate().map(|(row_at, row)| {
        let brokers = plan.contenders.iter().enumerate().map(|(at, contender)| {
            let [filler_bytes, filler_cpu_us] = figures.filler(row_at, at);
            let entry = serde_json::json!({
                "messages_per_cpu_second": figures.rate(row_at, at),
                "cpu_seconds_per_million": figures.cost(row_at, at),
                "first_to_this": figures.first_to(row_at, at),
                "cost_times_relay": figures.times_relay(row_at, at),
                "p50_us": figures.delay(row_at, at, |latency| latency.p50_us),
                "p99_us": figures.delay(row_at, at, |latency| latency.p99_us),
                "bytes_a_further_subscription": filler_bytes,
                "cpu_us_a_further_subscription": filler_cpu_us,
                "failure": figures.failure(row_at, at),
            });
            (contender.name(), entry)
        });
        let brokers: serde_json::Map<_, _> = brokers.collect();
        serde_json::json!({ "row": row.name, "about": row.about, "brokers": brokers })
    });
    rows.chain(json_scenarios(figures)).collect()
}

/// The same for scenarios: each broker has an object with the figures by name.
fn json_scenarios(figures: Figures<'_>) -> impl Iterator<Item = serde_json::Value> {
    let plan = figures.plan;
    plan.scenarios.iter().enumerate().map(move |(at, scenario)| {
        let brokers = plan.contenders.iter().enumerate().map(|(place, contender)| {
            let all = scenario.figures.iter().enumerate().map(|(figure, name)| {
                let spread = scenarios::spread(figures.readings, at, place, figure);
                ((*name).to_owned(), serde_json::json!(spread))
            });
            (contender.name(), serde_json::Value::Object(all.collect()))
        });
        let brokers: serde_json::Map<_, _> = brokers.collect();
        serde_json::json!({ "scenario": scenario.name, "about": scenario.about, "brokers": brokers })
    })
}

fn rates(figures: Figures<'_>) -> Option<Table> {
    let names = figures.plan.contenders.iter().map(|it| it.name());
    let head = std::iter::once("row".to_owned()).chain(names).collect();
    let title = "Delivered messages per CPU second of the broker: median, and \
                 (highest - lowest) / median";
    let show =
        |rate: Spread| format!("{} {:>6}", grouped(rate.median), format!("({})", percent(rate)));
    let rows = rows_of(figures.plan, false, |row| {
        cells(figures, row, 0, |contender| figures.rate(row, contender).map(show))
    });
    Some(Table { title: title.to_owned(), head, rows })
}

fn ratios(figures: Figures<'_>) -> Option<Table> {
    let first = figures.plan.contenders.first()?.name();
    let names = figures.plan.contenders.iter().skip(1);
    let names = names.map(|other| format!("{first}/{}", other.name()));
    let head: Vec<_> = std::iter::once("row".to_owned()).chain(names).collect();
    let title = format!("How many times the messages per CPU second of others {first} delivers");
    let rows = rows_of(figures.plan, false, |row| {
        cells(figures, row, 1, |other| figures.first_to(row, other).map(ratio))
    });
    (head.len() > 1).then_some(Table { title, head, rows })
}

fn times_relay(figures: Figures<'_>) -> Option<Table> {
    figures.relay()?;
    let names = figures.plan.contenders.iter().map(|it| it.name());
    let head = std::iter::once("row".to_owned()).chain(names).collect();
    let title = "CPU time per message: cost x relay, which moves the same bytes with no MQTT";
    let rows = rows_of(figures.plan, false, |row| {
        cells(figures, row, 0, |contender| figures.times_relay(row, contender).map(ratio))
    });
    Some(Table { title: title.to_owned(), head, rows })
}

fn delays(figures: Figures<'_>) -> Option<Table> {
    let names = figures.plan.contenders.iter().map(|it| it.name());
    let names = names.flat_map(|name| [format!("{name} p50"), format!("{name} p99")]);
    let head = std::iter::once("row".to_owned()).chain(names).collect();
    let title = "Delay until delivery from the moment a message was due: median of the runs, and \
                 from lowest to highest";
    let rows = rows_of(figures.plan, true, |row| {
        let pair = |contender| {
            let cell = |percentile: Percentile| {
                let delay = figures.delay(row, contender, percentile);
                delay.map_or_else(|| absent(figures, row, contender), time_us)
            };
            [cell(|latency| latency.p50_us), cell(|latency| latency.p99_us)]
        };
        (0..figures.plan.contenders.len()).flat_map(pair).collect()
    });
    Some(Table { title: title.to_owned(), head, rows })
}

/// What is kept and who comes and goes: a line for each figure.
fn kept(figures: Figures<'_>) -> Table {
    let Plan { contenders, scenarios, rows, .. } = figures.plan;
    let names = contenders.iter().map(|it| it.name());
    let head = ["scenario".to_owned(), "figure".to_owned()].into_iter().chain(names).collect();
    let title = "Scenarios: median, and (highest - lowest) / median; CPU time is the broker's";
    let line = |name: &str, figure: &str, cell: &dyn Fn(usize) -> String| {
        let cells = (0..contenders.len()).map(cell);
        [name.to_owned(), figure.to_owned()].into_iter().chain(cells).collect::<Vec<_>>()
    };
    let mut lines = Vec::new();
    for (at, scenario) in scenarios.iter().enumerate() {
        for (figure, about) in scenario.figures.iter().enumerate() {
            lines.push(line(scenario.name, about, &|contender| {
                let spread = scenarios::spread(figures.readings, at, contender, figure);
                spread.map_or_else(|| absent_reading(figures, at, contender), few)
            }));
        }
    }
    for (row, Row { name, .. }) in has_filler(rows) {
        for (figure, about) in FILLER.iter().enumerate() {
            lines.push(line(name, about, &|contender| {
                let spread = figures.filler(row, contender).get(figure).copied().flatten();
                spread.map_or_else(|| absent(figures, row, contender), few)
            }));
        }
    }
    Table { title: title.to_owned(), head, rows: lines }
}

/// What [`Figures::filler`] tells.
const FILLER: [&str; 2] = ["bytes a further subscription", "CPU us a further subscription"];

fn has_filler(rows: &[Row]) -> impl Iterator<Item = (usize, &Row)> {
    rows.iter().enumerate().filter(|(_, row)| row.workload.filler_subscriptions > 0)
}

fn few(figure: Spread) -> String {
    format!("{} {:>6}", three_digits(figure.median), format!("({})", percent(figure)))
}

fn absent_reading(figures: Figures<'_>, scenario: usize, contender: usize) -> String {
    let failed =
        |it: &Reading| (it.scenario, it.contender) == (scenario, contender) && it.result.is_err();
    if figures.readings.iter().any(failed) { "failed".into() } else { "-".into() }
}

/// The rows of a plan that are paced or are not, each with its name in front.
fn rows_of(plan: &Plan, paced: bool, cells: impl Fn(usize) -> Vec<String>) -> Vec<Vec<String>> {
    let rows = plan.rows.iter().enumerate().filter(|(_, row)| row.is_paced() == paced);
    rows.map(|(at, row)| [vec![row.name.to_owned()], cells(at)].concat()).collect()
}

/// One cell for every broker from the place `from` on.
fn cells(
    figures: Figures<'_>,
    row: usize,
    from: usize,
    figure: impl Fn(usize) -> Option<String>,
) -> Vec<String> {
    let cell = |at| figure(at).unwrap_or_else(|| absent(figures, row, at));
    (from..figures.plan.contenders.len()).map(cell).collect()
}

/// Why there is no figure, as far as one word tells it.
fn absent(figures: Figures<'_>, row: usize, contender: usize) -> String {
    figures.failure(row, contender).unwrap_or_else(|| "-".into())
}

/// What makes figures doubtful: brokers that failed, messages that did not arrive as they
/// should, and a generator that had no time left, so that the broker had breaks.
#[must_use]
pub fn complaints(figures: Figures<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for (row_at, row) in figures.plan.rows.iter().enumerate() {
        for (contender_at, contender) in figures.plan.contenders.iter().enumerate() {
            let name = contender.name();
            let samples = || figures.of(row_at, contender_at);
            lines.extend(samples().filter_map(|sample| complaint(sample, row, &name)));
            if !row.is_paced() && samples().any(is_generator_bound) {
                lines.push(format!("note: the generator was the limit of {name} in {}", row.name));
            }
        }
    }
    for reading in figures.readings {
        let scenario = figures.plan.scenarios.get(reading.scenario).map_or("", |it| it.name);
        let broker = figures.plan.contenders.get(reading.contender).map(|it| it.name());
        if let Err(why) = &reading.result {
            let (broker, run) = (broker.unwrap_or_default(), reading.round + 1);
            lines.push(format!("! {broker} in {scenario}, run {run}: {}", why.trim_end()));
        }
    }
    lines
}

fn complaint(sample: &Sample, row: &Row, broker: &str) -> Option<String> {
    let what = match &sample.result {
        Ok(outcome) if outcome.tally.is_clean() => return None,
        Ok(outcome) => format!("{:?}", outcome.tally),
        Err(why) => why.trim_end().to_owned(),
    };
    Some(format!("! {broker} in {}, run {}: {what}", row.name, sample.round + 1))
}

/// In an open loop the generator is always busy: it looks at the clock.
fn is_generator_bound(sample: &Sample) -> bool {
    let Ok(outcome) = &sample.result else { return false };
    let share = |cpu: Option<f64>| cpu.map_or(0.0, |cpu| cpu / outcome.seconds);
    share(outcome.generator_cpu_seconds) > 0.95 && share(outcome.broker_cpu_seconds) < 0.9
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Software::{Mosquitto, Relay, Surewire};
    use crate::compare::figures::tests::{TWO, plan, sample, samples};

    fn shown(row: &str, samples: &[Sample]) -> String {
        text(Figures { plan: &plan(row, &TWO), samples, readings: &[] })
    }

    #[test]
    fn medians_and_ratios_are_shown() {
        let text = shown("fanin0", &samples());
        assert!(text.contains("2,000,000 (50 %)"), "{text}");
        assert!(text.contains("4.00 (4.00 to 4.00)"), "{text}");
        assert!(!text.contains('!') && !text.contains("note"), "{text}");
        assert!(!text.contains("x relay") && !text.contains("Delay"), "{text}");
    }

    #[test]
    fn with_the_relay_the_cost_is_told_in_its_multiples() {
        let (plan, samples) = (plan("fanin0", &[Surewire, Relay]), samples());
        let text = text(Figures { plan: &plan, samples: &samples, readings: &[] });
        let (_, table) = text.split_once("cost x relay").unwrap();
        assert!(table.contains("0.25 (0.25 to 0.25)  1.00 (1.00 to 1.00)"), "{text}");
    }

    #[test]
    fn a_paced_row_shows_delays_and_no_rates() {
        let text = shown("paced10k", &samples());
        assert!(text.starts_with("Delay"), "{text}");
        assert!(text.contains("1.23 (1.23 to 1.23) ms"), "{text}");
    }

    #[test]
    fn losses_are_complained_about_and_have_no_figure() {
        let mut samples = samples();
        samples[1].result.as_mut().unwrap().tally.lost = 7;
        let text = shown("fanin0", &samples);
        assert!(text.contains("! mosquitto in fanin0, run 1"), "{text}");
        let row = text.lines().find(|line| line.starts_with("fanin0")).unwrap();
        assert!(row.contains("2,000,000 (50 %)  ") && row.ends_with(" lost 7"), "{row:?}");
    }

    #[test]
    fn a_broker_that_fails_leaves_the_others_their_figures() {
        let mut samples = vec![sample(0, 0, 0.5), sample(1, 0, 2.0)];
        samples[1].result = Err("the broker closed a connection".into());
        let text = shown("fanin0", &samples);
        assert!(text.contains("2,000,000  (0 %)     failed\n"), "{text}");
        let complaint = "! mosquitto in fanin0, run 1: the broker closed a connection\n";
        assert!(text.ends_with(complaint), "{text}");
    }

    #[test]
    fn a_scenario_has_a_line_for_each_figure() {
        let mut plan = plan("fanin0", &TWO);
        plan.scenarios = scenarios::ALL.into_iter().filter(|it| it.name == "churn").collect();
        let reading = |contender, result| Reading { scenario: 0, contender, round: 0, result };
        let readings = [
            reading(0, Ok(vec![Some(65.4), Some(4_000.0)])),
            reading(1, Err("it closed a connection".into())),
        ];
        let figures = Figures { plan: &plan, samples: &[], readings: &readings };
        let text = text(figures);
        assert!(text.contains("cycles/s  4,000  (0 %)     failed\n"), "{text}");
        assert!(text.contains("CPU us a cycle   65.4  (0 %)     failed\n"), "{text}");
        assert!(text.ends_with("! mosquitto in churn, run 1: it closed a connection\n"), "{text}");
        let json = json(figures);
        assert_eq!(json[1]["brokers"]["surewire"]["cycles/s"]["median"], 4_000.0);
    }

    #[test]
    fn a_row_nobody_ran_shows_dashes() {
        let plan = plan("fanin0", &[Surewire, Mosquitto]);
        let text = text(Figures { plan: &plan, samples: &[], readings: &[] });
        let rows: Vec<_> = text.lines().filter(|line| line.starts_with("fanin0")).collect();
        let cells = |line: &str| line.split_whitespace().count();
        assert_eq!(rows.iter().map(|row| cells(row)).collect::<Vec<_>>(), [3, 2], "{text}");
    }
}
