//! The log as records: which of them are durable, and what they stand for.

use surewire_engine::id::Lsn;
use surewire_engine::log::image::Image;
use surewire_engine::log::record::Record;
use surewire_engine::log::{decode, encode};

/// All that was appended.
#[derive(Default)]
pub(super) struct Store {
    /// What all records stand for, and those that are durable.
    pub(super) image: Image,
    pub(super) durable: Image,
    pub(super) appended: Lsn,
    waiting: Vec<(Lsn, Record)>,
    /// Durable records that are still needed.
    log: Vec<(Lsn, Record)>,
}

impl Store {
    pub(super) fn append(&mut self, lsn: Lsn, record: &Record) {
        assert_eq!(lsn, self.appended.next(), "log positions are dense");
        self.appended = lsn;
        let mut bytes = Vec::new();
        encode(record, &mut bytes);
        assert_eq!(decode(&bytes).as_ref(), Ok(record), "stored and read");
        self.image.apply(lsn, record.clone());
        self.waiting.push((lsn, record.clone()));
    }

    /// How many records are not durable yet.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The first `count` of those that wait are durable now; the last of them.
    pub(super) fn sync(&mut self, count: usize) -> Option<Lsn> {
        let count = count.min(self.waiting.len());
        let upto = self.waiting.get(count.checked_sub(1)?)?.0;
        for (lsn, record) in self.waiting.drain(..count) {
            self.durable.apply(lsn, record.clone());
            self.log.push((lsn, record));
        }
        Some(upto)
    }

    /// What is left of the log stands for all of it.
    pub(super) fn trim(&mut self, before: Lsn) {
        self.log.retain(|(lsn, _)| *lsn >= before);
        let mut rest = Image::default();
        for (lsn, record) in self.log.clone() {
            rest.apply(lsn, record);
        }
        assert_eq!(rest, self.durable, "the log without its cleaned part");
    }

    /// The process ends: what is not durable is gone.
    pub(super) fn crash(&mut self) {
        self.appended = Lsn(self.appended.0 - self.waiting.len() as u64);
        self.waiting.clear();
        self.image = self.durable.clone();
    }
}
