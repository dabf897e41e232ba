//! Publishing a message.

use axum::extract::State;
use axum::http::StatusCode;
use bytes::Bytes;
use bytestring::ByteString;
use serde::{Deserialize, Serialize};
use surewire_engine::answer::Answer;
use surewire_engine::codec::Limits;
use surewire_engine::log::record;
use surewire_engine::message::Content;
use surewire_engine::notice::PublishRefusal;
use surewire_engine::packet::{Properties, PropertySet, QoS};
use surewire_engine::request::Command;
use surewire_engine::topic::TopicName;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::{Body, Json, Object};
use super::message::{self, MessageProperties, PayloadEncoding};
use super::openapi::{BodyRefusals, Refusals};
use super::problem::{Problem, shown};
use super::query::Query;
use super::values::NO_TOPIC;
use crate::api::{Api, words};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(publish))
}

/// A message to publish.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"topic": "house/door", "payload": "open", "qos": 1, "retain": true}))]
struct Message {
    /// Where to. Not below `$`, which is for the broker alone.
    #[schema(pattern = "^[^$+#\\u0000][^+#\\u0000]*$", min_length = 1)]
    topic: String,
    /// What.
    #[serde(default)]
    payload: String,
    /// How the payload is written here.
    #[serde(default)]
    payload_encoding: PayloadEncoding,
    /// At which QoS.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 2, default = 0)]
    qos: u8,
    /// Whether it becomes the retained message of its topic; with an empty payload it removes it.
    #[serde(default)]
    retain: bool,
    /// What goes along with it to clients that speak MQTT 5.
    #[serde(default)]
    #[schema(value_type = MessageProperties)]
    properties: Object<MessageProperties>,
}

/// What became of the message.
#[derive(Serialize, ToSchema)]
struct Published {
    /// Sessions that it was routed to, and share groups that it waits in.
    receivers: u64,
    /// What it did to the retained message of its topic.
    #[schema(inline)]
    retained: Outcome,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// Nothing.
    Untouched,
    /// It became the retained message.
    Stored,
    /// The retained message went.
    Cleared,
    /// It was not retained, as the store is full (`retained.max_messages`, `retained.max_bytes`).
    Refused,
}

/// Publish a message
///
/// By the rules of a client's PUBLISH: retained messages, queues and limits. The answer comes when
/// the message is routed and, where it must be durable, durable.
#[utoipa::path(
    post, path = "/publish", tag = "publish", operation_id = "publish", request_body = Message,
    responses(
        (status = 200, description = "It was routed", body = Published), Refusals, BodyRefusals
    )
)]
async fn publish(
    State(api): State<Api>,
    Query(()): Query<()>,
    Body(message): Body<Message>,
) -> Result<Json<Published>, Problem> {
    let content = content(message, &api.settings().limits)?;
    let stores = content.retain && !content.payload.is_empty();
    let answer = api.command(Command::Publish(Box::new(content))).await?;
    if let Answer::PublishRefused(why) = answer {
        let words = words::publish(why);
        return Err(Problem::new(status(why), words.text).because(words.reason));
    }
    let Answer::Published { receivers, retained } = answer else {
        return Err(Problem::mismatch());
    };
    Ok(Json(Published { receivers, retained: outcome(stores, retained) }))
}

fn status(why: PublishRefusal) -> StatusCode {
    match why {
        PublishRefusal::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
        PublishRefusal::DollarTopic
        | PublishRefusal::TopicLimit
        | PublishRefusal::PayloadFormat
        | PublishRefusal::RetainedLimit => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn outcome(stores: bool, retained: record::Retained) -> Outcome {
    match retained {
        record::Retained::Stored => Outcome::Stored,
        record::Retained::Untouched | record::Retained::Cleared if stores => Outcome::Refused,
        record::Retained::Untouched => Outcome::Untouched,
        record::Retained::Cleared => Outcome::Cleared,
    }
}

fn content(message: Message, limits: &Limits) -> Result<Content, Problem> {
    let topic = topic("topic", &message.topic)?;
    check_characters("topic", topic.as_str(), limits)?;
    let qos = QoS::from_bits(message.qos)
        .ok_or_else(|| wrong("qos", &message.qos.to_string(), "0, 1 or 2"))?;
    let payload = payload(&message)?;
    let set = properties(message.properties.0, &payload, limits)?;
    let size = topic.as_str().len() + payload.len() + size(&set) + HEADER;
    if size > limits.max_packet_size {
        return Err(Problem::unprocessable(format!(
            "The message makes a packet of about {size} bytes; at most max_packet_size, {}, is \
             expected.",
            limits.max_packet_size
        )));
    }
    let properties = Properties::from(set);
    Ok(Content { topic, payload, qos, retain: message.retain, properties })
}

/// Bytes around topic, payload and properties in a PUBLISH, at most.
const HEADER: usize = 16;

fn payload(message: &Message) -> Result<Bytes, Problem> {
    match message.payload_encoding {
        PayloadEncoding::Utf8 => Ok(Bytes::copy_from_slice(message.payload.as_bytes())),
        PayloadEncoding::Base64 => message::bytes(&message.payload)
            .ok_or_else(|| wrong("payload", &message.payload, "base64, as payload_encoding says,")),
    }
}

fn properties(
    given: MessageProperties,
    payload: &Bytes,
    limits: &Limits,
) -> Result<PropertySet, Problem> {
    if given.payload_format_indicator == Some(true) && std::str::from_utf8(payload).is_err() {
        return Err(Problem::unprocessable(
            "`properties.payload_format_indicator` is true and the payload is no UTF-8; leave it \
             out, or send text.",
        ));
    }
    if given.user_properties.len() > limits.max_user_properties {
        return Err(Problem::unprocessable(format!(
            "`properties.user_properties` are {}; at most max_user_properties, {}, are expected.",
            given.user_properties.len(),
            limits.max_user_properties
        )));
    }
    let mut set = PropertySet {
        payload_format_indicator: given.payload_format_indicator,
        message_expiry_interval: given.message_expiry_interval,
        ..PropertySet::NONE
    };
    if let Some(kind) = &given.content_type {
        set.content_type = Some(text("properties.content_type", kind, limits)?);
    }
    if let Some(response) = &given.response_topic {
        set.response_topic = Some(topic("properties.response_topic", response)?);
        check_characters("properties.response_topic", response, limits)?;
    }
    if let Some(data) = given.correlation_data {
        check_length("properties.correlation_data", data.0.len())?;
        set.correlation_data = Some(data.0);
    }
    for Object(pair) in &given.user_properties {
        let name = text("properties.user_properties[].name", &pair.name, limits)?;
        let value = text("properties.user_properties[].value", &pair.value, limits)?;
        set.user_properties.push((name, value));
    }
    Ok(set)
}

fn topic(name: &str, value: &str) -> Result<TopicName, Problem> {
    TopicName::new(ByteString::from(value)).ok_or_else(|| wrong(name, value, NO_TOPIC))
}

/// A text as MQTT has them.
fn text(name: &str, value: &str, limits: &Limits) -> Result<ByteString, Problem> {
    check_length(name, value.len())?;
    if value.contains('\0') {
        return Err(wrong(name, value, "a text without U+0000"));
    }
    check_characters(name, value, limits)?;
    Ok(ByteString::from(value))
}

fn check_length(name: &str, length: usize) -> Result<(), Problem> {
    const MOST: usize = 65_535;
    if length <= MOST {
        return Ok(());
    }
    Err(Problem::unprocessable(format!(
        "`{name}` has {length} bytes; at most 65,535 are expected."
    )))
}

fn check_characters(name: &str, value: &str, limits: &Limits) -> Result<(), Problem> {
    if limits.reject_control_chars && value.contains(char::is_control) {
        return Err(wrong(name, value, "a text without control characters (reject_control_chars)"));
    }
    Ok(())
}

fn wrong(name: &str, value: &str, expected: &str) -> Problem {
    Problem::unprocessable(format!("`{name}` is `{}`; {expected} is expected.", shown(value)))
}

/// Bytes of the properties in a packet, or a few more.
fn size(set: &PropertySet) -> usize {
    let text = |text: &Option<ByteString>| text.as_ref().map_or(0, |text| text.len() + 3);
    text(&set.content_type)
        + set.response_topic.as_ref().map_or(0, |topic| topic.as_str().len() + 3)
        + set.correlation_data.as_ref().map_or(0, |data| data.len() + 3)
        + set
            .user_properties
            .iter()
            .map(|(name, value)| name.len() + value.len() + 5)
            .sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { max_packet_size: 70_000, max_user_properties: 1, reject_control_chars: true };

    fn made(json: &str) -> Result<Content, String> {
        let message = serde_json::from_str(json).map_err(|error| error.to_string())?;
        content(message, &LIMITS).map_err(|problem| format!("{problem:?}"))
    }

    #[test]
    fn every_property_comes_through() {
        let json = r#"{"topic":"a/b","payload":"AP8=","payload_encoding":"base64","qos":2,
            "retain":true,"properties":{"payload_format_indicator":false,
            "message_expiry_interval":7,"content_type":"x","response_topic":"r/s",
            "correlation_data":"AQI","user_properties":[{"name":"n","value":"v"}]}}"#;
        let set = PropertySet {
            payload_format_indicator: Some(false),
            message_expiry_interval: Some(7),
            content_type: Some("x".into()),
            response_topic: TopicName::new("r/s".into()),
            correlation_data: Some(Bytes::from_static(&[1, 2])),
            user_properties: vec![("n".into(), "v".into())],
            ..PropertySet::NONE
        };
        let expected = Content {
            topic: TopicName::new("a/b".into()).unwrap(),
            payload: Bytes::from_static(&[0, 255]),
            qos: QoS::ExactlyOnce,
            retain: true,
            properties: Properties::from(set),
        };
        assert_eq!(made(json), Ok(expected));
    }

    #[test]
    fn what_is_not_given_has_its_default() {
        let content = made(r#"{"topic":"a"}"#).unwrap();
        assert_eq!((content.qos, content.retain), (QoS::AtMostOnce, false));
        assert!(content.payload.is_empty() && content.properties.is_empty());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let long = "x".repeat(65_536);
        for (rest, expected) in [
            (r#""topic":"a/+""#.to_owned(), "`topic` is `a/+`; a topic of 1 to 65,535 bytes"),
            (r#""topic":"a\u0001""#.to_owned(), "without control characters"),
            (r#""topic":"a","qos":3"#.to_owned(), "`qos` is `3`; 0, 1 or 2 is expected."),
            (
                r#""topic":"a","payload":"*","payload_encoding":"base64""#.to_owned(),
                "`payload` is `*`; base64, as payload_encoding says, is expected.",
            ),
            (
                r#""topic":"a","payload":"/w==","payload_encoding":"base64","properties":
                {"payload_format_indicator":true}"#
                    .to_owned(),
                "the payload is no UTF-8",
            ),
            (r#""topic":"a","properties":{"response_topic":"r/#"}"#.to_owned(), "response_topic"),
            (r#""topic":"a","properties":{"correlation_data":"?"}"#.to_owned(), "no base64"),
            (r#""topic":"a","properties":{"content_type":"\u0000"}"#.to_owned(), "U+0000"),
            (format!(r#""topic":"a","properties":{{"content_type":"{long}"}}"#), "65536 bytes"),
            (
                r#""topic":"a","properties":{"user_properties":[{"name":"a","value":"b"},
                {"name":"a","value":"b"}]}"#
                    .to_owned(),
                "at most max_user_properties, 1, are expected",
            ),
            (format!(r#""topic":"a","payload":"{long}{long}""#), "max_packet_size, 70000"),
            (r#""topic":"a","retian":true"#.to_owned(), "unknown field `retian`"),
        ] {
            let problem = made(&format!("{{{rest}}}")).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
