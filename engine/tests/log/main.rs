//! The log over a disk whose power is cut at any operation, also inside recovery.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test stops where it is wrong")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

mod directory;
mod disk;
mod format;
mod full;
mod rebuild;
mod room;
mod salvage;
mod start;

use std::sync::Arc;

use directory::{published, to};
use disk::{Disk, Rng};
use proptest::prelude::*;
use surewire_engine::id::{Lsn, PacketId};
use surewire_engine::log::disk::Op;
use surewire_engine::log::pending::Pending;
use surewire_engine::log::record::{Record, Retained, SessionKey, Target};
use surewire_engine::log::recovery::{Recovery, RecoveryError, Step, Summary};
use surewire_engine::log::writer::{Log, Options, Progress, Sync};
use surewire_engine::log::{batch, decode, segment};
use surewire_engine::message::Content;
use surewire_engine::packet::PropertySet;
use surewire_engine::planted::Planted;
use surewire_engine::time::Time;

/// A log's whole life: what was appended, and how far it was told to be durable.
struct Life {
    disk: Disk,
    rng: Rng,
    /// The records from the first, by their number.
    appended: Vec<Vec<u8>>,
    durable: usize,
    base: usize,
    crashes: usize,
    cuts: usize,
    cleaned: usize,
}

fn options(rng: &mut Rng) -> Options {
    Options { segment_len: 512, sync: Sync::Always, nonce: rng.next(), planted: Planted::NONE }
}

/// What recovery found: the log to go on with, what it says of itself, and the records.
type Recovered = (Log, Summary, Vec<(Lsn, Vec<u8>)>);

/// Reads the whole log. `crash_at` operations are done, then the power is cut.
fn recover(
    disk: &mut Disk,
    options: Options,
    crash_at: usize,
) -> Option<Result<Recovered, RecoveryError>> {
    let mut recovery = Recovery::new(options);
    let (mut records, mut done) = (Vec::new(), 0);
    loop {
        match recovery.next() {
            Step::Do(op) => {
                if done == crash_at {
                    return None;
                }
                done += 1;
                recovery.done(disk.perform(op));
            }
            Step::Batch(batch) => {
                records.extend(batch.records().map(|(lsn, bytes)| (lsn, bytes.to_vec())));
            }
            Step::Finished(log, summary) => return Some(Ok((*log, summary, records))),
            Step::Failed(error) => return Some(Err(error)),
        }
    }
}

impl Life {
    fn new(seed: u64) -> Self {
        let (disk, appended) = (Disk::default(), Vec::new());
        let (durable, base, crashes, cuts, cleaned) = (0, 0, 0, 0, 0);
        Self { disk, rng: Rng(seed), appended, durable, base, crashes, cuts, cleaned }
    }

    fn crash(&mut self) {
        self.crashes += 1;
        self.disk.crash(&mut self.rng);
    }

    /// Starts until it is not cut off, and checks what is there.
    fn start(&mut self) -> Log {
        loop {
            let options = options(&mut self.rng);
            let crash_at = if self.rng.below(3) == 0 { self.rng.below(8) } else { usize::MAX };
            let Some(recovered) = recover(&mut self.disk, options, crash_at) else {
                self.crash();
                continue;
            };
            let (log, summary, records) = recovered.unwrap_or_else(|error| panic!("{error}"));
            self.cuts += usize::from(summary.cut.is_some());
            let last = summary.last.0 as usize;
            assert!(last >= self.durable, "{last} of {} durable records", self.durable);
            assert!(last <= self.appended.len(), "records that nobody appended");
            self.appended.truncate(last);
            self.durable = last;
            let first = records.first().map_or(last + 1, |(lsn, _)| lsn.0 as usize);
            assert!(first <= self.base.max(1), "{first} is behind the base {}", self.base);
            for (expected, (lsn, bytes)) in (first..).zip(&records) {
                assert_eq!(lsn.0 as usize, expected, "in order");
                assert_eq!(bytes, &self.appended[expected - 1], "as it was appended");
            }
            assert_eq!(first + records.len(), last + 1, "all of them");
            return log;
        }
    }

    fn batch(&mut self) -> Pending {
        let first = Lsn(self.appended.len() as u64 + 1);
        let mut batch = Pending {
            first,
            time: Time::from_secs(self.appended.len() as u64),
            ..Pending::default()
        };
        for _ in 0..self.rng.below(6) {
            let len = if self.rng.below(20) == 0 { 700 } else { self.rng.below(60) };
            let record: Vec<u8> = (0..len).map(|_| self.rng.next() as u8).collect();
            batch.bytes.extend_from_slice(&(len as u32).to_le_bytes());
            batch.bytes.extend_from_slice(&record);
            batch.count += 1;
            self.appended.push(record);
        }
        if self.rng.below(4) == 0 && self.durable > self.base {
            let base = self.base + self.rng.below(self.durable - self.base + 1);
            self.base = base.max(1);
            batch.trim = Some(Lsn(self.base as u64));
        }
        batch
    }

    /// Appends and tidies for a while, then the power is cut at any operation.
    fn live(&mut self) {
        let mut log = self.start();
        let mut left = self.rng.below(60);
        loop {
            if log.is_idle() && self.rng.below(2) == 0 {
                let batch = self.batch();
                log.append(batch);
            }
            let Some(op) = log.next() else { continue };
            if left == 0 {
                return self.crash();
            }
            left -= 1;
            self.cleaned += usize::from(matches!(op, Op::Remove { .. }));
            let result = self.disk.perform(op);
            if let Progress::Durable(lsn) = log.done(result).expect("the disk never fails") {
                self.durable = lsn.0 as usize;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_was_durable_is_there_after_any_crashes(seed: u64) {
        let mut life = Life::new(seed);
        for _ in 0..12 {
            life.live();
        }
        // How much is still needed is left to chance, until nothing is.
        let mut log = life.start();
        log.append(Pending { trim: Some(Lsn(life.durable as u64 + 1)), ..Pending::default() });
        room::work(&mut log, &mut life.disk);
        prop_assert_eq!(log.segments(), 1, "outdated segments are removed");
        prop_assert!(life.disk.files() < 40, "and spares for them");
    }
}

#[test]
fn crashes_tear_batches_and_segments_are_cleaned() {
    let mut life = Life::new(1);
    for _ in 0..300 {
        life.live();
    }
    let seen = (life.crashes, life.cuts, life.cleaned);
    assert!(seen.0 > 300 && seen.1 > 10 && seen.2 > 50, "{seen:?}");
}

#[test]
fn a_flipped_bit_is_found_or_was_never_promised() {
    for seed in 0..600 {
        let mut life = Life::new(seed);
        for _ in 0..3 {
            life.live();
        }
        drop(life.start());
        let Some((file, at)) = life.disk.flip(&mut life.rng) else { continue };
        let options = options(&mut life.rng);
        match recover(&mut life.disk, options, usize::MAX).unwrap() {
            Err(error) => assert!(error.to_string().contains(".log"), "{error}"),
            Ok((_, summary, records)) => {
                let why = format!("seed {seed}, {file} byte {at}, {summary:?}");
                for (lsn, bytes) in records {
                    assert_eq!(bytes, life.appended[lsn.0 as usize - 1], "{why}");
                }
                let last = summary.last.0 as usize;
                assert!(last >= life.durable || summary.cut.is_some(), "{why}");
            }
        }
    }
}

#[test]
fn damage_is_refused_where_a_later_batch_says_that_it_was_durable_and_cut_off_at_the_end() {
    let mut disk = Disk::default();
    let mut log = room::open(&mut disk, 1);
    for lsn in 1..=3 {
        log.append(room::batch(lsn, 50));
        room::work(&mut log, &mut disk);
    }
    let len = (batch::HEADER + 4 + 50 + batch::TRAILER) as u64;
    let damaged = |nth: u64| {
        let (mut disk, offset) = (disk.clone(), segment::HEAD as u64 + nth * len);
        let write = Op::Write { file: segment::name(1), offset: offset + 60, bytes: vec![0] };
        disk.perform(write).unwrap();
        let recovered = recover(&mut disk, options(&mut Rng(2)), usize::MAX).unwrap();
        (offset, recovered.map(|(_, summary, _)| (summary.last, summary.cut.unwrap().offset)))
    };
    for nth in 0..2 {
        let (offset, refused) = damaged(nth);
        assert_eq!(refused, Err(RecoveryError::Damaged { file: segment::name(1), offset }));
    }
    let (offset, cut) = damaged(2);
    assert_eq!(cut, Ok((Lsn(2), offset)));
}

#[test]
fn what_is_joined_begins_where_the_first_of_it_begins() {
    let batch = |first, count| Pending { first: Lsn(first), count, ..Pending::default() };
    let (mut whole, mut later) = (Pending::default(), batch(7, 2));
    whole.join(&mut later);
    assert_eq!((whole.first, whole.count, later.count), (Lsn(7), 2, 0));
    whole.join(&mut batch(9, 3));
    assert_eq!((whole.first, whole.count), (Lsn(7), 5));
}

#[test]
fn what_is_joined_has_the_bytes_of_both() {
    let (anew, surplus, frees) = (3, 5, 7);
    let mut whole = Pending { anew, surplus, frees, ..room::batch(1, 10) };
    let mut later = Pending { anew, surplus, frees, ..room::batch(2, 20) };
    whole.join(&mut later);
    assert_eq!((whole.anew, whole.surplus, whole.frees), (6, 10, 14));
    assert_eq!((later.anew, later.surplus, later.frees), (0, 0, 0));
    assert_eq!((whole.bytes.len(), whole.time), (4 + 10 + 4 + 20, Time::from_secs(2)));
}

#[test]
fn each_record_is_pushed_behind_its_length() {
    let records = [published("t", Retained::Stored, vec![to(1, 1, None)], 1), Record::Alive];
    let mut batch = Pending::default();
    for (lsn, record) in (7..).map(Lsn).zip(&records) {
        batch.push(lsn, record);
    }
    let mut rest = batch.bytes.as_slice();
    for record in records {
        let (len, behind) = rest.split_first_chunk().unwrap();
        let (bytes, behind) = behind.split_at(u32::from_le_bytes(*len) as usize);
        assert_eq!(decode(bytes), Ok(record));
        rest = behind;
    }
    assert!(rest.is_empty());
}

/// What a batch says of the records that an engine gave, which is what the log cleans by.
#[test]
fn what_is_taken_is_counted_by_what_writing_it_anew_would_take() {
    let message = 3 + "t".len() as u64 + "hello".len() as u64;
    let alive = 4 + 1;
    let to = |holders| (1..=holders).map(|session| to(session, 1, None)).collect();
    let counted = |records: Vec<(Record, bool, u64)>| {
        let mut batch = Pending::default();
        for (lsn, (record, anew, frees)) in (7..).map(Lsn).zip(&records) {
            batch.take(lsn, record, *anew, *frees);
        }
        assert_eq!((batch.first, batch.count as usize), (Lsn(7), records.len()));
        (batch.anew, batch.surplus, batch.frees)
    };
    let fresh = |record| counted(vec![(record, false, 0)]);
    // Each holder but the first gets a record of its own, and what is retained is written twice.
    assert_eq!(fresh(published("t", Retained::Untouched, to(1), 1)), (0, 0, 0));
    assert_eq!(fresh(published("t", Retained::Untouched, to(3), 1)), (0, 2 * 20, 0));
    assert_eq!(fresh(published("t", Retained::Stored, to(3), 1)), (0, 2 * 20 + message, 0));
    assert_eq!(fresh(published("t", Retained::Stored, to(0), 1)), (0, 0, 0));
    let expiring = |retained, to| expiring(retained, to, Some(PacketId::FIRST));
    assert_eq!(fresh(expiring(Retained::Untouched, to(3))), (0, 2 * (20 + 9) + 6, 0));
    // The length of the properties, and the one that is there.
    let message = message + 1 + 5;
    assert_eq!(fresh(expiring(Retained::Stored, to(1))), (0, message + 6, 0));
    // What only says that something ceased is never written anew, nor is what it names.
    assert_eq!(fresh(Record::Alive), (0, 0, alive));
    let records = vec![(Record::Alive, false, 30), (Record::Alive, false, 7)];
    assert_eq!(counted(records), (0, 0, 2 * alive + 37));
    // What is told again is neither news nor gone.
    let records = vec![(Record::Alive, true, 0), (Record::Alive, true, 9)];
    assert_eq!(counted(records), (2 * alive, 0, 9));
}

/// A message that expires, maybe one that came by QoS 2.
fn expiring(retained: Retained, to: Vec<Target>, received: Option<PacketId>) -> Record {
    let Record::Published { message, at, .. } = published("t", retained, Vec::new(), 1) else {
        unreachable!()
    };
    let mut message = Content::clone(&message);
    let expiry = PropertySet { message_expiry_interval: Some(60), ..PropertySet::NONE };
    message.properties = expiry.into();
    message.accept(at);
    let received = received.map(|id| (SessionKey(9), id));
    Record::Published { message: Arc::new(message), at, received, retained, to }
}
