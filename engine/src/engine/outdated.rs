//! What of the log is known to be outdated before cleaning finds it: nothing that may live counts as
//! gone, but not all that is gone counts.

use std::sync::Arc;

use crate::action::Action;
use crate::engine::Engine;
use crate::log::weigh::{HELD, weight};
use crate::message::Content;
use crate::packet::QoS;
use crate::queue::Entry;

impl Engine {
    /// Something stored lets a message go. If it was the last to hold it, what the log has of it is
    /// outdated. Nobody outside of the engine holds one, or this would depend on them.
    pub(super) fn let_go(&mut self, message: &Arc<Content>) {
        self.freed += last_of(message);
    }

    /// With the last record: another one may be long in coming.
    pub(super) fn tell_freed(&mut self) {
        if self.freed == 0 {
            return;
        }
        for action in self.out.iter_mut().rev() {
            if let Action::Append { frees, .. } = action {
                *frees += std::mem::take(&mut self.freed);
                return;
            }
        }
    }

    /// A stored session lets a message go.
    pub(super) fn let_go_held(&mut self, entry: &Entry) {
        self.freed += held(entry);
    }
}

/// Bytes that are outdated when a stored session lets this go.
pub(super) fn held(entry: &Entry) -> u64 {
    if entry.qos == QoS::AtMostOnce { 0 } else { HELD + last_of(&entry.message) }
}

fn last_of(message: &Arc<Content>) -> u64 {
    if Arc::strong_count(message) == 1 { weight(message) } else { 0 }
}
