//! Files that are allocated ahead, so that a disk without room is known of while there still is
//! some.

use std::collections::VecDeque;

use crate::log::segment;

/// Room for a segment to come: a file of zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spare {
    pub(super) file: String,
    /// Its bytes.
    pub(super) len: u64,
}

/// The spares, and what the disk said to the wish for more.
#[derive(Clone, Debug, Default)]
pub(super) struct Reserve {
    spares: VecDeque<Spare>,
    /// The last number that was given to a file.
    last_number: u64,
    /// There was no room, and not all that is wanted has come since.
    full: bool,
    /// Besides, nothing has happened since that might give some.
    blocked: bool,
}

impl Reserve {
    /// A reserve of what an earlier process left, whose last file has this number.
    pub(super) fn new(last_number: u64) -> Self {
        Self { last_number, ..Self::default() }
    }

    /// What the next spare is called.
    pub(super) fn name(&mut self) -> String {
        self.last_number += 1;
        segment::spare_name(self.last_number)
    }

    pub(super) fn len(&self) -> usize {
        self.spares.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.spares.iter().map(|spare| spare.len).sum()
    }

    pub(super) fn add(&mut self, spare: Spare) {
        self.spares.push_back(spare);
    }

    /// The first spare that has so many bytes.
    pub(super) fn take(&mut self, len: u64) -> Option<Spare> {
        let place = self.spares.iter().position(|spare| spare.len >= len)?;
        self.spares.remove(place)
    }

    /// A spare that is one too many.
    pub(super) fn give_back(&mut self) -> Option<Spare> {
        self.spares.pop_back()
    }

    pub(super) fn found_no_room(&mut self) {
        (self.full, self.blocked) = (true, true);
    }

    pub(super) fn unblock(&mut self) {
        self.blocked = false;
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// As many spares are there as are wanted.
    pub(super) fn complete(&mut self) {
        (self.full, self.blocked) = (false, false);
    }

    pub(super) fn is_full(&self) -> bool {
        self.full
    }
}
