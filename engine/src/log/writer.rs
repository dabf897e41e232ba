//! The log being written: batches in, what the disk is to do out.

use std::collections::VecDeque;

use crate::id::Lsn;
use crate::log::batch;
use crate::log::disk::{DiskError, Op, Reply};
use crate::log::pending::Pending;
use crate::log::reserve::{Reserve, Spare};
use crate::log::segment::{self, HEAD, Head};
use crate::planted::{Bug, Planted};

/// Chores between two batches at most. A batch can end a segment; then a file is to be removed, the
/// directory synced and a spare allocated.
const CHORES: u8 = 3;

/// How the log is kept.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes of a segment; a larger batch gets one of its own size.
    pub segment_len: u64,
    /// Whether what is written is synced before it counts as durable.
    pub sync: Sync,
    /// A random number, another one each time the log is opened.
    pub nonce: u64,
    /// What is wrong on purpose: nothing outside of simulations.
    pub planted: Planted,
}

/// When the disk is asked to sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Before anything counts as durable: it survives a power cut.
    Always,
    /// When a segment is complete. What was written survives the end of the process.
    OnRoll,
}

/// What a step has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more to do.
    Working,
    /// Every record up to this one is durable.
    Durable(Lsn),
}

/// The disk failed. The log is not used any more: after a failed sync nobody knows what is stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step} failed: {error}")]
pub struct LogError {
    /// What was tried.
    pub step: String,
    /// What the disk said.
    pub error: DiskError,
}

/// A segment that holds records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) head: Head,
    /// Bytes of its file.
    pub(super) len: u64,
}

/// A log that can be appended to.
///
/// A disk without room does not end it: see [`Log::is_full`].
#[derive(Debug)]
pub struct Log {
    options: Options,
    /// All segments, oldest first.
    segments: VecDeque<Segment>,
    /// Where the next batch goes in the last segment; `None` if it needs a new one.
    end: Option<u64>,
    /// The last record that was appended.
    last: Lsn,
    /// The last one that survives a power cut.
    synced: Lsn,
    /// The first record that is needed.
    base: Lsn,
    /// About how many bytes all that lived took when cleaning counted it last.
    live: u64,
    /// Bytes appended since then; of what an earlier process left, all.
    grown: u64,
    /// Bytes that may be written anew in the hope that what was appended let much go: some for each
    /// time that a full disk was asked for room.
    credit: u64,
    /// Whether a round of cleaning is wanted, until one is over.
    cleaning: bool,
    reserve: Reserve,
    next_generation: u64,
    /// The batch at hand, until there is a place for it.
    batch: Option<Pending>,
    /// What is to be done for the batch at hand, and what to tidy up.
    ops: VecDeque<Op>,
    tidy: VecDeque<Op>,
    /// How much of the rest may come before the next batch.
    chores: u8,
    /// The step that was given out.
    doing: Option<Op>,
    /// What is durable when `ops` is done.
    upto: Option<Lsn>,
    /// Whether the batch at hand began a segment.
    rolled: bool,
    failed: bool,
}

impl Log {
    pub(super) fn new(
        options: Options,
        segments: VecDeque<Segment>,
        reserve: Reserve,
        last: Lsn,
        base: Lsn,
        next_generation: u64,
    ) -> Self {
        let grown = segments.iter().map(|segment| segment.len).sum();
        Self {
            options,
            segments,
            end: None,
            last,
            synced: last,
            base,
            live: 0,
            grown,
            credit: 0,
            cleaning: false,
            reserve,
            next_generation,
            batch: None,
            ops: VecDeque::new(),
            tidy: VecDeque::new(),
            chores: 0,
            doing: None,
            upto: None,
            rolled: false,
            failed: false,
        }
    }

    /// Whether a batch may be appended.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let at_work = self.batch.is_some() || !self.ops.is_empty() || self.doing.is_some();
        !at_work && !self.failed
    }

    /// Bytes of all segments.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.len).sum()
    }

    /// Whether the disk has no room for what the log keeps allocated ahead. What is appended is
    /// still written for as long as that lasts, so only what lets something go should be: nothing
    /// else makes room. Try again with [`Log::retry`].
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.reserve.is_full()
    }

    /// There may be room again on a full disk. To be called about once a second.
    pub fn retry(&mut self) {
        self.reserve.unblock();
        self.credit += self.options.segment_len / 4;
    }

    /// Whether so much of it is outdated that it should be cleaned. The last file that a full disk
    /// has given is not for that: half a round is of no use, acknowledgements are.
    #[must_use]
    pub fn wants_cleaning(&self) -> bool {
        self.cleaning && (!self.is_full() || self.reserve.len() > 1)
    }

    /// Normally when it takes two segments and seven quarters of what lives. On a full disk much
    /// sooner, for a few bytes may be what lets all the rest go: after a bit more, or after any at
    /// all once it was full for long enough. But only if a round finds room.
    fn should_clean(&self) -> bool {
        let segment = self.options.segment_len;
        if self.is_full() {
            let much = self.grown > segment / 16 + self.live / 32;
            let any = self.grown > 0 && self.credit > self.live;
            (much || any) && self.reserve.len() > self.round()
        } else {
            self.bytes() > segment * 2 + self.live / 4 * 7
        }
    }

    /// Segments that a round of cleaning may fill: no more can live than was counted and what came
    /// since, nor than there is.
    fn round(&self) -> usize {
        let most = self.bytes().min(self.live + self.grown);
        usize::try_from(most.div_ceil(self.options.segment_len)).unwrap_or(usize::MAX)
    }

    /// How many spares to have: for a round of cleaning, which alone gives room back, and two more
    /// for what is written meanwhile and for what the ends of segments are too small for. A round
    /// that runs uses its part up.
    fn wanted(&self) -> usize {
        let round = if self.cleaning && !self.is_full() { 0 } else { self.round() };
        round.saturating_add(2)
    }

    /// How many segments there are.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Takes a batch, while [`Log::is_idle`].
    pub fn append(&mut self, mut pending: Pending) {
        debug_assert!(self.is_idle(), "one batch at a time");
        if pending.count == 0 {
            pending.first = self.last.next();
        }
        self.last = Lsn(self.last.0 + u64::from(pending.count));
        self.base = self.base.max(pending.trim.unwrap_or_default());
        self.grown += batch_len(&pending);
        if let Some(live) = pending.live {
            (self.live, self.grown, self.credit, self.cleaning) = (live, 0, 0, false);
        }
        self.batch = Some(pending);
    }

    /// Says what is to be done for the batch at hand, if there is a place for it.
    fn place_batch(&mut self) {
        let Some(pending) = self.batch.take() else { return };
        let len = batch_len(&pending);
        let last = self.segments.back().zip(self.end);
        if last.is_some_and(|(segment, end)| end + len <= segment.len) {
            self.extend(&pending, len);
        } else if let Some(spare) = self.reserve.take(HEAD as u64 + len) {
            self.roll(&pending, len, spare);
        } else {
            self.batch = Some(pending);
            return;
        }
        self.upto = Some(self.last);
    }

    fn extend(&mut self, pending: &Pending, len: u64) {
        let Some((segment, end)) = self.segments.back().zip(self.end.as_mut()) else { return };
        let mut bytes = Vec::new();
        batch::write(segment.head.place(*end), pending, self.synced, self.base, &mut bytes);
        let file = segment::name(segment.head.generation);
        self.ops.push_back(Op::Write { file: file.clone(), offset: *end, bytes });
        if self.options.sync == Sync::Always {
            self.ops.push_back(Op::Sync { file });
        }
        *end += len;
        self.rolled = false;
    }

    /// A new segment has its final name only when it is complete with its first batch.
    fn roll(&mut self, pending: &Pending, len: u64, spare: Spare) {
        if let (Sync::OnRoll, Some(full)) = (self.options.sync, self.segments.back()) {
            self.ops.push_back(Op::Sync { file: segment::name(full.head.generation) });
        }
        let generation = self.next_generation;
        self.next_generation += 1;
        let head = Head {
            generation,
            nonce: self.options.nonce,
            first: pending.first,
            synced: self.synced,
            base: self.base,
        };
        let mut bytes = Vec::new();
        head.write(&mut bytes);
        batch::write(head.place(HEAD as u64), pending, self.synced, self.base, &mut bytes);
        let Spare { file, len: segment_len } = spare;
        self.ops.extend([
            Op::Write { file: file.clone(), offset: 0, bytes },
            Op::Sync { file: file.clone() },
            Op::Rename { from: file, to: segment::name(generation) },
        ]);
        if !self.options.planted.is(Bug::DirectoryNotSynced) {
            self.ops.push_back(Op::SyncDirectory);
        }
        self.segments.push_back(Segment { head, len: segment_len });
        self.end = Some(HEAD as u64 + len);
        self.rolled = true;
    }

    /// What the disk is to do now. To be answered by [`Log::done`] before the next is asked for.
    /// When there is nothing and it is not idle, a batch waits for [`Log::retry`].
    #[expect(clippy::should_implement_trait, reason = "no iterator: every step is to be answered")]
    pub fn next(&mut self) -> Option<Op> {
        if self.failed || self.doing.is_some() {
            return None;
        }
        self.doing = self.chore_between();
        if self.doing.is_none() {
            if self.ops.is_empty() {
                self.place_batch();
            }
            let op = self.ops.pop_front().or_else(|| self.make_place());
            self.doing = op.or_else(|| self.chore());
        }
        self.doing.clone()
    }

    /// Under a load without a pause there is always a batch: a few chores come first, or nothing
    /// would ever be tidied up.
    fn chore_between(&mut self) -> Option<Op> {
        if self.batch.is_none() || !self.ops.is_empty() {
            return None;
        }
        self.chores = self.chores.checked_sub(1)?;
        self.chore()
    }

    /// What nobody waits for.
    fn chore(&mut self) -> Option<Op> {
        self.tidy.pop_front().or_else(|| self.tend_reserve())
    }

    /// A file for the batch at hand, which fits none.
    fn make_place(&mut self) -> Option<Op> {
        let needed = HEAD as u64 + batch_len(self.batch.as_ref()?);
        self.allocate(self.options.segment_len.max(needed))
    }

    /// Brings the reserve to its size, once there is anything to store.
    fn tend_reserve(&mut self) -> Option<Op> {
        self.end?;
        let (wanted, settled) = (self.wanted(), !self.cleaning && !self.is_full());
        if self.reserve.len() < wanted {
            self.allocate(self.options.segment_len)
        } else if self.reserve.len() > wanted && settled {
            self.reserve.give_back().map(|spare| Op::Remove { file: spare.file })
        } else {
            None
        }
    }

    fn allocate(&mut self, len: u64) -> Option<Op> {
        let may = !self.reserve.is_blocked();
        may.then(|| Op::Allocate { file: self.reserve.name(), len })
    }

    /// The disk has done it, or not.
    ///
    /// # Errors
    /// It has not, and not for want of room for a file. Nothing further can be done with this log.
    pub fn done(&mut self, result: Result<Reply, DiskError>) -> Result<Progress, LogError> {
        let Some(op) = self.doing.take() else { return Ok(Progress::Working) };
        match (op, result) {
            (Op::Allocate { .. }, Err(DiskError::NoRoom)) => self.reserve.found_no_room(),
            (Op::Sync { .. }, Err(_)) if self.options.planted.is(Bug::SyncErrorIgnored) => {}
            (op, Err(error)) => {
                self.failed = true;
                return Err(failure(op, error));
            }
            (Op::Allocate { file, len }, Ok(_)) => self.reserve.add(Spare { file, len }),
            (Op::Remove { .. }, Ok(_)) => self.reserve.unblock(),
            (_, Ok(_)) => {}
        }
        let progress = self.progress();
        if self.batch.is_none() && self.ops.is_empty() {
            if self.reserve.len() >= self.wanted() {
                self.reserve.complete();
            }
            self.cleaning |= self.should_clean();
        }
        Ok(progress)
    }

    fn progress(&mut self) -> Progress {
        if !self.ops.is_empty() {
            return Progress::Working;
        }
        let Some(upto) = self.upto.take() else { return Progress::Working };
        if self.options.sync == Sync::Always || self.rolled {
            self.synced = upto;
        }
        self.drop_outdated();
        self.chores = CHORES;
        Progress::Durable(upto)
    }

    /// Segments before the base are removed, now that the base is durable.
    fn drop_outdated(&mut self) {
        let before = self.segments.len();
        while self.segments.get(1).is_some_and(|next| next.head.first <= self.base) {
            if let Some(segment) = self.segments.pop_front() {
                self.tidy.push_back(Op::Remove { file: segment::name(segment.head.generation) });
            }
        }
        if self.segments.len() < before {
            self.tidy.push_back(Op::SyncDirectory);
        }
    }
}

fn batch_len(pending: &Pending) -> u64 {
    (batch::HEADER + pending.bytes.len() + batch::TRAILER) as u64
}

fn failure(op: Op, error: DiskError) -> LogError {
    let step = match op {
        Op::Allocate { file, .. } => format!("making {file}"),
        Op::Write { file, offset, .. } => format!("writing to {file} at byte {offset}"),
        Op::Sync { file } => format!("syncing {file}"),
        Op::Rename { from, to } => format!("renaming {from} to {to}"),
        Op::Remove { file } => format!("removing {file}"),
        Op::SyncDirectory => "syncing the directory".to_owned(),
        Op::List => "listing the directory".to_owned(),
        Op::Read { file, .. } => format!("reading {file}"),
    };
    LogError { step, error }
}
