//! Which packet may carry which Reason Code (MQTT 5.0 section 2.4), and the return codes that
//! stand for them before 5.0.

use super::reader::Reader;
use crate::packet::ReasonCode;
use crate::violation::Violation;

use ReasonCode as R;

pub(super) const CONNACK: &[ReasonCode] = &[
    R::Success,
    R::UnspecifiedError,
    R::MalformedPacket,
    R::ProtocolError,
    R::ImplementationSpecificError,
    R::UnsupportedProtocolVersion,
    R::ClientIdentifierNotValid,
    R::BadUserNameOrPassword,
    R::NotAuthorized,
    R::ServerUnavailable,
    R::ServerBusy,
    R::Banned,
    R::BadAuthenticationMethod,
    R::TopicNameInvalid,
    R::PacketTooLarge,
    R::QuotaExceeded,
    R::PayloadFormatInvalid,
    R::RetainNotSupported,
    R::QoSNotSupported,
    R::UseAnotherServer,
    R::ServerMoved,
    R::ConnectionRateExceeded,
];

/// Of PUBACK and PUBREC.
pub(super) const PUBACK: &[ReasonCode] = &[
    R::Success,
    R::NoMatchingSubscribers,
    R::UnspecifiedError,
    R::ImplementationSpecificError,
    R::NotAuthorized,
    R::TopicNameInvalid,
    R::PacketIdentifierInUse,
    R::QuotaExceeded,
    R::PayloadFormatInvalid,
];

/// Of PUBREL and PUBCOMP.
pub(super) const PUBREL: &[ReasonCode] = &[R::Success, R::PacketIdentifierNotFound];

pub(super) const SUBACK: &[ReasonCode] = &[
    R::Success,
    R::GrantedQoS1,
    R::GrantedQoS2,
    R::UnspecifiedError,
    R::ImplementationSpecificError,
    R::NotAuthorized,
    R::TopicFilterInvalid,
    R::PacketIdentifierInUse,
    R::QuotaExceeded,
    R::SharedSubscriptionsNotSupported,
    R::SubscriptionIdentifiersNotSupported,
    R::WildcardSubscriptionsNotSupported,
];

pub(super) const UNSUBACK: &[ReasonCode] = &[
    R::Success,
    R::NoSubscriptionExisted,
    R::UnspecifiedError,
    R::ImplementationSpecificError,
    R::NotAuthorized,
    R::TopicFilterInvalid,
    R::PacketIdentifierInUse,
];

/// Table 3-10, and Bad authentication method, which only table 2-6 lists for DISCONNECT.
pub(super) const DISCONNECT: &[ReasonCode] = &[
    R::Success,
    R::DisconnectWithWill,
    R::UnspecifiedError,
    R::MalformedPacket,
    R::ProtocolError,
    R::ImplementationSpecificError,
    R::NotAuthorized,
    R::ServerBusy,
    R::ServerShuttingDown,
    R::BadAuthenticationMethod,
    R::KeepAliveTimeout,
    R::SessionTakenOver,
    R::TopicFilterInvalid,
    R::TopicNameInvalid,
    R::ReceiveMaximumExceeded,
    R::TopicAliasInvalid,
    R::PacketTooLarge,
    R::MessageRateTooHigh,
    R::QuotaExceeded,
    R::AdministrativeAction,
    R::PayloadFormatInvalid,
    R::RetainNotSupported,
    R::QoSNotSupported,
    R::UseAnotherServer,
    R::ServerMoved,
    R::SharedSubscriptionsNotSupported,
    R::ConnectionRateExceeded,
    R::MaximumConnectTime,
    R::SubscriptionIdentifiersNotSupported,
    R::WildcardSubscriptionsNotSupported,
];

/// Those of [`DISCONNECT`] that a client may send (table 3-10).
pub(super) const CLIENT_DISCONNECT: &[ReasonCode] = &[
    R::Success,
    R::DisconnectWithWill,
    R::UnspecifiedError,
    R::MalformedPacket,
    R::ProtocolError,
    R::ImplementationSpecificError,
    R::TopicNameInvalid,
    R::ReceiveMaximumExceeded,
    R::TopicAliasInvalid,
    R::PacketTooLarge,
    R::MessageRateTooHigh,
    R::QuotaExceeded,
    R::AdministrativeAction,
    R::PayloadFormatInvalid,
];

pub(super) const AUTH: &[ReasonCode] = &[R::Success, R::ContinueAuthentication, R::ReAuthenticate];

/// Those of [`AUTH`] that a client may send (table 3-11).
pub(super) const CLIENT_AUTH: &[ReasonCode] = &[R::ContinueAuthentication, R::ReAuthenticate];

/// The next byte as one of `allowed`.
pub(super) fn decode(
    allowed: &[ReasonCode],
    reader: &mut Reader<'_>,
) -> Result<ReasonCode, Violation> {
    let code = reader.byte()?;
    let found = allowed.iter().copied().find(|known| known.byte() == code);
    found.ok_or(Violation::ReasonCode { code })
}

/// The Connect Return Code of MQTT 3.1 and 3.1.1 (section 3.2.2.3) that says what `code` says;
/// `None` where there is none: then the connection is closed without a CONNACK.
#[must_use]
pub fn return_code_v3(code: ReasonCode) -> Option<u8> {
    match code.byte() {
        0x00 => Some(0),
        0x84 => Some(1),
        0x85 => Some(2),
        // Unavailable, busy, over a quota, over a rate: not now.
        0x88 | 0x89 | 0x97 | 0x9F => Some(3),
        0x86 => Some(4),
        // Not authorized, banned.
        0x87 | 0x8A => Some(5),
        _ => None,
    }
}

/// The Reason Code that a Connect Return Code of MQTT 3.1 and 3.1.1 stands for.
pub(super) const fn from_return_code_v3(code: u8) -> Result<ReasonCode, Violation> {
    Ok(match code {
        0 => R::Success,
        1 => R::UnsupportedProtocolVersion,
        2 => R::ClientIdentifierNotValid,
        3 => R::ServerUnavailable,
        4 => R::BadUserNameOrPassword,
        5 => R::NotAuthorized,
        _ => return Err(Violation::ReasonCode { code }),
    })
}

/// How a SUBACK says it before 5.0: the granted QoS, or 0x80 for every failure.
pub(super) const fn suback_code_v3(code: ReasonCode) -> u8 {
    if code.is_error() { R::UnspecifiedError.byte() } else { code.byte() }
}

/// What a SUBACK may say before 5.0.
pub(super) const SUBACK_V3: &[ReasonCode] =
    &[R::Success, R::GrantedQoS1, R::GrantedQoS2, R::UnspecifiedError];
