//! The broker itself: version, listeners, how much there is, limits, warnings.

use axum::extract::State;
use serde::Serialize;
use surewire_engine::answer::Answer;
use surewire_engine::engine::Sizes;
use surewire_engine::request;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Json;
use super::limits::Limits;
use super::openapi::Refusals;
use super::problem::Problem;
use super::query::Query;
use crate::api::{Api, BoundListener};
use crate::config::Warning;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(status))
}

/// The broker itself.
#[derive(Serialize, ToSchema)]
struct Status {
    /// Of the program.
    version: &'static str,
    /// When it started.
    #[schema(format = DateTime)]
    started_at: String,
    /// What time it is there.
    #[schema(format = DateTime)]
    now: String,
    /// Whole seconds since it started.
    uptime_seconds: u64,
    /// Where it can be reached.
    listeners: Vec<Listener>,
    /// How much there is.
    counts: Counts,
    limits: Limits,
    /// What the operator should know about the configuration.
    warnings: Vec<Told>,
}

/// Where the broker can be reached.
#[derive(Serialize, ToSchema)]
struct Listener {
    /// `mqtt`, `mqtts`, `ws`, `wss` or `http`.
    protocol: &'static str,
    /// The address with its real port.
    #[schema(example = "127.0.0.1:1883")]
    address: String,
    /// Whether clients come in that nobody has authenticated; null for `http`.
    #[schema(required = true)]
    allow_anonymous: Option<bool>,
}

/// How much there is.
#[derive(Serialize, ToSchema)]
struct Counts {
    /// Clients that are connected.
    connections: usize,
    /// Sessions, connected or not.
    sessions: usize,
    /// Subscriptions of all sessions.
    subscriptions: usize,
    /// Retained messages.
    retained_messages: usize,
    /// Bytes that they count for.
    retained_bytes: usize,
    /// Clients that never connected and that subscriptions wait for.
    waiting_clients: usize,
}

/// What the operator should know.
#[derive(Serialize, ToSchema)]
#[schema(as = Warning)]
struct Told {
    /// The key in `config.yaml`.
    #[schema(example = "listener[0]")]
    path: String,
    /// What to know about it.
    text: String,
}

/// Show the broker's status
///
/// Version, listeners, how much there is, the limits in force, warnings.
#[utoipa::path(
    get, path = "/status", tag = "broker", operation_id = "get_status",
    responses((status = 200, description = "The status", body = Status), Refusals)
)]
async fn status(State(api): State<Api>, Query(()): Query<()>) -> Result<Json<Status>, Problem> {
    let Answer::Numbers(numbers) = api.query(request::Query::Numbers).await? else {
        return Err(Problem::mismatch());
    };
    let (started_at, now) = (api.started_at(), api.now());
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        started_at: api.shown(started_at),
        now: api.shown(now),
        uptime_seconds: now.since(started_at).as_secs(),
        listeners: api.listeners().iter().map(Listener::from).collect(),
        counts: Counts::from(&numbers.sizes),
        limits: Limits::from(api.settings()),
        warnings: api.warnings().iter().map(Told::from).collect(),
    }))
}

impl From<&BoundListener> for Listener {
    fn from(listener: &BoundListener) -> Self {
        Self {
            protocol: listener.scheme,
            address: listener.address.to_string(),
            allow_anonymous: listener.anonymous,
        }
    }
}

impl From<&Sizes> for Counts {
    fn from(sizes: &Sizes) -> Self {
        Self {
            connections: sizes.connections,
            sessions: sizes.sessions,
            subscriptions: sizes.subscriptions,
            retained_messages: sizes.retained,
            retained_bytes: sizes.retained_bytes,
            waiting_clients: sizes.waiting_clients,
        }
    }
}

impl From<&Warning> for Told {
    fn from(warning: &Warning) -> Self {
        Self { path: warning.path.clone(), text: warning.concern.to_string() }
    }
}
