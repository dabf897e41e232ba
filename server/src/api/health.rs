//! Whether the broker lives and takes clients, for whoever asks.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use surewire_engine::request::Query;

use super::Api;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz))
}

/// The engine answers.
async fn healthz(State(api): State<Api>) -> StatusCode {
    match api.query(Query::Numbers).await {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The engine answers, and the broker is not about to stop.
async fn readyz(State(api): State<Api>) -> StatusCode {
    if api.is_stopping() { StatusCode::SERVICE_UNAVAILABLE } else { healthz(State(api)).await }
}
