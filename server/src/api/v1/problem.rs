//! What went wrong, as RFC 9457 wants it told.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::BASE;
use crate::core::Poisoned;

const MEDIA_TYPE: &str = "application/problem+json";

/// Why a request was not carried out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    reason: Option<&'static str>,
}

/// What went wrong (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem, example = json!({
    "type": "about:blank",
    "title": "Bad Request",
    "status": 400,
    "detail": "The parameter `limit` is `0`; a whole number from 1 to 1000 is expected.",
}))]
pub(super) struct Document<'a> {
    /// `about:blank`: the status says what kind of problem it is.
    r#type: &'static str,
    /// The status in words.
    title: &'a str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What was wrong, which value, and what is expected.
    detail: &'a str,
    /// Why, as a code, where the broker refused to do it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    reason: Option<&'static str>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), reason: None }
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// Understood, and not possible.
    pub(super) fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// The engine answered another question than it was asked.
    pub(super) fn mismatch() -> Self {
        let detail =
            "The engine's answer does not fit the question. This is a bug, please report it.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    /// The same, with the reason as a code.
    pub(super) fn because(self, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..self }
    }
}

impl From<Poisoned> for Problem {
    fn from(_: Poisoned) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "The broker's engine has failed, and it stops.")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, [(CONTENT_TYPE, MEDIA_TYPE)], self.body()).into_response()
    }
}

impl Problem {
    fn body(&self) -> String {
        let document = Document {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            reason: self.reason,
        };
        serde_json::to_string(&document).expect("its keys are texts")
    }
}

/// Gives every refusal below this interface its document, also those that no handler made: an
/// unknown path, a wrong method, no account, a body that is too large.
pub(crate) async fn told(request: Request, next: Next) -> Response {
    let below = request.uri().path().strip_prefix(BASE);
    if !below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
        return next.run(request).await;
    }
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let answer = next.run(request).await;
    let status = answer.status();
    let is_told = answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == MEDIA_TYPE);
    if is_told || !(status.is_client_error() || status.is_server_error()) {
        return answer;
    }
    let (mut head, _) = answer.into_parts();
    head.headers.remove(CONTENT_LENGTH);
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    let problem = Problem::new(status, untold(status, &method, &uri));
    Response::from_parts(head, Body::from(problem.body()))
}

fn untold(status: StatusCode, method: &Method, uri: &Uri) -> String {
    let path = shown(uri.path());
    match status {
        StatusCode::UNAUTHORIZED => {
            "A user name and a password of http_server.user are expected (HTTP Basic).".to_owned()
        }
        StatusCode::FORBIDDEN => {
            "The request comes from a page of another site, and changes something.".to_owned()
        }
        StatusCode::NOT_FOUND => {
            format!("There is no `{path}`; /api/v1/openapi.json describes what there is.")
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            format!("`{path}` does not take {method}; the header Allow names what it takes.")
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            "The body of the request is larger than what is taken here.".to_owned()
        }
        StatusCode::REQUEST_TIMEOUT => "The body of the request did not come in time.".to_owned(),
        StatusCode::SERVICE_UNAVAILABLE => {
            "The request took too long, and was given up; part of it may have been done.".to_owned()
        }
        StatusCode::INTERNAL_SERVER_ERROR => {
            "The request failed by a fault of the broker. Please report it with the log.".to_owned()
        }
        _ => format!("{method} `{path}` was not carried out."),
    }
}

/// A value that came with a request, to be shown: on one line, and not without an end.
pub(super) fn shown(value: &str) -> String {
    const MOST: usize = 100;
    let mut shown: String = value.chars().take(MOST).flat_map(char::escape_debug).collect();
    if value.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}
