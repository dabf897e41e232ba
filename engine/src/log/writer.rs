//! The log being written: batches in, what the disk is to do out.

use std::collections::VecDeque;

use crate::id::Lsn;
use crate::log::batch;
use crate::log::disk::{DiskError, Op, Reply};
use crate::log::pending::Pending;
use crate::log::segment::{self, HEAD, Head};

/// How the log is kept.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes of a segment; a larger batch gets one of its own size.
    pub segment_len: u64,
    /// Whether what is written is synced before it counts as durable.
    pub sync: Sync,
    /// A random number, another one each time the log is opened.
    pub nonce: u64,
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
pub enum LogError {
    /// There is no room for another segment.
    #[error("there is no room for {file} ({len} bytes); make room and start again")]
    NoRoom {
        /// The segment's file.
        file: String,
        /// Its length in bytes.
        len: u64,
    },
    /// A step failed.
    #[error("{step} failed: {error}")]
    Disk {
        /// What was tried.
        step: String,
        /// What the disk said.
        error: DiskError,
    },
}

/// A segment that holds records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) head: Head,
    /// Bytes of its file.
    pub(super) len: u64,
}

/// A log that can be appended to.
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
    /// About how many bytes all that lives takes, as far as cleaning found.
    live: u64,
    next_generation: u64,
    /// What is to be done for the batch at hand, and what to tidy up.
    ops: VecDeque<Op>,
    tidy: VecDeque<Op>,
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
        last: Lsn,
        base: Lsn,
        next_generation: u64,
    ) -> Self {
        Self {
            options,
            segments,
            end: None,
            last,
            synced: last,
            base,
            live: 0,
            next_generation,
            ops: VecDeque::new(),
            tidy: VecDeque::new(),
            doing: None,
            upto: None,
            rolled: false,
            failed: false,
        }
    }

    /// Whether a batch may be appended.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.ops.is_empty() && self.doing.is_none() && !self.failed
    }

    /// Bytes of all segments.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.len).sum()
    }

    /// Whether so much of it is outdated that it should be cleaned: it takes two segments and seven
    /// quarters of what lives.
    #[must_use]
    pub fn wants_cleaning(&self) -> bool {
        self.bytes() > self.options.segment_len * 2 + self.live / 4 * 7
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
        let synced = self.synced;
        self.last = Lsn(self.last.0 + u64::from(pending.count));
        self.base = self.base.max(pending.trim.unwrap_or_default());
        self.live = pending.live.unwrap_or(self.live);
        self.upto = Some(self.last);
        let len = (batch::HEADER + pending.bytes.len() + batch::TRAILER) as u64;
        let fits = self.segments.back().zip(self.end).is_some_and(|(s, end)| end + len <= s.len);
        self.rolled = !fits;
        if fits { self.extend(&pending, synced, len) } else { self.roll(&pending, synced, len) }
    }

    fn extend(&mut self, pending: &Pending, synced: Lsn, len: u64) {
        let Some((segment, end)) = self.segments.back().zip(self.end.as_mut()) else { return };
        let mut bytes = Vec::new();
        batch::write(segment.head.place(*end), pending, synced, self.base, &mut bytes);
        let file = segment::name(segment.head.generation);
        self.ops.push_back(Op::Write { file: file.clone(), offset: *end, bytes });
        if self.options.sync == Sync::Always {
            self.ops.push_back(Op::Sync { file });
        }
        *end += len;
    }

    /// A new segment has its final name only when it is complete with its first batch.
    fn roll(&mut self, pending: &Pending, synced: Lsn, len: u64) {
        if let (Sync::OnRoll, Some(full)) = (self.options.sync, self.segments.back()) {
            self.ops.push_back(Op::Sync { file: segment::name(full.head.generation) });
        }
        let generation = self.next_generation;
        self.next_generation += 1;
        let head = Head {
            generation,
            nonce: self.options.nonce,
            first: pending.first,
            synced,
            base: self.base,
        };
        let mut bytes = Vec::new();
        head.write(&mut bytes);
        batch::write(head.place(HEAD as u64), pending, synced, self.base, &mut bytes);
        let end = HEAD as u64 + len;
        let segment = Segment { head, len: self.options.segment_len.max(end) };
        let file = segment::new_name(generation);
        self.ops.extend([
            Op::Allocate { file: file.clone(), len: segment.len },
            Op::Write { file: file.clone(), offset: 0, bytes },
            Op::Sync { file: file.clone() },
            Op::Rename { from: file, to: segment::name(generation) },
            Op::SyncDirectory,
        ]);
        self.segments.push_back(segment);
        self.end = Some(end);
    }

    /// What the disk is to do now. To be answered by [`Log::done`] before the next is asked for.
    #[expect(clippy::should_implement_trait, reason = "no iterator: every step is to be answered")]
    pub fn next(&mut self) -> Option<Op> {
        if self.failed || self.doing.is_some() {
            return None;
        }
        self.doing = self.ops.pop_front().or_else(|| self.tidy.pop_front());
        self.doing.clone()
    }

    /// The disk has done it, or not.
    ///
    /// # Errors
    /// It has not. Nothing further can be done with this log.
    pub fn done(&mut self, result: Result<Reply, DiskError>) -> Result<Progress, LogError> {
        let Some(op) = self.doing.take() else { return Ok(Progress::Working) };
        if let Err(error) = result {
            self.failed = true;
            return Err(failure(op, error));
        }
        if !self.ops.is_empty() {
            return Ok(Progress::Working);
        }
        let Some(upto) = self.upto.take() else { return Ok(Progress::Working) };
        let synced = self.options.sync == Sync::Always || self.rolled;
        if synced {
            self.synced = upto;
        }
        self.drop_outdated();
        Ok(Progress::Durable(upto))
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

fn failure(op: Op, error: DiskError) -> LogError {
    let step = match op {
        Op::Allocate { file, len } if error == DiskError::NoRoom => {
            return LogError::NoRoom { file, len };
        }
        Op::Allocate { file, .. } => format!("making {file}"),
        Op::Write { file, offset, .. } => format!("writing to {file} at byte {offset}"),
        Op::Sync { file } => format!("syncing {file}"),
        Op::Rename { from, to } => format!("renaming {from} to {to}"),
        Op::Remove { file } => format!("removing {file}"),
        Op::SyncDirectory => "syncing the directory".to_owned(),
        Op::List => "listing the directory".to_owned(),
        Op::Read { file, .. } => format!("reading {file}"),
    };
    LogError::Disk { step, error }
}
