//! Properties (MQTT 5.0 section 2.2.2): which there are, which packet may carry which, how often,
//! and which values they take. All of it is table 2-4 and the sections it points to.

use crate::codec::reader::Reader;
use crate::codec::writer::{Length, Sink};
use crate::packet::{Properties, PropertySet, Version};
use crate::topic::TopicName;
use crate::violation::Violation;

/// What carries a list of properties. Packets that carry the same ones share a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Carrier {
    Connect = 1,
    Will = 1 << 1,
    Connack = 1 << 2,
    Publish = 1 << 3,
    /// PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK.
    Ack = 1 << 4,
    Subscribe = 1 << 5,
    Unsubscribe = 1 << 6,
    Disconnect = 1 << 7,
    Auth = 1 << 8,
}

mod id {
    pub(super) const PAYLOAD_FORMAT_INDICATOR: u8 = 0x01;
    pub(super) const MESSAGE_EXPIRY_INTERVAL: u8 = 0x02;
    pub(super) const CONTENT_TYPE: u8 = 0x03;
    pub(super) const RESPONSE_TOPIC: u8 = 0x08;
    pub(super) const CORRELATION_DATA: u8 = 0x09;
    pub(super) const SUBSCRIPTION_IDENTIFIER: u8 = 0x0B;
    pub(super) const SESSION_EXPIRY_INTERVAL: u8 = 0x11;
    pub(super) const ASSIGNED_CLIENT_IDENTIFIER: u8 = 0x12;
    pub(super) const SERVER_KEEP_ALIVE: u8 = 0x13;
    pub(super) const AUTHENTICATION_METHOD: u8 = 0x15;
    pub(super) const AUTHENTICATION_DATA: u8 = 0x16;
    pub(super) const REQUEST_PROBLEM_INFORMATION: u8 = 0x17;
    pub(super) const WILL_DELAY_INTERVAL: u8 = 0x18;
    pub(super) const REQUEST_RESPONSE_INFORMATION: u8 = 0x19;
    pub(super) const RESPONSE_INFORMATION: u8 = 0x1A;
    pub(super) const SERVER_REFERENCE: u8 = 0x1C;
    pub(super) const REASON_STRING: u8 = 0x1F;
    pub(super) const RECEIVE_MAXIMUM: u8 = 0x21;
    pub(super) const TOPIC_ALIAS_MAXIMUM: u8 = 0x22;
    pub(super) const TOPIC_ALIAS: u8 = 0x23;
    pub(super) const MAXIMUM_QOS: u8 = 0x24;
    pub(super) const RETAIN_AVAILABLE: u8 = 0x25;
    pub(super) const USER_PROPERTY: u8 = 0x26;
    pub(super) const MAXIMUM_PACKET_SIZE: u8 = 0x27;
    pub(super) const WILDCARD_SUBSCRIPTION_AVAILABLE: u8 = 0x28;
    pub(super) const SUBSCRIPTION_IDENTIFIER_AVAILABLE: u8 = 0x29;
    pub(super) const SHARED_SUBSCRIPTION_AVAILABLE: u8 = 0x2A;
}

/// Reads Property Length and properties; none before 5.0.
pub(super) fn decode(
    version: Version,
    carrier: Carrier,
    reader: &mut Reader<'_>,
) -> Result<Properties, Violation> {
    let Some(list) = read_list(version, reader)? else { return Ok(Properties::NONE) };
    let mut set = PropertySet::NONE;
    decode_list(&mut set, carrier, list)?;
    Ok(Properties::from(set))
}

/// The same into a set, in which what was read before an error is left.
pub(super) fn decode_into(
    set: &mut PropertySet,
    version: Version,
    carrier: Carrier,
    reader: &mut Reader<'_>,
) -> Result<(), Violation> {
    read_list(version, reader)?.map_or(Ok(()), |list| decode_list(set, carrier, list))
}

/// The bytes of the properties; `None` if there is none.
fn read_list<'a>(
    version: Version,
    reader: &mut Reader<'a>,
) -> Result<Option<Reader<'a>>, Violation> {
    if version != Version::V5 {
        return Ok(None);
    }
    let len = reader.variable_byte_integer()?;
    if len == 0 { Ok(None) } else { reader.part(len).map(Some) }
}

fn decode_list(
    set: &mut PropertySet,
    carrier: Carrier,
    mut list: Reader<'_>,
) -> Result<(), Violation> {
    while !list.is_empty() {
        decode_one(carrier, set, &mut list)?;
    }
    if set.authentication_data.is_some() && set.authentication_method.is_none() {
        return Err(Violation::AuthenticationData);
    }
    Ok(())
}

/// The properties of a PUBLISH: those of its message, and what differs from copy to copy.
#[derive(Clone, Copy, Debug)]
pub(super) struct OfPublish<'a> {
    pub(super) message: &'a Properties,
    /// In place of the message's own.
    pub(super) expiry: Option<u32>,
    pub(super) identifiers: &'a [u32],
    pub(super) alias: Option<u16>,
}

impl OfPublish<'_> {
    /// Writes Property Length and properties; nothing before 5.0.
    pub(super) fn write(&self, version: Version, out: &mut (impl Sink + ?Sized)) {
        if version != Version::V5 {
            return;
        }
        if self.message.is_empty() && self.identifiers.is_empty() && self.alias.is_none() {
            return out.byte(0);
        }
        let mut length = Length::default();
        self.write_list(&mut length);
        out.variable_byte_integer(length.bytes);
        self.write_list(out);
    }

    fn write_list(&self, out: &mut (impl Sink + ?Sized)) {
        let set = self.message.get();
        write_message(set, self.expiry, self.identifiers, out);
        write_u16(id::TOPIC_ALIAS, self.alias, out);
        write_user_properties(set, out);
    }
}

/// Writes Property Length and properties; nothing before 5.0.
pub(super) fn write(version: Version, properties: &Properties, out: &mut (impl Sink + ?Sized)) {
    if version != Version::V5 {
        return;
    }
    if properties.is_empty() {
        return out.byte(0);
    }
    let mut length = Length::default();
    write_list(properties.get(), &mut length);
    out.variable_byte_integer(length.bytes);
    write_list(properties.get(), out);
}

/// The carriers of a property, as bits; 0 for an identifier that the standard does not know.
const fn carriers(id: u8) -> u16 {
    use Carrier::{Ack, Auth, Connack, Connect, Disconnect, Publish, Subscribe, Unsubscribe, Will};
    match id {
        id::PAYLOAD_FORMAT_INDICATOR
        | id::MESSAGE_EXPIRY_INTERVAL
        | id::CONTENT_TYPE
        | id::RESPONSE_TOPIC
        | id::CORRELATION_DATA => Publish as u16 | Will as u16,
        id::SUBSCRIPTION_IDENTIFIER => Publish as u16 | Subscribe as u16,
        id::SESSION_EXPIRY_INTERVAL => Connect as u16 | Connack as u16 | Disconnect as u16,
        id::AUTHENTICATION_METHOD | id::AUTHENTICATION_DATA => {
            Connect as u16 | Connack as u16 | Auth as u16
        }
        id::REQUEST_PROBLEM_INFORMATION | id::REQUEST_RESPONSE_INFORMATION => Connect as u16,
        id::WILL_DELAY_INTERVAL => Will as u16,
        id::SERVER_REFERENCE => Connack as u16 | Disconnect as u16,
        id::REASON_STRING => Connack as u16 | Ack as u16 | Disconnect as u16 | Auth as u16,
        id::RECEIVE_MAXIMUM | id::TOPIC_ALIAS_MAXIMUM | id::MAXIMUM_PACKET_SIZE => {
            Connect as u16 | Connack as u16
        }
        id::TOPIC_ALIAS => Publish as u16,
        id::ASSIGNED_CLIENT_IDENTIFIER
        | id::SERVER_KEEP_ALIVE
        | id::RESPONSE_INFORMATION
        | id::MAXIMUM_QOS
        | id::RETAIN_AVAILABLE
        | id::WILDCARD_SUBSCRIPTION_AVAILABLE
        | id::SUBSCRIPTION_IDENTIFIER_AVAILABLE
        | id::SHARED_SUBSCRIPTION_AVAILABLE => Connack as u16,
        id::USER_PROPERTY => {
            let messages = Connect as u16 | Will as u16 | Publish as u16 | Connack as u16;
            let answers = Ack as u16 | Disconnect as u16 | Auth as u16;
            messages | answers | Subscribe as u16 | Unsubscribe as u16
        }
        _ => 0,
    }
}

fn decode_one(
    carrier: Carrier,
    set: &mut PropertySet,
    list: &mut Reader<'_>,
) -> Result<(), Violation> {
    let id = decode_id(carrier, list)?;
    match id {
        id::PAYLOAD_FORMAT_INDICATOR => once(id, &mut set.payload_format_indicator, flag(id, list)),
        id::MESSAGE_EXPIRY_INTERVAL => once(id, &mut set.message_expiry_interval, list.u32()),
        id::CONTENT_TYPE => once(id, &mut set.content_type, list.text()),
        id::RESPONSE_TOPIC => {
            let topic = list.topic()?.ok_or(Violation::EmptyTopic);
            once(id, &mut set.response_topic, topic)
        }
        id::CORRELATION_DATA => once(id, &mut set.correlation_data, list.binary()),
        id::SUBSCRIPTION_IDENTIFIER => decode_subscription_identifier(carrier, set, list),
        id::SESSION_EXPIRY_INTERVAL => once(id, &mut set.session_expiry_interval, list.u32()),
        id::ASSIGNED_CLIENT_IDENTIFIER => {
            once(id, &mut set.assigned_client_identifier, list.text())
        }
        id::SERVER_KEEP_ALIVE => once(id, &mut set.server_keep_alive, list.u16()),
        id::AUTHENTICATION_METHOD => once(id, &mut set.authentication_method, list.text()),
        id::AUTHENTICATION_DATA => once(id, &mut set.authentication_data, list.binary()),
        id::REQUEST_PROBLEM_INFORMATION => {
            once(id, &mut set.request_problem_information, flag(id, list))
        }
        id::WILL_DELAY_INTERVAL => once(id, &mut set.will_delay_interval, list.u32()),
        id::REQUEST_RESPONSE_INFORMATION => {
            once(id, &mut set.request_response_information, flag(id, list))
        }
        id::RESPONSE_INFORMATION => once(id, &mut set.response_information, list.text()),
        id::SERVER_REFERENCE => once(id, &mut set.server_reference, list.text()),
        id::REASON_STRING => once(id, &mut set.reason_string, list.text()),
        id::RECEIVE_MAXIMUM => once(id, &mut set.receive_maximum, positive(id, list.u16())),
        id::TOPIC_ALIAS_MAXIMUM => once(id, &mut set.topic_alias_maximum, list.u16()),
        id::TOPIC_ALIAS => once(id, &mut set.topic_alias, list.u16()),
        id::MAXIMUM_QOS => once(id, &mut set.maximum_qos, flag(id, list).map(u8::from)),
        id::RETAIN_AVAILABLE => once(id, &mut set.retain_available, flag(id, list)),
        id::USER_PROPERTY => decode_user_property(set, list),
        id::MAXIMUM_PACKET_SIZE => once(id, &mut set.maximum_packet_size, positive(id, list.u32())),
        id::WILDCARD_SUBSCRIPTION_AVAILABLE => {
            once(id, &mut set.wildcard_subscription_available, flag(id, list))
        }
        id::SUBSCRIPTION_IDENTIFIER_AVAILABLE => {
            once(id, &mut set.subscription_identifier_available, flag(id, list))
        }
        id::SHARED_SUBSCRIPTION_AVAILABLE => {
            once(id, &mut set.shared_subscription_available, flag(id, list))
        }
        _ => Err(Violation::Property { id: u32::from(id) }),
    }
}

/// The identifier, if the standard has it and this carrier may carry it.
fn decode_id(carrier: Carrier, list: &mut Reader<'_>) -> Result<u8, Violation> {
    let wide = list.variable_byte_integer()?;
    let known = u8::try_from(wide).ok().filter(|id| carriers(*id) & carrier as u16 != 0);
    known.ok_or_else(|| Violation::Property { id: u32::try_from(wide).unwrap_or(u32::MAX) })
}

fn once<T>(id: u8, field: &mut Option<T>, value: Result<T, Violation>) -> Result<(), Violation> {
    if field.replace(value?).is_some() {
        return Err(Violation::DuplicateProperty { id: u32::from(id) });
    }
    Ok(())
}

fn flag(id: u8, list: &mut Reader<'_>) -> Result<bool, Violation> {
    match list.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Violation::PropertyValue { id: u32::from(id) }),
    }
}

fn positive<T: Default + PartialEq>(id: u8, value: Result<T, Violation>) -> Result<T, Violation> {
    let value = value?;
    if value == T::default() {
        return Err(Violation::PropertyValue { id: u32::from(id) });
    }
    Ok(value)
}

/// One in a SUBSCRIBE, any number in a PUBLISH.
fn decode_subscription_identifier(
    carrier: Carrier,
    set: &mut PropertySet,
    list: &mut Reader<'_>,
) -> Result<(), Violation> {
    let id = u32::from(id::SUBSCRIPTION_IDENTIFIER);
    let value = u32::try_from(list.variable_byte_integer()?);
    let value = value.ok().filter(|value| *value != 0).ok_or(Violation::PropertyValue { id })?;
    if carrier == Carrier::Subscribe && !set.subscription_identifiers.is_empty() {
        return Err(Violation::DuplicateProperty { id });
    }
    set.subscription_identifiers.push(value);
    Ok(())
}

fn decode_user_property(set: &mut PropertySet, list: &mut Reader<'_>) -> Result<(), Violation> {
    let limit = list.limits.max_user_properties;
    if set.user_properties.len() >= limit {
        return Err(Violation::TooManyUserProperties { limit });
    }
    set.user_properties.push((list.text()?, list.text()?));
    Ok(())
}

/// In the order of table 2-4.
fn write_list(set: &PropertySet, out: &mut (impl Sink + ?Sized)) {
    write_message(set, set.message_expiry_interval, &set.subscription_identifiers, out);
    write_session(set, out);
    write_limits(set, out);
}

fn write_message(
    set: &PropertySet,
    expiry: Option<u32>,
    identifiers: &[u32],
    out: &mut (impl Sink + ?Sized),
) {
    write_flag(id::PAYLOAD_FORMAT_INDICATOR, set.payload_format_indicator, out);
    write_u32(id::MESSAGE_EXPIRY_INTERVAL, expiry, out);
    write_field(id::CONTENT_TYPE, set.content_type.as_deref(), out);
    write_field(id::RESPONSE_TOPIC, set.response_topic.as_ref().map(TopicName::as_str), out);
    write_field(id::CORRELATION_DATA, set.correlation_data.as_ref(), out);
    for identifier in identifiers {
        out.byte(id::SUBSCRIPTION_IDENTIFIER);
        out.variable_byte_integer(usize::try_from(*identifier).unwrap_or(usize::MAX));
    }
}

fn write_session(set: &PropertySet, out: &mut (impl Sink + ?Sized)) {
    write_u32(id::SESSION_EXPIRY_INTERVAL, set.session_expiry_interval, out);
    write_field(id::ASSIGNED_CLIENT_IDENTIFIER, set.assigned_client_identifier.as_deref(), out);
    write_u16(id::SERVER_KEEP_ALIVE, set.server_keep_alive, out);
    write_field(id::AUTHENTICATION_METHOD, set.authentication_method.as_deref(), out);
    write_field(id::AUTHENTICATION_DATA, set.authentication_data.as_ref(), out);
    write_flag(id::REQUEST_PROBLEM_INFORMATION, set.request_problem_information, out);
    write_u32(id::WILL_DELAY_INTERVAL, set.will_delay_interval, out);
    write_flag(id::REQUEST_RESPONSE_INFORMATION, set.request_response_information, out);
    write_field(id::RESPONSE_INFORMATION, set.response_information.as_deref(), out);
    write_field(id::SERVER_REFERENCE, set.server_reference.as_deref(), out);
    write_field(id::REASON_STRING, set.reason_string.as_deref(), out);
}

fn write_limits(set: &PropertySet, out: &mut (impl Sink + ?Sized)) {
    write_u16(id::RECEIVE_MAXIMUM, set.receive_maximum, out);
    write_u16(id::TOPIC_ALIAS_MAXIMUM, set.topic_alias_maximum, out);
    write_u16(id::TOPIC_ALIAS, set.topic_alias, out);
    write_flag(id::MAXIMUM_QOS, set.maximum_qos.map(|qos| qos != 0), out);
    write_flag(id::RETAIN_AVAILABLE, set.retain_available, out);
    write_user_properties(set, out);
    write_u32(id::MAXIMUM_PACKET_SIZE, set.maximum_packet_size, out);
    write_flag(id::WILDCARD_SUBSCRIPTION_AVAILABLE, set.wildcard_subscription_available, out);
    write_flag(id::SUBSCRIPTION_IDENTIFIER_AVAILABLE, set.subscription_identifier_available, out);
    write_flag(id::SHARED_SUBSCRIPTION_AVAILABLE, set.shared_subscription_available, out);
}

fn write_user_properties(set: &PropertySet, out: &mut (impl Sink + ?Sized)) {
    for (name, value) in &set.user_properties {
        out.byte(id::USER_PROPERTY);
        out.field(name.as_bytes());
        out.field(value.as_bytes());
    }
}

fn write_flag(id: u8, value: Option<bool>, out: &mut (impl Sink + ?Sized)) {
    if let Some(value) = value {
        out.slice(&[id, u8::from(value)]);
    }
}

fn write_u16(id: u8, value: Option<u16>, out: &mut (impl Sink + ?Sized)) {
    if let Some(value) = value {
        out.byte(id);
        out.u16(value);
    }
}

fn write_u32(id: u8, value: Option<u32>, out: &mut (impl Sink + ?Sized)) {
    if let Some(value) = value {
        out.byte(id);
        out.u32(value);
    }
}

fn write_field(id: u8, value: Option<impl AsRef<[u8]>>, out: &mut (impl Sink + ?Sized)) {
    if let Some(value) = value {
        out.byte(id);
        out.field(value.as_ref());
    }
}
