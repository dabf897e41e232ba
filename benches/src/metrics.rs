//! Surewire's metrics at one moment, read from its management interface.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use surewire_load::Error;

use crate::http::Http;

/// All samples of one page of `/metrics`.
#[derive(Debug, Clone)]
pub struct Page {
    /// When it came.
    pub at: Instant,
    samples: HashMap<String, f64>,
}

impl Page {
    /// Asks for the page.
    ///
    /// # Errors
    /// What [`Http::get`] returns.
    pub fn read(http: &mut Http) -> Result<Self, Error> {
        let text = http.get("/metrics")?;
        Ok(Self { at: Instant::now(), samples: parse(&text) })
    }

    /// A sample by its name as it stands on the page, with its labels if it has any.
    ///
    /// # Errors
    /// [`Error::Broker`] when it is not there.
    pub fn value(&self, name: &str) -> Result<f64, Error> {
        let missing = || Error::Broker(format!("no metric {name}"));
        self.samples.get(name).copied().ok_or_else(missing)
    }

    /// By how much a sample has grown since `earlier`.
    ///
    /// # Errors
    /// As [`Page::value`].
    pub fn growth(&self, earlier: &Self, name: &str) -> Result<f64, Error> {
        Ok(self.value(name)? - earlier.value(name)?)
    }

    /// How long after `earlier` it came.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Duration {
        self.at - earlier.at
    }
}

fn parse(text: &str) -> HashMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    lines.filter_map(sample).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_by_name_and_labels() {
        let text = "# TYPE a counter\na 3\nb{x=\"y z\"} 0.5\nbroken\n";
        let page = Page { at: Instant::now(), samples: parse(text) };
        assert_eq!(page.value("a").unwrap(), 3.0);
        assert_eq!(page.value("b{x=\"y z\"}").unwrap(), 0.5);
        assert!(page.value("broken").is_err());
    }
}
