//! Numbers as they change, once a second, as Server-Sent Events.

use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode};
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Serialize;
use surewire_engine::answer::Answer;
use surewire_engine::counters::ByQoS;
use surewire_engine::request;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Interval, MissedTickBehavior, interval};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::openapi::Refusals;
use super::problem::Problem;
use super::query::{Fields, FromQuery, Parameter, Query};
use super::values::whole;
use crate::api::Api;

/// Streams at a time. Each costs a connection, and a question to the engine a second.
const STREAMS: usize = 32;

const PERIOD: Duration = Duration::from_secs(1);

pub(super) fn routes() -> OpenApiRouter<Api> {
    let streams = Streams(Arc::new(Semaphore::new(STREAMS)));
    OpenApiRouter::new().routes(routes!(live)).layer(Extension(streams))
}

#[derive(Clone)]
struct Streams(Arc<Semaphore>);

/// An event of the stream.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `Event` writes")]
pub(super) struct LiveEvent {
    /// `numbers`.
    #[schema(pattern = "^numbers$")]
    event: String,
    /// An object of the schema `Numbers`.
    #[schema(content_media_type = "application/json")]
    data: String,
}

/// The data of an event `numbers`.
#[derive(Serialize, ToSchema)]
pub(super) struct Numbers {
    /// When they were read.
    #[schema(format = DateTime)]
    at: String,
    /// Clients that are connected.
    connections: usize,
    /// Sessions, connected or not.
    sessions: usize,
    /// Subscriptions of all sessions.
    subscriptions: usize,
    /// Retained messages.
    retained_messages: usize,
    /// PUBLISH packets since the broker started.
    messages: Messages,
    /// Bytes on all connections since the broker started.
    bytes: Bytes,
    /// Connections that were accepted since the broker started.
    connects: u64,
    /// CONNECTs that were refused since the broker started.
    refused: u64,
}

/// PUBLISH packets.
#[derive(Serialize, ToSchema)]
struct Messages {
    /// Taken from clients.
    received: u64,
    /// Sent to clients, repetitions included.
    sent: u64,
    /// Messages that did not reach a session.
    dropped: u64,
}

/// Bytes of MQTT, without what TLS and WebSocket put around them.
#[derive(Serialize, ToSchema)]
struct Bytes {
    /// Taken from clients.
    received: u64,
    /// Sent to clients.
    sent: u64,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct LiveQuery {
    /// The stream ends after so many events; without it, it goes on.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 3600)]
    events: Option<Events>,
}

struct Events(usize);

impl Parameter for Events {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        whole(text, 1..=3_600).map(Self).ok_or(Cow::Borrowed("a whole number from 1 to 3600"))
    }
}

impl FromQuery for LiveQuery {
    fn read(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self { events: fields.optional("events")? })
    }
}

/// Watch the broker's numbers
///
/// A stream of events `numbers`, the first at once and then one a second, each with an object of
/// the schema `Numbers` as its data. Seconds that the reader is too slow for are left out.
#[utoipa::path(
    get, path = "/live", tag = "broker", operation_id = "watch", params(LiveQuery),
    responses(
        (status = 200, description = "The stream", body = LiveEvent,
            content_type = "text/event-stream"),
        Refusals
    )
)]
async fn live(
    State(api): State<Api>,
    Extension(Streams(streams)): Extension<Streams>,
    Query(LiveQuery { events }): Query<LiveQuery>,
) -> Result<Response, Problem> {
    let Ok(place) = streams.try_acquire_owned() else {
        let detail = format!("{STREAMS} such streams are open, which is all there may be.");
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
    };
    let left = events.map_or(usize::MAX, |Events(number)| number);
    // Proxies that collect answers would hold it back.
    let head = [(HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((head, Sse::new(stream(api, left, place))).into_response())
}

/// Ends with the engine, with the broker, or after `left` events.
fn stream(
    api: Api,
    left: usize,
    place: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    unfold((api, ticks, left, place), async |(api, mut ticks, left, place)| {
        let left = left.checked_sub(1)?;
        let event = next(&api, &mut ticks).await?;
        Some((event, (api, ticks, left, place)))
    })
}

async fn next(api: &Api, ticks: &mut Interval) -> Option<Result<Event, Infallible>> {
    ticks.tick().await;
    if api.is_stopping() {
        return None;
    }
    let numbers = numbers(api).await?;
    let data = serde_json::to_string(&numbers).expect("its keys are texts");
    Some(Ok(Event::default().event("numbers").data(data)))
}

async fn numbers(api: &Api) -> Option<Numbers> {
    let Ok(Answer::Numbers(numbers)) = api.query(request::Query::Numbers).await else {
        return None;
    };
    let (sizes, counters) = (numbers.sizes, numbers.counters);
    Some(Numbers {
        at: api.shown(api.now()),
        connections: sizes.connections,
        sessions: sizes.sessions,
        subscriptions: sizes.subscriptions,
        retained_messages: sizes.retained,
        messages: Messages {
            received: total(counters.received),
            sent: total(counters.sent),
            dropped: counters.dropped.total(),
        },
        bytes: bytes(api),
        connects: counters.connections,
        refused: counters.refused,
    })
}

fn total(counts: ByQoS) -> u64 {
    counts.at_most_once + counts.at_least_once + counts.exactly_once
}

fn bytes(api: &Api) -> Bytes {
    let traffic = api.shared().traffic();
    Bytes { received: traffic.received, sent: traffic.sent }
}
