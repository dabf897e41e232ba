//! The engine's facts as lines of the log.
//!
//! Texts of clients are given as text, never as a part of the words: both formats quote and escape
//! them. `why` is the same code that metrics and the management interface use.

use surewire_engine::event::{Memory, Storage};
use surewire_engine::id::ClientId;
use surewire_engine::notice::{CloseReason, Notice, Refusal, SessionEnd};
use tracing::{Level, debug, info, warn};

use crate::api::words;
use crate::cli::version_in_words;

/// The level that [`render`] uses.
pub(super) fn level(notice: &Notice) -> Level {
    match notice {
        // One for each message or each short connection: too many for an ordinary log.
        Notice::Dropped { .. }
        | Notice::WillPublished { .. }
        | Notice::SessionEnded { why: SessionEnd::WithConnection, dropped: 0, .. } => Level::DEBUG,
        Notice::Storage(Storage::Full | Storage::Behind)
        | Notice::Memory(Memory::NoNewSessions | Memory::NoQueuedQos0 | Memory::NoPublishers) => {
            Level::WARN
        }
        Notice::Storage(Storage::Takes)
        | Notice::Memory(Memory::Enough)
        | Notice::Connected { .. }
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
            let (client, version) = (client.as_str(), version_in_words(*version));
            info!(client, %address, version, session_present, "connected");
        }
        Notice::Refused { client, address, why } => {
            let why = refusal(*why);
            info!(client = client.as_ref().map(ClientId::as_str), %address, why, "CONNECT refused");
        }
        Notice::Disconnected { client, why } => {
            info!(client = client.as_str(), why = closed(*why), "disconnected");
        }
        Notice::SessionEnded { client, why, dropped } => {
            let (client, why) = (client.as_str(), words::session_end(*why).reason);
            match level(notice) {
                Level::DEBUG => debug!(client, why, dropped, "session ended"),
                _ => info!(client, why, dropped, "session ended"),
            }
        }
        Notice::Dropped { client, topic, qos, why } => {
            let (client, topic, qos) =
                (client.as_ref().map(ClientId::as_str), topic.as_str(), *qos as u8);
            debug!(client, topic, qos, why = words::dropped(*why).reason, "message dropped");
        }
        Notice::PublishRefused { client, topic, why } => {
            let (client, topic, why) = (client.as_str(), topic.as_str(), words::publish(*why));
            info!(client, topic, why = why.reason, "PUBLISH refused");
        }
        Notice::SubscribeRefused { client, filter, why } => {
            let (client, why) = (client.as_str(), words::subscribe(*why).reason);
            info!(client, filter, why, "subscription refused");
        }
        Notice::WillPublished { client, topic } => {
            debug!(client = client.as_str(), topic = topic.as_str(), "Will published");
        }
        Notice::NotRetained { topic, why } => {
            let (topic, why) = (topic.as_str(), words::publish(*why).reason);
            info!(topic, why, "message delivered, but not retained");
        }
        Notice::Storage(storage) => match storage {
            Storage::Takes => info!("data_dir takes everything again"),
            Storage::Full => {
                warn!(
                    "no space left for data_dir; what would store more is refused until there is"
                );
            }
            Storage::Behind => warn!(
                "the disk that data_dir is on does not keep up; what would store more is refused \
                 until it does"
            ),
        },
        Notice::Memory(stage) => match stage {
            Memory::Enough => info!("there is memory enough again"),
            Memory::NoNewSessions => {
                warn!("80 % of memory_limit are in use: clients without a session are refused");
            }
            Memory::NoQueuedQos0 => {
                warn!("90 % of memory_limit are in use: queued messages of QoS 0 are dropped");
            }
            Memory::NoPublishers => {
                warn!("95 % of memory_limit are in use: publishers are not read");
            }
        },
    }
}

/// The client's own mistakes in full: their codes alone say too little to find them.
fn closed(why: CloseReason) -> String {
    match why {
        CloseReason::Violation(violation) => format!("protocol violated: {violation}"),
        CloseReason::ByClient(_)
        | CloseReason::Lost(_)
        | CloseReason::Refused
        | CloseReason::KeepAlive
        | CloseReason::TakenOver
        | CloseReason::Stalled
        | CloseReason::QueueFull
        | CloseReason::AuthenticationFailed
        | CloseReason::AnswerTooLarge
        | CloseReason::StorageFull
        | CloseReason::Administrative
        | CloseReason::Stopping => words::closed(why).reason.to_owned(),
    }
}

fn refusal(why: Refusal) -> String {
    match why {
        Refusal::Violation(violation) => format!("protocol violated: {violation}"),
        Refusal::EmptyClientId
        | Refusal::ClientIdTooLong
        | Refusal::NotAuthenticated
        | Refusal::ConnectionLimit
        | Refusal::MemoryLimit
        | Refusal::StorageFull
        | Refusal::WillTopic
        | Refusal::AuthenticationMethod
        | Refusal::AuthenticationFailed
        | Refusal::WillPayloadFormat
        | Refusal::MaximumPacketSize
        | Refusal::Stopping => words::connect(why).reason.to_owned(),
    }
}
