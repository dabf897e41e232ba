//! The interface's own description: for programs, and as a page to read and try it.
//!
//! The page is small and ours rather than one of the well-known ones, which would add several times
//! the size of the broker to it and want scripts and styles in places that a strict
//! Content-Security-Policy forbids.

use axum::Extension;
use axum::body::Bytes;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::openapi::Refusals;
use super::problem::Problem;
use super::query::Query;
use crate::api::Api;

/// Nothing but our own files; requests to this broker only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The OpenAPI document, written once.
#[derive(Clone)]
pub(super) struct Document(pub(super) Bytes);

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(document))
        .routes(routes!(page))
        .routes(routes!(script))
        .routes(routes!(style))
}

/// Describe this interface
///
/// As OpenAPI 3.1.
#[utoipa::path(
    get, path = "/openapi.json", tag = "reference", operation_id = "get_openapi",
    responses(
        (status = 200, description = "The description", body = Object,
            content_type = "application/json"),
        Refusals
    )
)]
async fn document(
    Extension(Document(document)): Extension<Document>,
    Query(()): Query<()>,
) -> Result<Response, Problem> {
    Ok(file("application/json", document))
}

/// Show this description as a page
#[utoipa::path(
    get, path = "/docs", tag = "reference", operation_id = "get_docs",
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        Refusals
    )
)]
async fn page(Query(()): Query<()>) -> Result<Response, Problem> {
    Ok(file("text/html; charset=utf-8", Bytes::from_static(include_bytes!("docs/page.html"))))
}

/// The script of the page
#[utoipa::path(
    get, path = "/docs/page.js", tag = "reference", operation_id = "get_docs_script",
    responses(
        (status = 200, description = "The script", body = String, content_type = "text/javascript"),
        Refusals
    )
)]
async fn script(Query(()): Query<()>) -> Result<Response, Problem> {
    Ok(file("text/javascript; charset=utf-8", Bytes::from_static(include_bytes!("docs/page.js"))))
}

/// The style of the page
#[utoipa::path(
    get, path = "/docs/page.css", tag = "reference", operation_id = "get_docs_style",
    responses(
        (status = 200, description = "The style", body = String, content_type = "text/css"),
        Refusals
    )
)]
async fn style(Query(()): Query<()>) -> Result<Response, Problem> {
    Ok(file("text/css; charset=utf-8", Bytes::from_static(include_bytes!("docs/page.css"))))
}

fn file(kind: &'static str, body: Bytes) -> Response {
    let head = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ];
    (head, body).into_response()
}
