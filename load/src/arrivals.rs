//! What one subscriber has got of one publisher: nothing lost, doubled or out of order?

use std::fmt;
use std::ops::{AddAssign, Range};

/// Counts of deliveries, by what was wrong with them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Different messages that arrived.
    pub received: u64,
    /// Messages that never arrived.
    pub lost: u64,
    /// Deliveries beyond the first of a message.
    pub duplicates: u64,
    /// Messages that arrived after a later one of the same publisher.
    pub out_of_order: u64,
}

impl Tally {
    /// Whether each message arrived once and in order.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.lost == 0 && self.duplicates == 0 && self.out_of_order == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lost, duplicates, out_of_order, .. } = self;
        write!(f, "lost {lost}, duplicates {duplicates}, out of order {out_of_order}")?;
        if *lost > 0 {
            f.write_str("\n(a broker's limit on queued messages loses them too; Surewire: ")?;
            f.write_str("max_msgqueue_messages, 0 is none)")?;
        }
        Ok(())
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.received += other.received;
        self.lost += other.lost;
        self.duplicates += other.duplicates;
        self.out_of_order += other.out_of_order;
    }
}

/// The sequence numbers that have arrived.
#[derive(Debug, Clone, Default)]
pub struct Arrivals {
    /// One above the highest that has arrived.
    next: u64,
    /// Ranges below `next` that have not, ascending.
    gaps: Vec<Range<u64>>,
    duplicates: u64,
    out_of_order: u64,
}

impl Arrivals {
    /// Takes note of a delivery; whether the message is new.
    #[inline]
    pub fn note(&mut self, sequence: u64) -> bool {
        if sequence < self.next {
            return self.note_late(sequence);
        }
        if sequence > self.next {
            self.gaps.push(self.next..sequence);
        }
        self.next = sequence + 1;
        true
    }

    /// The counts, once `sent` messages have been published.
    #[must_use]
    pub fn tally(&self, sent: u64) -> Tally {
        let missing: u64 = self.gaps.iter().map(|gap| gap.end - gap.start).sum();
        Tally {
            received: self.next - missing,
            lost: missing + sent.saturating_sub(self.next),
            duplicates: self.duplicates,
            out_of_order: self.out_of_order,
        }
    }

    fn note_late(&mut self, sequence: u64) -> bool {
        let at = self.gaps.partition_point(|gap| gap.end <= sequence);
        match self.gaps.get(at).cloned().filter(|gap| gap.contains(&sequence)) {
            None => {
                self.duplicates += 1;
                false
            }
            Some(gap) => {
                let parts = [gap.start..sequence, sequence + 1..gap.end];
                self.gaps.splice(at..=at, parts.into_iter().filter(|part| !part.is_empty()));
                self.out_of_order += 1;
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally_of(arrived: &[u64], sent: u64) -> Tally {
        let mut arrivals = Arrivals::default();
        for &sequence in arrived {
            arrivals.note(sequence);
        }
        arrivals.tally(sent)
    }

    #[test]
    fn everything_in_order_is_clean() {
        let tally = tally_of(&[0, 1, 2, 3], 4);
        assert_eq!(tally, Tally { received: 4, ..Tally::default() });
        assert!(tally.is_clean());
    }

    #[test]
    fn losses_are_counted_at_the_start_in_the_middle_and_at_the_end() {
        let tally = tally_of(&[2, 3, 6], 9);
        assert_eq!(tally, Tally { received: 3, lost: 6, ..Tally::default() });
    }

    #[test]
    fn a_late_message_is_out_of_order_but_not_lost() {
        let tally = tally_of(&[0, 4, 2, 1, 3], 5);
        assert_eq!(tally, Tally { received: 5, out_of_order: 3, ..Tally::default() });
    }

    #[test]
    fn a_second_delivery_is_a_duplicate_wherever_it_comes() {
        let tally = tally_of(&[0, 0, 3, 1, 1, 3], 4);
        let expected = Tally { received: 3, lost: 1, duplicates: 3, out_of_order: 1 };
        assert_eq!(tally, expected);
        assert!(!tally.is_clean());
    }

    #[test]
    fn a_loss_says_what_else_it_may_come_from() {
        let clean = Tally { received: 5, ..Tally::default() }.to_string();
        assert_eq!(clean, "lost 0, duplicates 0, out of order 0");
        let text = Tally { lost: 2, ..Tally::default() }.to_string();
        assert!(text.starts_with("lost 2, ") && text.contains("max_msgqueue_messages"), "{text}");
    }

    #[test]
    fn only_the_first_delivery_is_new() {
        let mut arrivals = Arrivals::default();
        let new: Vec<bool> = [1, 1, 0, 0, 2].map(|sequence| arrivals.note(sequence)).to_vec();
        assert_eq!(new, [true, false, true, false, true]);
    }
}
