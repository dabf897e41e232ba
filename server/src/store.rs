//! Where records go: the seam that the log takes its place in.

use surewire_engine::id::Lsn;
use surewire_engine::log::record::Record;

/// A store that keeps nothing and answers at once.
///
/// The engine waits for [`Store::durable`] wherever a promise depends on a record, so a real log
/// takes this one's place without a change anywhere else.
#[derive(Debug, Default)]
pub(crate) struct Store {
    appended: Option<Lsn>,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Takes a record. Numbers come in order.
    pub(crate) fn append(&mut self, lsn: Lsn, _record: Record) {
        self.appended = Some(lsn);
    }

    /// The last record that became durable since the last call.
    pub(crate) fn durable(&mut self) -> Option<Lsn> {
        self.appended.take()
    }
}
