//! The broker's numbers in Prometheus' text format, version 0.0.4.
//!
//! Written by hand rather than by a metrics library: all numbers are counted elsewhere and read at
//! one moment, so there is nothing to register, and what is left of a library's work is the few
//! lines of `text`, in the format that every scraper reads.

mod families;
mod labels;
mod process;
mod text;

use std::collections::BTreeMap;

use surewire_engine::time::Time;

use crate::core::Poisoned;
use crate::shared::Shared;

use text::Text;

/// The type that HTTP calls the page by.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything there is to tell now, of a broker that was started then and has answered so many
/// HTTP requests with each status.
pub(crate) fn page(
    shared: &Shared,
    started: Time,
    answered: &BTreeMap<u16, u64>,
) -> Result<String, Poisoned> {
    let snapshot = shared.core.snapshot()?;
    let mut text = Text::default();
    families::sizes(&mut text, &snapshot.numbers.sizes);
    families::connections(&mut text, &snapshot.numbers.counters, shared);
    families::packets(&mut text, &snapshot.numbers.counters, shared.traffic());
    families::messages(&mut text, &snapshot.numbers.counters);
    families::times(&mut text, &snapshot);
    families::stored(&mut text, &snapshot.stored, shared.settings.durability);
    families::memory(&mut text, snapshot.memory, shared.settings.memory_limit);
    families::server(&mut text, shared);
    families::http(&mut text, answered);
    process::process(&mut text, started);
    Ok(text.finish())
}
