//! Bodies of requests, whole and bounded.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::timeout;

use super::router::text;

/// The largest body.
pub(super) const MOST: usize = 2 << 20;

/// How long a body may take to come.
const LONGEST: Duration = Duration::from_secs(30);

/// Reads the body before the handler sees the request.
pub(super) async fn collect(request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let announced = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if announced.and_then(|length| length.parse().ok()).is_some_and(|length: usize| length > MOST) {
        return too_large();
    }
    match timeout(LONGEST, to_bytes(body, MOST)).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(head, Body::from(bytes))).await,
        // Or the connection is gone, and nobody reads the answer.
        Ok(Err(_)) => too_large(),
        Err(_) => text(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
    }
}

fn too_large() -> Response {
    text(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 2 MiB")
}
