//! `surewire store check`: what is there, and whether a start would take it.

use std::path::Path;
use std::process::ExitCode;

use jiff::tz::TimeZone;
use surewire_engine::log::image::Image;
use surewire_engine::log::recovery::{RecoveryError, Summary};
use surewire_engine::log::segment;

use super::failure::Failure;
use super::read::{Stored, must_be_sound, read};
use super::salvage::{damage, salvage};
use super::source::Source;
use super::{print, row};
use crate::api::time::shown;

pub(super) fn run(directory: &Path) -> Result<ExitCode, Failure> {
    let source = Source::at_rest(directory)?;
    let stored = match read(&source) {
        Err(Failure::Refused {
            error: error @ (RecoveryError::Damaged { .. } | RecoveryError::Missing { .. }),
            ..
        }) => {
            print(&damaged(&source, &error)?)?;
            return Ok(ExitCode::FAILURE);
        }
        outcome => outcome?,
    };
    let text = report(directory, &stored);
    let Stored { image, summary: Summary { last, time, .. }, .. } = stored;
    must_be_sound(directory, image, last, time)?;
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn report(directory: &Path, stored: &Stored) -> String {
    let Stored { image, summary, first, records } = stored;
    let mut text = format!("{}: good\n", directory.display());
    let mut line = |name: &str, value: String| text += &row(name, value);
    line("format version", segment::VERSION.to_string());
    line("files", format!("{}, {} bytes", summary.segments, summary.bytes));
    let range = first.map(|first| format!(", number {} to {}", first.0, summary.last.0));
    line("records", format!("{records}{}", range.unwrap_or_default()));
    if *records > 0 {
        line("last written", shown(summary.time, &TimeZone::UTC));
    }
    for (name, count) in counts(image) {
        line(name, count.to_string());
    }
    if let Some(cut) = &summary.cut {
        let place = format!("{}, byte {}", cut.file, cut.offset);
        text += &format!(
            "  {} bytes behind record {} were never acknowledged ({place}); a start cuts them off\n",
            cut.bytes, summary.last.0
        );
    }
    for file in &summary.removed {
        text += &format!("  {file} is not needed; a start removes it\n");
    }
    text
}

/// How much of everything the image holds.
pub(super) fn counts(image: &Image) -> [(&'static str, usize); 8] {
    let counts = image.counts();
    [
        ("sessions", counts.sessions),
        ("subscriptions", counts.subscriptions),
        ("awaited subscriptions", counts.awaited),
        ("queued messages", counts.queued),
        ("messages in flight", counts.in_flight),
        ("share-group messages", counts.in_groups),
        ("retained messages", counts.retained),
        ("wills", counts.wills),
    ]
}

fn damaged(source: &Source, error: &RecoveryError) -> Result<String, Failure> {
    let directory = source.path().display();
    let found = salvage(source, |_| Ok(()))?;
    let mut text = format!("{directory}: damaged\n  {error}\n");
    for line in damage(&found) {
        text += &format!("  {line}\n");
    }
    text += &format!(
        "  a broker does not start on it; bring it back from a backup, or make a new directory of \
         what can be read:\n  surewire store repair --data-dir {directory} --into NEWDIR\n"
    );
    Ok(text)
}
