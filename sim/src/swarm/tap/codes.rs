//! I11: the reason code of every refusal and of every end of a connection, by the standard's words
//! for it (MQTT 5.0 sections 3.2.2.2, 3.14.2.1 and 4.13), written down again.

use surewire_engine::notice::{CloseReason, Refusal};
use surewire_engine::packet::{ReasonCode, Version};
use surewire_engine::violation::Violation;

/// What a 5.0 client is told when its connection ends for this reason; `None` is nothing.
pub(super) fn farewell(why: CloseReason) -> Option<u8> {
    Some(match why {
        CloseReason::ByClient(_) | CloseReason::Lost(_) | CloseReason::Refused => return None,
        CloseReason::Violation(Violation::ProtocolName | Violation::ProtocolLevel { .. }) => 0x82,
        CloseReason::Violation(violation) => broken(violation),
        CloseReason::KeepAlive => 0x8D,
        CloseReason::TakenOver => 0x8E,
        CloseReason::Stalled | CloseReason::QueueFull | CloseReason::StorageFull => 0x97,
        CloseReason::AuthenticationFailed => 0x87,
        CloseReason::AnswerTooLarge => 0x95,
        CloseReason::Administrative => 0x98,
        CloseReason::Stopping => 0x8B,
    })
}

/// What the CONNACK says to a client that is refused; `None` is that there is none.
pub(super) fn refusal(version: Version, why: Refusal) -> Option<ReasonCode> {
    let five = version == Version::V5;
    Some(match why {
        Refusal::StorageFull if five => ReasonCode::QuotaExceeded,
        Refusal::ConnectionLimit if five => ReasonCode::QuotaExceeded,
        Refusal::MemoryLimit if five => ReasonCode::ServerBusy,
        Refusal::StorageFull
        | Refusal::ConnectionLimit
        | Refusal::MemoryLimit
        | Refusal::Stopping => ReasonCode::ServerUnavailable,
        Refusal::MaximumPacketSize if five => ReasonCode::PacketTooLarge,
        Refusal::EmptyClientId | Refusal::ClientIdTooLong => ReasonCode::ClientIdentifierNotValid,
        Refusal::Violation(Violation::ProtocolLevel { .. }) => {
            ReasonCode::UnsupportedProtocolVersion
        }
        Refusal::Violation(violation) if five => {
            return ReasonCode::from_byte(broken(violation));
        }
        Refusal::Violation(_)
        | Refusal::AuthenticationMethod
        | Refusal::AuthenticationFailed
        | Refusal::NotAuthenticated
        | Refusal::WillTopic
        | Refusal::WillPayloadFormat
        | Refusal::MaximumPacketSize => return None,
    })
}

/// Malformed is what cannot be read, an error what can be read and must not have been sent.
fn broken(violation: Violation) -> u8 {
    match violation {
        Violation::PacketTooLarge { .. } => 0x95,
        Violation::ReceiveMaximum { .. } => 0x93,
        Violation::TopicAlias { .. } => 0x94,
        Violation::TooManyUserProperties { .. } => 0x97,
        Violation::WildcardInTopic | Violation::WillTopic => 0x90,
        Violation::ProtocolName | Violation::ProtocolLevel { .. } => 0x84,
        Violation::ReservedConnectFlag
        | Violation::WillFlags
        | Violation::PasswordWithoutUserName
        | Violation::ReservedType { .. }
        | Violation::ReservedFlags { .. }
        | Violation::ConnackFlags { .. }
        | Violation::VariableByteInteger
        | Violation::Truncated
        | Violation::TrailingBytes
        | Violation::IllFormedUtf8
        | Violation::Nul
        | Violation::ControlCharacter
        | Violation::QoS3
        | Violation::DupWithoutQoS
        | Violation::ReservedOptions
        | Violation::Property { .. } => 0x81,
        Violation::NotConnect { .. }
        | Violation::SecondConnect
        | Violation::WrongDirection { .. }
        | Violation::PacketIdZero
        | Violation::EmptyTopic
        | Violation::NoFilters
        | Violation::SubscribeQoS3
        | Violation::RetainHandling3
        | Violation::NoLocalOnShared
        | Violation::ServerProperty { .. }
        | Violation::WrongAck { .. }
        | Violation::ReasonCode { .. }
        | Violation::DuplicateProperty { .. }
        | Violation::PropertyValue { .. }
        | Violation::AuthenticationData
        | Violation::UnknownTopicAlias { .. }
        | Violation::SessionExpiryRaised
        | Violation::AuthenticationMethod
        | Violation::NotAuthenticated { .. }
        | Violation::UnexpectedAuth => 0x82,
    }
}
