//! Whom a flood is aimed at, and how much of it there is.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use surewire_load::dial::Target;
use surewire_load::transport::Route;

/// Source addresses of loopback that connections take turns with, so that the ports of none run out.
const SOURCES: u64 = 100;

/// A flood's target and size.
pub(super) struct Aim<'a> {
    /// The way to the broker.
    pub(super) route: Route,
    /// Its management interface.
    pub(super) management: SocketAddr,
    /// The share of the full size, above 0 and up to 1.
    pub(super) scale: f64,
    /// The flood ends when this is set.
    pub(super) stop: &'a AtomicBool,
}

/// What a flood did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Deed {
    /// How often it did what its scenario counts.
    pub done: u64,
    /// How many connections were turned away or ended by the broker.
    pub refused: u64,
}

/// The same while it is counted by several threads.
#[derive(Debug, Default)]
pub(super) struct Count {
    done: AtomicU64,
    refused: AtomicU64,
}

impl Aim<'_> {
    /// `full` at full size, less at a smaller one, and never below `least`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a positive count of some millions at most"
    )]
    pub(super) fn size(&self, full: u64, least: u64) -> u64 {
        ((full as f64 * self.scale) as u64).max(least)
    }

    /// Whether it is over.
    pub(super) fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The broker, for connection `number`.
    pub(super) fn target(&self, number: u64) -> Target {
        let host = u8::try_from(number % SOURCES).unwrap_or_default();
        let source = Some(Ipv4Addr::new(127, 0, 2, host + 1));
        Target { source, ..Target::new(self.route.addr) }
    }

    /// Waits a little, so that a flood of connections that all stand does not spin.
    pub(super) fn rest(&self) {
        if !self.is_over() {
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Count {
    pub(super) fn did(&self, more: u64) {
        self.done.fetch_add(more, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn deed(&self) -> Deed {
        let [done, refused] = [&self.done, &self.refused].map(|it| it.load(Ordering::Relaxed));
        Deed { done, refused }
    }
}
