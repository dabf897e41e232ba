//! A data directory read for what is good in it, whatever is not.

use surewire_engine::log::recovery::RecoveryError;
use surewire_engine::log::salvage::{Found, Lost, Place, Salvage};
use surewire_engine::log::scan::{Batch, Broken};
use surewire_engine::log::segment;

use super::failure::Failure;
use super::source::Source;

/// Reads all segments and hands over each batch that is to be used, in order.
pub(super) fn salvage(
    source: &Source,
    mut each: impl FnMut(&Batch<'_>) -> Result<(), Failure>,
) -> Result<Found, Failure> {
    let generations = source.segments()?;
    let mut salvage = begin(source, &generations)?;
    if let Some((generation, found)) = salvage.later_version() {
        let (directory, file) = (source.path().to_owned(), segment::name(generation));
        return Err(Failure::Refused { directory, error: RecoveryError::Version { file, found } });
    }
    for generation in generations {
        let bytes = source.segment(generation)?;
        for batch in salvage.segment(generation, &bytes) {
            each(&batch)?;
        }
    }
    Ok(salvage.finish())
}

/// Has looked at the heads of all segments.
pub(super) fn begin(source: &Source, generations: &[u64]) -> Result<Salvage, Failure> {
    let mut heads = Vec::new();
    for generation in generations {
        heads.push((*generation, source.head(*generation)?));
    }
    Ok(Salvage::new(heads.iter().map(|(generation, bytes)| (*generation, bytes.as_slice()))))
}

/// What is not as it was written and what is missing, a line each.
pub(super) fn damage(found: &Found) -> Vec<String> {
    let broken = found.broken.iter().map(|(file, part)| {
        let what = if part.offset == 0 { "its head" } else { "what is there" };
        format!("{}: {what} is not as it was written", range(file, *part))
    });
    let lost = found.lost.iter().map(lost);
    let tail = found.tail.iter().map(|(file, part)| {
        format!(
            "{}: a batch behind record {} that was never complete, or is damaged",
            range(file, *part),
            found.last.0
        )
    });
    let nothing = found.lost.is_empty().then(|| "no record is missing".to_owned());
    broken.chain(lost).chain(nothing).chain(tail).collect()
}

fn lost(lost: &Lost) -> String {
    let records = match lost.last {
        Some(last) if last == lost.first => format!("record {} is missing", last.0),
        Some(last) => format!("records {} to {} are missing", lost.first.0, last.0),
        None => format!("all from record {} on is missing", lost.first.0),
    };
    let place = |place: &Place| format!("byte {} of {}", place.offset, place.file);
    match (&lost.from, &lost.to) {
        (Some(from), Some(to)) => format!("{records}, between {} and {}", place(from), place(to)),
        (Some(from), None) => format!("{records}, behind {}", place(from)),
        (None, Some(to)) => format!("{records}, before {}", place(to)),
        (None, None) => records,
    }
}

fn range(file: &str, part: Broken) -> String {
    format!("{file}, bytes {} to {}", part.offset, part.offset + part.bytes.saturating_sub(1))
}
