//! Records that wait for the next batch.

use crate::id::Lsn;
use crate::time::Time;

/// Encoded records in order. Whoever takes it takes whole events, so that all records of one event
/// are in one batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// Number of the first record.
    pub first: Lsn,
    /// How many there are.
    pub count: u32,
    /// The time of the latest event.
    pub time: Time,
    /// The records as `record_len (u32 LE), bytes`, one after the other.
    pub bytes: Vec<u8>,
    /// Records before this one are no longer needed, if that is news.
    pub trim: Option<Lsn>,
    /// How many bytes the records of all that lives take, if that is news.
    pub live: Option<u64>,
    /// Bytes of records that only tell again what lives.
    pub anew: u64,
    /// Bytes that writing anew what the others bring may take beside their own.
    pub surplus: u64,
    /// Bytes at least, of these and of earlier records, that are never written anew any more.
    pub frees: u64,
}

impl Pending {
    /// Moves all that is in `later` behind what is here, and leaves it its room.
    pub fn join(&mut self, later: &mut Self) {
        if self.count == 0 {
            self.first = later.first;
        }
        self.count += later.count;
        self.time = self.time.max(later.time);
        self.bytes.append(&mut later.bytes);
        self.trim = self.trim.max(later.trim.take());
        self.live = later.live.take().or(self.live);
        self.anew += std::mem::take(&mut later.anew);
        self.surplus += std::mem::take(&mut later.surplus);
        self.frees += std::mem::take(&mut later.frees);
        later.count = 0;
    }
}
