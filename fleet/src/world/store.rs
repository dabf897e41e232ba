//! How records reach the disk: as in the shipped broker, but for the threads.

use std::collections::VecDeque;

use surewire_engine::event::Storage;
use surewire_engine::log;
use surewire_engine::log::disk::Op;
use surewire_engine::log::image::Image;
use surewire_engine::log::pending::Pending;
use surewire_engine::log::recovery::{Recovery, Step, Summary};
use surewire_engine::log::writer::{Log, LogError, Options, Progress, Sync};
use surewire_engine::planted::Planted;

use super::RunError;
use crate::disk::Disk;

/// Bytes of a file of the log; records that share a batch; records that wait, beyond which nothing
/// new is taken. As the shipped broker has them.
const SEGMENT_LEN: u64 = 16 << 20;
const BATCH: usize = 4 << 20;
const MOST_WAITING: usize = 64 << 20;

/// The log and what waits for it.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) log: Log,
    /// Records of the step at hand.
    pub(super) fresh: Pending,
    waiting: VecDeque<Pending>,
    waiting_bytes: usize,
    /// Bytes of the batch at hand.
    at_hand: usize,
    /// What the disk does, where that takes time.
    doing: Option<Op>,
    /// Rounds of cleaning that the engine has ended.
    pub(super) rounds: u64,
    /// What the engine was told last.
    storage: Storage,
    /// A full disk is going to be asked for room again.
    pub(super) will_retry: bool,
}

/// What has come of driving the log.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Advance {
    /// There is nothing to do.
    Idle,
    /// The disk syncs, which takes its time.
    Syncs,
    /// A step is done.
    Done(Progress),
}

impl Store {
    /// Reads what is on the disk.
    pub(super) fn open(
        disk: &mut Disk,
        sync: Sync,
        nonce: u64,
    ) -> Result<(Self, Image, Summary), RunError> {
        let planted = Planted::NONE;
        let options = Options { segment_len: SEGMENT_LEN, sync, nonce, planted };
        let (mut recovery, mut image) = (Recovery::new(options), Image::default());
        loop {
            match recovery.next() {
                Step::Do(op) => recovery.done(disk.perform(op)),
                Step::Batch(batch) => {
                    for (lsn, bytes) in batch.records() {
                        let record = log::decode(bytes);
                        let record = record.map_err(|why| RunError::Recovery(why.to_string()))?;
                        image.apply(lsn, record);
                    }
                }
                Step::Finished(mut log, summary) => {
                    log.set_live(image.live_bytes());
                    return Ok((Self::new(*log), image, summary));
                }
                Step::Failed(why) => return Err(RunError::Recovery(why.to_string())),
            }
        }
    }

    fn new(log: Log) -> Self {
        Self {
            log,
            fresh: Pending::default(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            at_hand: 0,
            doing: None,
            rounds: 0,
            storage: Storage::Takes,
            will_retry: false,
        }
    }

    /// The records of a step share a batch with earlier ones, if that has room for all of them.
    pub(super) fn hand_over(&mut self) {
        if self.fresh.is_empty() {
            return;
        }
        self.waiting_bytes += self.fresh.bytes.len();
        let fits = |last: &&mut Pending| last.bytes.len() + self.fresh.bytes.len() <= BATCH;
        match self.waiting.back_mut().filter(fits) {
            Some(last) => last.join(&mut self.fresh),
            None => self.waiting.push_back(std::mem::take(&mut self.fresh)),
        }
    }

    /// Whether everything is on the disk.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.fresh.is_empty() && self.log.is_idle()
    }

    /// Whether the log takes more, if that is news.
    pub(super) fn storage(&mut self) -> Option<Storage> {
        let most = if self.storage == Storage::Behind { MOST_WAITING / 2 } else { MOST_WAITING };
        let now = if self.log.is_full() {
            Storage::Full
        } else if self.waiting_bytes > most {
            Storage::Behind
        } else {
            Storage::Takes
        };
        let before = std::mem::replace(&mut self.storage, now);
        (now != before).then_some(now)
    }

    /// Does the next thing; one that takes time is only begun if `syncs_take_time`.
    pub(super) fn advance(
        &mut self,
        disk: &mut Disk,
        syncs_take_time: bool,
    ) -> Result<Advance, LogError> {
        if self.doing.is_some() {
            return Ok(Advance::Idle);
        }
        if self.log.is_idle()
            && let Some(batch) = self.waiting.pop_front()
        {
            self.at_hand = batch.bytes.len();
            self.log.append(batch);
        }
        self.log.set_waiting(self.waiting_bytes as u64);
        let Some(op) = self.log.next() else { return Ok(Advance::Idle) };
        if syncs_take_time && matches!(op, Op::Sync { .. } | Op::SyncDirectory) {
            self.doing = Some(op);
            return Ok(Advance::Syncs);
        }
        self.perform(op, disk).map(Advance::Done)
    }

    /// The disk is done with what takes time.
    pub(super) fn synced(&mut self, disk: &mut Disk) -> Result<Progress, LogError> {
        match self.doing.take() {
            Some(op) => self.perform(op, disk),
            None => Ok(Progress::Working),
        }
    }

    fn perform(&mut self, op: Op, disk: &mut Disk) -> Result<Progress, LogError> {
        let progress = self.log.done(disk.perform(op))?;
        if progress != Progress::Working {
            self.waiting_bytes -= std::mem::take(&mut self.at_hand);
        }
        Ok(progress)
    }

    /// Whether the engine should write anew some of what lives. Not while the end of the last round
    /// waits for the disk.
    pub(super) fn wants_cleaning(&self) -> bool {
        self.log.wants_cleaning() && self.log.rounds() >= self.rounds
    }
}
