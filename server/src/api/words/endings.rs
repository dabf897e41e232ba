//! Why a connection or a session ended.

use surewire_engine::event::Lost;
use surewire_engine::notice::{CloseReason, SessionEnd};

use super::violations::violation;
use super::{Words, words};
use crate::cli::code_in_words;

/// A connection that ended.
pub(crate) fn closed(why: CloseReason) -> Words {
    match why {
        CloseReason::ByClient(code) => words(
            "by_client",
            format!(
                "The client sent DISCONNECT with the reason code {:#04x}: {}.",
                code.byte(),
                code_in_words(code)
            ),
        ),
        CloseReason::Lost(lost) => self::lost(lost),
        CloseReason::Violation(broken) => violation(broken),
        CloseReason::Refused => words("refused", "Its CONNECT was refused, so it was closed."),
        CloseReason::KeepAlive => words(
            "keep_alive",
            "Nothing came from the client for its keep alive times keepalive_multiplier. The \
             client or the network between is gone, or the client's own timer is too slow.",
        ),
        CloseReason::TakenOver => words(
            "taken_over",
            "Another connection came with the same client id and took the session over. If it was \
             not the client itself, two clients share an id: give each its own.",
        ),
        CloseReason::Stalled => words(
            "stalled",
            "The client took nothing of its full output (max_unsent_bytes) for 60 seconds. It, or \
             the network to it, is too slow for what it subscribes to.",
        ),
        CloseReason::QueueFull => words(
            "queue_full",
            "The queue of the session was full, and queue_full_policy is disconnect. Raise \
             max_msgqueue_messages or max_queued_bytes, or choose another policy.",
        ),
        CloseReason::AuthenticationFailed => words(
            "authentication_failed",
            "The client was to prove again who it is by its Authentication Method, and did not.",
        ),
        CloseReason::AnswerTooLarge => words(
            "answer_too_large",
            "An answer to the client was larger than its Maximum Packet Size, so it could not be \
             served. Let the client announce more, or ask for less in one packet.",
        ),
        CloseReason::StorageFull => words(
            "storage_full",
            "The client published at QoS 1 or 2 and nothing new can be stored: the disk that data_dir \
             is on has no room, or does not keep up. Its message was not acknowledged, so it sends it \
             again when it is back. Make room; the broker goes on by itself.",
        ),
        CloseReason::Administrative => words(
            "administrative",
            "An operator ended the connection through the management interface.",
        ),
        CloseReason::Stopping => words("stopping", "The broker was stopping."),
    }
}

fn lost(lost: Lost) -> Words {
    match lost {
        Lost::ByPeer => words(
            "closed_by_peer",
            "The other end closed the connection without a DISCONNECT, so a Will is published. \
             The client ended abruptly, or something between closed the connection.",
        ),
        Lost::Failed => words(
            "connection_failed",
            "The connection failed: the system reported an error. The network to the client \
             broke, or the client was killed.",
        ),
        Lost::Panicked => words(
            "broker_fault",
            "The broker's own task for this connection failed, which is a bug. Please report it \
             with the log.",
        ),
        Lost::MemoryShort => words(
            "memory_short",
            "The client was sending a large packet, and for a minute memory was too short to take \
             the rest of it. It sends it again when it is back. Raise memory_limit, or find out \
             what takes the memory.",
        ),
    }
}

/// A session that ended.
pub(crate) fn session_end(why: SessionEnd) -> Words {
    match why {
        SessionEnd::WithConnection => words(
            "with_connection",
            "The session ended with its connection, as the client asked, and with it what it held. \
             Use clean session 0 for a session that stays.",
        ),
        SessionEnd::CleanStart => words(
            "clean_start",
            "The client came back and asked for a new session, so the old one ended with what it \
             held. Use clean session 0 to find the session again.",
        ),
        SessionEnd::Expired => words(
            "expired",
            "The client did not come back in time (session_expiry_interval), so its session ended \
             with what it held. Raise that time to keep sessions longer.",
        ),
        SessionEnd::Administrative => words(
            "administrative",
            "An operator ended the session through the management interface.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use surewire_engine::packet::ReasonCode;

    use super::super::violations::tests::every_violation;
    use super::*;

    #[test]
    fn every_end_of_a_connection_has_words_of_its_own() {
        let plain = [
            CloseReason::ByClient(ReasonCode::DisconnectWithWill),
            CloseReason::Lost(Lost::ByPeer),
            CloseReason::Lost(Lost::Failed),
            CloseReason::Lost(Lost::Panicked),
            CloseReason::Lost(Lost::MemoryShort),
            CloseReason::Refused,
            CloseReason::KeepAlive,
            CloseReason::TakenOver,
            CloseReason::Stalled,
            CloseReason::QueueFull,
            CloseReason::AuthenticationFailed,
            CloseReason::AnswerTooLarge,
            CloseReason::StorageFull,
            CloseReason::Administrative,
            CloseReason::Stopping,
        ];
        let broken = every_violation().into_iter().map(CloseReason::Violation);
        super::super::tests::check(plain.into_iter().chain(broken).map(closed));
    }

    #[test]
    fn every_end_of_a_session_has_words_of_its_own() {
        let all = [
            SessionEnd::WithConnection,
            SessionEnd::CleanStart,
            SessionEnd::Expired,
            SessionEnd::Administrative,
        ];
        super::super::tests::check(all.map(session_end));
    }
}
