//! Every request from outside: its line in the log, its longest time, and what happens when a
//! handler panics.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{ALLOW, DATE, X_CONTENT_TYPE_OPTIONS};
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
    let mut answer = match timeout(LONGEST, shielded(next.run(request))).await {
        Ok(Some(answer)) => answer,
        Ok(None) => {
            api.shared().panics.fetch_add(1, Ordering::Relaxed);
            text(StatusCode::INTERNAL_SERVER_ERROR, "the request failed by a fault of the broker")
        }
        Err(_) => text(StatusCode::SERVICE_UNAVAILABLE, "the request took too long"),
    };
    let not_found = answer.status() == StatusCode::NOT_FOUND;
    let headers = answer.headers_mut();
    if not_found {
        // Where there is nothing, there is no other method for it.
        headers.remove(ALLOW);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(date) = date(api.now()) {
        headers.insert(DATE, date);
    }
    api.0.answered.count(answer.status());
    line.end(&api, &answer);
    answer
}

/// `None` if the handler panicked: that fails this request alone. A panic that leaves the engine in
/// doubt ends the broker, by another way.
async fn shielded(answer: impl Future<Output = Response>) -> Option<Response> {
    AssertUnwindSafe(answer).catch_unwind().await.ok()
}

fn date(now: Time) -> Option<HeaderValue> {
    let now = Timestamp::from_nanosecond(now.as_nanos().into()).ok()?;
    let shown = DateTimePrinter::new().timestamp_to_rfc9110_string(&now).ok()?;
    HeaderValue::try_from(shown).ok()
}

/// Characters of a path that the log shows: whoever asks without an account must not fill it.
const LONGEST_PATH: usize = 256;

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
            path: request.uri().path().escape_debug().take(LONGEST_PATH).collect(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_handlers_panic_is_its_requests_alone() {
        assert!(shielded(async { panic!("a test's") }).await.is_none());
        assert!(shielded(async { text(StatusCode::OK, "") }).await.is_some());
    }
}
