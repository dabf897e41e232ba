//! The broker's numbers for Prometheus, and those of this interface.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Api;
use crate::metrics;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/metrics", get(page))
}

async fn page(State(api): State<Api>) -> Response {
    let answered = api.0.answered.counts();
    match metrics::page(api.shared(), api.started_at(), &answered) {
        Ok(text) => {
            let kind = HeaderValue::from_static(metrics::CONTENT_TYPE);
            ([(CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// How many requests were answered with each status.
#[derive(Debug, Default)]
pub(super) struct Answered(Mutex<BTreeMap<u16, u64>>);

impl Answered {
    pub(super) fn count(&self, status: StatusCode) {
        // Nothing panics while it is held, and a count more or less would do no harm.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(status.as_u16()).or_default() += 1;
    }

    fn counts(&self) -> BTreeMap<u16, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
