//! The engine's facts as lines of the log.

use surewire_engine::id::ClientId;
use surewire_engine::notice::{CloseReason, Notice, SessionEnd};
use tracing::{Level, debug, info};

/// The level that [`render`] uses.
pub(super) fn level(notice: &Notice) -> Level {
    match notice {
        // One for each message or each short connection: too many for an ordinary log.
        Notice::Dropped { .. }
        | Notice::WillPublished { .. }
        | Notice::SessionEnded { why: SessionEnd::WithConnection, dropped: 0, .. } => Level::DEBUG,
        Notice::Connected { .. }
        | Notice::Refused { .. }
        | Notice::Disconnected { .. }
        | Notice::SessionEnded { .. }
        | Notice::PublishRefused { .. }
        | Notice::NotRetained { .. }
        | Notice::SubscribeRefused { .. } => Level::INFO,
    }
}

pub(super) fn render(notice: &Notice) {
    match notice {
        Notice::Connected { client, address, version, session_present } => {
            info!(%client, %address, ?version, session_present, "connected");
        }
        Notice::Refused { client, address, why } => {
            info!(client = shown(client.as_ref()), %address, ?why, "refused");
        }
        Notice::Disconnected { client, why } => disconnected(client, *why),
        Notice::SessionEnded { client, why, dropped } if level(notice) == Level::DEBUG => {
            debug!(%client, ?why, dropped, "session ended");
        }
        Notice::SessionEnded { client, why, dropped } => {
            info!(%client, ?why, dropped, "session ended");
        }
        Notice::Dropped { client, topic, qos, why } => {
            let topic = topic.as_str().escape_debug();
            debug!(client = shown(client.as_ref()), %topic, qos = *qos as u8, ?why, "dropped");
        }
        Notice::PublishRefused { client, topic, why } => {
            info!(%client, topic = %topic.as_str().escape_debug(), ?why, "publish refused");
        }
        Notice::SubscribeRefused { client, filter, why } => {
            info!(%client, filter = %filter.escape_debug(), ?why, "subscription refused");
        }
        Notice::WillPublished { client, topic } => {
            debug!(%client, topic = %topic.as_str().escape_debug(), "will published");
        }
        Notice::NotRetained { topic, why } => {
            info!(topic = %topic.as_str().escape_debug(), ?why, "delivered, but not retained");
        }
    }
}

fn disconnected(client: &ClientId, why: CloseReason) {
    match why {
        CloseReason::Violation(violation) => {
            info!(%client, why = %violation, "disconnected: the client broke the protocol");
        }
        CloseReason::ByClient(_)
        | CloseReason::Lost(_)
        | CloseReason::Refused
        | CloseReason::KeepAlive
        | CloseReason::TakenOver
        | CloseReason::Stalled
        | CloseReason::QueueFull
        | CloseReason::Administrative
        | CloseReason::Stopping => info!(%client, ?why, "disconnected"),
    }
}

fn shown(client: Option<&ClientId>) -> String {
    client.map_or_else(|| "-".to_owned(), ToString::to_string)
}
