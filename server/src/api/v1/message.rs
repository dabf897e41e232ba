//! Payloads and properties of messages in JSON.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use bytestring::ByteString;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use surewire_engine::packet::{Properties, PropertySet};
use utoipa::ToSchema;

use super::body::Object;

/// Takes base64 with or without padding, as programs differ in that; gives it with padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// How a payload is written in JSON.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub(super) enum PayloadEncoding {
    /// As it is: it must be UTF-8.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// Any bytes, in base64.
    #[serde(rename = "base64")]
    Base64,
}

/// The properties of a message that its receivers get (MQTT 5.0).
#[derive(Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MessageProperties)]
pub(super) struct MessageProperties {
    /// Whether the payload is UTF-8 text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) payload_format_indicator: Option<bool>,
    /// Seconds after which the message is of no use. Passed on to subscribers that speak MQTT 5; the
    /// broker itself does not drop what is too old yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) message_expiry_interval: Option<u32>,
    /// What the payload is, such as a media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^[^\\u0000]*$", example = "application/json")]
    pub(super) content_type: Option<String>,
    /// Where an answer is awaited: a topic without wildcards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^[^+#\\u0000]+$", example = "answers/7")]
    pub(super) response_topic: Option<String>,
    /// What an answer is to carry, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, content_encoding = "base64", example = "Nw==",
        pattern = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$")]
    pub(super) correlation_data: Option<Base64>,
    /// Names with values, in order; names may repeat.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<UserProperty>)]
    pub(super) user_properties: Vec<Object<UserProperty>>,
}

/// A name with a value that the broker does not look at.
#[derive(Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserProperty {
    /// The name.
    #[schema(pattern = "^[^\\u0000]*$")]
    pub(super) name: String,
    /// The value.
    #[schema(pattern = "^[^\\u0000]*$")]
    pub(super) value: String,
}

/// A payload as text, and how it is written in it.
pub(super) fn payload(bytes: &Bytes) -> (String, PayloadEncoding) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), PayloadEncoding::Utf8),
        Err(_) => (BASE64.encode(bytes), PayloadEncoding::Base64),
    }
}

/// The bytes that a text in base64 stands for.
pub(super) fn bytes(text: &str) -> Option<Bytes> {
    BASE64.decode(text).ok().map(Bytes::from)
}

impl From<&Properties> for MessageProperties {
    fn from(properties: &Properties) -> Self {
        let set: &PropertySet = properties.get();
        let text = |text: &ByteString| text.to_string();
        Self {
            payload_format_indicator: set.payload_format_indicator,
            message_expiry_interval: set.message_expiry_interval,
            content_type: set.content_type.as_ref().map(text),
            response_topic: set.response_topic.as_ref().map(|topic| topic.as_str().to_owned()),
            correlation_data: set.correlation_data.clone().map(Base64),
            user_properties: set
                .user_properties
                .iter()
                .map(|(name, value)| Object(UserProperty { name: text(name), value: text(value) }))
                .collect(),
        }
    }
}

/// Bytes that are base64 in JSON.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Base64(pub(super) Bytes);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Base64Text)
    }
}

struct Base64Text;

impl Visitor<'_> for Base64Text {
    type Value = Base64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text in base64")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Base64, E> {
        bytes(text).map(Base64).ok_or_else(|| E::custom("this is no base64"))
    }
}
