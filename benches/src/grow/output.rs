//! What a run leaves in its folder: a picture of every figure, the figures as CSV and JSON, and a
//! page with all of it.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use maud::html;
use surewire_load::Error;

use crate::grow::fit::Line;
use crate::grow::{Curve, Figure, Plan, Point, Slope};
use crate::report::facts::Facts;
use crate::report::number::three_digits;
use crate::report::plot::{Axis, Colour, Lines, Series};
use crate::report::table::Table;
use crate::report::{html, number};

/// The straight line of one broker's points.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Fitted {
    /// The curve.
    pub curve: &'static str,
    /// What was measured.
    pub figure: &'static str,
    /// The broker.
    pub broker: String,
    /// The line.
    pub line: Line,
    /// Its slope with a unit, for people.
    pub told: String,
}

/// Writes everything into `folder`, which is made if it is not there.
///
/// # Errors
/// [`Error::System`] when it cannot be written.
pub fn write(folder: &Path, plan: &Plan, points: &[Point], facts: &Facts) -> Result<(), Error> {
    let action = format!("make {}", folder.display());
    fs::create_dir_all(folder).map_err(Error::system(action))?;
    let save = |name: &str, text: &str| {
        let path = folder.join(name);
        let action = format!("write {}", path.display());
        fs::write(path, text).map_err(Error::system(action))
    };
    let mut sections = Vec::new();
    for curve in &plan.curves {
        let mine: Vec<_> = points.iter().filter(|point| point.curve == curve.name).collect();
        save(&format!("{}.csv", curve.name), &csv(curve, &mine))?;
        let mut panels = Vec::new();
        for (at, figure) in curve.figures.iter().enumerate() {
            let svg = lines(plan, curve, (at, figure), &mine).svg()?;
            save(&format!("{}-{}.svg", curve.name, figure.name), &svg)?;
            panels.push((figure.about.to_owned(), String::new(), svg));
        }
        let body = html! { (html::panels(&panels)) (html::table(&table(curve, &mine))) };
        sections.push(html::section(curve.name, curve.about, &body));
    }
    let failures: Vec<_> = points.iter().filter_map(failure).collect();
    let body = html! {
        @for section in &sections { (section) }
        @if !failures.is_empty() { (html::lines(&failures)) }
    };
    let more = vec![("Measured", format!("{} times each; points are medians", plan.rounds))];
    let page = html::page("How cost grows", &html::facts(facts, more), &body);
    save("index.html", &page)?;
    save("grow.json", &json(plan, points, facts).to_string())
}

/// The lines of all figures that a line tells, of every broker.
#[must_use]
pub fn fitted(plan: &Plan, points: &[Point]) -> Vec<Fitted> {
    let curves = plan.curves.iter().flat_map(|curve| {
        let figures = curve.figures.iter().enumerate();
        figures.map(move |(at, figure)| (curve, at, figure))
    });
    let each = curves.flat_map(|(curve, at, figure)| {
        plan.contenders.iter().filter_map(move |contender| {
            let (slope, broker) = (figure.slope?, contender.name());
            let mine: Vec<_> =
                points.iter().filter(|it| it.curve == curve.name && it.broker == broker).collect();
            let line = line(&mine, at)?;
            let (curve, figure) = (curve.name, figure.name);
            Some(Fitted { curve, figure, broker, line, told: told(line, slope) })
        })
    });
    each.collect()
}

/// One broker at one step in one line.
#[must_use]
pub fn summary(curve: &Curve, point: &Point) -> String {
    let mut text = format!("{:<13} {:<10} {:>9}", point.curve, point.broker, point.at);
    for (at, figure) in curve.figures.iter().enumerate() {
        if let Some(spread) = point.spread(at) {
            let _ = write!(text, "  {} {}", three_digits(spread.median), figure.about);
        }
    }
    if let Some(why) = &point.failure {
        let _ = write!(text, "  failed: {}", why.lines().next().unwrap_or_default());
    }
    text
}

fn told(line: Line, Slope { factor, unit }: Slope) -> String {
    let each = line.slope * factor;
    let sign = if each < 0.0 { "-" } else { "" };
    format!("{sign}{} {unit} (r2 {:.3})", three_digits(each.abs()), line.r_squared)
}

fn line(points: &[&Point], figure: usize) -> Option<Line> {
    let medians =
        points.iter().filter_map(|point| Some((to_f64(point.at), point.spread(figure)?.median)));
    Line::through(&medians.collect::<Vec<_>>())
}

fn lines(plan: &Plan, curve: &Curve, (at, figure): (usize, &Figure), points: &[&Point]) -> Lines {
    let series = plan.contenders.iter().enumerate().filter_map(|(place, contender)| {
        let broker = contender.name();
        let mine: Vec<_> = points.iter().copied().filter(|it| it.broker == broker).collect();
        let spreads: Vec<_> =
            mine.iter().filter_map(|it| Some((to_f64(it.at), it.spread(at)?))).collect();
        let law = figure.slope.zip(line(&mine, at));
        let name =
            law.map_or(broker.clone(), |(slope, line)| format!("{broker}: {}", told(line, slope)));
        // On logarithmic axes a line is no line.
        let straight = law.filter(|_| !curve.log && !figure.log);
        let fitted =
            straight.map(|(_, line)| spreads.iter().map(|(x, _)| (*x, line.at(*x))).collect());
        let colour = if contender.is_relay() { Colour::yardstick() } else { Colour::of(place) };
        (!spreads.is_empty()).then_some(Series { name, colour, points: spreads, fitted })
    });
    Lines {
        title: curve.about.to_owned(),
        x: Axis { name: curve.grows.to_owned(), log: curve.log },
        y: Axis { name: figure.about.to_owned(), log: figure.log },
        series: series.collect(),
    }
}

/// One line a round, with the figures in the curve's order.
fn csv(curve: &Curve, points: &[&Point]) -> String {
    let names: Vec<_> = curve.figures.iter().map(|figure| figure.name).collect();
    let mut text = format!("broker,{},round,{}\n", curve.name, names.join(","));
    for point in points {
        for (round, figures) in point.rounds.iter().enumerate() {
            let figures: Vec<_> = figures.iter().map(f64::to_string).collect();
            let _ = writeln!(text, "{},{},{round},{}", point.broker, point.at, figures.join(","));
        }
    }
    text
}

fn table(curve: &Curve, points: &[&Point]) -> Table {
    let figures = curve.figures.iter().map(|figure| figure.about.to_owned());
    let head = [curve.grows.to_owned(), "broker".to_owned()].into_iter().chain(figures).collect();
    let rows = points.iter().map(|point| {
        let cells = (0..curve.figures.len()).map(|figure| match point.spread(figure) {
            Some(it) => format!(
                "{} ({} to {})",
                three_digits(it.median),
                three_digits(it.min),
                three_digits(it.max)
            ),
            None => "failed".to_owned(),
        });
        let at = number::grouped(to_f64(point.at));
        [at, point.broker.clone()].into_iter().chain(cells).collect()
    });
    Table { title: "Medians, and from lowest to highest".into(), head, rows: rows.collect() }
}

fn failure(point: &Point) -> Option<String> {
    let why = point.failure.as_ref()?;
    Some(format!("! {} at {} {}: {}", point.broker, point.at, point.curve, why.trim_end()))
}

fn json(plan: &Plan, points: &[Point], facts: &Facts) -> serde_json::Value {
    let curves = plan.curves.iter().map(|curve| {
        let figures: Vec<_> = curve.figures.iter().map(|figure| figure.name).collect();
        serde_json::json!({ "curve": curve.name, "grows": curve.grows, "figures": figures })
    });
    let curves: Vec<_> = curves.collect();
    let fitted = fitted(plan, points);
    serde_json::json!({ "facts": facts, "curves": curves, "points": points, "fitted": fitted })
}

#[expect(clippy::cast_precision_loss, reason = "exact to 2^53")]
const fn to_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grow::{self, tests::plan};

    #[test]
    fn every_figure_has_a_picture_and_every_curve_a_file() {
        let (plan, folder) = (plan(), tempfile::tempdir().unwrap());
        let points = grow::run(&plan, |_| {}).unwrap();
        let folder = folder.path().join("new");
        write(&folder, &plan, &points, &Facts::gather()).unwrap();
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        let csv = read("example.csv");
        assert!(csv.starts_with("broker,example,round,bytes\nsurewire,10,0,35\n"), "{csv}");
        assert!(read("example-bytes.svg").contains("surewire: 3.00 bytes each (r2 1.000)"));
        assert!(read("index.html").contains("! mosquitto at 20 example: closed"));
        let json: serde_json::Value = serde_json::from_str(&read("grow.json")).unwrap();
        assert_eq!(json["fitted"][0]["line"]["slope"], 3.0);
        assert_eq!(json["points"][3]["failure"], "closed");
    }

    #[test]
    fn only_what_a_line_tells_is_fitted() {
        let plan = plan();
        let points = grow::run(&plan, |_| {}).unwrap();
        let lines = fitted(&plan, &points);
        // Of mosquitto there is one point, which makes no line.
        assert_eq!(lines.iter().map(|it| it.broker.as_str()).collect::<Vec<_>>(), ["surewire"]);
    }
}
