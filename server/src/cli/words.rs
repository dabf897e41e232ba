//! Packets, codes and endings in words for people.

use std::fmt::Arguments;
use std::io::{self, Write};

use surewire_engine::client::CloseReason;
use surewire_engine::packet::{Packet, Publish, QoS, ReasonCode, Version};

/// A line to stderr. Where nobody reads it, it is lost: there is no better place to tell so.
pub(super) fn say(line: Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Why the connection ended, with what to check.
pub(super) fn closed(reason: &CloseReason) -> String {
    match reason {
        CloseReason::Refused { code, text } => {
            format!("the broker refused the connection: {}{}", refusal(*code), quoted(text))
        }
        CloseReason::ByServer { code, text } => {
            format!("the broker ended the connection: {}{}", self::code(*code), quoted(text))
        }
        CloseReason::NoConnack => format!("{reason}; is it an MQTT broker?"),
        CloseReason::Requested | CloseReason::NoPingresp | CloseReason::Fault(_) => {
            reason.to_string()
        }
    }
}

/// How the transport ended: `None` when the broker closed it.
pub(super) fn lost(error: &Option<io::Error>) -> String {
    match error {
        None => String::from("the broker closed the connection"),
        Some(error) => format!("the connection was lost: {error}"),
    }
}

fn quoted(text: &Option<bytestring::ByteString>) -> String {
    text.as_ref().map_or_else(String::new, |text| format!(" (it says: {})", text.escape_debug()))
}

/// Why a CONNECT was refused, with what to check where that is known.
fn refusal(code: ReasonCode) -> String {
    const CURES: [(ReasonCode, &str); 6] = [
        (ReasonCode::UnsupportedProtocolVersion, "; try another one with -V"),
        (ReasonCode::ClientIdentifierNotValid, "; try another one with -i"),
        (ReasonCode::BadUserNameOrPassword, "; check -u and -P"),
        (ReasonCode::NotAuthorized, "; check -u, -P and -i"),
        (ReasonCode::ServerUnavailable, "; try again later"),
        (ReasonCode::ServerBusy, "; try again later"),
    ];
    let cure = CURES.iter().find(|(known, _)| *known == code).map_or("", |(_, cure)| cure);
    format!("{}{cure}", self::code(code))
}

/// The protocol's name.
pub(crate) const fn version(version: Version) -> &'static str {
    match version {
        Version::V3_1 => "MQTT 3.1",
        Version::V3_1_1 => "MQTT 3.1.1",
        Version::V5 => "MQTT 5.0",
    }
}

/// A Reason Code in words.
pub(crate) const fn code(code: ReasonCode) -> &'static str {
    match code {
        ReasonCode::Success => "success",
        ReasonCode::GrantedQoS1 => "granted QoS 1",
        ReasonCode::GrantedQoS2 => "granted QoS 2",
        ReasonCode::DisconnectWithWill => "disconnect with the will published",
        ReasonCode::NoMatchingSubscribers => "no matching subscribers",
        ReasonCode::NoSubscriptionExisted => "no subscription existed",
        ReasonCode::ContinueAuthentication => "continue the authentication",
        ReasonCode::ReAuthenticate => "authenticate again",
        ReasonCode::UnspecifiedError => "refused without a reason",
        ReasonCode::MalformedPacket => "malformed packet",
        ReasonCode::ProtocolError => "protocol error",
        ReasonCode::ImplementationSpecificError => "an error of its own",
        ReasonCode::UnsupportedProtocolVersion => "it does not speak this protocol version",
        ReasonCode::ClientIdentifierNotValid => "it does not take this client identifier",
        ReasonCode::BadUserNameOrPassword => "bad user name or password",
        ReasonCode::NotAuthorized => "not authorized",
        ReasonCode::ServerUnavailable => "it is unavailable",
        ReasonCode::ServerBusy => "it is busy",
        ReasonCode::Banned => "banned",
        ReasonCode::ServerShuttingDown => "it is shutting down",
        ReasonCode::BadAuthenticationMethod => "bad authentication method",
        ReasonCode::KeepAliveTimeout => "nothing came within the keep alive",
        ReasonCode::SessionTakenOver => "another client took over this client identifier",
        ReasonCode::TopicFilterInvalid => "invalid topic filter",
        ReasonCode::TopicNameInvalid => "invalid topic name",
        ReasonCode::PacketIdentifierInUse => "packet identifier in use",
        ReasonCode::PacketIdentifierNotFound => "packet identifier not found",
        ReasonCode::ReceiveMaximumExceeded => "too many messages under way",
        ReasonCode::TopicAliasInvalid => "invalid topic alias",
        ReasonCode::PacketTooLarge => "packet too large",
        ReasonCode::MessageRateTooHigh => "message rate too high",
        ReasonCode::QuotaExceeded => "quota exceeded",
        ReasonCode::AdministrativeAction => "its administrator ended it",
        ReasonCode::PayloadFormatInvalid => "invalid payload format",
        ReasonCode::RetainNotSupported => "retained messages are not supported",
        ReasonCode::QoSNotSupported => "this QoS is not supported",
        ReasonCode::UseAnotherServer => "use another broker for now",
        ReasonCode::ServerMoved => "the broker has moved",
        ReasonCode::SharedSubscriptionsNotSupported => "shared subscriptions are not supported",
        ReasonCode::ConnectionRateExceeded => "too many connections in a short time",
        ReasonCode::MaximumConnectTime => "the maximum time of a connection is over",
        ReasonCode::SubscriptionIdentifiersNotSupported => {
            "subscription identifiers are not supported"
        }
        ReasonCode::WildcardSubscriptionsNotSupported => "wildcards are not supported",
    }
}

/// A packet on one line, without payloads and passwords.
pub(super) fn packet(packet: &Packet) -> String {
    match packet {
        Packet::Connect(connect) => format!(
            "CONNECT ({}, id {:?}, clean {}, keep alive {} s, will {}, user {})",
            version(connect.version),
            &*connect.client_id,
            connect.clean_start,
            connect.keep_alive,
            connect.will.is_some(),
            connect.user_name.is_some(),
        ),
        Packet::Connack(connack) => {
            format!("CONNACK ({}, session present {})", code(connack.code), connack.session_present)
        }
        Packet::Publish(message) => publish(message),
        Packet::Puback(ack) => format!("PUBACK (id {}, {})", ack.packet_id, code(ack.code)),
        Packet::Pubrec(ack) => format!("PUBREC (id {}, {})", ack.packet_id, code(ack.code)),
        Packet::Pubrel(ack) => format!("PUBREL (id {})", ack.packet_id),
        Packet::Pubcomp(ack) => format!("PUBCOMP (id {})", ack.packet_id),
        Packet::Subscribe(subscribe) => {
            let filters = subscribe.filters.iter();
            let filters: Vec<_> =
                filters.map(|f| format!("{:?} q{}", &*f.filter, digit(f.options.qos))).collect();
            format!("SUBSCRIBE (id {}, {})", subscribe.packet_id, filters.join(", "))
        }
        Packet::Suback(suback) => {
            let codes: Vec<_> = suback.codes.iter().map(|granted| code(*granted)).collect();
            format!("SUBACK (id {}, {})", suback.packet_id, codes.join(", "))
        }
        Packet::Unsubscribe(unsubscribe) => format!("UNSUBSCRIBE (id {})", unsubscribe.packet_id),
        Packet::Unsuback(unsuback) => format!("UNSUBACK (id {})", unsuback.packet_id),
        Packet::Pingreq => String::from("PINGREQ"),
        Packet::Pingresp => String::from("PINGRESP"),
        Packet::Disconnect(disconnect) => format!("DISCONNECT ({})", code(disconnect.code)),
        Packet::Auth(auth) => format!("AUTH ({})", code(auth.code)),
    }
}

fn publish(publish: &Publish) -> String {
    let topic = publish.topic.as_ref().map_or("", |topic| topic.as_str());
    let id = publish.packet_id.map_or_else(String::new, |id| format!("id {id}, "));
    let (qos, retain, dup) = (digit(publish.qos), publish.retain, publish.dup);
    let bytes = publish.payload.len();
    format!("PUBLISH ({id}q{qos}, retain {retain}, dup {dup}, {topic:?}, {bytes} bytes)")
}

/// 0, 1 or 2.
const fn digit(qos: QoS) -> u8 {
    qos as u8
}
