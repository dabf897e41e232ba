//! What is asked for, checked in the order of contract section 3.2.

use axum::body::Bytes;
use bytestring::ByteString;
use surewire_engine::id::ClientId;
use surewire_engine::message::Content;
use surewire_engine::packet::{Properties, QoS};
use surewire_engine::topic::{FilterError, TopicFilter, TopicName};

use super::Refused;
use crate::api::form::Form;
use crate::settings::Settings;

const QOS: &str = "invalid Qos,only support qos0 | qos1 | qos2";
pub(super) const TOPIC: &str = "invalid topic name";
pub(super) const FILTER: &str = "invalid topic filter";
const CLIENT: &str = "invalid clientID";
const TEXT: &str = "invalid utf-8 string";
const SIZE: &str = "the message is larger than max_packet_size";

/// Bytes of a text in MQTT.
const LONGEST_TEXT: usize = 65_535;

/// A PUBLISH without topic and payload: its header and the packet identifier, at most.
const PUBLISH_BYTES: usize = 1 + 4 + 2 + 2;

pub(super) fn message(form: &Form, settings: &Settings) -> Result<Content, Refused> {
    let qos = qos(form)?;
    let (topic, payload) = (form.get("topic"), form.get("payload"));
    if topic.is_empty() || topic.iter().any(|byte| matches!(byte, b'+' | b'#')) {
        return Err(Refused::Invalid(TOPIC));
    }
    let topic = TopicName::new(text(topic, settings)?).ok_or(Refused::Invalid(TOPIC))?;
    let len = PUBLISH_BYTES + topic.as_str().len() + payload.len();
    if len > settings.limits.max_packet_size {
        return Err(Refused::Invalid(SIZE));
    }
    // The form's buffer is larger, and a payload may be kept for long.
    let payload = Bytes::copy_from_slice(&payload);
    let retain = form.get("retain").to_ascii_lowercase();
    let retain = matches!(&retain[..], b"true" | b"1" | b"yes" | b"on");
    Ok(Content { topic, payload, qos, retain, properties: Properties::NONE })
}

pub(super) fn qos(form: &Form) -> Result<QoS, Refused> {
    let given = form.get("qos");
    let number: Option<i64> = std::str::from_utf8(&given).ok().and_then(|qos| qos.parse().ok());
    match number {
        Some(0) => Ok(QoS::AtMostOnce),
        Some(1) => Ok(QoS::AtLeastOnce),
        Some(2) => Ok(QoS::ExactlyOnce),
        _ => Err(Refused::Invalid(QOS)),
    }
}

/// Whose subscription, and to what.
pub(super) fn subscription(
    form: &Form,
    settings: &Settings,
) -> Result<(ClientId, TopicFilter), Refused> {
    let (filter, client) = (form.get("topic"), form.get("clientID"));
    if !is_shaped_like_a_filter(&filter) {
        return Err(Refused::Invalid(FILTER));
    }
    if client.is_empty() || client.len() > settings.engine.max_client_id_length {
        return Err(Refused::Invalid(CLIENT));
    }
    let filter = TopicFilter::parse(text(filter, settings)?);
    let client = ClientId::new(&text(client, settings)?);
    Ok((client.ok_or(Refused::Invalid(CLIENT))?, filter.map_err(|_| Refused::Invalid(FILTER))?))
}

/// Whether it is there and its wildcards are where they may be, whatever else is in it.
fn is_shaped_like_a_filter(bytes: &[u8]) -> bool {
    let shape = String::from_utf8_lossy(bytes).replace('\0', "0");
    match TopicFilter::parse(shape.into()) {
        // That is judged as a text.
        Ok(_) | Err(FilterError::TooLong | FilterError::Nul) => true,
        Err(FilterError::Empty | FilterError::Hash | FilterError::Plus | FilterError::Share) => {
            false
        }
    }
}

/// A text as MQTT has them.
fn text(bytes: Bytes, settings: &Settings) -> Result<ByteString, Refused> {
    let text = ByteString::try_from(bytes).map_err(|_| Refused::Invalid(TEXT))?;
    let control = settings.limits.reject_control_chars && text.chars().any(char::is_control);
    if text.len() > LONGEST_TEXT || text.contains('\0') || control {
        return Err(Refused::Invalid(TEXT));
    }
    Ok(text)
}
