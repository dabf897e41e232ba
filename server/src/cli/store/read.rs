//! A data directory read as a start of the broker reads it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use surewire_engine::Engine;
use surewire_engine::config::Config;
use surewire_engine::id::Lsn;
use surewire_engine::log;
use surewire_engine::log::image::Image;
use surewire_engine::log::recovery::{Recovery, Step, Summary};
use surewire_engine::log::writer::{Options, Sync};
use surewire_engine::planted::Planted;
use surewire_engine::time::Time;

use super::failure::Failure;
use super::source::Source;
use crate::store::SEGMENT_LEN;

/// What a start would find.
pub(super) struct Stored {
    pub(super) image: Image,
    pub(super) summary: Summary,
    /// The first record that is needed, and how many there are.
    pub(super) first: Option<Lsn>,
    pub(super) records: u64,
}

/// Reads all there is.
pub(super) fn read(source: &Source) -> Result<Stored, Failure> {
    // Nothing will be appended: how does not matter.
    let options =
        Options { segment_len: SEGMENT_LEN, sync: Sync::Always, nonce: 0, planted: Planted::NONE };
    let mut recovery = Recovery::new(options);
    let (mut image, mut first, mut records) = (Image::default(), None, 0);
    let directory = || source.path().to_owned();
    loop {
        match recovery.next() {
            Step::Do(op) => recovery.done(source.perform(&op)),
            Step::Batch(batch) => {
                for (lsn, bytes) in batch.records() {
                    let record = log::decode(bytes).map_err(|error| Failure::Record {
                        directory: directory(),
                        lsn,
                        error,
                    })?;
                    first.get_or_insert(lsn);
                    records += 1;
                    image.apply(lsn, record);
                }
            }
            Step::Finished(_, summary) => return Ok(Stored { image, summary, first, records }),
            Step::Failed(error) => {
                return Err(Failure::Refused { directory: directory(), error });
            }
        }
    }
}

/// Makes a broker of the image, which must be in a state that a broker can be in. It does nothing.
pub(super) fn must_be_sound(
    directory: &Path,
    image: Image,
    last: Lsn,
    time: Time,
) -> Result<(), Failure> {
    // Whatever the limits were: they are for what comes, not for what is there.
    let config = Config {
        max_inflight_messages: u16::MAX,
        max_msgqueue_messages: None,
        max_queued_bytes: usize::MAX,
        ..Config::default()
    };
    // Nothing of it is used after a panic.
    let check = || Engine::restore(config, [0; 32], image, last, time).check();
    catch_unwind(AssertUnwindSafe(check))
        .map_err(|_| Failure::Inconsistent { directory: directory.to_owned() })
}
