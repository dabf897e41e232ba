//! Who a message is for: one subscriber, or the members of a share group together.

use std::io;
use std::ops::Range;

use crate::arrivals::{Arrivals, Tally};
use crate::link::invalid;
use crate::workload::{Shape, Workload};

/// Subscribers that get each message once between them, and what has arrived there.
#[derive(Debug)]
pub(crate) struct Audience {
    /// Whose messages belong here.
    publishers: Range<u32>,
    /// One a publisher.
    arrivals: Vec<Arrivals>,
    /// Whether messages of one publisher have an order here.
    ordered: bool,
}

impl Audience {
    /// The audiences of a workload, by [`number_of`].
    pub(crate) fn all(workload: &Workload) -> Vec<Self> {
        let everybody = 0..workload.publishers();
        match workload.shape {
            Shape::Fanin | Shape::Fanout => {
                (0..workload.subscribers()).map(|_| Self::new(everybody.clone(), true)).collect()
            }
            Shape::Pairs | Shape::Wildcard => (0..workload.subscribers())
                .map(|number| Self::new(number..number + 1, true))
                .collect(),
            // Between members there is no order: each reads in its own time.
            Shape::Shared => vec![Self::new(everybody, false)],
        }
    }

    /// Nothing has arrived of these publishers.
    pub(crate) fn new(publishers: Range<u32>, ordered: bool) -> Self {
        let arrivals = vec![Arrivals::default(); publishers.len()];
        Self { publishers, arrivals, ordered }
    }

    /// Takes note of a delivery; whether the message is new here.
    ///
    /// # Errors
    /// `InvalidData` for a message that is not for this audience.
    #[inline]
    pub(crate) fn note(&mut self, publisher: u32, sequence: u64) -> io::Result<bool> {
        let at =
            publisher.checked_sub(self.publishers.start).and_then(|at| usize::try_from(at).ok());
        match at.and_then(|at| self.arrivals.get_mut(at)) {
            Some(arrivals) => Ok(arrivals.note(sequence)),
            None => Err(invalid(format!("a message of publisher {publisher}, not asked for"))),
        }
    }

    /// The counts, given how many messages each publisher has sent.
    pub(crate) fn tally(&self, published: impl Fn(u32) -> u64) -> Tally {
        let mut sum = Tally::default();
        for (number, arrivals) in self.publishers.clone().zip(&self.arrivals) {
            sum += arrivals.tally(published(number));
        }
        if !self.ordered {
            sum.out_of_order = 0;
        }
        sum
    }
}

/// The place of a subscriber's audience among [`Audience::all`].
pub(crate) const fn number_of(workload: &Workload, subscriber: u32) -> u32 {
    match workload.shape {
        Shape::Fanin | Shape::Fanout | Shape::Pairs | Shape::Wildcard => subscriber,
        Shape::Shared => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_publisher_is_checked_by_itself() {
        let mut audience = Audience::new(3..5, true);
        for (publisher, sequence) in [(3, 0), (4, 0), (3, 1), (4, 2)] {
            assert!(audience.note(publisher, sequence).unwrap());
        }
        let tally = audience.tally(|number| if number == 3 { 2 } else { 3 });
        assert_eq!(tally, Tally { received: 4, lost: 1, ..Tally::default() });
        assert!(audience.note(2, 0).is_err() && audience.note(5, 0).is_err());
    }

    #[test]
    fn members_of_a_group_have_no_order_but_get_nothing_twice() {
        let workload = Workload { group_size: 3, ..Workload::new(Shape::Shared, 2) };
        let mut audiences = Audience::all(&workload);
        assert_eq!(audiences.len(), 1);
        assert_eq!([0, 1, 2].map(|member| number_of(&workload, member)), [0; 3]);
        let group = audiences.first_mut().unwrap();
        for sequence in [1, 0, 2, 1] {
            group.note(1, sequence).unwrap();
        }
        let tally = group.tally(|number| u64::from(number) * 3);
        assert_eq!(tally, Tally { received: 3, duplicates: 1, ..Tally::default() });
    }

    #[test]
    fn every_subscriber_has_an_audience() {
        for shape in Shape::ALL {
            let workload = Workload::new(shape, 7);
            let audiences = u32::try_from(Audience::all(&workload).len()).unwrap();
            for subscriber in 0..workload.subscribers() {
                assert!(number_of(&workload, subscriber) < audiences, "{shape:?}");
            }
        }
    }
}
