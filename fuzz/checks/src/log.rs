//! The log's files: what was durable is read back after any stop of the process, a second recovery
//! finds what the first one left, and a damaged file is refused, or what is read from it is what was
//! written. Salvage reads any damaged file. Records are read or refused, whatever bytes they are.
//!
//! The input is choices: batches of records, where they end, stops, and damage at the end.

use std::collections::BTreeMap;

use arbitrary::{Result, Unstructured};
use surewire_engine::id::Lsn;
use surewire_engine::log::disk::{Op, Reply};
use surewire_engine::log::image::Image;
use surewire_engine::log::pending::Pending;
use surewire_engine::log::recovery::{Recovery, Step, Summary};
use surewire_engine::log::salvage::{Rebuild, Salvage};
use surewire_engine::log::scan::Batch;
use surewire_engine::log::writer::{Log, Options, Progress, Sync};
use surewire_engine::log::{decode, encode, segment};
use surewire_engine::planted::Planted;

use crate::choice::{below, bytes};

/// As many steps as a short input may ask for.
const MOST_STEPS: usize = 64;

/// Runs the log by the input's choices.
pub fn check(input: &[u8]) {
    let mut u = Unstructured::new(input);
    let mut life = Life::default();
    life.start();
    for _ in 0..MOST_STEPS {
        if u.is_empty() || life.step(&mut u).is_err() {
            break;
        }
    }
    life.finish();
    // Running out of choices ends the damage as well.
    let _ = life.damage(&mut u);
}

/// A log, its files, and what was appended.
#[derive(Default)]
struct Life {
    files: Files,
    log: Option<Log>,
    starts: u64,
    /// The records from the first, by their number.
    appended: Vec<Vec<u8>>,
    durable: usize,
    /// The first record that is needed.
    base: usize,
}

impl Life {
    fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        match below(u, 8)? {
            0..4 => {
                self.finish();
                let batch = self.batch(u)?;
                self.log().append(batch);
            }
            4 | 5 => {
                for _ in 0..below(u, 6)? {
                    self.work();
                }
            }
            6 => self.finish(),
            _ => self.start(),
        }
        Ok(())
    }

    fn log(&mut self) -> &mut Log {
        self.log.as_mut().expect("started before anything else")
    }

    fn batch(&mut self, u: &mut Unstructured<'_>) -> Result<Pending> {
        let first = Lsn(self.appended.len() as u64 + 1);
        let mut batch = Pending { first, ..Pending::default() };
        for _ in 0..=below(u, 3)? {
            let record = bytes(u, 250)?.to_vec();
            read_record(&record);
            let len = u32::try_from(record.len()).expect("250 bytes at most");
            batch.bytes.extend_from_slice(&len.to_le_bytes());
            batch.bytes.extend_from_slice(&record);
            batch.count += 1;
            self.appended.push(record);
        }
        let further = below(u, 16)?;
        if further > 8 && self.base + further <= self.durable {
            self.base += further;
            batch.trim = Some(Lsn(self.base as u64));
        }
        Ok(batch)
    }

    /// Does one thing for the log, if there is one to do.
    fn work(&mut self) -> bool {
        let log = self.log.as_mut().expect("started before anything else");
        let Some(op) = log.next() else { return false };
        let reply = self.files.perform(op);
        if let Progress::Durable(upto) = log.done(Ok(reply)).expect("the disk never fails") {
            self.durable = place(upto);
        }
        true
    }

    fn finish(&mut self) {
        while self.work() {}
        assert_eq!(self.durable, self.appended.len(), "all that was appended is durable");
    }

    /// The process ends where it is and starts again, twice: the second start changes nothing.
    fn start(&mut self) {
        self.starts += 1;
        let (log, summary, records) = self.recovered();
        drop(log);
        self.compare(&summary, &records);
        let (log, again, same) = self.recovered();
        assert_eq!((summary.last, records), (again.last, same), "another recovery");
        assert_eq!(again.cut, None, "cut off already");
        self.log = Some(log);
    }

    fn recovered(&mut self) -> Recovered {
        let found = recover(&mut self.files, self.starts);
        let (mut log, summary, records) = found.expect("nothing is damaged");
        while let Some(op) = log.next() {
            let reply = self.files.perform(op);
            log.done(Ok(reply)).expect("the disk never fails");
        }
        (log, summary, records)
    }

    fn compare(&mut self, summary: &Summary, records: &[(Lsn, Vec<u8>)]) {
        let last = place(summary.last);
        assert!(last >= self.durable, "{last} of {} durable records", self.durable);
        assert!(last <= self.appended.len(), "records that nobody appended");
        self.appended.truncate(last);
        self.durable = last;
        let first = records.first().map_or(last + 1, |(lsn, _)| place(*lsn));
        assert!(first <= self.base.max(1), "{first} is behind the base {}", self.base);
        assert_eq!(first + records.len(), last + 1, "all of them");
        for (expected, (lsn, bytes)) in (first..).zip(records) {
            assert_eq!(place(*lsn), expected, "in order");
            assert_eq!(bytes, &self.appended[expected - 1], "as it was appended");
        }
        apply(records);
    }

    /// Changes files and sees what is still read from them.
    fn damage(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        for _ in 0..=below(u, 3)? {
            self.files.damage(u)?;
        }
        self.files.salvage();
        let Some((_, summary, records)) = recover(&mut self.files, self.starts + 1) else {
            return Ok(());
        };
        let last = place(summary.last);
        assert!(last <= self.appended.len(), "records that nobody appended");
        for (lsn, bytes) in &records {
            assert_eq!(bytes, &self.appended[place(*lsn) - 1], "nothing is invented");
        }
        apply(&records);
        Ok(())
    }
}

fn place(lsn: Lsn) -> usize {
    usize::try_from(lsn.0).expect("few records")
}

/// Bytes are a record or none; what is one is written as it was read, or shorter.
fn read_record(bytes: &[u8]) {
    let Ok(record) = decode(bytes) else { return };
    let mut written = Vec::new();
    encode(&record, &mut written);
    assert!(written.len() <= bytes.len(), "our form is never the longer one");
    assert_eq!(decode(&written), Ok(record), "written and read");
}

/// Any sequence of records stands for a state, and is one to be rebuilt from.
fn apply(records: &[(Lsn, Vec<u8>)]) {
    let (mut image, mut rebuild) = (Image::default(), Rebuild::default());
    for (lsn, bytes) in records {
        if let Ok(record) = decode(bytes) {
            rebuild.apply(*lsn, record.clone());
            image.apply(*lsn, record);
        }
    }
    let _ = rebuild.finish();
}

/// The log to go on with, what it says of itself, and the records.
type Recovered = (Log, Summary, Vec<(Lsn, Vec<u8>)>);

/// What recovery finds; `None` if it refuses.
fn recover(files: &mut Files, nonce: u64) -> Option<Recovered> {
    let options = Options { segment_len: 256, sync: Sync::Always, nonce, planted: Planted::NONE };
    let mut recovery = Recovery::new(options);
    let mut records = Vec::new();
    loop {
        match recovery.next() {
            Step::Do(op) => recovery.done(Ok(files.perform(op))),
            Step::Batch(batch) => {
                records.extend(batch.records().map(|(lsn, bytes)| (lsn, bytes.to_vec())));
            }
            Step::Finished(log, summary) => return Some((*log, summary, records)),
            Step::Failed(_) => return None,
        }
    }
}

/// A disk that keeps what was written.
#[derive(Default)]
struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    fn perform(&mut self, op: Op) -> Reply {
        match op {
            Op::List => return Reply::Names(self.0.keys().cloned().collect()),
            Op::Read { file, offset, len } => {
                let file = &self.0[&file];
                let from = usize::try_from(offset).unwrap_or(usize::MAX).min(file.len());
                let to = from.saturating_add(len).min(file.len());
                return Reply::Bytes(file[from..to].to_vec());
            }
            Op::Allocate { file, len } => {
                let len = usize::try_from(len).expect("small files");
                assert!(self.0.insert(file, vec![0; len]).is_none(), "a new name");
            }
            Op::Write { file, offset, bytes } => {
                let file = self.0.get_mut(&file).expect("a file that is there");
                let from = usize::try_from(offset).expect("small files");
                // Damage may have made it shorter; a file grows as far as it is written.
                file.resize(file.len().max(from + bytes.len()), 0);
                file[from..from + bytes.len()].copy_from_slice(&bytes);
            }
            Op::Rename { from, to } => {
                let file = self.0.remove(&from).expect("a file to rename");
                self.0.insert(to, file);
            }
            Op::Remove { file } => {
                self.0.remove(&file).expect("a file to remove");
            }
            Op::Sync { .. } | Op::SyncDirectory => {}
        }
        Reply::Done
    }

    fn damage(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let names: Vec<String> = self.0.keys().cloned().collect();
        if names.is_empty() {
            return Ok(());
        }
        let name = &names[below(u, names.len())?];
        let file = self.0.get_mut(name).expect("just listed");
        let at = usize::from(u.arbitrary::<u16>()?) % (file.len() + 1);
        match below(u, 8)? {
            0 => file.truncate(at),
            1 => {
                self.0.remove(name);
            }
            2 => {
                let copy = file.clone();
                self.0.insert(names[below(u, names.len())?].clone(), copy);
            }
            3 => file.splice(at.., bytes(u, 250)?.iter().copied()).for_each(drop),
            _ => {
                let change = u.arbitrary::<u8>()?;
                if let Some(byte) = file.get_mut(at) {
                    *byte ^= change;
                }
            }
        }
        Ok(())
    }

    /// Reads what is good in the files as they are.
    fn salvage(&self) {
        let generation = |(name, bytes): (&String, &Vec<u8>)| {
            Some((segment::generation_of(name)?, bytes.clone()))
        };
        let segments: BTreeMap<u64, Vec<u8>> = self.0.iter().filter_map(generation).collect();
        let heads = segments.iter().map(|(generation, bytes)| (*generation, bytes.as_slice()));
        let mut salvage = Salvage::new(heads);
        let mut rebuild = Rebuild::default();
        for (generation, bytes) in &segments {
            for batch in salvage.segment(*generation, bytes) {
                rebuild_batch(&mut rebuild, &batch);
            }
        }
        let _ = (salvage.finish(), rebuild.finish());
    }
}

fn rebuild_batch(rebuild: &mut Rebuild, batch: &Batch<'_>) {
    for (lsn, _, bytes) in batch.records() {
        if let Ok(record) = decode(bytes) {
            rebuild.apply(lsn, record);
        }
    }
}
