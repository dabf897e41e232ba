//! Every request from outside: its line in the log, its longest time, and what happens when a
//! handler panics.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{DATE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use surewire_engine::time::Time;
use tokio::time::timeout;
use tracing::info;

use super::Api;
use super::guard::Account;
use super::router::text;
use crate::http::PeerAddress;

/// How long a request may take, its body's coming included.
const LONGEST: Duration = Duration::from_secs(60);

/// Answers whatever the handler does, and writes the request's line.
pub(super) async fn watch(State(api): State<Api>, request: Request, next: Next) -> Response {
    let line = Line::begin(&api, &request);
    let mut answer = match timeout(LONGEST, shielded(&api, next, request)).await {
        Ok(answer) => answer,
        Err(_) => text(StatusCode::SERVICE_UNAVAILABLE, "the request took too long"),
    };
    let headers = answer.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(date) = date(api.now()) {
        headers.insert(DATE, date);
    }
    line.end(&api, &answer);
    answer
}

/// A panic fails this request alone. One that leaves the engine in doubt ends the broker, by
/// another way.
async fn shielded(api: &Api, next: Next, request: Request) -> Response {
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    answer.unwrap_or_else(|_| {
        api.shared().panics.fetch_add(1, Ordering::Relaxed);
        text(StatusCode::INTERNAL_SERVER_ERROR, "the request failed by a fault of the broker")
    })
}

fn date(now: Time) -> Option<HeaderValue> {
    let now = Timestamp::from_nanosecond(now.as_nanos().into()).ok()?;
    let shown = DateTimePrinter::new().timestamp_to_rfc9110_string(&now).ok()?;
    HeaderValue::try_from(shown).ok()
}

/// What the log tells of a request: never its query, its headers or its body.
struct Line {
    began: Time,
    method: Method,
    path: String,
    peer: Option<PeerAddress>,
}

impl Line {
    fn begin(api: &Api, request: &Request) -> Self {
        Self {
            began: api.now(),
            method: request.method().clone(),
            path: request.uri().path().escape_debug().to_string(),
            peer: request.extensions().get().copied(),
        }
    }

    fn end(self, api: &Api, answer: &Response) {
        let peer = self.peer.map_or_else(|| "-".to_owned(), |peer| peer.0.to_string());
        let account = answer.extensions().get::<Account>();
        let user = account.map_or_else(|| "-".to_owned(), |user| user.0.escape_debug().to_string());
        let status = answer.status().as_u16();
        let (method, path, took) = (self.method, self.path, api.now() - self.began);
        info!(%peer, user, %method, path, status, ?took, "request");
    }
}
