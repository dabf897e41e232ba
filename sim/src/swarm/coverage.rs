//! What runs have come across: a swarm that meets nothing proves nothing.

use std::fmt;
use std::ops::AddAssign;

macro_rules! coverage {
    ($($(#[$doc:meta])* $name:ident: $words:literal $(, floor $floor:literal)?;)*) => {
        /// How often each thing happened.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Coverage {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl AddAssign for Coverage {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)*
            }
        }

        impl Coverage {
            /// Which things happened too seldom for so many seeds.
            #[must_use]
            pub fn below_floor(&self, seeds: u64) -> Vec<String> {
                let mut below = Vec::new();
                $($(
                    let floor = $floor * seeds / 1_000;
                    if self.$name < floor {
                        below.push(format!("{}: {} and not {floor}", $words, self.$name));
                    }
                )?)*
                below
            }
        }

        impl fmt::Display for Coverage {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(writeln!(f, "  {:<28} {}", $words, self.$name)?;)*
                Ok(())
            }
        }
    };
}

coverage! {
    /// Seeds that were run.
    seeds: "seeds";
    /// Things that clients did.
    acts: "acts";
    /// Messages of QoS 1 and 2 that were acknowledged.
    acknowledged: "acknowledged";
    /// Messages that came to clients.
    delivered: "delivered";
    /// Ends of the process, those inside recovery included.
    crashes: "crashes", floor 2_000;
    /// Of these, with the power.
    power_cuts: "power cuts", floor 1_000;
    /// Ends of the process while it read its log.
    crashes_in_recovery: "crashes inside recovery", floor 200;
    /// Logs that ended in an incomplete batch.
    torn_tails: "torn tails", floor 500;
    /// Segments that cleaning made unnecessary.
    segments_cleaned: "segments cleaned", floor 500;
    /// Connections that took a session over.
    takeovers: "take-overs", floor 2_000;
    /// Messages dropped because a queue was full.
    overflows: "queue overflows", floor 500;
    /// Writes and syncs that failed.
    disk_errors: "disk errors", floor 50;
    /// Times without room on the disk.
    full: "disks full", floor 50;
    /// Flipped bits and misdirected writes.
    damage: "damage done", floor 20;
    /// Of these, what recovery refused or cut off.
    damage_found: "damage found", floor 5;
    /// Sessions given up by their client.
    discards: "sessions discarded", floor 200;
    /// Sessions whose client stayed away for too long.
    expired: "sessions expired", floor 50;
    /// Messages that expired before they could be sent.
    messages_expired: "messages expired", floor 200;
    /// Messages whose topic was a number.
    aliases: "topics named by alias", floor 1_000;
    /// Wills that waited for their client and were published.
    delayed_wills: "Wills that were waited for", floor 2;
    /// Connections cut in the middle of a packet or elsewhere.
    cuts: "connections cut", floor 1_000;
    /// Messages larger than their client takes.
    too_large: "messages too large", floor 500;
    /// DISCONNECTs with more than a good-bye.
    byes: "other good-byes";
    /// Clients that were silent for too long.
    silent: "silent clients";
    /// Clients disconnected because their queue was full.
    kicked: "queues disconnected";
    /// Attacks on the protocol.
    attacks: "attacks", floor 1_000;
    /// Orders and questions of the operator.
    orders: "orders and questions", floor 1_000;
    /// Orderly stops.
    stops: "orderly stops", floor 100;
    /// Starts with another configuration.
    changes: "configurations changed", floor 200;
    /// Times when memory got short.
    shortages: "memory short";
    /// Recoveries that were cut off at one step after the other.
    recoveries: "recoveries cut off", floor 300;
}
