//! Why a message does not reach a session.

use surewire_engine::notice::DropReason;

use super::{Words, words};

/// A message that was dropped, or would be.
pub(crate) fn dropped(why: DropReason) -> Words {
    match why {
        DropReason::QueueFullOldestQoS0 => words(
            "queue_full_oldest_qos0",
            "The queue of the session is full (max_msgqueue_messages, max_queued_bytes): its \
             oldest QoS 0 message goes. Raise the limit, or let the client take messages faster.",
        ),
        DropReason::QueueFullNewQoS0 => words(
            "queue_full_new_qos0",
            "The queue of the session is full of QoS 1 and 2 messages (max_msgqueue_messages, \
             max_queued_bytes): a new QoS 0 message goes. Raise the limit, or let the client take \
             messages faster.",
        ),
        DropReason::QueueFullOldest => words(
            "queue_full_oldest",
            "The queue of the session is full (max_msgqueue_messages, max_queued_bytes): its \
             oldest message goes, as queue_full_policy says. Raise the limit, or let the client \
             take messages faster.",
        ),
        DropReason::QueueFullNewest => words(
            "queue_full_newest",
            "The queue of the session is full (max_msgqueue_messages, max_queued_bytes): the new \
             message goes, as queue_full_policy says. Raise the limit, or let the client take \
             messages faster.",
        ),
        DropReason::LargerThanQueue => words(
            "larger_than_queue",
            "The message alone is larger than all that may wait in one session. Raise \
             max_queued_bytes, or send smaller messages.",
        ),
        DropReason::OfflineQoS0 => words(
            "offline_qos0",
            "The client is not connected, and QoS 0 messages are not kept for clients that are \
             not. Set queue_qos0_messages: true, or use QoS 1 on both sides.",
        ),
        DropReason::SessionEnded => words(
            "session_ended",
            "The session ended while it held the message. Let the client connect with clean \
             session 0 and the same client id, and see session_expiry_interval.",
        ),
        DropReason::ConnectionClosed => words(
            "connection_closed",
            "The message was sent at QoS 0, and the connection ended before it was written. Use \
             QoS 1 on both sides for messages that must arrive.",
        ),
        DropReason::GroupEnded => words(
            "group_ended",
            "The share group lost its last member while it held the message. Let one member stay \
             subscribed, with a session that outlives its connection.",
        ),
        DropReason::PacketTooLarge => words(
            "packet_too_large",
            "The packet is larger than what the client takes (its Maximum Packet Size). Let the \
             client announce more, or send smaller messages.",
        ),
        DropReason::MemoryLimit => words(
            "memory_limit",
            "Memory is short, and queued QoS 0 messages go first. Raise memory_limit, or lower \
             max_msgqueue_messages and max_queued_bytes.",
        ),
        DropReason::Expired => {
            words("expired", "The message waited for longer than its Message Expiry Interval.")
        }
        DropReason::RefusedByClient => words(
            "refused_by_client",
            "The client refused the message by a reason code of 0x80 or above: its log says why.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_drop_has_words_of_its_own() {
        super::super::tests::check(DropReason::ALL.into_iter().map(dropped));
    }
}
