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

/// Bytes to write anew for each byte that is appended while a round of cleaning runs. So what comes
/// in meanwhile is an eighth of what lives, however fast it comes.
const PACE: u64 = 8;

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
    /// How many bytes the records of all that lived took when cleaning wrote them last, or when the
    /// log was read.
    live: u64,
    /// Bytes that writing anew what was appended since then may take; of what an earlier process
    /// left, all, unless it is known what of it lives.
    grown: u64,
    /// Bytes of these two that are known to be outdated.
    freed: u64,
    /// Bytes of records that this process appended, those that were written anew aside.
    appended: u64,
    /// As `grown`, since a round was wanted, until it is over.
    since_round: Option<u64>,
    /// Bytes that this round will write at most, and that it has written.
    planned: u64,
    anew: u64,
    /// Bytes that wait to be appended.
    waiting: u64,
    /// Bytes in the batch at hand that are not written anew.
    fresh: u64,
    /// Bytes that are to be written anew for what was appended.
    owed: u64,
    /// Bytes that may be written anew in the hope that what was appended let much go: some for each
    /// time that a full disk was asked for room.
    credit: u64,
    /// Whether a round of cleaning is wanted, until one is over.
    cleaning: bool,
    /// Rounds that are over.
    rounds: u64,
    /// Bytes of the segments that the last of them filled, empty ends included: what another one
    /// would leave of them.
    least: u64,
    /// Whether a round is over and that is not durable yet: what it makes room for is still there.
    trimming: bool,
    reserve: Reserve,
    next_generation: u64,
    /// The batch at hand, until there is a place for it.
    batch: Option<Pending>,
    /// What is to be done for the batch at hand, and what to tidy up.
    ops: VecDeque<Op>,
    tidy: VecDeque<Op>,
    /// How much of the rest may come before the next batch.
    chores: u8,
    /// The step that was given out, without the bytes.
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
            freed: 0,
            appended: 0,
            since_round: None,
            planned: 0,
            anew: 0,
            waiting: 0,
            fresh: 0,
            owed: 0,
            credit: 0,
            cleaning: false,
            rounds: 0,
            least: 0,
            trimming: false,
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

    /// How many bytes what lives took when it was written anew last, or when it was read.
    #[must_use]
    pub fn live(&self) -> u64 {
        self.live
    }

    /// Bytes of all files that are allocated ahead.
    #[must_use]
    pub fn spare_bytes(&self) -> u64 {
        self.reserve.bytes()
    }

    /// How many bytes to write anew for what was appended since the last call.
    pub fn take_owed(&mut self) -> u64 {
        std::mem::take(&mut self.owed)
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

    /// What lives takes so many bytes, as is known after a start from what was read.
    pub fn set_live(&mut self, bytes: u64) {
        (self.live, self.grown, self.freed) = (bytes, 0, 0);
    }

    /// So many bytes wait to be appended: on a disk that gets full there is room for them too.
    pub fn set_waiting(&mut self, bytes: u64) {
        self.waiting = bytes;
    }

    /// Whether so much of it is outdated that it should be cleaned. The last file that a full disk
    /// has given is not for that, unless nothing helped for long, nor is the end of the file that is
    /// being filled: half a round is of no use, acknowledgements are.
    #[must_use]
    pub fn wants_cleaning(&self) -> bool {
        let spares = self.reserve.len();
        let last = spares == 1 && self.credit > self.live;
        let room = || spares > 1 || last || self.room() > self.options.segment_len / 4;
        self.cleaning && (!self.is_full() || room())
    }

    /// Bytes left in the file that is being filled.
    fn room(&self) -> u64 {
        self.segments.back().zip(self.end).map_or(0, |(segment, end)| segment.len - end)
    }

    /// Rounds of cleaning that were over when they were appended.
    #[must_use]
    pub fn rounds(&self) -> u64 {
        self.rounds
    }

    /// Normally when it takes a segment and seven quarters of what lives, if there is something new:
    /// a start alone is no reason, unless there were many; nor are the empty ends of segments, which
    /// a round of large records leaves as they were. On a full disk much sooner, for a few bytes may be what lets
    /// all the rest go: after a bit more, or after any at all once it was full for long enough. But
    /// only if a round finds room.
    fn should_clean(&self) -> bool {
        let segment = self.options.segment_len;
        if self.is_full() {
            let much = self.grown > segment / 16 + (self.live / 32).min(segment / 2);
            let any = self.grown > 0 && self.credit > self.live;
            // One more, for acknowledgements meanwhile; in the long run it goes without, and in the
            // end takes it for granted that much more is outdated than is known.
            let spares = self.reserve.len() + usize::from(any);
            let more = self.freed > segment && self.credit / 2 > self.live && spares > 1;
            (much || any) && (more || spares > self.files(self.most_live()))
        } else {
            let begun = if self.rounds == 0 {
                self.appended > segment / 16 || self.bytes() > segment * 3
            } else {
                self.grown > segment / 16 && self.bytes() >= self.least + self.live / 2
            };
            // Or the disk may turn out to be full halfway.
            let ready = self.reserve.len() >= self.files(self.most_live());
            begun && ready && self.bytes() > segment + self.live / 4 * 7
        }
    }

    /// Bytes that a round of cleaning may write: no more can live than was counted and what came
    /// since, without what is known to be outdated, nor much more than there is.
    fn most_live(&self) -> u64 {
        (self.bytes() * 2).min((self.live + self.grown).saturating_sub(self.freed))
    }

    /// Files that a round fills that writes so many bytes of records. What is appended meanwhile
    /// takes an eighth of that; what is around the records, and the ends of files that are too
    /// small for a batch, take less than one in 32.
    fn files(&self, bytes: u64) -> usize {
        let files = (bytes + bytes / PACE + bytes / 32).div_ceil(self.options.segment_len);
        usize::try_from(files).unwrap_or(usize::MAX)
    }

    /// How many spares to have: for what waits, for a round of cleaning, which alone gives room
    /// back, or for the rest of it, and two more, of which the round's beginning may use one.
    fn wanted(&self) -> usize {
        let at_it = self.cleaning || self.trimming;
        let rest = self.planned.saturating_sub(self.anew);
        let round = self.files(if at_it { rest } else { self.most_live() });
        let waiting = usize::try_from(self.waiting / self.options.segment_len);
        let more = if at_it { 1 } else { 2 };
        round.saturating_add(waiting.unwrap_or(usize::MAX)).saturating_add(more)
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
        self.count(&pending);
        self.batch = Some(pending);
    }

    fn count(&mut self, pending: &Pending) {
        self.fresh = (pending.bytes.len() as u64).saturating_sub(pending.anew);
        self.appended += self.fresh;
        self.anew += pending.anew;
        let grown = self.fresh + pending.surplus;
        self.grown += grown;
        self.since_round = self.since_round.map(|before| before + grown);
        self.freed += pending.frees;
        if let Some(live) = pending.live {
            // What was let go during the round may never have been written by it.
            (self.live, self.freed) = (live, 0);
            self.grown = self.since_round.take().unwrap_or_default();
            (self.planned, self.anew) = (0, 0);
            (self.credit, self.cleaning, self.trimming) = (0, false, true);
            self.rounds += 1;
        }
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
        let mut bytes = Vec::with_capacity(capacity(len));
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
        let mut bytes = Vec::with_capacity(HEAD + capacity(len));
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
        let op = self.chore_between().or_else(|| {
            if self.ops.is_empty() {
                self.place_batch();
            }
            let op = self.ops.pop_front().or_else(|| self.make_place());
            op.or_else(|| self.chore())
        });
        self.doing = op.as_ref().map(outline);
        op
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
        let (wanted, at_it) = (self.wanted(), self.cleaning || self.trimming);
        let settled = !at_it && !self.is_full();
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
            if !self.cleaning && self.should_clean() {
                self.want_round();
            }
        }
        Ok(progress)
    }

    /// Before the round begins: what waits now may be written by it.
    fn want_round(&mut self) {
        self.cleaning = true;
        (self.planned, self.anew) = (self.most_live() + self.waiting, 0);
        self.since_round = Some(0);
    }

    fn progress(&mut self) -> Progress {
        if !self.ops.is_empty() {
            return Progress::Working;
        }
        let Some(upto) = self.upto.take() else { return Progress::Working };
        if self.options.sync == Sync::Always || self.rolled {
            self.synced = upto;
        }
        let fresh = std::mem::take(&mut self.fresh);
        self.owed += if self.cleaning { fresh * PACE } else { 0 };
        self.drop_outdated();
        if std::mem::take(&mut self.trimming) {
            self.least = self.part_of_live(self.bytes());
        }
        self.chores = CHORES;
        Progress::Durable(upto)
    }

    /// So much of `bytes` as what lives is of what has been written since the last round began.
    fn part_of_live(&self, bytes: u64) -> u64 {
        let part = u128::from(bytes) * u128::from(self.live);
        let part = part / u128::from(self.live + self.grown).max(1);
        u64::try_from(part).unwrap_or(bytes)
    }

    /// Segments before the base are removed, now that the base is durable.
    fn drop_outdated(&mut self) {
        let before = self.segments.len();
        let stay = self.options.planted.is(Bug::SegmentsStay);
        while self.segments.get(1).is_some_and(|next| next.head.first <= self.base) {
            if let Some(segment) = self.segments.pop_front().filter(|_| !stay) {
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

/// The capacity for a batch's bytes.
fn capacity(len: u64) -> usize {
    usize::try_from(len).unwrap_or_default()
}

/// An operation without the bytes that it writes, which may be megabytes.
fn outline(op: &Op) -> Op {
    match op {
        Op::Write { file, offset, bytes: _ } => {
            Op::Write { file: file.clone(), offset: *offset, bytes: Vec::new() }
        }
        Op::List
        | Op::Read { .. }
        | Op::Allocate { .. }
        | Op::Sync { .. }
        | Op::Rename { .. }
        | Op::Remove { .. }
        | Op::SyncDirectory => op.clone(),
    }
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
