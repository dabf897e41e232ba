//! On which topics messages are being published.

use axum::extract::State;
use serde::Serialize;
use surewire_engine::answer::{Answer, TopicView};
use surewire_engine::request;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Json;
use super::openapi::Refusals;
use super::problem::Problem;
use super::query::Query;
use crate::api::Api;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(look))
}

/// What is being published.
#[derive(Serialize, ToSchema)]
struct Topics {
    /// Since when the broker looks; null if it only began with this request.
    #[schema(required = true, format = DateTime)]
    watching_since: Option<String>,
    /// By topic.
    items: Vec<Topic>,
    /// Messages on topics beyond the thousand that are told apart.
    others: u64,
}

/// A topic on which messages are being published.
#[derive(Serialize, ToSchema)]
struct Topic {
    /// Which.
    #[schema(example = "house/door")]
    topic: String,
    /// Messages since the broker looks.
    messages: u64,
    /// Bytes of their payloads.
    bytes: u64,
    /// When the last one came.
    #[schema(format = DateTime)]
    last_at: String,
    /// The QoS of the last one.
    #[schema(minimum = 0, maximum = 2)]
    qos: u8,
    /// The RETAIN flag of the last one.
    retain: bool,
    /// Whom the last one came from; null: through the management interface.
    #[schema(required = true)]
    publisher: Option<String>,
}

/// Show what is being published
///
/// Asking makes the broker look at what is published for the next ten seconds, so ask at least
/// that often.
#[utoipa::path(
    get, path = "/topics", tag = "diagnosis", operation_id = "list_topics",
    responses((status = 200, description = "Topics", body = Topics), Refusals)
)]
async fn look(State(api): State<Api>, Query(()): Query<()>) -> Result<Json<Topics>, Problem> {
    let Answer::Topics(seen) = api.query(request::Query::Topics).await? else {
        return Err(Problem::mismatch());
    };
    let items = seen.topics.into_iter().map(|view| Topic::of(&api, view)).collect();
    let watching_since = seen.since.map(|since| api.shown(since));
    Ok(Json(Topics { watching_since, items, others: seen.others }))
}

impl Topic {
    fn of(api: &Api, view: TopicView) -> Self {
        Self {
            topic: view.topic.as_str().to_owned(),
            messages: view.messages,
            bytes: view.bytes,
            last_at: api.shown(view.at),
            qos: view.qos as u8,
            retain: view.retain,
            publisher: view.publisher.map(|client| client.as_str().to_owned()),
        }
    }
}
