//! What can be had of a log that recovery refuses, and what is missing of it.
//!
//! Two passes over all segments, oldest first. The first, with a [`Salvage`], finds every batch that
//! is as it was written and tells what is missing between them. The second hands the records of the
//! same batches to a [`Rebuild`], from [`Found::start`] on, which makes an [`Image`] of them and
//! counts what does not fit.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::Lsn;
use crate::log::image::{Image, Outdated};
use crate::log::record::{Kept, Record, SessionKey, Target};
use crate::log::scan::{self, Batch, Broken, Piece};
use crate::log::segment::{self, HEAD, Head, Unreadable};
use crate::time::Time;

/// Reads segments for what is good in them.
#[derive(Clone, Debug)]
pub struct Salvage {
    heads: BTreeMap<u64, Result<Head, Unreadable>>,
    /// Those that a segment may have whose head cannot be read: one start of the broker gives all
    /// its segments the same.
    nonces: BTreeSet<u64>,
    /// The next record; `None` before the first.
    expected: Option<Lsn>,
    /// Behind the last batch.
    end: Option<Place>,
    /// Whether nothing of the last segment so far could be used.
    ends_damaged: bool,
    /// The first record behind the news of the base. All that lives was written anew before it.
    base_since: Lsn,
    found: Found,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which file.
    pub file: String,
    /// Where in it.
    pub offset: u64,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The first record from which on all that are there should be applied.
    pub start: Lsn,
    /// The last record.
    pub last: Lsn,
    /// The latest time.
    pub time: Time,
    /// The first record that was still needed.
    pub base: Lsn,
    /// Batches.
    pub batches: u64,
    /// Bytes that are not as they were written.
    pub broken: Vec<(String, Broken)>,
    /// What is missing.
    pub lost: Vec<Lost>,
    /// Behind everything, none or one: a batch that was never complete, or one that was damaged.
    /// Both look the same.
    pub tail: Vec<(String, Broken)>,
}

/// Records that are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The first.
    pub first: Lsn,
    /// The last; `None` if nothing behind it tells how many there were.
    pub last: Option<Lsn>,
    /// Behind what they were; `None` if nothing is in front of them.
    pub from: Option<Place>,
    /// In front of what they were; `None` if nothing is behind them.
    pub to: Option<Place>,
}

impl Salvage {
    /// For these segments: the generation of each with its first bytes, at least those of the head
    /// if there are so many.
    #[must_use]
    pub fn new<'a>(segments: impl IntoIterator<Item = (u64, &'a [u8])>) -> Self {
        let mut heads = BTreeMap::new();
        let mut nonces = BTreeSet::new();
        for (generation, bytes) in segments {
            let head = Head::read(generation, bytes);
            // That of a damaged head may be as it was.
            nonces.extend(head.map_or_else(|_| Head::nonce_in(bytes), |head| Some(head.nonce)));
            heads.insert(generation, head);
        }
        let (expected, end, ends_damaged) = (None, None, false);
        let (base_since, found) = (Lsn::NONE, Found::default());
        Self { heads, nonces, expected, end, ends_damaged, base_since, found }
    }

    /// A segment that a later version wrote, which is not to be guessed at.
    #[must_use]
    pub fn later_version(&self) -> Option<(u64, u32)> {
        self.heads.iter().find_map(|(generation, head)| match head {
            Err(Unreadable::Version(version)) => Some((*generation, *version)),
            Ok(_) | Err(Unreadable::Damaged) => None,
        })
    }

    /// All pieces of a segment, by whichever random number fits best where its head does not tell.
    #[must_use]
    pub fn pieces<'a>(&self, generation: u64, bytes: &'a [u8]) -> Vec<Piece<'a>> {
        if let Some(Ok(head)) = self.heads.get(&generation) {
            return scan::pieces(generation, head.nonce, bytes);
        }
        let batches = |pieces: &Vec<Piece<'_>>| {
            pieces.iter().filter(|piece| matches!(piece, Piece::Batch(_))).count()
        };
        let tries = self.nonces.iter().map(|nonce| scan::pieces(generation, *nonce, bytes));
        tries.max_by_key(batches).unwrap_or_default()
    }

    /// Reads the next segment, and tells its batches that are to be used.
    pub fn segment<'a>(&mut self, generation: u64, bytes: &'a [u8]) -> Vec<Batch<'a>> {
        let file = segment::name(generation);
        let pieces = self.pieces(generation, bytes);
        self.see_head(generation, &file, bytes);
        let limit = self.first_behind(generation);
        let mut broken = None;
        let mut used = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Broken(part) => broken = Some(part),
                Piece::Batch(batch) => {
                    if is_superseded(&batch, limit, broken.is_some()) || !self.take(&file, &batch) {
                        continue;
                    }
                    self.found.broken.extend(broken.take().map(|part| (file.clone(), part)));
                    used.push(batch);
                }
            }
        }
        // A file has its name only when its first batch is durable: without one it is damaged.
        self.ends_damaged = used.is_empty();
        if !self.ends_damaged {
            // The log went on behind the end of the segment before: what was there never counted.
            self.found.tail.clear();
        }
        if let Some(part) = broken {
            let list =
                if self.ends_damaged { &mut self.found.broken } else { &mut self.found.tail };
            list.push((file, part));
        }
        used
    }

    /// What was found in all of them.
    #[must_use]
    pub fn finish(mut self) -> Found {
        let base = self.found.base;
        if self.ends_damaged {
            self.found.broken.append(&mut self.found.tail);
            let (first, from) = (self.expected.unwrap_or(Lsn(1)), self.end.take());
            self.found.lost.push(Lost { first, last: None, from, to: None });
        }
        let is_outdated = |lost: &Lost| lost.last.is_some_and(|last| last < base);
        // What was there before the last outdated loss may have ended in it.
        let outdated = self.found.lost.iter().rfind(|lost| is_outdated(lost));
        let behind = outdated.and_then(|lost| lost.last).unwrap_or_default().next();
        self.found.lost.retain(|lost| !is_outdated(lost));
        for lost in &mut self.found.lost {
            lost.first = lost.first.max(base);
        }
        // Where some of what was written anew is missing, the older records may make up for it. Else
        // what is only in them has ended.
        let is_renewed = self.found.lost.iter().all(|lost| lost.first >= self.base_since);
        self.found.start = if is_renewed { base } else { behind };
        self.found
    }

    fn see_head(&mut self, generation: u64, file: &str, bytes: &[u8]) {
        match self.heads.get(&generation).copied() {
            Some(Ok(head)) => self.raise_base(head.base, head.first),
            Some(Err(_)) | None => {
                let head = Broken { offset: 0, bytes: HEAD.min(bytes.len()) as u64 };
                self.found.broken.push((file.to_owned(), head));
            }
        }
    }

    fn raise_base(&mut self, base: Lsn, at: Lsn) {
        if base > self.found.base {
            (self.found.base, self.base_since) = (base, at);
        }
    }

    /// The first record of what was written after this segment, as far as a head says so.
    fn first_behind(&self, generation: u64) -> Option<Lsn> {
        let later = self.heads.range(generation + 1..);
        later.filter_map(|(_, head)| head.ok()).map(|head| head.first).next()
    }

    /// Whether the batch goes on where the last one ended, or behind that.
    fn take(&mut self, file: &str, batch: &Batch<'_>) -> bool {
        let first = batch.header.first;
        let expected = self.expected.unwrap_or(Lsn(1));
        if first < expected {
            return false;
        }
        let place = |offset| Place { file: file.to_owned(), offset };
        if first > expected {
            self.found.broken.append(&mut self.found.tail);
            self.found.lost.push(Lost {
                first: expected,
                last: Some(Lsn(first.0 - 1)),
                from: self.end.take(),
                to: Some(place(batch.offset)),
            });
        }
        self.expected = Some(batch.next());
        self.end = Some(place(batch.offset + batch.bytes));
        self.found.last = Lsn(batch.next().0 - 1);
        self.found.time = self.found.time.max(batch.header.time);
        self.raise_base(batch.header.base, first);
        self.found.batches += 1;
        true
    }
}

/// Whether the log went on, from record `limit`, without this batch: after a loss of power that a
/// weaker durability allows, a batch may be there although one before it is not.
fn is_superseded(batch: &Batch<'_>, limit: Option<Lsn>, behind_broken: bool) -> bool {
    let first = batch.header.first;
    limit.is_some_and(|limit| batch.next() > limit || (behind_broken && first == limit))
}

/// Makes an image of records of which some may be missing.
#[derive(Clone, Debug, Default)]
pub struct Rebuild {
    image: Image,
    ended: BTreeSet<SessionKey>,
    /// Sessions whose beginning was not seen, and how many records were about each.
    unknown: BTreeMap<SessionKey, u64>,
    without_message: u64,
}

/// What of the records that are there has no use without others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unfit {
    /// Sessions whose beginning is missing.
    pub sessions: usize,
    /// Records about them.
    pub records: u64,
    /// Records of a message whose text is in another one, which is missing.
    pub without_message: u64,
    /// What went because something newer excludes it.
    pub outdated: Outdated,
}

impl Rebuild {
    /// Applies the record with the number `lsn`. Records come in order.
    pub fn apply(&mut self, lsn: Lsn, record: Record) {
        match sessions(&record) {
            Concerns::Begins(session) => {
                // All that came before is in what follows: cleaning writes the whole session.
                self.unknown.remove(&session);
            }
            Concerns::Ends(session) => {
                self.unknown.remove(&session);
                self.ended.insert(session);
            }
            Concerns::All(sessions) => sessions.into_iter().for_each(|session| self.count(session)),
        }
        if let Record::Holds { message: Kept::Earlier(lsn), .. }
        | Record::GroupHolds { message: Kept::Earlier(lsn), .. } = &record
        {
            self.without_message += u64::from(!self.image.has_message(*lsn));
        }
        self.image.apply(lsn, record);
    }

    /// The image, and what did not fit.
    #[must_use]
    pub fn finish(mut self) -> (Image, Unfit) {
        let unfit = Unfit {
            sessions: self.unknown.len(),
            records: self.unknown.values().sum(),
            without_message: self.without_message,
            outdated: self.image.reconcile(),
        };
        (self.image, unfit)
    }

    /// A session that ended may still be named: what it held is taken apart bit by bit.
    fn count(&mut self, session: SessionKey) {
        if !self.image.has_session(session) && !self.ended.contains(&session) {
            *self.unknown.entry(session).or_default() += 1;
        }
    }
}

impl Unfit {
    /// Whether all records are of use, as they are when none is missing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Which sessions must be there for a record to be of use.
enum Concerns {
    Begins(SessionKey),
    Ends(SessionKey),
    All(Vec<SessionKey>),
}

fn sessions(record: &Record) -> Concerns {
    match record {
        Record::SessionBegan { session, .. } => Concerns::Begins(*session),
        Record::SessionEnded { session } => Concerns::Ends(*session),
        Record::SessionResumed { session, .. }
        | Record::SessionLeft { session, .. }
        | Record::SessionExpires { session, .. }
        | Record::Subscribed { session, .. }
        | Record::Unsubscribed { session, .. }
        | Record::Advanced { session, .. }
        | Record::Received { session, .. }
        | Record::ReceivedDone { session, .. }
        | Record::Replaying { session, .. }
        | Record::Replayed { session, .. }
        | Record::Holds { session, .. } => Concerns::All(vec![*session]),
        Record::Published { received, to, .. } => {
            let receivers = to.iter().filter_map(|target| match target {
                Target::Session { session, .. } => Some(*session),
                Target::Group { .. } => None,
            });
            let mut all: Vec<_> = receivers.collect();
            all.extend(received.map(|(session, _)| session));
            Concerns::All(all)
        }
        // A Will is also of a session that is not stored.
        Record::WillSet { .. }
        | Record::WillCleared { .. }
        | Record::SubscriptionAwaits { .. }
        | Record::AwaitingEnded { .. }
        | Record::GroupHolds { .. }
        | Record::GroupRemoved { .. }
        | Record::Alive => Concerns::All(Vec::new()),
    }
}
