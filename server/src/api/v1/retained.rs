//! Retained messages.

use axum::extract::State;
use bytestring::ByteString;
use serde::Serialize;
use surewire_engine::answer::Answer;
use surewire_engine::message::Content;
use surewire_engine::request::{self, Command};
use surewire_engine::topic::{TopicFilter, TopicName};
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Json;
use super::cursor::{self, Given};
use super::list::{LOOKS, List};
use super::message::{self, MessageProperties, PayloadEncoding};
use super::openapi::{Absent, Refusals};
use super::problem::{Problem, shown};
use super::query::{Fields, FromQuery, Query};
use super::values::Limit;
use crate::api::Api;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, clear)).routes(routes!(one))
}

/// A retained message in a list.
#[derive(Serialize, ToSchema)]
struct Retained {
    /// Its topic.
    #[schema(example = "house/door")]
    topic: String,
    /// The QoS it was published at.
    #[schema(minimum = 0, maximum = 2)]
    qos: u8,
    /// Bytes of its payload.
    payload_bytes: usize,
}

/// A retained message.
#[derive(Serialize, ToSchema)]
struct RetainedMessage {
    /// Its topic.
    #[schema(example = "house/door")]
    topic: String,
    /// The QoS it was published at.
    #[schema(minimum = 0, maximum = 2)]
    qos: u8,
    /// Bytes of its payload.
    payload_bytes: usize,
    /// Its payload.
    payload: String,
    /// How the payload is written here: as it is where it is UTF-8.
    payload_encoding: PayloadEncoding,
    /// Its properties.
    properties: MessageProperties,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Only topics that match this. The broker's own, below `$SYS`, must be asked for by name.
    #[param(value_type = Option<String>, default = "#", min_length = 1,
        pattern = "^(?:(?:\\+|[^+#/\\u0000]*)/)*(?:\\+|#|[^+#/\\u0000]*)$")]
    filter: TopicFilter,
    /// The `next` of an earlier answer to the same question.
    #[param(value_type = Option<String>, pattern = "^r[^+#\\u0000]+$")]
    cursor: Option<Given>,
    /// Items at once.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000, default = 100)]
    limit: Limit,
}

impl FromQuery for ListQuery {
    fn read(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self {
            filter: filter(fields.optional("filter")?.unwrap_or_else(everything))?,
            cursor: fields.optional("cursor")?,
            limit: fields.optional("limit")?.unwrap_or_default(),
        })
    }
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct TopicQuery {
    /// Its topic.
    #[param(value_type = String, example = "house/door", pattern = "^[^+#\\u0000]+$", min_length = 1)]
    topic: TopicName,
}

impl FromQuery for TopicQuery {
    fn read(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self { topic: fields.required("topic")? })
    }
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct ClearQuery {
    /// What the topics of the messages to remove match.
    #[param(value_type = String, example = "house/#", min_length = 1,
        pattern = "^(?:(?:\\+|[^+#/\\u0000]*)/)*(?:\\+|#|[^+#/\\u0000]*)$")]
    filter: TopicFilter,
}

impl FromQuery for ClearQuery {
    fn read(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self { filter: filter(fields.required("filter")?)? })
    }
}

fn everything() -> TopicFilter {
    TopicFilter::parse(ByteString::from_static("#")).expect("it is a filter")
}

fn filter(filter: TopicFilter) -> Result<TopicFilter, Problem> {
    if filter.share_name().is_none() {
        return Ok(filter);
    }
    Err(Problem::bad_request(format!(
        "The parameter `filter` is `{}`; a filter without a share group is expected, as retained \
         messages belong to none.",
        shown(filter.as_str())
    )))
}

/// List retained messages
///
/// In the order of their topics.
#[utoipa::path(
    get, path = "/retained", tag = "retained", operation_id = "list_retained", params(ListQuery),
    responses((status = 200, description = "Retained messages", body = List<Retained>), Refusals)
)]
async fn list(
    State(api): State<Api>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<Retained>>, Problem> {
    let began = Instant::now();
    let mut after = cursor::topic(query.cursor.as_ref())?;
    let mut items = Vec::new();
    loop {
        let (filter, limit) = (query.filter.clone(), query.limit.0 - items.len());
        let question = request::Query::Retained { filter, after, limit };
        let Answer::Retained(page) = api.query(question).await? else {
            return Err(Problem::mismatch());
        };
        items.extend(page.items.iter().map(Retained::from));
        let enough = items.len() >= query.limit.0 || began.elapsed() > LOOKS;
        if enough || page.next.is_none() {
            let next = page.next.as_ref().map(cursor::shown_topic);
            return Ok(Json(List { items, next }));
        }
        after = page.next;
        tokio::task::yield_now().await;
    }
}

/// Show a retained message
#[utoipa::path(
    get, path = "/retained/message", tag = "retained", operation_id = "get_retained",
    params(TopicQuery),
    responses((status = 200, description = "The message", body = RetainedMessage), Refusals, Absent)
)]
async fn one(
    State(api): State<Api>,
    Query(TopicQuery { topic }): Query<TopicQuery>,
) -> Result<Json<RetainedMessage>, Problem> {
    let question = request::Query::RetainedMessage(topic.clone());
    let Answer::RetainedMessage(found) = api.query(question).await? else {
        return Err(Problem::mismatch());
    };
    let absent = || {
        let topic = shown(topic.as_str());
        Problem::not_found(format!("There is no retained message on `{topic}`."))
    };
    Ok(Json(RetainedMessage::from(&*found.ok_or_else(absent)?)))
}

/// What was removed.
#[derive(Serialize, ToSchema)]
struct Cleared {
    /// Messages.
    deleted: u64,
}

/// Remove retained messages
///
/// Some at a time: where there are many, others stay until the answer comes.
#[utoipa::path(
    delete, path = "/retained", tag = "retained", operation_id = "clear_retained",
    params(ClearQuery),
    responses((status = 200, description = "They are gone", body = Cleared), Refusals)
)]
async fn clear(
    State(api): State<Api>,
    Query(ClearQuery { filter }): Query<ClearQuery>,
) -> Result<Json<Cleared>, Problem> {
    let (mut after, mut deleted) = (None, 0);
    loop {
        let order = Command::ClearRetained { filter: filter.clone(), after };
        let Answer::RetainedCleared { removed, next } = api.command(order).await? else {
            return Err(Problem::mismatch());
        };
        deleted += removed;
        if next.is_none() {
            return Ok(Json(Cleared { deleted }));
        }
        after = next;
        tokio::task::yield_now().await;
    }
}

impl From<&Content> for Retained {
    fn from(content: &Content) -> Self {
        Self {
            topic: content.topic.as_str().to_owned(),
            qos: content.qos as u8,
            payload_bytes: content.payload.len(),
        }
    }
}

impl From<&Content> for RetainedMessage {
    fn from(content: &Content) -> Self {
        let (payload, payload_encoding) = message::payload(&content.payload);
        Self {
            topic: content.topic.as_str().to_owned(),
            qos: content.qos as u8,
            payload_bytes: content.payload.len(),
            payload,
            payload_encoding,
            properties: MessageProperties::from(&content.properties),
        }
    }
}
