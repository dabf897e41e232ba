//! QoS 2 messages on their way in.
//!
//! ```text
//!            PUBLISH: give to the application, PUBREC
//!   unknown ──────────────────────────────────────────▶ received ─┐ PUBLISH: PUBREC
//!      ▲ │ PUBREL: PUBCOMP                                  │  ▲  │
//!      └─┘◀─────────────────────────────────────────────────┘  └──┘
//!                         PUBREL: PUBCOMP
//! ```

use std::collections::BTreeSet;

use crate::id::PacketId;

/// The ids of QoS 2 messages that were given to the application and not yet released.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    received: BTreeSet<PacketId>,
}

impl Inbox {
    /// A QoS 2 PUBLISH: whether the application has not seen it yet.
    pub(super) fn publish(&mut self, id: PacketId) -> bool {
        self.received.insert(id)
    }

    /// A PUBREL: whether its message was known.
    pub(super) fn release(&mut self, id: PacketId) -> bool {
        self.received.remove(&id)
    }

    /// The server has no session: its ids mean other messages from now on.
    pub(super) fn clear(&mut self) {
        self.received.clear();
    }
}
