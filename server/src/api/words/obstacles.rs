//! What stands between a message and a client.

use surewire_engine::answer::Obstacle;
use surewire_engine::notice::DropReason;

use super::{Words, dropped, publish, words};

/// Something that keeps a message from being sent at once, or at all.
pub(crate) fn obstacle(obstacle: Obstacle) -> Words {
    match obstacle {
        Obstacle::NoSession => words(
            "no_session",
            "The client has no session: it never connected, or its session ended. Let it connect, \
             with clean session 0 if messages are to wait for it.",
        ),
        Obstacle::AwaitsFirstConnection => words(
            "waiting_for_first_connection",
            "The client never connected. Subscriptions wait for its first connection, and nothing \
             is kept for it until then.",
        ),
        Obstacle::NoMatchingSubscription => words(
            "no_matching_subscription",
            "None of the client's subscriptions matches this topic. Compare them level by level; \
             upper and lower case differ, and a leading slash is a level.",
        ),
        Obstacle::Refused(why) => publish(why),
        Obstacle::NotItsTurn => words(
            "not_chosen_in_group",
            "In the share group it is another member's turn. Every message goes to one member \
             only; use a filter without $share for a copy of each.",
        ),
        Obstacle::Offline => words(
            "offline",
            "The client is not connected. What it may keep waits for it, within \
             max_msgqueue_messages and max_queued_bytes.",
        ),
        Obstacle::WindowFull => words(
            "window_full",
            "As many messages as may be are sent and not acknowledged. Let the client acknowledge \
             faster, or raise max_inflight_messages.",
        ),
        Obstacle::BehindBacklog => {
            words("behind_backlog", "Other messages wait before it, and they are sent in order.")
        }
        Obstacle::Congested => words(
            "connection_congested",
            "The client takes nothing more at present: as much as max_unsent_bytes is written and \
             not taken. It, or the network to it, is too slow.",
        ),
        Obstacle::Displaces(why) => words(
            queue(why),
            format!("It would be kept, and another message would go for it. {}", dropped(why).text),
        ),
        Obstacle::Dropped(why) => words(queue(why), dropped(why).text),
    }
}

/// Which message of a full queue goes does not matter here.
fn queue(why: DropReason) -> &'static str {
    match why {
        DropReason::QueueFullOldestQoS0
        | DropReason::QueueFullNewQoS0
        | DropReason::QueueFullOldest
        | DropReason::QueueFullNewest => "queue_full",
        DropReason::LargerThanQueue
        | DropReason::OfflineQoS0
        | DropReason::SessionEnded
        | DropReason::ConnectionClosed
        | DropReason::GroupEnded
        | DropReason::PacketTooLarge
        | DropReason::MemoryLimit
        | DropReason::Expired
        | DropReason::RefusedByClient => dropped(why).reason,
    }
}

#[cfg(test)]
mod tests {
    use surewire_engine::notice::PublishRefusal;

    use super::*;

    #[test]
    fn every_obstacle_has_words_of_its_own() {
        super::super::tests::check(
            [
                Obstacle::NoSession,
                Obstacle::AwaitsFirstConnection,
                Obstacle::NoMatchingSubscription,
                Obstacle::Refused(PublishRefusal::DollarTopic),
                Obstacle::Refused(PublishRefusal::TopicLimit),
                Obstacle::Refused(PublishRefusal::PayloadFormat),
                Obstacle::NotItsTurn,
                Obstacle::Offline,
                Obstacle::WindowFull,
                Obstacle::BehindBacklog,
                Obstacle::Congested,
                Obstacle::Displaces(DropReason::QueueFullOldest),
                Obstacle::Dropped(DropReason::LargerThanQueue),
                Obstacle::Dropped(DropReason::OfflineQoS0),
                Obstacle::Dropped(DropReason::PacketTooLarge),
            ]
            .map(obstacle),
        );
    }

    #[test]
    fn a_full_queue_is_one_obstacle_whatever_goes_for_it() {
        for why in [DropReason::QueueFullNewQoS0, DropReason::QueueFullNewest] {
            assert_eq!(obstacle(Obstacle::Dropped(why)).reason, "queue_full");
        }
    }
}
