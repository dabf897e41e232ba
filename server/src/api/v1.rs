//! `/api/v1`: everything there is, as JSON, with its own description in OpenAPI.
//!
//! One file for each group of routes, with the shapes it answers in; `openapi` is what they have in
//! common. `query`, `values`, `cursor` and `body` read requests, `problem` tells what is wrong with
//! one.

#![expect(unused_qualifications, reason = "utoipa's macros write paths out in full")]

mod body;
mod clients;
mod cursor;
mod docs;
mod explain;
mod limits;
mod list;
mod live;
mod message;
mod openapi;
mod problem;
mod publish;
mod query;
mod recent;
mod retained;
mod sessions;
mod status;
mod subscriptions;
mod topics;
mod values;

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::any;
use axum::{Extension, Router};
use surewire_engine::time::Time;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use super::{Api, time};

pub(crate) use problem::told;

const BASE: &str = "/api/v1";

/// All routes below `/api/v1`, also for what is not there. [`told`] belongs around everything that
/// may refuse a request.
pub(crate) fn routes() -> Router<Api> {
    let (routes, document) = described();
    let text = document.to_json().expect("its keys are texts");
    // The registry of formats has no hyphen in these.
    let text = text.replace(r#""format":"u-int"#, r#""format":"uint"#);
    routes
        .method_not_allowed_fallback(async || StatusCode::METHOD_NOT_ALLOWED)
        .route(BASE, any(nothing_here))
        .route(&format!("{BASE}/"), any(nothing_here))
        .route(&format!("{BASE}/{{*rest}}"), any(nothing_here))
        .layer(Extension(docs::Document(Bytes::from(text))))
}

fn described() -> (Router<Api>, OpenApi) {
    let all = OpenApiRouter::new()
        .merge(status::routes())
        .merge(live::routes())
        .merge(clients::routes())
        .merge(sessions::routes())
        .merge(subscriptions::routes())
        .merge(retained::routes())
        .merge(publish::routes())
        .merge(explain::routes())
        .merge(recent::routes())
        .merge(topics::routes())
        .merge(docs::routes());
    OpenApiRouter::with_openapi(openapi::Frame::openapi()).nest(BASE, all).split_for_parts()
}

async fn nothing_here() -> StatusCode {
    StatusCode::NOT_FOUND
}

impl Api {
    fn shown(&self, at: Time) -> String {
        time::shown(at, self.zone())
    }
}
