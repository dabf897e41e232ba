//! The log being read after a start: files in, batches out, and in the end a log to append to.
//!
//! What is behind the last valid batch of the newest segment was never acknowledged: it is cut. An
//! invalid place before something valid is damage, and nothing is guessed: recovery refuses. It
//! changes nothing of what is stored, so that it can be cut off anywhere.
//!
//! What can be read need not be durable: where only the process ended, or a sync failed, the last
//! batch may be in the system's cache alone, and so may the names of files. All that is done from
//! here on builds on it, so it is made durable before anything else: the last batch is written once
//! more, because after a failed sync another one has nothing left to do, and synced.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::id::Lsn;
use crate::log::batch;
use crate::log::disk::{DiskError, Op, Reply};
use crate::log::reserve::{Reserve, Spare};
use crate::log::segment::{self, HEAD, Head, Unreadable};
use crate::log::writer::{Log, Options, Segment};
use crate::planted::Bug;
use crate::time::Time;

/// What recovery does next.
#[derive(Debug)]
pub enum Step {
    /// Ask the disk, and hand the answer to [`Recovery::done`].
    Do(Op),
    /// The next batch, in order.
    Batch(RecoveredBatch),
    /// All is read.
    Finished(Box<Log>, Summary),
    /// The log cannot be used as it is.
    Failed(RecoveryError),
}

/// Records of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredBatch {
    first: Lsn,
    base: Lsn,
    /// As [`Pending::bytes`](crate::log::pending::Pending::bytes).
    bytes: Vec<u8>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The last record.
    pub last: Lsn,
    /// The latest time in it.
    pub time: Time,
    /// Segments that are in use.
    pub segments: usize,
    /// Their bytes.
    pub bytes: u64,
    /// What was cut off because it was never complete.
    pub cut: Option<Cut>,
    /// Files that were not needed and are removed.
    pub removed: Vec<String>,
}

/// Bytes that are no complete batch, behind everything that was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// In which file.
    pub file: String,
    /// From where.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
}

/// Why a log cannot be used as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// Bytes that were durable are not as they were written.
    #[error("{file} is damaged at byte {offset}: what is stored behind it cannot be trusted")]
    Damaged {
        /// Which file.
        file: String,
        /// Where.
        offset: u64,
    },
    /// A segment that is needed is not there.
    #[error("a file before {before} is missing, with records {} to {}", .first.0, .last.0 - 1)]
    Missing {
        /// The segment behind it.
        before: String,
        /// The first record that is needed.
        first: Lsn,
        /// The first record that is there.
        last: Lsn,
    },
    /// A later version wrote it.
    #[error("{file} has format version {found}; this program reads up to {}", segment::VERSION)]
    Version {
        /// Which file.
        file: String,
        /// Its version.
        found: u32,
    },
    /// The disk failed.
    #[error("{step} failed: {error}")]
    Disk {
        /// What was tried.
        step: String,
        /// What the disk said.
        error: DiskError,
    },
}

/// Recovery of a log.
#[derive(Debug)]
pub struct Recovery {
    options: Options,
    stage: Stage,
    generations: BTreeSet<u64>,
    heads: BTreeMap<u64, Head>,
    /// Files to remove in the end.
    outdated: VecDeque<String>,
    base: Lsn,
    /// Segments that are needed, oldest first; those behind `reading` are read.
    chain: Vec<Segment>,
    batches: VecDeque<RecoveredBatch>,
    /// Place of the last batch in the newest segment, and its bytes.
    tail: (u64, Vec<u8>),
    /// Files that were allocated ahead.
    reserve: Reserve,
    summary: Summary,
    /// The operation that was given out.
    asked: Option<Op>,
}

#[derive(Debug)]
enum Stage {
    List,
    /// Room for segments to come, still to be looked at.
    Spares(VecDeque<String>),
    /// Generations whose head is still to be read.
    Heads(VecDeque<u64>),
    /// The newest segment tells the base.
    Newest(u64),
    /// Place in the chain.
    Read(usize),
    /// What is to be done to make durable what was read.
    Secure(VecDeque<Op>),
    Remove {
        some: bool,
    },
    Finished,
    Failed(RecoveryError),
}

impl RecoveredBatch {
    /// Its records that are needed, with their numbers.
    pub fn records(&self) -> impl Iterator<Item = (Lsn, &[u8])> {
        let mut rest = self.bytes.as_slice();
        let mut lsn = self.first;
        let next = move || {
            let (record, behind) = split_record(rest)?;
            rest = behind;
            let this = lsn;
            lsn = lsn.next();
            Some((this, record))
        };
        std::iter::from_fn(next).filter(|(lsn, _)| *lsn >= self.base)
    }
}

/// The record at the front, and what is behind it.
pub(super) fn split_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = batch::number32(bytes, 0)?;
    bytes.get(4..)?.split_at_checked(usize::try_from(len).ok()?)
}

impl Recovery {
    /// Recovery of whatever is there.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            stage: Stage::List,
            generations: BTreeSet::new(),
            heads: BTreeMap::new(),
            outdated: VecDeque::new(),
            base: Lsn::NONE,
            chain: Vec::new(),
            batches: VecDeque::new(),
            tail: (0, Vec::new()),
            reserve: Reserve::default(),
            summary: Summary::default(),
            asked: None,
        }
    }

    /// The next step; not while an answer is owed to [`Recovery::done`].
    #[expect(clippy::should_implement_trait, reason = "no iterator: every step is to be answered")]
    pub fn next(&mut self) -> Step {
        if let Some(batch) = self.batches.pop_front() {
            return Step::Batch(batch);
        }
        let whole =
            |generation| Op::Read { file: segment::name(generation), offset: 0, len: usize::MAX };
        let op = match &self.stage {
            Stage::List => Op::List,
            Stage::Spares(left) => match left.front() {
                Some(file) => Op::Read { file: file.clone(), offset: 0, len: usize::MAX },
                None => {
                    self.stage = Stage::Heads(self.generations.iter().copied().collect());
                    return self.next();
                }
            },
            Stage::Heads(left) => match left.front() {
                Some(generation) => {
                    Op::Read { file: segment::name(*generation), offset: 0, len: HEAD }
                }
                None => return self.heads_are_read(),
            },
            Stage::Newest(generation) => whole(*generation),
            Stage::Read(place) => match self.chain.get(*place) {
                Some(segment) => whole(segment.head.generation),
                None => {
                    self.stage = Stage::Secure(self.secure());
                    return self.next();
                }
            },
            Stage::Secure(left) => match left.front() {
                Some(op) => op.clone(),
                None => {
                    self.stage = Stage::Remove { some: false };
                    return self.next();
                }
            },
            Stage::Remove { some } => match self.outdated.front() {
                Some(file) => Op::Remove { file: file.clone() },
                None if *some => Op::SyncDirectory,
                None => return self.finish(),
            },
            Stage::Finished => return self.finish(),
            Stage::Failed(error) => return Step::Failed(error.clone()),
        };
        self.asked = Some(op.clone());
        Step::Do(op)
    }

    /// The disk's answer to the last step.
    pub fn done(&mut self, result: Result<Reply, DiskError>) {
        let Some(op) = self.asked.take() else { return };
        let reply = match result {
            Ok(reply) => reply,
            Err(error) => return self.fail(RecoveryError::Disk { step: words(&op), error }),
        };
        match (&mut self.stage, reply) {
            (Stage::List, Reply::Names(names)) => self.listed(&names),
            (Stage::Spares(left), Reply::Bytes(bytes)) => {
                if let Some(file) = left.pop_front() {
                    self.spare_is_read(file, &bytes);
                }
            }
            (Stage::Heads(_), Reply::Bytes(bytes)) => self.head_is_read(&bytes),
            (Stage::Newest(generation), Reply::Bytes(bytes)) => {
                let generation = *generation;
                self.newest_is_read(generation, &bytes);
            }
            (Stage::Read(place), Reply::Bytes(bytes)) => {
                let place = *place;
                self.segment_is_read(place, &bytes);
            }
            (Stage::Secure(left), Reply::Done) => drop(left.pop_front()),
            (Stage::Remove { some }, _) => match self.outdated.pop_front() {
                Some(file) => {
                    *some = true;
                    self.summary.removed.push(file);
                }
                None => *some = false,
            },
            (_, _) => {
                let error = DiskError::Failed("an answer to another question".to_owned());
                self.fail(RecoveryError::Disk { step: words(&op), error });
            }
        }
    }

    fn fail(&mut self, error: RecoveryError) {
        self.batches.clear();
        self.stage = Stage::Failed(error);
    }

    fn listed(&mut self, names: &[String]) {
        let mut spares = BTreeMap::new();
        for name in names {
            if let Some(number) = segment::spare_number_of(name) {
                spares.insert(number, name.clone());
            }
            self.generations.extend(segment::generation_of(name));
        }
        self.reserve = Reserve::new(spares.keys().next_back().copied().unwrap_or_default());
        self.stage = Stage::Spares(spares.into_values().collect());
    }

    /// What is as it was allocated is used again: on a full disk it is all the room there is. What
    /// is not was begun and never got its name.
    fn spare_is_read(&mut self, file: String, bytes: &[u8]) {
        let len = bytes.len() as u64;
        if len == self.options.segment_len && bytes.iter().all(|byte| *byte == 0) {
            self.reserve.add(Spare { file, len });
        } else {
            self.outdated.push_back(file);
        }
    }

    fn head_is_read(&mut self, bytes: &[u8]) {
        let Stage::Heads(left) = &mut self.stage else { return };
        let Some(generation) = left.pop_front() else { return };
        match Head::read(generation, bytes) {
            Ok(head) => {
                self.heads.insert(generation, head);
            }
            Err(why) => {
                let file = segment::name(generation);
                self.fail(match why {
                    Unreadable::Damaged => RecoveryError::Damaged { file, offset: 0 },
                    Unreadable::Version(found) => RecoveryError::Version { file, found },
                });
            }
        }
    }

    fn heads_are_read(&mut self) -> Step {
        self.stage = match self.heads.last_key_value() {
            Some((generation, _)) => Stage::Newest(*generation),
            None => Stage::Remove { some: false },
        };
        self.next()
    }

    fn newest_is_read(&mut self, generation: u64, bytes: &[u8]) {
        let Some(head) = self.heads.get(&generation).copied() else { return };
        let mut base = None;
        let mut offset = HEAD;
        let mut expected = head.first;
        while let Some((header, _, len)) = read_at(&head, bytes, offset) {
            base = Some(header.base);
            expected = Lsn(header.first.0 + u64::from(header.count));
            offset += len;
        }
        if is_damage(&head, bytes, offset, expected) {
            let (file, offset) = (segment::name(generation), offset as u64);
            return self.fail(RecoveryError::Damaged { file, offset });
        }
        // A segment gets its name together with its first batch.
        let Some(base) = base else {
            let file = segment::name(generation);
            return self.fail(RecoveryError::Damaged { file, offset: HEAD as u64 });
        };
        self.base = base;
        self.link();
    }

    /// Finds the segments from the base to the newest; what is older was to be removed. Numbers may
    /// be missing in between: those of segments that were never completed.
    fn link(&mut self) {
        let base = self.base.max(Lsn(1));
        while let Some((_, head)) = self.heads.pop_last() {
            self.chain.push(Segment { head, len: 0 });
            if head.first <= base && !self.options.planted.is(Bug::StaleSegmentRead) {
                break;
            }
        }
        self.chain.reverse();
        let Some(first) = self.chain.first().map(|segment| segment.head) else { return };
        if first.first > base {
            let before = segment::name(first.generation);
            return self.fail(RecoveryError::Missing { before, first: base, last: first.first });
        }
        self.outdated.extend(self.heads.keys().map(|generation| segment::name(*generation)));
        self.summary.last = Lsn(first.first.0.saturating_sub(1));
        self.stage = Stage::Read(0);
    }

    fn segment_is_read(&mut self, place: usize, bytes: &[u8]) {
        let next = self.chain.get(place + 1).map(|segment| segment.head.first);
        let Some(segment) = self.chain.get_mut(place) else { return };
        segment.len = bytes.len() as u64;
        let head = segment.head;
        let file = segment::name(head.generation);
        let (mut offset, mut last) = (HEAD, HEAD..HEAD);
        while let Some((header, body, len)) = read_at(&head, bytes, offset) {
            if header.first != self.summary.last.next() || !is_whole(header.count, body) {
                return self.fail(RecoveryError::Damaged { file, offset: offset as u64 });
            }
            self.summary.last = Lsn(self.summary.last.0 + u64::from(header.count));
            self.summary.time = self.summary.time.max(header.time);
            let stale = self.options.planted.is(Bug::StaleSegmentRead);
            let (first, base) = (header.first, if stale { Lsn::NONE } else { self.base });
            self.batches.push_back(RecoveredBatch { first, base, bytes: body.to_vec() });
            last = offset..offset + len;
            offset += len;
        }
        if next.is_none() {
            let tail = bytes.get(last.clone()).unwrap_or_default().to_vec();
            self.tail = (last.start as u64, tail);
        }
        let rest = bytes.get(offset..).unwrap_or_default();
        // The newest was looked at when its base was asked for.
        if next.is_some_and(|first| first != self.summary.last.next()) {
            return self.fail(RecoveryError::Damaged { file, offset: offset as u64 });
        }
        if let (None, Some(end)) = (next, rest.iter().rposition(|byte| *byte != 0)) {
            let (offset, bytes) = (offset as u64, end as u64 + 1);
            self.summary.cut = Some(Cut { file, offset, bytes });
        }
        self.summary.segments += 1;
        self.summary.bytes += bytes.len() as u64;
        self.stage = Stage::Read(place + 1);
    }

    fn secure(&mut self) -> VecDeque<Op> {
        if self.options.planted.is(Bug::TailNotSecured) {
            return VecDeque::new();
        }
        let Some(newest) = self.chain.last() else { return VecDeque::new() };
        let file = segment::name(newest.head.generation);
        let (offset, bytes) = std::mem::take(&mut self.tail);
        let write = Op::Write { file: file.clone(), offset, bytes };
        [write, Op::Sync { file }, Op::SyncDirectory].into()
    }

    fn finish(&mut self) -> Step {
        self.stage = Stage::Finished;
        let segments = self.chain.iter().copied().collect();
        let next = self.generations.last().map_or(1, |generation| generation + 1);
        let (reserve, last) = (self.reserve.clone(), self.summary.last);
        let log = Log::new(self.options, segments, reserve, last, self.base, next);
        Step::Finished(Box::new(log), self.summary.clone())
    }
}

/// Whether something behind `offset` says that record `expected`, which should be there, was durable.
fn is_damage(head: &Head, bytes: &[u8], offset: usize, expected: Lsn) -> bool {
    let magic = batch::MAGIC.to_le_bytes();
    let behind = bytes.get(offset..).unwrap_or_default();
    let found = behind.windows(magic.len()).enumerate().filter(|(_, four)| *four == magic);
    let mut valid = found.filter_map(|(at, _)| read_at(head, bytes, offset + at));
    valid.any(|(later, _, _)| later.synced >= expected)
}

fn read_at<'a>(
    head: &Head,
    bytes: &'a [u8],
    offset: usize,
) -> Option<(batch::Header, &'a [u8], usize)> {
    batch::read(head.place(offset as u64), bytes.get(offset..)?)
}

/// Whether the body is exactly so many records.
pub(super) fn is_whole(count: u32, mut body: &[u8]) -> bool {
    for _ in 0..count {
        let Some((_, rest)) = split_record(body) else { return false };
        body = rest;
    }
    body.is_empty()
}

fn words(op: &Op) -> String {
    match op {
        Op::List => "listing the directory".to_owned(),
        Op::Read { file, .. } => format!("reading {file}"),
        Op::Remove { file } => format!("removing {file}"),
        Op::SyncDirectory => "syncing the directory".to_owned(),
        Op::Write { file, .. } => format!("writing the end of {file} again"),
        Op::Sync { file } => format!("syncing {file}"),
        Op::Allocate { file, .. } => file.clone(),
        Op::Rename { from, .. } => from.clone(),
    }
}
