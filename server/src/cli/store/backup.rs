//! `surewire store backup`: a copy of a directory, also of one that a broker is using.
//!
//! Why the copy has everything that was acknowledged before the command began: it was in files with
//! their final names then, and all files are listed after that. The log only grows at the end of its
//! newest segment. All but the newest of a list are complete before the list is made, and never
//! change again, so that their copies are right whenever they are read. The newest may grow while it
//! is read, but every read begins after the list, so it finds all that was there before.
//!
//! What is read while it grows may end in half a batch, which is as if the power had been cut then:
//! it is cut off. It may also miss a part of one batch and have the next one: the read passed the
//! place of the first before it was written, and the place of the second after. That looks like
//! damage, as the second says that the first was durable. But then the first is complete now, and
//! the next read finds it: only what is found damaged at the same place twice is damaged.
//!
//! Cleaning may remove the oldest segments. What lived in them is in newer ones then, perhaps in
//! one that was not listed: so a file that is gone asks for a new list. What was copied of the
//! others stays good.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use surewire_engine::log::recovery::{RecoveryError, Summary};
use surewire_engine::log::segment;

use super::failure::Failure;
use super::read::{Stored, must_be_sound, read};
use super::source::Source;
use super::target::Target;
use crate::environment::disk::LOCK;

/// How often the files are looked at anew: each time only what is new is copied.
const PASSES: usize = 100;

pub(super) fn run(directory: &Path, into: &Path) -> Result<ExitCode, Failure> {
    let source = Source::live(directory)?;
    let target = Target::new(into)?;
    let Stored { image, summary, records, .. } = copy(&source, &target)?;
    let Summary { last, time, segments, .. } = summary;
    must_be_sound(directory, image, last, time)?;
    if let Some(cut) = &summary.cut {
        target.cut(&cut.file, cut.offset)?;
    }
    let bytes = size(target.path())?;
    target.finish()?;
    super::print(&format!(
        "{}: copied and checked: {records} records up to number {}, in {segments} files with \
         {bytes} bytes\n",
        into.display(),
        last.0
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Copies until the copy can be read as a whole.
fn copy(source: &Source, target: &Target) -> Result<Stored, Failure> {
    let mut copied = Copied::default();
    let mut before: Option<RecoveryError> = None;
    target.write(LOCK, b"")?;
    for _ in 0..PASSES {
        if !copied.bring_up_to_date(source, target)? {
            continue;
        }
        match read(&Source::live(target.path())?) {
            Err(Failure::Refused {
                error: error @ (RecoveryError::Damaged { .. } | RecoveryError::Missing { .. }),
                ..
            }) => {
                if before.as_ref() == Some(&error) {
                    return Err(Failure::Refused { directory: source.path().to_owned(), error });
                }
                before = Some(error);
            }
            outcome => return outcome,
        }
    }
    Err(Failure::TooFast(source.path().to_owned()))
}

/// What was copied so far.
#[derive(Default)]
struct Copied {
    /// Segments that are there.
    all: BTreeSet<u64>,
    /// Those of them that were complete when they were read.
    whole: BTreeSet<u64>,
}

impl Copied {
    /// One pass over all files, oldest first; whether none of them was gone.
    fn bring_up_to_date(&mut self, source: &Source, target: &Target) -> Result<bool, Failure> {
        let listed = source.segments()?;
        for gone in self.all.clone().into_iter().filter(|copied| !listed.contains(copied)) {
            target.remove(&segment::name(gone))?;
            self.all.remove(&gone);
            self.whole.remove(&gone);
        }
        let newest = listed.last().copied();
        for generation in listed {
            if self.whole.contains(&generation) {
                continue;
            }
            let bytes = match source.segment(generation) {
                Ok(bytes) => bytes,
                Err(Failure::Disk { error, .. }) if error.kind() == ErrorKind::NotFound => {
                    return Ok(false);
                }
                Err(failure) => return Err(failure),
            };
            target.write(&segment::name(generation), &bytes)?;
            self.all.insert(generation);
            if Some(generation) != newest {
                self.whole.insert(generation);
            }
        }
        Ok(true)
    }
}

fn size(directory: &Path) -> Result<u64, Failure> {
    let size = || {
        let entries = fs::read_dir(directory)?;
        entries.map(|entry| Ok(entry?.metadata()?.len())).sum::<std::io::Result<u64>>()
    };
    size().map_err(|error| Failure::Disk { path: directory.to_owned(), error })
}
