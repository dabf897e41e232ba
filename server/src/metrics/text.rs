//! Prometheus' text format: HELP and TYPE of each metric, then its samples.

use std::fmt::{Display, Write};

use crate::histogram::Histogram;

/// The bounds of histograms, as powers of two of a nanosecond: 63 ns to 8.6 s.
const BOUNDS: (u32, u32) = (6, 33);

const NANOS: f64 = 1e9;

/// A page that is being written.
#[derive(Debug, Default)]
pub(super) struct Text(String);

/// A metric of which samples are to come.
pub(super) struct Family<'a> {
    text: &'a mut String,
    name: &'a str,
}

impl Text {
    pub(super) fn finish(self) -> String {
        self.0
    }

    /// A value that goes up and down.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.gauges(name, help).sample("", value);
    }

    /// A value that only grows.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.counters(name, help).sample("", value);
    }

    /// Values that go up and down, told apart by a label.
    pub(super) fn gauges<'a>(&'a mut self, name: &'a str, help: &str) -> Family<'a> {
        self.head(name, help, "gauge")
    }

    /// Values that only grow, told apart by a label.
    pub(super) fn counters<'a>(&'a mut self, name: &'a str, help: &str) -> Family<'a> {
        debug_assert!(name.ends_with("_total"), "{name}: a counter's name ends so by convention");
        self.head(name, help, "counter")
    }

    /// Times, in seconds.
    pub(super) fn histogram(&mut self, name: &str, help: &str, times: &Histogram) {
        self.head(name, help, "histogram");
        let bucket = format!("{name}_bucket");
        let mut family = Family { text: &mut self.0, name: &bucket };
        for (bound, count) in times.cumulative(BOUNDS.0, BOUNDS.1) {
            family.labelled("le", bound as f64 / NANOS, count);
        }
        family.labelled("le", "+Inf", times.count());
        self.line(&format!("{name}_sum"), times.sum() as f64 / NANOS);
        self.line(&format!("{name}_count"), times.count());
    }

    fn line(&mut self, name: &str, value: impl Display) {
        Family { text: &mut self.0, name }.sample("", value);
    }

    fn head<'a>(&'a mut self, name: &'a str, help: &str, kind: &str) -> Family<'a> {
        debug_assert!(!help.contains(['\\', '\n']), "{name}: a text that needs no escape");
        put(&mut self.0, format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        Family { text: &mut self.0, name }
    }
}

impl Family<'_> {
    /// A sample with one label, whose value needs no escape.
    pub(super) fn labelled(&mut self, label: &str, of: impl Display, value: impl Display) {
        self.sample(&format!("{{{label}=\"{of}\"}}"), value);
    }

    fn sample(&mut self, labels: &str, value: impl Display) {
        put(self.text, format_args!("{}{labels} {value}\n", self.name));
    }
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a String takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn each_kind_is_written_as_the_format_wants_it() {
        let mut text = Text::default();
        text.gauge("a", "What a is.", 7);
        let mut counters = text.counters("b_total", "What b is.");
        counters.labelled("qos", 0, 1);
        counters.labelled("qos", 1, 2);
        let expected = "# HELP a What a is.\n# TYPE a gauge\na 7\n\
            # HELP b_total What b is.\n# TYPE b_total counter\n\
            b_total{qos=\"0\"} 1\nb_total{qos=\"1\"} 2\n";
        assert_eq!(text.finish(), expected);
    }

    #[test]
    fn a_histogram_is_cumulative_and_in_seconds() {
        let mut times = Histogram::new();
        for nanos in [63, 64, 1_500_000_000, 60_000_000_000] {
            times.record(Duration::from_nanos(nanos));
        }
        let mut text = Text::default();
        text.histogram("t_seconds", "What t is.", &times);
        let text = text.finish();
        for line in [
            "t_seconds_bucket{le=\"0.000000063\"} 1",
            "t_seconds_bucket{le=\"0.000000127\"} 2",
            "t_seconds_bucket{le=\"1.073741823\"} 2",
            "t_seconds_bucket{le=\"2.147483647\"} 3",
            "t_seconds_bucket{le=\"8.589934591\"} 3",
            "t_seconds_bucket{le=\"+Inf\"} 4",
            "t_seconds_sum 61.500000127",
            "t_seconds_count 4",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
