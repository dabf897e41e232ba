//! Any packet that a version can represent, out of a fuzzer's bytes.

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use bytestring::ByteString;
use surewire_engine::id::PacketId;
use surewire_engine::packet::{
    Ack, Auth, Connack, Connect, Disconnect, Packet, Password, Properties, PropertySet, Publish,
    QoS, ReasonCode, RetainHandling, Suback, Subscribe, SubscribeFilter, SubscribeOptions,
    Unsubscribe, Version, Will,
};
use surewire_engine::topic::TopicName;

use crate::choice::{below, bytes, one_in, one_of};

type U<'a> = Unstructured<'a>;

const CONNACK_V3: &[u8] = &[0x00, 0x84, 0x85, 0x88, 0x86, 0x87];
const CONNACK: &[u8] = &[
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97,
    0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F,
];
const PUBACK: &[u8] = &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
const PUBREL: &[u8] = &[0x00, 0x92];
const SUBACK_V3: &[u8] = &[0x00, 0x01, 0x02, 0x80];
const SUBACK: &[u8] = &[0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2];
const UNSUBACK: &[u8] = &[0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91];
const DISCONNECT: &[u8] = &[
    0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94,
    0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2,
];
const AUTH: &[u8] = &[0x00, 0x18, 0x19];

/// Whichever packet.
pub(crate) fn any(u: &mut U<'_>, version: Version) -> Result<Packet> {
    let kinds = if version == Version::V5 { 15 } else { 14 };
    Ok(match below(u, kinds)? {
        0 => Packet::Connect(Box::new(connect(u, version)?)),
        1 => Packet::Connack(connack(u, version)?),
        2 => Packet::Publish(publish(u, version)?),
        3 => Packet::Puback(ack(u, version, PUBACK)?),
        4 => Packet::Pubrec(ack(u, version, PUBACK)?),
        5 => Packet::Pubrel(ack(u, version, PUBREL)?),
        6 => Packet::Pubcomp(ack(u, version, PUBREL)?),
        7 => Packet::Subscribe(Box::new(subscribe(u, version)?)),
        8 => Packet::Suback(Box::new(suback(u, version)?)),
        9 => Packet::Unsubscribe(Box::new(unsubscribe(u, version)?)),
        10 => Packet::Unsuback(Box::new(unsuback(u, version)?)),
        11 => Packet::Pingreq,
        12 => Packet::Pingresp,
        13 => Packet::Disconnect(disconnect(u, version)?),
        _ => Packet::Auth(auth(u)?),
    })
}

fn connect(u: &mut U<'_>, version: Version) -> Result<Connect> {
    let user_name = maybe(u, text)?;
    let password = maybe(u, data)?.map(Password);
    Ok(Connect {
        version,
        clean_start: u.arbitrary()?,
        keep_alive: u.arbitrary()?,
        client_id: text(u)?,
        will: maybe(u, |u| will(u, version))?.map(Box::new),
        // Before 5.0 there is no password without a name.
        password: password.filter(|_| version == Version::V5 || user_name.is_some()),
        user_name,
        properties: properties(u, version, |u| {
            let set = session_set(u)?;
            Ok(PropertySet {
                request_problem_information: maybe(u, U::arbitrary)?,
                request_response_information: maybe(u, U::arbitrary)?,
                ..set
            })
        })?,
    })
}

fn will(u: &mut U<'_>, version: Version) -> Result<Will> {
    Ok(Will {
        topic: topic(u)?,
        payload: data(u)?,
        qos: qos(u)?,
        retain: u.arbitrary()?,
        properties: properties(u, version, |u| {
            let set = message_set(u)?;
            Ok(PropertySet { will_delay_interval: maybe(u, U::arbitrary)?, ..set })
        })?,
    })
}

fn connack(u: &mut U<'_>, version: Version) -> Result<Connack> {
    let codes = if version == Version::V5 { CONNACK } else { CONNACK_V3 };
    let present: bool = u.arbitrary()?;
    Ok(Connack {
        session_present: present && version != Version::V3_1,
        code: code(u, codes)?,
        properties: properties(u, version, |u| {
            let set = session_set(u)?;
            Ok(PropertySet {
                assigned_client_identifier: maybe(u, text)?,
                response_information: maybe(u, text)?,
                server_reference: maybe(u, text)?,
                reason_string: maybe(u, text)?,
                server_keep_alive: maybe(u, U::arbitrary)?,
                maximum_qos: maybe(u, |u| one_of(u, &[0, 1]))?,
                retain_available: maybe(u, U::arbitrary)?,
                wildcard_subscription_available: maybe(u, U::arbitrary)?,
                subscription_identifier_available: maybe(u, U::arbitrary)?,
                shared_subscription_available: maybe(u, U::arbitrary)?,
                ..set
            })
        })?,
    })
}

fn publish(u: &mut U<'_>, version: Version) -> Result<Publish> {
    let (qos, dup) = (qos(u)?, u.arbitrary::<bool>()?);
    let tracked = qos > QoS::AtMostOnce;
    let properties = properties(u, version, |u| {
        let set = message_set(u)?;
        let mut identifiers = PropertySet::NONE.subscription_identifiers;
        for _ in 0..below(u, 4)? {
            identifiers.push(identifier(u)?);
        }
        let topic_alias = maybe(u, U::arbitrary)?;
        Ok(PropertySet { topic_alias, subscription_identifiers: identifiers, ..set })
    })?;
    let by_alias = properties.get().topic_alias.is_some() && one_in(u, 2)?;
    Ok(Publish {
        dup: dup && tracked,
        qos,
        retain: u.arbitrary()?,
        topic: if by_alias { None } else { Some(topic(u)?) },
        packet_id: if tracked { Some(packet_id(u)?) } else { None },
        properties,
        payload: data(u)?,
    })
}

fn ack(u: &mut U<'_>, version: Version, codes: &[u8]) -> Result<Ack> {
    let code = code(u, codes)?;
    Ok(Ack {
        packet_id: packet_id(u)?,
        code: if version == Version::V5 { code } else { ReasonCode::Success },
        properties: properties(u, version, reason_set)?,
    })
}

fn subscribe(u: &mut U<'_>, version: Version) -> Result<Subscribe> {
    let handling = [RetainHandling::Always, RetainHandling::IfNew, RetainHandling::Never];
    let one = |u: &mut U<'_>| {
        let (filter, qos) = (text(u)?, qos(u)?);
        let options = match version {
            Version::V3_1 | Version::V3_1_1 => SubscribeOptions { qos, ..Default::default() },
            Version::V5 => SubscribeOptions {
                qos,
                // A share group cannot have it.
                no_local: u.arbitrary::<bool>()? && !filter.starts_with("$share/"),
                retain_as_published: u.arbitrary()?,
                retain_handling: one_of(u, &handling)?,
            },
        };
        Ok(SubscribeFilter { filter, options })
    };
    Ok(Subscribe {
        packet_id: packet_id(u)?,
        filters: some(u, one)?,
        properties: properties(u, version, |u| {
            let set = user_set(u)?;
            let identifier = maybe(u, identifier)?;
            Ok(PropertySet { subscription_identifiers: identifier.into_iter().collect(), ..set })
        })?,
    })
}

fn suback(u: &mut U<'_>, version: Version) -> Result<Suback> {
    let codes = if version == Version::V5 { SUBACK } else { SUBACK_V3 };
    Ok(Suback {
        packet_id: packet_id(u)?,
        codes: some(u, |u| code(u, codes))?.into(),
        properties: properties(u, version, reason_set)?,
    })
}

fn unsuback(u: &mut U<'_>, version: Version) -> Result<Suback> {
    let codes = some(u, |u| code(u, UNSUBACK))?;
    Ok(Suback {
        packet_id: packet_id(u)?,
        codes: if version == Version::V5 { codes.into() } else { Default::default() },
        properties: properties(u, version, reason_set)?,
    })
}

fn unsubscribe(u: &mut U<'_>, version: Version) -> Result<Unsubscribe> {
    Ok(Unsubscribe {
        packet_id: packet_id(u)?,
        filters: some(u, text)?,
        properties: properties(u, version, user_set)?,
    })
}

fn disconnect(u: &mut U<'_>, version: Version) -> Result<Disconnect> {
    let code = code(u, DISCONNECT)?;
    Ok(Disconnect {
        code: if version == Version::V5 { code } else { ReasonCode::Success },
        properties: properties(u, version, |u| {
            let set = reason_set(u)?;
            Ok(PropertySet {
                session_expiry_interval: maybe(u, U::arbitrary)?,
                server_reference: maybe(u, text)?,
                ..set
            })
        })?,
    })
}

fn auth(u: &mut U<'_>) -> Result<Auth> {
    Ok(Auth {
        code: code(u, AUTH)?,
        properties: properties(u, Version::V5, |u| {
            let set = reason_set(u)?;
            let (authentication_method, authentication_data) = method(u)?;
            Ok(PropertySet { authentication_method, authentication_data, ..set })
        })?,
    })
}

/// None before 5.0, and now and then none in 5.0.
fn properties<'a>(
    u: &mut U<'a>,
    version: Version,
    set: impl FnOnce(&mut U<'a>) -> Result<PropertySet>,
) -> Result<Properties> {
    if version != Version::V5 || one_in(u, 3)? {
        return Ok(Properties::NONE);
    }
    set(u).map(Properties::from)
}

fn user_set(u: &mut U<'_>) -> Result<PropertySet> {
    let mut user_properties = Vec::new();
    for _ in 0..below(u, 4)? {
        user_properties.push((text(u)?, text(u)?));
    }
    Ok(PropertySet { user_properties, ..PropertySet::NONE })
}

fn reason_set(u: &mut U<'_>) -> Result<PropertySet> {
    let set = user_set(u)?;
    Ok(PropertySet { reason_string: maybe(u, text)?, ..set })
}

/// What a message carries, in a PUBLISH or in a Will.
fn message_set(u: &mut U<'_>) -> Result<PropertySet> {
    let set = user_set(u)?;
    Ok(PropertySet {
        payload_format_indicator: maybe(u, U::arbitrary)?,
        message_expiry_interval: maybe(u, U::arbitrary)?,
        content_type: maybe(u, text)?,
        response_topic: maybe(u, topic)?,
        correlation_data: maybe(u, data)?,
        ..set
    })
}

/// What CONNECT and CONNACK share.
fn session_set(u: &mut U<'_>) -> Result<PropertySet> {
    let set = user_set(u)?;
    let (authentication_method, authentication_data) = method(u)?;
    Ok(PropertySet {
        session_expiry_interval: maybe(u, U::arbitrary)?,
        receive_maximum: maybe(u, |u| u.int_in_range(1..=u16::MAX))?,
        topic_alias_maximum: maybe(u, U::arbitrary)?,
        maximum_packet_size: maybe(u, |u| u.int_in_range(1..=u32::MAX))?,
        authentication_method,
        authentication_data,
        ..set
    })
}

/// No data without a method.
fn method(u: &mut U<'_>) -> Result<(Option<ByteString>, Option<Bytes>)> {
    let method = maybe(u, text)?;
    let data = if method.is_some() { maybe(u, data)? } else { None };
    Ok((method, data))
}

fn code(u: &mut U<'_>, codes: &[u8]) -> Result<ReasonCode> {
    Ok(ReasonCode::from_byte(one_of(u, codes)?).expect("a code of the standard"))
}

fn identifier(u: &mut U<'_>) -> Result<u32> {
    u.int_in_range(1..=268_435_455)
}

fn packet_id(u: &mut U<'_>) -> Result<PacketId> {
    Ok(PacketId::new(u.int_in_range(1..=u16::MAX)?).expect("not 0"))
}

fn qos(u: &mut U<'_>) -> Result<QoS> {
    one_of(u, &[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce])
}

/// Any text without U+0000.
fn text(u: &mut U<'_>) -> Result<ByteString> {
    let usual = ["", "a", "a/b", "a/+", "#", "$share/g/a", "m", "$SYS/x"];
    if one_in(u, 2)? {
        return Ok(ByteString::from_static(one_of(u, &usual)?));
    }
    let text = String::from_utf8_lossy(bytes(u, 40)?).replace('\0', "0");
    Ok(text.into())
}

fn topic(u: &mut U<'_>) -> Result<TopicName> {
    let name = text(u)?.replace(['+', '#'], "/");
    Ok(TopicName::new(format!("{name}.").into()).expect("neither empty nor with wildcards"))
}

fn data(u: &mut U<'_>) -> Result<Bytes> {
    bytes(u, 300).map(Bytes::copy_from_slice)
}

fn maybe<'a, T>(u: &mut U<'a>, value: impl FnOnce(&mut U<'a>) -> Result<T>) -> Result<Option<T>> {
    if one_in(u, 2)? { value(u).map(Some) } else { Ok(None) }
}

/// At least one.
fn some<'a, T>(u: &mut U<'a>, one: impl Fn(&mut U<'a>) -> Result<T>) -> Result<Vec<T>> {
    let count = 1 + below(u, 5)?;
    (0..count).map(|_| one(u)).collect()
}
