//! The real program under kill -9, cuts and take-overs: clients that remember what they were
//! promised.
//!
//! Reading order: [`Cast`] says who publishes and who reads what, [`Ledger`] what was promised and
//! what came, with `history` for subscriptions that come and go and [`Retained`] for retained
//! messages. [`Client`] and [`Broker`] are the two ends of a real socket, `publisher` and `reader`
//! the parts that clients play, and [`Run`] puts them under strain. [`serve`] is the same server with
//! a disk that loses at a kill what was not synced.

mod broker;
mod cast;
mod client;
mod figures;
mod history;
mod inspection;
mod ledger;
mod lossy;
mod lossy_disk;
mod publisher;
mod reader;
mod retained;
mod run;

pub use broker::{Broker, Program};
pub use cast::{Cast, Stream, Subscription};
pub use client::{Client, Seen};
pub use figures::Figures;
pub use ledger::{Ledger, Totals};
pub use lossy::serve;
pub use retained::Retained;
pub use run::{Mode, Run};

/// Numbers from a seed (SplitMix64): the same plan for the same seed.
#[derive(Clone, Debug)]
pub struct Plan(pub u64);

impl Plan {
    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }

    /// A plan of its own, which what others draw does not change.
    #[must_use]
    pub fn split(&mut self) -> Self {
        Self(self.below(u64::MAX))
    }

    /// Once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of them, if there are any.
    pub fn pick<'a, T>(&mut self, from: &'a mut [T]) -> Option<&'a mut T> {
        let place = usize::try_from(self.below(from.len() as u64)).ok()?;
        from.get_mut(place)
    }
}
