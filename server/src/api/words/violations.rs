//! What a client did wrong on the wire.

use surewire_engine::violation::Violation;

use super::{Words, words};

/// A breach of the protocol.
pub(super) fn violation(broken: Violation) -> Words {
    words(code(broken), format!("The client broke the protocol: {broken}. {}", cure(broken)))
}

/// What to do. Most breaches are mistakes in a client's code; some are limits of ours.
fn cure(broken: Violation) -> &'static str {
    match broken {
        Violation::PacketTooLarge { .. } => {
            "Send less in one packet, or raise max_packet_size (before CONNECT is accepted it is \
             64 KiB at most)."
        }
        Violation::ControlCharacter => "Choose other names, or set reject_control_chars: false.",
        Violation::TooManyUserProperties { .. } => "Send fewer, or raise max_user_properties.",
        Violation::ReceiveMaximum { .. } => {
            "Let the client wait for acknowledgements, or raise receive_maximum."
        }
        Violation::ProtocolLevel { .. } | Violation::ProtocolName => {
            "Let the client speak MQTT 5 or 3.1.1."
        }
        Violation::TopicAlias { .. } => {
            "Let the client keep to the Topic Alias Maximum, or raise topic_alias_maximum."
        }
        Violation::SessionExpiryRaised => {
            "Let the client ask for a Session Expiry Interval when it connects."
        }
        Violation::NotConnect { .. } => {
            "Something that speaks another protocol may have come to this port."
        }
        Violation::SecondConnect
        | Violation::ReservedConnectFlag
        | Violation::WillFlags
        | Violation::PasswordWithoutUserName
        | Violation::WillTopic
        | Violation::ReservedType { .. }
        | Violation::ReservedFlags { .. }
        | Violation::WrongDirection { .. }
        | Violation::VariableByteInteger
        | Violation::ConnackFlags { .. }
        | Violation::Truncated
        | Violation::TrailingBytes
        | Violation::IllFormedUtf8
        | Violation::Nul
        | Violation::PacketIdZero
        | Violation::QoS3
        | Violation::DupWithoutQoS
        | Violation::EmptyTopic
        | Violation::WildcardInTopic
        | Violation::NoFilters
        | Violation::ReservedOptions
        | Violation::SubscribeQoS3
        | Violation::RetainHandling3
        | Violation::NoLocalOnShared
        | Violation::WrongAck { .. }
        | Violation::ReasonCode { .. }
        | Violation::Property { .. }
        | Violation::DuplicateProperty { .. }
        | Violation::PropertyValue { .. }
        | Violation::ServerProperty { .. }
        | Violation::AuthenticationData
        | Violation::UnknownTopicAlias { .. }
        | Violation::AuthenticationMethod
        | Violation::NotAuthenticated { .. }
        | Violation::UnexpectedAuth => "The mistake is in the client's program.",
    }
}

fn code(broken: Violation) -> &'static str {
    match broken {
        Violation::NotConnect { .. } => "not_connect",
        Violation::SecondConnect => "second_connect",
        Violation::ProtocolName => "protocol_name",
        Violation::ProtocolLevel { .. } => "protocol_level",
        Violation::ReservedConnectFlag => "reserved_connect_flag",
        Violation::WillFlags => "will_flags",
        Violation::PasswordWithoutUserName => "password_without_user_name",
        Violation::WillTopic => "will_topic_invalid",
        Violation::ReservedType { .. } => "reserved_type",
        Violation::ReservedFlags { .. } => "reserved_flags",
        Violation::WrongDirection { .. } => "wrong_direction",
        Violation::VariableByteInteger => "variable_byte_integer",
        Violation::ConnackFlags { .. } => "connack_flags",
        Violation::PacketTooLarge { .. } => "packet_too_large",
        Violation::Truncated => "truncated",
        Violation::TrailingBytes => "trailing_bytes",
        Violation::IllFormedUtf8 => "ill_formed_utf8",
        Violation::Nul => "nul",
        Violation::ControlCharacter => "control_character",
        Violation::PacketIdZero => "packet_id_zero",
        Violation::QoS3 => "qos3",
        Violation::DupWithoutQoS => "dup_without_qos",
        Violation::EmptyTopic => "empty_topic",
        Violation::WildcardInTopic => "wildcard_in_topic",
        Violation::NoFilters => "no_filters",
        Violation::ReservedOptions => "reserved_options",
        Violation::SubscribeQoS3 => "subscribe_qos3",
        Violation::RetainHandling3 => "retain_handling3",
        Violation::NoLocalOnShared => "no_local_on_shared",
        Violation::WrongAck { .. } => "wrong_ack",
        Violation::ReasonCode { .. } => "reason_code",
        Violation::Property { .. } => "property",
        Violation::DuplicateProperty { .. } => "duplicate_property",
        Violation::PropertyValue { .. } => "property_value",
        Violation::ServerProperty { .. } => "server_property",
        Violation::TooManyUserProperties { .. } => "too_many_user_properties",
        Violation::AuthenticationData => "authentication_data",
        Violation::ReceiveMaximum { .. } => "receive_maximum",
        Violation::TopicAlias { .. } => "topic_alias",
        Violation::UnknownTopicAlias { .. } => "unknown_topic_alias",
        Violation::SessionExpiryRaised => "session_expiry_raised",
        Violation::UnexpectedAuth => "unexpected_auth",
        Violation::AuthenticationMethod => "authentication_method_changed",
        Violation::NotAuthenticated { .. } => "authentication_not_over",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn every_violation() -> [Violation; 44] {
        [
            Violation::NotConnect { found: 3 },
            Violation::SecondConnect,
            Violation::ProtocolName,
            Violation::ProtocolLevel { level: 6 },
            Violation::ReservedConnectFlag,
            Violation::WillFlags,
            Violation::PasswordWithoutUserName,
            Violation::WillTopic,
            Violation::ReservedType { found: 15 },
            Violation::ReservedFlags { packet: 8, flags: 1 },
            Violation::WrongDirection { packet: 2 },
            Violation::VariableByteInteger,
            Violation::ConnackFlags { flags: 2 },
            Violation::PacketTooLarge { size: 300, limit: 200 },
            Violation::Truncated,
            Violation::TrailingBytes,
            Violation::IllFormedUtf8,
            Violation::Nul,
            Violation::ControlCharacter,
            Violation::PacketIdZero,
            Violation::QoS3,
            Violation::DupWithoutQoS,
            Violation::EmptyTopic,
            Violation::WildcardInTopic,
            Violation::NoFilters,
            Violation::ReservedOptions,
            Violation::SubscribeQoS3,
            Violation::RetainHandling3,
            Violation::NoLocalOnShared,
            Violation::WrongAck { packet: 4 },
            Violation::ReasonCode { code: 0x99 },
            Violation::Property { id: 200 },
            Violation::DuplicateProperty { id: 1 },
            Violation::PropertyValue { id: 1 },
            Violation::ServerProperty { id: 0x0B },
            Violation::TooManyUserProperties { limit: 1_000 },
            Violation::AuthenticationData,
            Violation::ReceiveMaximum { limit: 256 },
            Violation::TopicAlias { alias: 65, limit: 64 },
            Violation::UnknownTopicAlias { alias: 3 },
            Violation::SessionExpiryRaised,
            Violation::UnexpectedAuth,
            Violation::AuthenticationMethod,
            Violation::NotAuthenticated { packet: 3 },
        ]
    }
}
