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
use super::{print, row};
use crate::environment::disk::LOCK;

/// How often the files are looked at anew: each time only what is new is copied.
const PASSES: usize = 100;

pub(super) fn run(directory: &Path, into: &Path) -> Result<ExitCode, Failure> {
    let source = Source::live(directory)?;
    let target = Target::new(into)?;
    // As every directory that a broker has used.
    target.write(LOCK, b"")?;
    let Stored { image, summary, records, .. } = copy(&source, &target)?;
    let Summary { last, time, segments, .. } = summary;
    must_be_sound(directory, image, last, time)?;
    if let Some(cut) = &summary.cut {
        target.cut(&cut.file, cut.offset)?;
    }
    let bytes = size(target.path())?;
    target.finish()?;
    let mut text = format!("{}: copied and checked\n", into.display());
    text += &row("records", format_args!("{records}, up to number {}", last.0));
    text += &row("files", format_args!("{segments}, {bytes} bytes"));
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Copies until the copy can be read as a whole.
fn copy(source: &Source, target: &Target) -> Result<Stored, Failure> {
    let mut copied = Copied::default();
    for _ in 0..PASSES {
        if let Some(stored) = copied.pass(source, target)? {
            return Ok(stored);
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
    /// What kept the copy from being read the last time.
    error: Option<RecoveryError>,
}

impl Copied {
    /// Brings the copy up to date and reads it. `None` is to be tried again.
    fn pass(&mut self, source: &Source, target: &Target) -> Result<Option<Stored>, Failure> {
        if !self.bring_up_to_date(source, target)? {
            return Ok(None);
        }
        let error = match read(&Source::live(target.path())?) {
            Ok(stored) => return Ok(Some(stored)),
            Err(Failure::Refused { error, .. }) => error,
            Err(failure) => return Err(failure),
        };
        let may_pass =
            matches!(error, RecoveryError::Damaged { .. } | RecoveryError::Missing { .. });
        if !may_pass || self.error.as_ref() == Some(&error) {
            return Err(Failure::Refused { directory: source.path().to_owned(), error });
        }
        self.error = Some(error);
        Ok(None)
    }

    /// Copies what is new, oldest first; false if a file was gone.
    fn bring_up_to_date(&mut self, source: &Source, target: &Target) -> Result<bool, Failure> {
        let listed = source.segments()?;
        let gone: Vec<u64> =
            self.all.iter().copied().filter(|copied| !listed.contains(copied)).collect();
        for generation in gone {
            target.remove(&segment::name(generation))?;
            self.all.remove(&generation);
            self.whole.remove(&generation);
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use surewire_engine::id::Lsn;
    use tempfile::{TempDir, tempdir};

    use super::*;

    /// A directory whose newest segments come later, and an empty copy of it.
    struct Busy {
        directory: TempDir,
        copied: Copied,
        target: Target,
    }

    /// Of the directory that the engine's tests have.
    fn stored(generation: u64) -> Vec<u8> {
        let v1 = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/log/v1");
        fs::read(v1.join(segment::name(generation))).unwrap()
    }

    impl Busy {
        fn with(generations: std::ops::RangeInclusive<u64>) -> Self {
            let directory = tempdir().unwrap();
            fs::create_dir(directory.path().join("data")).unwrap();
            let target = Target::new(&directory.path().join("copy")).unwrap();
            let busy = Self { directory, copied: Copied::default(), target };
            generations.for_each(|generation| busy.put(generation, &stored(generation)));
            busy
        }

        fn data(&self) -> PathBuf {
            self.directory.path().join("data")
        }

        fn put(&self, generation: u64, bytes: &[u8]) {
            fs::write(self.data().join(segment::name(generation)), bytes).unwrap();
        }

        /// The last record of the copy, if it is good.
        fn pass(&mut self) -> Result<Option<Lsn>, Failure> {
            let source = Source::live(&self.data()).unwrap();
            let stored = self.copied.pass(&source, &self.target)?;
            Ok(stored.map(|stored| stored.summary.last))
        }
    }

    #[test]
    fn a_batch_that_was_passed_before_it_was_written_is_there_the_next_time() {
        let mut busy = Busy::with(1..=3);
        let mut torn = stored(3);
        // All of one batch, and there is another one behind it.
        torn[131..240].fill(0);
        busy.put(3, &torn);
        assert_eq!(busy.pass().unwrap(), None);
        busy.put(3, &stored(3));
        assert_eq!(busy.pass().unwrap(), Some(Lsn(31)));
    }

    #[test]
    fn what_is_damaged_twice_is_damaged() {
        let mut busy = Busy::with(1..=3);
        let mut torn = stored(2);
        torn[250] ^= 1;
        busy.put(2, &torn);
        assert_eq!(busy.pass().unwrap(), None);
        assert!(matches!(busy.pass(), Err(Failure::Refused { .. })));
    }

    #[test]
    fn the_newest_segment_is_copied_again_and_complete_ones_are_not() {
        let mut busy = Busy::with(1..=2);
        let mut half = stored(2);
        half.truncate(400);
        busy.put(2, &half);
        assert_eq!(busy.pass().unwrap(), Some(Lsn(15)));
        busy.put(2, &stored(2));
        busy.put(3, &stored(3));
        // Nobody writes to it any more: that this is not seen shows that it is not read.
        busy.put(1, b"");
        assert_eq!(busy.pass().unwrap(), Some(Lsn(31)));
    }

    #[test]
    fn a_segment_that_is_removed_is_removed_from_the_copy() {
        let mut busy = Busy::with(1..=3);
        assert_eq!(busy.pass().unwrap(), Some(Lsn(31)));
        fs::remove_file(busy.data().join(segment::name(1))).unwrap();
        let mut missing = || matches!(busy.pass(), Ok(None) | Err(Failure::Refused { .. }));
        assert!(missing() && missing(), "the base of these files is in the first one");
    }
}
