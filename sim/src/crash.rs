//! The real program under kill -9: clients that remember what they were promised.

mod broker;
mod client;
mod ledger;

pub use broker::Broker;
pub use client::{Client, Seen};
pub use ledger::{Ledger, Totals};

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
}
