//! `surewire store repair`: a new directory of what can be read of a damaged one.

use std::path::Path;
use std::process::ExitCode;

use surewire_engine::id::Lsn;
use surewire_engine::log;
use surewire_engine::log::image::Image;
use surewire_engine::log::pending::Pending;
use surewire_engine::log::recovery::{Recovery, Step};
use surewire_engine::log::salvage::{Found, Rebuild, Unfit};
use surewire_engine::log::writer::{Log, Options, Sync};
use surewire_engine::planted::Planted;
use surewire_engine::time::Time;

use super::check::counts;
use super::failure::Failure;
use super::read::{must_be_sound, read};
use super::salvage::{damage, salvage};
use super::source::Source;
use super::target::Target;
use super::{print, row};
use crate::environment::disk::Directory;
use crate::store::SEGMENT_LEN;

/// About how many bytes of records are written at once.
const BATCH: usize = 1 << 20;

pub(super) fn run(directory: &Path, into: &Path) -> Result<ExitCode, Failure> {
    let source = Source::at_rest(directory)?;
    let target = Target::new(into)?;
    let found = salvage(&source, |_| Ok(()))?;
    let (image, unfit, used) = rebuild(&source, found.start)?;
    write(target.path(), &image, found.time)?;
    verify(target.path(), &image)?;
    target.finish()?;
    print(&report(directory, into, &found, &image, &unfit, &used))?;
    Ok(ExitCode::SUCCESS)
}

/// What became of the records that are there.
#[derive(Default)]
struct Used {
    records: u64,
    /// Records that no version so far has written.
    unknown: u64,
}

fn rebuild(source: &Source, start: Lsn) -> Result<(Image, Unfit, Used), Failure> {
    let (mut rebuild, mut used) = (Rebuild::default(), Used::default());
    salvage(source, |batch| {
        for (lsn, _, bytes) in batch.records().filter(|(lsn, ..)| *lsn >= start) {
            match log::decode(bytes) {
                Ok(record) => {
                    used.records += 1;
                    rebuild.apply(lsn, record);
                }
                Err(_) => used.unknown += 1,
            }
        }
        Ok(())
    })?;
    let (image, unfit) = rebuild.finish();
    Ok((image, unfit, used))
}

/// Writes the image as a log of its own.
fn write(directory: &Path, image: &Image, time: Time) -> Result<(), Failure> {
    let failed = |error| Failure::Disk { path: directory.to_owned(), error };
    let mut disk = Directory::open(directory).map_err(failed)?;
    let mut log = begin(directory, &mut disk)?;
    for batch in batches(image, time) {
        log.append(batch);
        while let Some(op) = log.next() {
            let reply = disk.perform_now(&op);
            let directory = directory.to_owned();
            log.done(reply).map_err(|error| Failure::Log { directory, error })?;
        }
    }
    Ok(())
}

/// The log of a directory in which nothing is stored.
fn begin(directory: &Path, disk: &mut Directory) -> Result<Log, Failure> {
    let mut nonce = [0; 8];
    getrandom::fill(&mut nonce).map_err(|error| Failure::Entropy(error.into()))?;
    let nonce = u64::from_le_bytes(nonce);
    let options =
        Options { segment_len: SEGMENT_LEN, sync: Sync::Always, nonce, planted: Planted::NONE };
    let mut recovery = Recovery::new(options);
    loop {
        match recovery.next() {
            Step::Do(op) => recovery.done(disk.perform_now(&op)),
            Step::Batch(_) => {}
            Step::Finished(log, _) => return Ok(*log),
            Step::Failed(error) => {
                return Err(Failure::Refused { directory: directory.to_owned(), error });
            }
        }
    }
}

fn batches(image: &Image, time: Time) -> Vec<Pending> {
    let mut batches = vec![Pending { time, ..Pending::default() }];
    image.records(Lsn(1), |lsn, record| {
        if batches.last().is_some_and(|batch| batch.bytes.len() >= BATCH) {
            batches.push(Pending { time, ..Pending::default() });
        }
        if let Some(batch) = batches.last_mut() {
            batch.push(lsn, &record);
        }
    });
    batches
}

/// What a start would read is what was to be written.
fn verify(directory: &Path, image: &Image) -> Result<(), Failure> {
    let stored = read(&Source::at_rest(directory)?)?;
    if stored.image != *image {
        return Err(Failure::NotTheSame(directory.to_owned()));
    }
    must_be_sound(directory, stored.image, stored.summary.last, stored.summary.time)
}

fn report(
    directory: &Path,
    into: &Path,
    found: &Found,
    image: &Image,
    unfit: &Unfit,
    used: &Used,
) -> String {
    let mut text = format!("{}: {} records can be used\n", directory.display(), used.records);
    let mut line = |line: String| text += &format!("  {line}\n");
    damage(found).into_iter().for_each(&mut line);
    let mut left_out = |count: u64, what: &str| {
        if count > 0 {
            line(format!("left out: {count} {what}"));
        }
    };
    let outdated = &unfit.outdated;
    left_out(used.unknown, "records that this version cannot read");
    let unknown = format!("records about sessions whose beginning is missing ({})", unfit.sessions);
    left_out(unfit.records, &unknown);
    left_out(unfit.without_message, "messages whose text is missing");
    left_out(outdated.messages as u64, "messages that were acknowledged, as what came later shows");
    left_out(outdated.wills as u64, "wills of connections that were over");
    left_out(outdated.awaited as u64, "subscriptions that waited for a client that is there");
    left_out(outdated.replays as u64, "replays of retained messages without their subscription");
    for client in &outdated.sessions {
        line(format!("left out: an older session of client {:?}", client.as_str()));
    }
    text += &format!("{}: written and checked\n", into.display());
    for (name, count) in counts(image) {
        text += &row(name, count);
    }
    if !found.lost.is_empty() {
        text += "What ended in what is missing may be back: sessions, subscriptions, retained \
                 messages, and messages that were acknowledged, which are delivered again.\n";
    }
    text
}
