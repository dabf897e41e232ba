//! The interface of contract section 3, which tools already know. Nothing of it ever changes.

mod checks;
mod lists;
mod orders;
mod paging;
mod views;

use axum::Router;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;

use super::Api;
use super::router::{page_not_found, text};
use crate::core::Poisoned;

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/clients", get(lists::clients))
        .route("/client/{id}", get(lists::client))
        .route("/sessions", get(lists::sessions))
        .route("/session/{id}", get(lists::session))
        .route("/subscriptions", get(lists::subscriptions))
        .route("/subscriptions/{id}", get(lists::subscriptions_of))
        .route("/publish", post(orders::publish))
        .route("/subscribe", post(orders::subscribe))
        .route("/unsubscribe", post(orders::unsubscribe))
}

/// Only the methods of the contract are there, and HEAD is none of them.
pub(super) async fn without_head(request: Request, next: Next) -> Response {
    if request.method() == Method::HEAD { page_not_found().await } else { next.run(request).await }
}

/// Why a request is not answered with what it asks for.
enum Refused {
    /// It asks for what cannot be.
    Invalid(&'static str),
    /// What it asks for is not there.
    Missing(&'static str),
    /// Nothing new can be stored.
    Full,
    /// The engine failed: the broker ends.
    Failed,
}

impl From<Poisoned> for Refused {
    fn from(_: Poisoned) -> Self {
        Self::Failed
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Invalid(why) => text(StatusCode::BAD_REQUEST, why),
            Self::Missing(what) => text(StatusCode::NOT_FOUND, what),
            Self::Full => text(StatusCode::INSUFFICIENT_STORAGE, "nothing new can be stored"),
            Self::Failed => text(StatusCode::SERVICE_UNAVAILABLE, "the broker has failed"),
        }
    }
}

fn json(value: &impl Serialize) -> Response {
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    let body = serde_json::to_vec(value).expect("texts, numbers and lists of them");
    ([(CONTENT_TYPE, json)], body).into_response()
}
