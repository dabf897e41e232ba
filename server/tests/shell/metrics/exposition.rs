//! A strict reader of Prometheus' text format.

use std::collections::{BTreeMap, BTreeSet};

/// What a page says.
#[derive(Debug)]
pub(super) struct Page {
    /// Value by name and labels, as written.
    pub(super) samples: BTreeMap<String, f64>,
    /// Those of counters and histograms: they never fall.
    growing: BTreeSet<String>,
}

/// A metric whose samples are being read.
struct Family<'a> {
    name: &'a str,
    kind: &'a str,
    /// The bounds and counts of a histogram.
    buckets: Vec<(f64, f64)>,
}

impl Page {
    /// Fails on everything that the format does not allow or convention advises against.
    #[track_caller]
    pub(super) fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line is whole");
        let mut page = Self { samples: BTreeMap::new(), growing: BTreeSet::new() };
        let mut names = BTreeSet::new();
        let mut lines = text.lines().peekable();
        while let Some(help) = lines.next() {
            let mut family = head(help, lines.next().unwrap_or_default());
            assert!(names.insert(family.name), "{} is there twice", family.name);
            while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
                page.sample(&mut family, line);
            }
            page.check_histogram(&family);
        }
        page
    }

    fn sample(&mut self, family: &mut Family<'_>, line: &str) {
        let (sample, value) = line.rsplit_once(' ').expect(line);
        let value: f64 = value.parse().expect(line);
        let (name, labels) = sample
            .split_once('{')
            .map_or((sample, ""), |(n, rest)| (n, rest.strip_suffix('}').expect(line)));
        let suffix = name.strip_prefix(family.name).expect(line);
        let label = (!labels.is_empty()).then(|| label(labels));
        match (family.kind, suffix, label) {
            ("gauge" | "counter", "", None | Some(_)) | ("histogram", "_sum" | "_count", None) => {}
            ("histogram", "_bucket", Some(("le", bound))) => {
                family.buckets.push((bound.replace("+Inf", "inf").parse().expect(line), value));
            }
            _ => panic!("{line} does not belong to {}, a {}", family.name, family.kind),
        }
        if family.kind != "gauge" {
            assert!(value >= 0.0, "{line}");
            self.growing.insert(sample.to_owned());
        }
        assert_eq!(self.samples.insert(sample.to_owned(), value), None, "{sample} is there twice");
    }

    fn check_histogram(&self, family: &Family<'_>) {
        if family.kind != "histogram" {
            return;
        }
        let sorted = family.buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1);
        assert!(sorted, "{}: {:?}", family.name, family.buckets);
        let (bound, count) = *family.buckets.last().unwrap();
        assert_eq!(
            (bound, count),
            (f64::INFINITY, self.samples[&format!("{}_count", family.name)])
        );
        assert!(self.samples.contains_key(&format!("{}_sum", family.name)));
    }

    /// Nothing that only grows is less than it was, or gone.
    #[track_caller]
    pub(super) fn assert_follows(&self, earlier: &Self) {
        for sample in &earlier.growing {
            let (before, now) = (earlier.samples[sample], self.samples.get(sample));
            assert!(now.is_some_and(|now| *now >= before), "{sample}: {before}, then {now:?}");
        }
    }
}

fn head<'a>(help: &'a str, kind: &'a str) -> Family<'a> {
    let (name, text) = help.strip_prefix("# HELP ").and_then(|h| h.split_once(' ')).expect(help);
    assert!(text.ends_with('.') && text.starts_with(|c: char| c.is_uppercase()), "{help}");
    let (of, kind) = kind.strip_prefix("# TYPE ").and_then(|k| k.split_once(' ')).expect(kind);
    assert_eq!(of, name);
    assert!(is_name(name), "{name}");
    assert!(name.starts_with("surewire_") || name.starts_with("process_"), "{name}");
    assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
    if kind == "histogram" {
        assert!(name.ends_with("_seconds"), "{name}");
    }
    Family { name, kind, buckets: Vec::new() }
}

fn label(labels: &str) -> (&str, &str) {
    let (name, value) = labels.split_once("=\"").expect(labels);
    let value = value.strip_suffix('"').expect(labels);
    assert!(is_name(name) && !value.contains(['"', '\\', '\n', ',']), "{labels}");
    (name, value)
}

fn is_name(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && name.starts_with(|c: char| c.is_ascii_lowercase())
}
