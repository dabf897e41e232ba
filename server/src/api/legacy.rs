//! The interface of contract section 3, which tools already know.

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::get;

use super::Api;
use super::router::page_not_found;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/clients", get(page_not_found))
}

/// Only the methods of the contract are there, and it has no HEAD.
pub(super) async fn without_head(request: Request, next: Next) -> Response {
    if request.method() == Method::HEAD { page_not_found().await } else { next.run(request).await }
}
