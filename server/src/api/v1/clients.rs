//! Connected clients.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use surewire_engine::answer::{Answer, ClientView};
use surewire_engine::id::ClientId;
use surewire_engine::packet::Version;
use surewire_engine::request::{self, Command};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Json;
use super::cursor::{self, Given, Kind};
use super::list::{self, List};
use super::openapi::{Absent, Refusals};
use super::problem::{Problem, shown};
use super::query::{Fields, FromQuery, Query};
use super::values::{ClientParam, ClientPath, Limit};
use crate::api::Api;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(one)).routes(routes!(disconnect))
}

/// A connected client.
#[derive(Serialize, ToSchema)]
#[schema(as = Client)]
pub(super) struct Client {
    /// Its client id.
    #[schema(example = "sensor-7")]
    client_id: String,
    /// The user name of its CONNECT; null if it gave none.
    #[schema(required = true)]
    username: Option<String>,
    /// Where it is.
    #[schema(example = "127.0.0.1:50312")]
    remote_addr: String,
    /// What it speaks: `3.1`, `3.1.1` or `5.0`.
    #[schema(example = "3.1.1")]
    protocol_version: &'static str,
    /// Whether its session ends with its connection.
    clean_start: bool,
    /// The Keep Alive that it asked for; 0 is none.
    keep_alive_seconds: u16,
    /// When it connected.
    #[schema(format = DateTime)]
    connected_at: String,
    /// When a packet of it came last.
    #[schema(format = DateTime)]
    last_heard_at: String,
    /// Bytes that were sent to it and that are not known to be taken yet: of up to 64 KiB that is
    /// learnt late.
    unsent_bytes: u64,
    /// Whether it is being read from. It is not while it makes the broker hold too much.
    reading: bool,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// A part of the client id, the user name or the address, whatever its case;
    /// of long ones the first 256 bytes count.
    #[param(value_type = Option<String>, example = "sensor")]
    filter: Option<String>,
    /// The `next` of an earlier answer to the same question.
    #[param(value_type = Option<String>, pattern = "^c([0-9]{1,19}|1[0-7][0-9]{18}|1844674407370955161[0-5])$")]
    cursor: Option<Given>,
    /// Items at once.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000, default = 100)]
    limit: Limit,
}

impl FromQuery for ListQuery {
    fn read(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self {
            filter: fields.optional("filter")?,
            cursor: fields.optional("cursor")?,
            limit: fields.optional("limit")?.unwrap_or_default(),
        })
    }
}

/// List connected clients
///
/// By the time they connected.
#[utoipa::path(
    get, path = "/clients", tag = "clients", operation_id = "list_clients", params(ListQuery),
    responses((status = 200, description = "Connected clients", body = List<Client>), Refusals)
)]
async fn list(
    State(api): State<Api>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<Client>>, Problem> {
    let start = cursor::start(query.cursor.as_ref(), Kind::Clients)?;
    let question =
        |start, limit| request::Query::Clients { start, limit, containing: query.filter.clone() };
    let page = |answer| {
        let Answer::Clients(page) = answer else { return None };
        Some(page)
    };
    let found = list::collect(&api, Kind::Clients, start, query.limit.0, question, page).await?;
    Ok(Json(found.map(|view| Client::of(&api, view))))
}

/// Show a connected client
#[utoipa::path(
    get, path = "/clients/{client_id}", tag = "clients", operation_id = "get_client",
    params(ClientParam),
    responses((status = 200, description = "The client", body = Client), Refusals, Absent)
)]
async fn one(
    State(api): State<Api>,
    ClientPath(client): ClientPath,
    Query(()): Query<()>,
) -> Result<Json<Client>, Problem> {
    let Answer::Client(found) = api.query(request::Query::Client(client.clone())).await? else {
        return Err(Problem::mismatch());
    };
    let view = found.ok_or_else(|| absent(&client))?;
    Ok(Json(Client::of(&api, *view)))
}

/// Disconnect a client
///
/// Its session stays, if it is to outlive its connection; its Will is published.
#[utoipa::path(
    post, path = "/clients/{client_id}/disconnect", tag = "clients",
    operation_id = "disconnect_client",
    params(ClientParam),
    responses((status = 204, description = "Its connection has ended"), Refusals, Absent)
)]
async fn disconnect(
    State(api): State<Api>,
    ClientPath(client): ClientPath,
    Query(()): Query<()>,
) -> Result<StatusCode, Problem> {
    let answer = api.command(Command::Disconnect(client.clone())).await?;
    let Answer::Disconnected(was_connected) = answer else { return Err(Problem::mismatch()) };
    if was_connected { Ok(StatusCode::NO_CONTENT) } else { Err(absent(&client)) }
}

fn absent(client: &ClientId) -> Problem {
    Problem::not_found(format!("No client `{}` is connected.", shown(client.as_str())))
}

impl Client {
    fn of(api: &Api, view: ClientView) -> Self {
        Self {
            client_id: view.client.as_str().to_owned(),
            username: view.user_name.map(|name| name.as_ref().to_owned()),
            remote_addr: view.address.to_string(),
            protocol_version: match view.version {
                Version::V3_1 => "3.1",
                Version::V3_1_1 => "3.1.1",
                Version::V5 => "5.0",
            },
            clean_start: view.ends_with_connection,
            keep_alive_seconds: view.keep_alive,
            connected_at: api.shown(view.connected_at),
            last_heard_at: api.shown(view.heard_at),
            unsent_bytes: view.unsent,
            reading: view.reading,
        }
    }
}
