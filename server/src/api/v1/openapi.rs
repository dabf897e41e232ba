//! The OpenAPI document: what all routes have in common.

use std::collections::BTreeMap;

use utoipa::openapi::header::Header;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr};
use utoipa::{IntoResponses, Modify, OpenApi};

use super::{live, problem};

/// The frame of the document. The routes put themselves into it.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Surewire",
        description = "The management interface of an MQTT broker. Every error is a problem \
            document (RFC 9457). Times are RFC 3339 in the broker's zone. Lists come in pieces: \
            give `next` of one as `cursor` to get the one behind it."
    ),
    tags(
        (name = "broker", description = "The broker itself"),
        (name = "clients", description = "Connected clients"),
        (name = "sessions", description = "Sessions, connected or not"),
        (name = "subscriptions", description = "Subscriptions"),
        (name = "retained", description = "Retained messages"),
        (name = "publish", description = "Publishing"),
        (name = "diagnosis", description = "Why a message did not arrive"),
        (name = "reference", description = "This description"),
    ),
    components(schemas(problem::Document, live::Numbers)),
    security(("basic" = [])),
    modifiers(&Basic)
)]
pub(super) struct Frame;

struct Basic;

impl Modify for Basic {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Basic));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("basic", scheme);
    }
}

/// What every route may answer.
pub(super) struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let unauthorized = problem("No account of `http_server.user` is given")
            .header("WWW-Authenticate", Header::default());
        let forbidden = "A page of another site wants to change something";
        documented([
            ("400", problem("A parameter or the path is not as expected")),
            ("401", unauthorized),
            ("403", problem(forbidden)),
            ("405", problem("Another method is expected: see the header `Allow`")),
            ("413", problem("The body is too large")),
            ("500", problem("A bug in the broker")),
            ("503", problem("The broker cannot answer: it stops, or all places are taken")),
        ])
    }
}

/// What a route that shows one thing may answer.
pub(super) struct Absent;

impl IntoResponses for Absent {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        documented([("404", problem("There is none"))])
    }
}

/// What a route that takes a body may answer.
pub(super) struct BodyRefusals;

impl IntoResponses for BodyRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        documented([
            ("408", problem("The body did not come in time")),
            ("415", problem("The body is not declared as `application/json`")),
            ("422", problem("The body is understood and cannot be carried out")),
            (
                "507",
                problem("Nothing new can be stored: the disk has no room, or does not keep up"),
            ),
        ])
    }
}

fn documented<const N: usize>(
    all: [(&str, ResponseBuilder); N],
) -> BTreeMap<String, RefOr<Response>> {
    all.into_iter().map(|(status, one)| (status.to_owned(), RefOr::T(one.build()))).collect()
}

fn problem(description: &str) -> ResponseBuilder {
    let schema = Ref::from_schema_name("Problem");
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", Content::new(Some(schema)))
}
