//! Sessions, connected or not.

use std::borrow::Cow;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use surewire_engine::answer::{Answer, SessionView};
use surewire_engine::id::ClientId;
use surewire_engine::request::{self, Command};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Json;
use super::cursor::{self, Given, Kind};
use super::list::{self, List};
use super::openapi::{Absent, Refusals};
use super::problem::{Problem, shown};
use super::query::{Fields, FromQuery, Parameter, Query};
use super::values::{ClientParam, ClientPath, Limit};
use crate::api::Api;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(one, end))
}

/// A session.
#[derive(Serialize, ToSchema)]
pub(super) struct Session {
    /// Whose it is.
    #[schema(example = "sensor-7")]
    client_id: String,
    /// Whether its client is connected.
    online: bool,
    /// Where its client connected from last.
    #[schema(required = true, example = "127.0.0.1:50312")]
    remote_addr: Option<String>,
    /// Whether it ends with its connection.
    ends_with_connection: bool,
    /// Seconds that it outlives its connection; null: it never expires.
    #[schema(required = true)]
    expiry_seconds: Option<u32>,
    /// Subscriptions.
    subscriptions: u64,
    /// Messages of QoS 1 and 2 sent and not fully acknowledged.
    inflight: u64,
    /// The most of them (`max_inflight_messages`, or less if the client asked for less).
    inflight_limit: u16,
    /// Messages that wait behind these.
    queued: u64,
    /// Bytes of those.
    queued_bytes: u64,
    /// The most messages that may wait (`max_msgqueue_messages`); null: no limit by count.
    #[schema(required = true)]
    queue_limit: Option<u64>,
    /// Messages that did not fit the queue.
    dropped: u64,
    /// Messages of QoS 2 that the client sent and has not released.
    unreleased: u64,
    /// Whether a Will is to be published when the client is lost.
    has_will: bool,
    /// Whether it is still being sent retained messages.
    replaying_retained: bool,
    /// When its client connected last.
    #[schema(format = DateTime)]
    connected_at: String,
    /// When its client left last; null if it never did.
    #[schema(required = true, format = DateTime)]
    disconnected_at: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// A part of the client id or the address, whatever its case;
    /// of long ones the first 256 bytes count.
    #[param(value_type = Option<String>, example = "sensor")]
    filter: Option<String>,
    /// Only those whose client is connected, or is not.
    #[param(inline)]
    state: Option<Whether>,
    /// The `next` of an earlier answer to the same question.
    #[param(value_type = Option<String>, pattern = "^s([0-9]{1,19}|1[0-7][0-9]{18}|1844674407370955161[0-5])$")]
    cursor: Option<Given>,
    /// Items at once.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000, default = 100)]
    limit: Limit,
}

/// Whether a session's client is connected.
#[derive(Clone, Copy, ToSchema)]
#[schema(rename_all = "snake_case")]
enum Whether {
    Online,
    Offline,
}

impl Parameter for Whether {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        match text {
            "online" => Ok(Self::Online),
            "offline" => Ok(Self::Offline),
            _ => Err(Cow::Borrowed("`online` or `offline`")),
        }
    }
}

impl FromQuery for ListQuery {
    fn read(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self {
            filter: fields.optional("filter")?,
            state: fields.optional("state")?,
            cursor: fields.optional("cursor")?,
            limit: fields.optional("limit")?.unwrap_or_default(),
        })
    }
}

/// List sessions
///
/// By the time their client connected last.
#[utoipa::path(
    get, path = "/sessions", tag = "sessions", operation_id = "list_sessions", params(ListQuery),
    responses((status = 200, description = "Sessions", body = List<Session>), Refusals)
)]
async fn list(
    State(api): State<Api>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<Session>>, Problem> {
    let start = cursor::start(query.cursor.as_ref(), Kind::Sessions)?;
    let online = query.state.map(|state| matches!(state, Whether::Online));
    let question = |start, limit| {
        let containing = query.filter.clone();
        request::Query::Sessions { start, limit, containing, online }
    };
    let page = |answer| {
        let Answer::Sessions(page) = answer else { return None };
        Some(page)
    };
    let found = list::collect(&api, Kind::Sessions, start, query.limit.0, question, page).await?;
    Ok(Json(found.map(|view| Session::of(&api, &view))))
}

/// Show a session
#[utoipa::path(
    get, path = "/sessions/{client_id}", tag = "sessions", operation_id = "get_session",
    params(ClientParam),
    responses((status = 200, description = "The session", body = Session), Refusals, Absent)
)]
async fn one(
    State(api): State<Api>,
    ClientPath(client): ClientPath,
    Query(()): Query<()>,
) -> Result<Json<Session>, Problem> {
    let Answer::Session(found) = api.query(request::Query::Session(client.clone())).await? else {
        return Err(Problem::mismatch());
    };
    let view = found.ok_or_else(|| absent(&client))?;
    Ok(Json(Session::of(&api, &view)))
}

/// End a session
///
/// With all that it holds, and with its connection if there is one.
#[utoipa::path(
    delete, path = "/sessions/{client_id}", tag = "sessions", operation_id = "end_session",
    params(ClientParam),
    responses((status = 204, description = "It has ended"), Refusals, Absent)
)]
async fn end(
    State(api): State<Api>,
    ClientPath(client): ClientPath,
    Query(()): Query<()>,
) -> Result<StatusCode, Problem> {
    let answer = api.command(Command::EndSession(client.clone())).await?;
    let Answer::SessionEnded(was_there) = answer else { return Err(Problem::mismatch()) };
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(absent(&client)) }
}

fn absent(client: &ClientId) -> Problem {
    Problem::not_found(format!("There is no session of `{}`.", shown(client.as_str())))
}

impl Session {
    fn of(api: &Api, view: &SessionView) -> Self {
        Self {
            client_id: view.client.as_str().to_owned(),
            online: view.online,
            remote_addr: Some(view.address.to_string()),
            ends_with_connection: view.ends_with_connection,
            expiry_seconds: view.expiry,
            subscriptions: view.subscriptions,
            inflight: view.inflight,
            inflight_limit: view.inflight_limit,
            queued: view.queued,
            queued_bytes: view.queued_bytes,
            queue_limit: view.queue_limit,
            dropped: view.dropped,
            unreleased: view.unreleased,
            has_will: view.has_will,
            replaying_retained: view.replaying,
            connected_at: api.shown(view.connected_at),
            disconnected_at: view.left_at.map(|at| api.shown(at)),
        }
    }
}
