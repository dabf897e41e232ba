//! A disk whose files get only what was synced, so that a kill takes everything else.
//!
//! kill -9 alone loses nothing that was written: the system has it. Here a write stays in the memory
//! of the process until its sync, and so does a new name or the end of one until the sync of the
//! directory. A file without a durable name has one that recovery never sees. As on a real disk some
//! of it may get there early: any part of a write, and the first ones of the changes of names.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use surewire_engine::log::disk::{DiskError, Op, Reply};
use surewire_server::environment::{Disk, LocalFuture};

use super::Plan;

/// What files without a durable name are called.
const NAMELESS: &str = "nameless-";

/// The most that a sync takes, in microseconds: time for a kill, and for what does not wait for it.
const SYNC_US: u64 = 4_000;

/// A disk in front of a real one.
pub(super) struct LossyDisk {
    real: Box<dyn Disk>,
    plan: Plan,
    /// As the system would tell them; `None` before the first look.
    names: Option<BTreeMap<String, usize>>,
    files: Vec<File>,
    /// Changes of names that are not durable, oldest first.
    changes: Vec<Change>,
}

#[derive(Debug)]
struct File {
    /// What the real disk calls it.
    durable_name: String,
    unsynced: Vec<(u64, Vec<u8>)>,
}

/// The file at this place has another name, or none any more.
#[derive(Debug)]
struct Change {
    file: usize,
    to: Option<String>,
}

impl Disk for LossyDisk {
    fn perform(&mut self, op: Op) -> LocalFuture<'_, Result<Reply, DiskError>> {
        Box::pin(self.perform_lossily(op))
    }
}

impl LossyDisk {
    pub(super) fn new(real: Box<dyn Disk>, plan: Plan) -> Self {
        Self { real, plan, names: None, files: Vec::new(), changes: Vec::new() }
    }

    async fn perform_lossily(&mut self, op: Op) -> Result<Reply, DiskError> {
        if self.names.is_none() {
            self.look().await?;
        }
        match op {
            Op::List => {
                return Ok(Reply::Names(self.names().keys().cloned().collect()));
            }
            Op::Read { file, offset, len } => return self.read(&file, offset, len).await,
            Op::Allocate { file, len } => self.allocate(file, len).await?,
            Op::Write { file, offset, bytes } => self.write(&file, offset, bytes).await?,
            Op::Sync { file } => self.sync(&file).await?,
            Op::Rename { from, to } => {
                let file = self.names().remove(&from).ok_or_else(|| missing(&from))?;
                self.names().insert(to.clone(), file);
                self.change(Change { file, to: Some(to) }).await?;
            }
            Op::Remove { file: name } => {
                let file = self.names().remove(&name).ok_or_else(|| missing(&name))?;
                self.change(Change { file, to: None }).await?;
            }
            Op::SyncDirectory => {
                self.take_time().await;
                self.make_names_durable().await?;
                self.real.perform(Op::SyncDirectory).await?;
            }
        }
        Ok(Reply::Done)
    }

    /// Finds what an earlier process left.
    async fn look(&mut self) -> Result<(), DiskError> {
        let found = match self.real.perform(Op::List).await? {
            Reply::Names(names) => names,
            other @ (Reply::Done | Reply::Bytes(_)) => return Err(nonsense(&other)),
        };
        let (nameless, named): (Vec<String>, Vec<String>) =
            found.into_iter().partition(|name| name.starts_with(NAMELESS));
        for file in nameless {
            self.real.perform(Op::Remove { file }).await?;
        }
        self.names = Some(named.iter().cloned().zip(0..).collect());
        let file = |durable_name| File { durable_name, unsynced: Vec::new() };
        self.files = named.into_iter().map(file).collect();
        Ok(())
    }

    async fn read(&mut self, name: &str, offset: u64, len: usize) -> Result<Reply, DiskError> {
        let place = self.place(name)?;
        let file = self.file(place)?.durable_name.clone();
        let mut bytes = match self.real.perform(Op::Read { file, offset, len }).await? {
            Reply::Bytes(bytes) => bytes,
            other @ (Reply::Done | Reply::Names(_)) => return Err(nonsense(&other)),
        };
        for (at, written) in &self.file(place)?.unsynced {
            overlay(&mut bytes, offset, *at, written);
        }
        Ok(Reply::Bytes(bytes))
    }

    async fn allocate(&mut self, name: String, len: u64) -> Result<(), DiskError> {
        if self.names().contains_key(&name) {
            return Err(DiskError::Failed(format!("{name} exists")));
        }
        let place = self.files.len();
        let durable_name = format!("{NAMELESS}{place}");
        self.real.perform(Op::Allocate { file: durable_name.clone(), len }).await?;
        self.files.push(File { durable_name, unsynced: Vec::new() });
        self.names().insert(name.clone(), place);
        self.change(Change { file: place, to: Some(name) }).await
    }

    async fn write(&mut self, name: &str, offset: u64, bytes: Vec<u8>) -> Result<(), DiskError> {
        let place = self.place(name)?;
        let early = part(&mut self.plan, bytes.len());
        let offset_of_early = offset + early.start as u64;
        if let Some(bytes) = bytes.get(early).filter(|bytes| !bytes.is_empty()) {
            let (file, bytes) = (self.file(place)?.durable_name.clone(), bytes.to_vec());
            self.real.perform(Op::Write { file, offset: offset_of_early, bytes }).await?;
        }
        self.file(place)?.unsynced.push((offset, bytes));
        Ok(())
    }

    async fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        self.take_time().await;
        let place = self.place(name)?;
        let file = self.file(place)?;
        let (name, unsynced) = (file.durable_name.clone(), std::mem::take(&mut file.unsynced));
        for (offset, bytes) in unsynced {
            self.real.perform(Op::Write { file: name.clone(), offset, bytes }).await?;
        }
        self.real.perform(Op::Sync { file: name }).await.map(|_| ())
    }

    /// Notes a change of names, which may be durable at once, and then all before it are.
    async fn change(&mut self, change: Change) -> Result<(), DiskError> {
        self.changes.push(change);
        if self.plan.once_in(3) {
            self.make_names_durable().await?;
        }
        Ok(())
    }

    async fn make_names_durable(&mut self) -> Result<(), DiskError> {
        for Change { file: place, to } in std::mem::take(&mut self.changes) {
            let file = self.file(place)?;
            let from = file.durable_name.clone();
            let op = match to {
                Some(to) => {
                    file.durable_name.clone_from(&to);
                    Op::Rename { from, to }
                }
                None => Op::Remove { file: from },
            };
            self.real.perform(op).await?;
        }
        Ok(())
    }

    async fn take_time(&mut self) {
        tokio::time::sleep(Duration::from_micros(self.plan.below(SYNC_US))).await;
    }

    fn names(&mut self) -> &mut BTreeMap<String, usize> {
        self.names.get_or_insert_default()
    }

    fn place(&mut self, name: &str) -> Result<usize, DiskError> {
        self.names().get(name).copied().ok_or_else(|| missing(name))
    }

    fn file(&mut self, place: usize) -> Result<&mut File, DiskError> {
        self.files.get_mut(place).ok_or_else(|| missing("a file with a name"))
    }
}

fn missing(file: &str) -> DiskError {
    DiskError::Failed(format!("{file}: no such file"))
}

fn nonsense(reply: &Reply) -> DiskError {
    DiskError::Failed(format!("the disk answered {reply:?} to another question"))
}

/// What of a write of this length gets to the file before its sync: often nothing, sometimes all,
/// else a first part or one from the middle.
fn part(plan: &mut Plan, len: usize) -> Range<usize> {
    let mut point = || usize::try_from(plan.below(len as u64 + 1)).unwrap_or(0);
    let (one, other) = (point(), point());
    match plan.below(8) {
        0 => 0..len,
        1 | 2 => 0..one,
        3 => one.min(other)..one.max(other),
        _ => 0..0,
    }
}

/// Puts what was written at `at` over what was read at `offset`, where they meet.
fn overlay(read: &mut [u8], offset: u64, at: u64, written: &[u8]) {
    let skip =
        |far: u64, near: u64| usize::try_from(far.saturating_sub(near)).unwrap_or(usize::MAX);
    let target = read.iter_mut().skip(skip(at, offset));
    let source = written.iter().skip(skip(offset, at));
    target.zip(source).for_each(|(to, from)| *to = *from);
}

#[cfg(test)]
mod tests;
