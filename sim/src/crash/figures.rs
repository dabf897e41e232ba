//! What a run has done.

use std::fmt;
use std::time::Duration;

use super::ledger::Totals;

/// Counts of a run.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Rounds of traffic.
    pub cycles: u64,
    /// kill -9.
    pub kills: u64,
    /// Of these, before the broker had read what was stored.
    pub kills_in_recovery: u64,
    /// From the start of the process to its first CONNACK.
    pub restarts: Vec<Duration>,
    /// Connections that were cut by a client.
    pub cuts: u64,
    /// Connections that a second one of the same client took over.
    pub take_overs: u64,
    /// Subscriptions that were begun or ended while messages came.
    pub toggles: u64,
    /// Retained topics that were compared with what they must have.
    pub retained: u64,
    /// What the ledger adds up to.
    pub totals: Totals,
    /// What went wrong.
    pub violations: usize,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut restarts = self.restarts.clone();
        restarts.sort_unstable();
        let middle = restarts.get(restarts.len() / 2).copied().unwrap_or_default();
        let most = restarts.last().copied().unwrap_or_default();
        let Totals { acknowledged, delivered, duplicates, lost } = self.totals;
        writeln!(
            f,
            "cycles {}: kills {} ({} of them in recovery), cuts {}, take-overs {}, \
             subscriptions begun or ended {}",
            self.cycles,
            self.kills,
            self.kills_in_recovery,
            self.cuts,
            self.take_overs,
            self.toggles,
        )?;
        writeln!(
            f,
            "publishes acknowledged {acknowledged}, delivered {delivered}, duplicates (QoS 1) \
             {duplicates}, lost {lost}"
        )?;
        writeln!(f, "retained values checked {}", self.retained)?;
        if !restarts.is_empty() {
            writeln!(
                f,
                "restarts {} (process start to first CONNACK: p50 {} ms, max {} ms)",
                restarts.len(),
                middle.as_millis(),
                most.as_millis(),
            )?;
        }
        write!(f, "violations {}", self.violations)
    }
}
