//! A comparison as one page of HTML.

use maud::{Markup, html};
use surewire_load::Error;

use crate::compare::bars::Verdict;
use crate::compare::figures::{Figures, Percentile};
use crate::compare::table;
use crate::report::facts::Facts;
use crate::report::html;
use crate::report::number::{three_digits, time_us};
use crate::report::plot::{Bar, Bars, Colour};
use crate::stats::Spread;

/// Title, about and picture.
type Panel = (String, String, String);

/// The page: what ran, the bars, the plots, the tables and what is doubtful.
///
/// # Errors
/// [`Error::System`] when a plot cannot be drawn.
pub fn html(figures: Figures<'_>, facts: &Facts, verdicts: &[Verdict]) -> Result<String, Error> {
    let body = html! {
        @if !verdicts.is_empty() { (bars(figures, verdicts)) }
        (costs(figures)?)
        (delays(figures)?)
        (tables(figures))
    };
    let facts = html::facts(facts, ran(figures));
    Ok(html::page("MQTT brokers compared", &facts, &body))
}

fn ran(figures: Figures<'_>) -> Vec<(&'static str, String)> {
    let plan = figures.plan;
    let rounds = format!(
        "{} of each row; in each every broker runs once, started afresh, and another begins",
        plan.rounds
    );
    let bound = if plan.pinned {
        "broker on core 0, generator on core 1"
    } else {
        "nobody: broker and generator share all cores"
    };
    let versions = plan.contenders.iter().map(|contender| match contender.version() {
        Some(version) => format!("{} ({version})", contender.name()),
        None => contender.name(),
    });
    let brokers = versions.collect::<Vec<_>>().join(", ");
    vec![("Brokers", brokers), ("Rounds", rounds), ("Bound to cores", bound.to_owned())]
}

fn bars(figures: Figures<'_>, verdicts: &[Verdict]) -> Markup {
    let first = figures.plan.contenders.first().map(|it| it.name()).unwrap_or_default();
    let verdicts: Vec<_> = verdicts.iter().map(|it| (it.to_string(), it.is_kept())).collect();
    let about = format!("How many times the CPU time of the relay a message may cost {first}.");
    html::section("Bars", &about, &html::verdicts(&verdicts))
}

fn costs(figures: Figures<'_>) -> Result<Markup, Error> {
    let panels: Vec<Panel> = rows(figures, false)
        .map(|(row, name, about)| {
            let text = |contender, cost: Spread| match figures.times_relay(row, contender) {
                Some(ratio) => format!("{} s ({:.2} x)", three_digits(cost.median), ratio.median),
                None => format!("{} s", three_digits(cost.median)),
            };
            let figure =
                |contender| figures.cost(row, contender).map(|cost| (cost, text(contender, cost)));
            Ok((name.to_owned(), about.to_owned(), panel(figures, row, figure)?))
        })
        .collect::<Result<_, Error>>()?;
    if panels.is_empty() {
        return Ok(html! {});
    }
    let times = if figures.relay().is_some() { " (x): in multiples of the relay's." } else { "" };
    let about = format!(
        "CPU seconds of the broker per million delivered messages: shorter is better. Bars are \
         medians, whiskers go from the lowest run to the highest.{times}"
    );
    Ok(html::section("What a message costs", &about, &html::panels(&panels)))
}

fn delays(figures: Figures<'_>) -> Result<Markup, Error> {
    const PERCENTILES: [(&str, Percentile); 4] = [
        ("p50", |latency| latency.p50_us),
        ("p99", |latency| latency.p99_us),
        ("p99.9", |latency| latency.p999_us),
        ("max", |latency| latency.max_us),
    ];
    let mut panels: Vec<Panel> = Vec::new();
    for (row, name, about) in rows(figures, true) {
        for (percentile, of) in PERCENTILES {
            let figure =
                |contender| figures.delay(row, contender, of).map(|delay| (delay, time_us(delay)));
            let svg = panel(figures, row, figure)?;
            panels.push((format!("{name} {percentile}"), about.to_owned(), svg));
        }
    }
    if panels.is_empty() {
        return Ok(html! {});
    }
    let about = "From the moment a message was due, whether or not it could be sent then, until \
                 its subscriber had it: shorter is better. Each panel has a scale of its own.";
    Ok(html::section("How late messages come", about, &html::panels(&panels)))
}

fn tables(figures: Figures<'_>) -> Markup {
    let complaints = table::complaints(figures);
    let body = html! {
        @for table in table::tables(figures) { (html::table(&table)) }
        @if !complaints.is_empty() { (html::lines(&complaints)) }
    };
    let about = "Ratios are taken within each round, whose runs lie seconds apart, and then their \
                 median and range are shown. A broker that lost, doubled or reordered messages or \
                 closed a connection has no figure in that row.";
    html::section("Figures", about, &body)
}

/// Place, name and about of the rows that are paced or are not.
fn rows(
    figures: Figures<'_>,
    paced: bool,
) -> impl Iterator<Item = (usize, &'static str, &'static str)> {
    let rows = figures.plan.rows.iter().enumerate();
    rows.filter(move |(_, row)| row.is_paced() == paced).map(|(at, row)| (at, row.name, row.about))
}

/// One bar for every broker, with the figure and the text that `figure` gives.
fn panel(
    figures: Figures<'_>,
    row: usize,
    figure: impl Fn(usize) -> Option<(Spread, String)>,
) -> Result<String, Error> {
    let bars = figures.plan.contenders.iter().enumerate().map(|(at, contender)| {
        let relay = figures.relay() == Some(at);
        let (value, text) = figure(at).unzip();
        let absent = || figures.failure(row, at).unwrap_or_else(|| "not run".into());
        Bar {
            name: contender.name(),
            colour: if relay { Colour::yardstick() } else { Colour::of(at) },
            value,
            text: text.unwrap_or_else(absent),
        }
    });
    Bars { bars: bars.collect() }.svg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Software::{Mosquitto, Relay, Surewire};
    use crate::compare::Sample;
    use crate::compare::figures::tests::{plan, samples};

    fn page(row: &str, samples: &[Sample], bar: Option<&str>) -> String {
        let plan = plan(row, &[Surewire, Relay, Mosquitto]);
        let figures = Figures { plan: &plan, samples, readings: &[] };
        let bar = bar.map(|bar| bar.parse::<crate::compare::bars::Bar>().unwrap().judge(figures));
        html(figures, &Facts::gather(), bar.as_slice()).unwrap()
    }

    #[test]
    fn costs_are_plotted_with_their_multiples_of_the_relay() {
        let page = page("fanin0", &samples(), Some("fanin0=0.2"));
        assert!(page.contains("0.500 s (0.25 x)"), "{page}");
        assert!(page.contains("class=\"missed\"") && page.contains("not run"), "{page}");
        assert!(!page.contains("How late messages come"));
    }

    #[test]
    fn delays_are_plotted_for_paced_rows() {
        let page = page("paced10k", &samples(), None);
        assert!(page.contains("paced10k p99.9") && page.contains("How late messages come"));
        assert!(!page.contains("What a message costs") && !page.contains("class=\"kept\""));
    }
}
