//! What was dropped, refused or cut off lately.

use axum::extract::State;
use serde::Serialize;
use surewire_engine::answer::{Answer, Incident};
use surewire_engine::id::ClientId;
use surewire_engine::notice::Notice;
use surewire_engine::packet::QoS;
use surewire_engine::request;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Json;
use super::openapi::Refusals;
use super::problem::Problem;
use super::query::{Fields, FromQuery, Query};
use super::values::Limit;
use crate::api::Api;
use crate::api::words::{self, Words};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Something that was dropped, refused or cut off.
#[derive(Serialize, ToSchema)]
pub(super) struct Recent {
    /// When, the last time.
    #[schema(format = DateTime)]
    at: String,
    /// Whom it concerns; null where no single client is concerned.
    #[schema(required = true)]
    client_id: Option<String>,
    /// What happened.
    kind: Kind,
    /// Why, as a code.
    #[schema(example = "queue_full_oldest", pattern = "^[a-z0-9_]+$")]
    reason: &'static str,
    /// The topic of the message, or the filter that was refused.
    #[schema(required = true)]
    topic: Option<String>,
    /// The QoS the message would have been delivered at.
    #[schema(required = true, minimum = 0, maximum = 2)]
    qos: Option<u8>,
    /// How often in a row.
    #[schema(minimum = 1)]
    count: u64,
    /// Why, and what to do, for people.
    text: String,
}

/// What happened.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RecentKind)]
enum Kind {
    /// A message did not, or will not, reach a session.
    Dropped,
    /// A client was not let in.
    ConnectRefused,
    /// A message was not routed, or not retained.
    PublishRefused,
    /// A subscription was refused.
    SubscribeRefused,
    /// A connection ended otherwise than by the client's wish.
    Disconnected,
    /// A session ended, and with it messages that it held.
    SessionEnded,
}

/// Recent incidents.
#[derive(Serialize, ToSchema)]
struct RecentList {
    /// Newest first.
    items: Vec<Recent>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct RecentQuery {
    /// Only what concerns this client.
    #[param(value_type = Option<String>, min_length = 1)]
    client_id: Option<ClientId>,
    /// Items at once.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000, default = 100)]
    limit: Limit,
}

impl FromQuery for RecentQuery {
    fn read(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self {
            client_id: fields.optional("client_id")?,
            limit: fields.optional("limit")?.unwrap_or_default(),
        })
    }
}

/// Show recent incidents
///
/// What was dropped, refused or cut off lately, newest first. The same again in a row is counted.
#[utoipa::path(
    get, path = "/recent", tag = "diagnosis", operation_id = "list_recent", params(RecentQuery),
    responses((status = 200, description = "Recent incidents", body = RecentList), Refusals)
)]
async fn list(
    State(api): State<Api>,
    Query(RecentQuery { client_id, limit }): Query<RecentQuery>,
) -> Result<Json<RecentList>, Problem> {
    let question = request::Query::Recent { client: client_id, limit: limit.0 };
    let Answer::Recent(incidents) = api.query(question).await? else {
        return Err(Problem::mismatch());
    };
    Ok(Json(RecentList { items: all(&api, &incidents) }))
}

/// The incidents in words.
pub(super) fn all(api: &Api, incidents: &[Incident]) -> Vec<Recent> {
    incidents.iter().filter_map(|incident| Recent::of(api, incident)).collect()
}

impl Recent {
    fn of(api: &Api, incident: &Incident) -> Option<Self> {
        let (kind, Words { reason, text }) = told(&incident.notice)?;
        let (topic, qos) = about(&incident.notice);
        Some(Self {
            at: api.shown(incident.at),
            client_id: incident.notice.client().map(|client| client.as_str().to_owned()),
            kind,
            reason,
            topic,
            qos: qos.map(|qos| qos as u8),
            count: incident.count,
            text,
        })
    }
}

/// `None` for what went well.
fn told(notice: &Notice) -> Option<(Kind, Words)> {
    Some(match notice {
        Notice::Connected { .. }
        | Notice::WillPublished { .. }
        | Notice::Storage(_)
        | Notice::Memory(_) => return None,
        Notice::Dropped { why, .. } => (Kind::Dropped, words::dropped(*why)),
        Notice::Refused { why, address, .. } => {
            let mut words = words::connect(*why);
            words.text += &format!(" It came from {address}.");
            (Kind::ConnectRefused, words)
        }
        Notice::PublishRefused { why, .. } | Notice::NotRetained { why, .. } => {
            (Kind::PublishRefused, words::publish(*why))
        }
        Notice::SubscribeRefused { why, .. } => (Kind::SubscribeRefused, words::subscribe(*why)),
        Notice::Disconnected { why, .. } => (Kind::Disconnected, words::closed(*why)),
        Notice::SessionEnded { why, dropped, .. } => {
            let mut words = words::session_end(*why);
            words.text += &format!(" Messages lost with it: {dropped}.");
            (Kind::SessionEnded, words)
        }
    })
}

fn about(notice: &Notice) -> (Option<String>, Option<QoS>) {
    match notice {
        Notice::Dropped { topic, qos, .. } => (Some(topic.as_str().to_owned()), Some(*qos)),
        Notice::PublishRefused { topic, .. }
        | Notice::NotRetained { topic, .. }
        | Notice::WillPublished { topic, .. } => (Some(topic.as_str().to_owned()), None),
        Notice::SubscribeRefused { filter, .. } => (Some(filter.clone()), None),
        Notice::Connected { .. }
        | Notice::Refused { .. }
        | Notice::Disconnected { .. }
        | Notice::SessionEnded { .. }
        | Notice::Storage(_)
        | Notice::Memory(_) => (None, None),
    }
}
