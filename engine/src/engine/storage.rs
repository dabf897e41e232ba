//! While the log takes no more: what would store something new is refused. What lets something go,
//! ends something or was promised before goes on, in the room that the log has kept for it.

use crate::engine::Engine;
use crate::event::Storage;
use crate::id::ClientId;
use crate::notice::Notice;
use crate::packet::{Connect, QoS};
use crate::session::{Lifetime, Session};

impl Engine {
    pub(super) fn storage(&mut self, storage: Storage) {
        if self.storage != storage {
            self.storage = storage;
            self.notice(Notice::Storage(storage));
            if storage == Storage::Full {
                self.pause_cleaning();
            }
        }
    }

    pub(super) fn takes_no_more(&self) -> bool {
        self.storage != Storage::Takes
    }

    /// Whether a PUBLISH is to be refused. What is sent at QoS 1 or 2 is stored for whoever holds
    /// it; that nobody does at the moment makes no difference, so that a publisher's fate does not
    /// depend on who listens.
    pub(super) fn cannot_store(&self, qos: QoS, retain: bool, payload: &[u8]) -> bool {
        let clears = retain && payload.is_empty();
        self.takes_no_more() && !clears && (retain || qos != QoS::AtMostOnce)
    }

    /// Whether a CONNECT is to be refused: a Will is stored, and so is a new session that outlives
    /// its connection.
    pub(super) fn cannot_store_session(&self, client: &ClientId, connect: &Connect) -> bool {
        let is_kept = self.session_by_client(client).is_some_and(Session::is_durable);
        let outlives = matches!(self.lifetime(connect), Lifetime::Beyond(_));
        let begins = outlives && (connect.clean_start || !is_kept);
        self.takes_no_more() && (connect.will.is_some() || begins)
    }
}
