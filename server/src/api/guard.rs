//! Basic authentication (RFC 7617).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Api;

/// Whose request it is, as an extension of request and answer.
#[derive(Clone, Debug)]
pub(super) struct Account(pub(super) Arc<str>);

/// Lets through whoever has an account (contract section 3).
pub(super) async fn authenticate(
    State(api): State<Api>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(account) = account(&api, request.headers()) else { return unauthorized() };
    request.extensions_mut().insert(account.clone());
    let mut answer = next.run(request).await;
    answer.extensions_mut().insert(account);
    answer
}

fn unauthorized() -> Response {
    let challenge = HeaderValue::from_static("Basic realm=\"Authorization Required\"");
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, challenge)]).into_response()
}

fn account(api: &Api, headers: &HeaderMap) -> Option<Account> {
    let (name, password) = given(headers.get(AUTHORIZATION)?.as_bytes())?;
    api.credentials().account(&name, &password).map(Account)
}

/// The name and password of a header's value.
fn given(value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (scheme, encoded) = value.split_at_checked("Basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let mut name = STANDARD.decode(encoded.trim_ascii()).ok()?;
    let colon = name.iter().position(|byte| *byte == b':')?;
    let password = name.split_off(colon + 1);
    name.pop();
    Some((name, password))
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: section 3, Basic auth
    #[test]
    fn the_name_ends_at_the_first_colon() {
        for (value, expected) in [
            ("Basic YTpi", Some(("a", "b"))),
            ("basic YTpi", Some(("a", "b"))),
            ("BASIC  YTpi ", Some(("a", "b"))),
            ("Basic YTpiOmM=", Some(("a", "b:c"))),
            ("Basic Og==", Some(("", ""))),
            ("Basic YQ==", None),
            ("Basic YTpiOmM", None),
            ("Basic", None),
            ("Basic ", None),
            ("Bearer YTpi", None),
            ("BasicYTpi", None),
            ("", None),
        ] {
            let expected = expected.map(|(n, p)| (n.as_bytes().to_vec(), p.as_bytes().to_vec()));
            assert_eq!(given(value.as_bytes()), expected, "{value}");
        }
    }
}
