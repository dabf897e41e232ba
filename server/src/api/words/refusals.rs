//! Why a CONNECT, a PUBLISH or a SUBSCRIBE was refused.

use surewire_engine::notice::{PublishRefusal, Refusal, SubscribeRefusal};
use surewire_engine::topic::FilterError;

use super::violations::violation;
use super::{Words, words};

/// A CONNECT that was refused.
pub(crate) fn connect(why: Refusal) -> Words {
    match why {
        Refusal::Violation(broken) => violation(broken),
        Refusal::AuthenticationMethod => words(
            "authentication_method",
            "The client asks for enhanced authentication, and no method is configured. Let it connect \
             without Authentication Method.",
        ),
        Refusal::EmptyClientId => words(
            "empty_client_id",
            "The client gave no client id and no clean session, so there is nothing to keep its \
             session by. Give it a client id, or let it ask for a clean session.",
        ),
        Refusal::ClientIdTooLong => words(
            "client_id_too_long",
            "The client id is longer than max_client_id_length. Shorten it, or raise the limit.",
        ),
        Refusal::NotAuthenticated => words(
            "not_authenticated",
            "This listener lets nobody in unauthenticated (allow_anonymous: false), and nobody \
             could authenticate the client.",
        ),
        Refusal::ConnectionLimit => words(
            "connection_limit",
            "As many clients as may be are connected. Raise max_connections, and the system's \
             limit of open files with it.",
        ),
        Refusal::MemoryLimit => words(
            "memory_limit",
            "Memory is short, so no new session is made. Raise memory_limit, or end sessions that \
             nobody needs.",
        ),
        Refusal::StorageFull => words(
            "storage_full",
            "The client wants a Will or a session that outlives its connection, and nothing new can \
             be stored: the disk that data_dir is on has no room, or does not keep up. Make room; \
             the broker goes on by itself.",
        ),
        Refusal::WillTopic => words(
            "will_topic_reserved",
            "The topic of the Will starts with $, which is for the broker alone. Choose another \
             topic.",
        ),
        Refusal::AuthenticationFailed => words(
            "authentication_failed",
            "The client did not prove who it is by its Authentication Method, or not in time.",
        ),
        Refusal::WillPayloadFormat => words(
            "will_payload_format",
            "The Will says that its payload is UTF-8 and it is not (check_payload_format). The mistake \
             is in the client's program.",
        ),
        Refusal::MaximumPacketSize => words(
            "maximum_packet_size",
            "The client's Maximum Packet Size is too small for the answer to its CONNECT. Let it \
             announce more.",
        ),
        Refusal::Stopping => words("stopping", "The broker was stopping, so nobody came in."),
    }
}

/// A message that was not routed, or not retained.
pub(crate) fn publish(why: PublishRefusal) -> Words {
    match why {
        PublishRefusal::DollarTopic => words(
            "dollar_topic",
            "Topics that start with $ are for the broker alone. Choose another topic.",
        ),
        PublishRefusal::TopicLimit => words(
            "topic_limit",
            "The topic has more levels than max_topic_levels, or more bytes than \
             max_topic_length. Shorten it, or raise the limit.",
        ),
        PublishRefusal::RetainedLimit => words(
            "retained_limit",
            "The store of retained messages is full (retained.max_messages, retained.max_bytes): \
             the message was not retained. Remove some, or raise the limit.",
        ),
        PublishRefusal::PayloadFormat => words(
            "payload_format",
            "The message says that its payload is UTF-8 and it is not (check_payload_format). The \
             mistake is in the client's program.",
        ),
        PublishRefusal::StorageFull => words(
            "storage_full",
            "Nothing new can be stored: the disk that data_dir is on has no room, or does not keep \
             up. Messages of QoS 0 that are not retained go on. Make room; the broker goes on by \
             itself.",
        ),
    }
}

/// A Topic Filter that was refused.
pub(crate) fn subscribe(why: SubscribeRefusal) -> Words {
    match why {
        SubscribeRefusal::Invalid(error) => {
            words(invalid(error), format!("This is no topic filter: it {error}."))
        }
        SubscribeRefusal::TopicLimit => words(
            "topic_limit",
            "The filter has more levels than max_topic_levels, or more bytes than \
             max_topic_length. Shorten it, or raise the limit.",
        ),
        SubscribeRefusal::FilterLimit => words(
            "filter_limit",
            "The SUBSCRIBE had more filters than max_filters_per_subscribe. Use several packets, \
             or raise the limit.",
        ),
        SubscribeRefusal::SubscriptionLimit => words(
            "subscription_limit",
            "The client has as many subscriptions as one may have. Use wildcards, or raise \
             max_subscriptions_per_client.",
        ),
        SubscribeRefusal::ShareGroupLimit => words(
            "share_group_limit",
            "The client is in as many share groups as one may be in. Let fewer groups do the work, or \
             raise max_share_groups_per_client.",
        ),
        SubscribeRefusal::Awaited => words(
            "awaited_clients",
            "As many subscriptions wait for clients that never connected as may: 1,000 for one, for \
             10,000 clients. Remove those that are not needed.",
        ),
        SubscribeRefusal::MemoryShort => words(
            "memory_short",
            "The subscription is new, and the broker's memory is close to memory_limit. Remove what is \
             not needed, or raise the limit.",
        ),
        SubscribeRefusal::StorageFull => words(
            "storage_full",
            "The subscription would be stored, and nothing new can be: the disk that data_dir is on \
             has no room, or does not keep up. Make room; the broker goes on by itself.",
        ),
    }
}

fn invalid(error: FilterError) -> &'static str {
    match error {
        FilterError::Empty => "filter_empty",
        FilterError::TooLong => "filter_too_long",
        FilterError::Nul => "filter_nul",
        FilterError::Hash => "filter_hash",
        FilterError::Plus => "filter_plus",
        FilterError::Share => "filter_share",
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::super::violations::tests::every_violation;
    use super::*;

    #[test]
    fn every_refusal_has_words_of_its_own() {
        let plain = [
            Refusal::AuthenticationMethod,
            Refusal::AuthenticationFailed,
            Refusal::WillPayloadFormat,
            Refusal::MaximumPacketSize,
            Refusal::EmptyClientId,
            Refusal::ClientIdTooLong,
            Refusal::NotAuthenticated,
            Refusal::ConnectionLimit,
            Refusal::MemoryLimit,
            Refusal::StorageFull,
            Refusal::WillTopic,
            Refusal::Stopping,
        ];
        let broken = every_violation().into_iter().map(Refusal::Violation);
        check(plain.into_iter().chain(broken).map(connect));
        check(
            [
                PublishRefusal::DollarTopic,
                PublishRefusal::TopicLimit,
                PublishRefusal::RetainedLimit,
                PublishRefusal::PayloadFormat,
                PublishRefusal::StorageFull,
            ]
            .map(publish),
        );
        let invalid = [
            FilterError::Empty,
            FilterError::TooLong,
            FilterError::Nul,
            FilterError::Hash,
            FilterError::Plus,
            FilterError::Share,
        ];
        let others = [
            SubscribeRefusal::TopicLimit,
            SubscribeRefusal::FilterLimit,
            SubscribeRefusal::SubscriptionLimit,
            SubscribeRefusal::ShareGroupLimit,
            SubscribeRefusal::Awaited,
            SubscribeRefusal::MemoryShort,
            SubscribeRefusal::StorageFull,
        ];
        check(invalid.map(SubscribeRefusal::Invalid).into_iter().chain(others).map(subscribe));
    }
}
