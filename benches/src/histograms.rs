//! The histograms that a broker writes to its log when it is asked to by SIGUSR1, one a line:
//! `histogram NAME unit=ns count=N p50=N p99=N max=N`, with anything before the first word.

use std::fmt;

/// One line of a broker's log.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Line {
    /// What was measured.
    pub name: String,
    /// Number of values.
    pub count: u64,
    /// Median in ns.
    pub p50: u64,
    /// 99th percentile in ns.
    pub p99: u64,
    /// Largest in ns.
    pub max: u64,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, count, p50, p99, max } = self;
        write!(f, "{name}: p50 {p50} ns, p99 {p99} ns, max {max} ns ({count} values)")
    }
}

/// The histograms in a log, in its order; lines of other kinds and units are passed over.
#[must_use]
pub fn parse(log: &str) -> Vec<Line> {
    log.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Line> {
    let (_, after) = line.split_once("histogram ")?;
    let (name, fields) = after.split_once(' ')?;
    let text = |key: &str| {
        let mut pairs = fields.split_whitespace().filter_map(|field| field.split_once('='));
        pairs.find(|(k, _)| *k == key).map(|(_, value)| value)
    };
    let number = |key| text(key)?.parse().ok();
    if text("unit")? != "ns" {
        return None;
    }
    Some(Line {
        name: name.to_owned(),
        count: number("count")?,
        p50: number("p50")?,
        p99: number("p99")?,
        max: number("max")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_are_found_among_other_lines() {
        let log = "INFO listening on 127.0.0.1:1883\n\
                   2026-01-01 INFO histogram lock_held unit=ns count=10 p50=900 p99=4000 max=9000\n\
                   histogram queue unit=bytes count=1 p50=1 p99=1 max=1\n\
                   histogram broken unit=ns count=ten p50=1 p99=1 max=1\n";
        let lines = parse(log);
        let expected = Line { name: "lock_held".into(), count: 10, p50: 900, p99: 4000, max: 9000 };
        assert_eq!(lines, [expected]);
    }
}
