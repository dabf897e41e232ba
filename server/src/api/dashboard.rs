//! The dashboard's files, which are part of the program.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH,
    REFERRER_POLICY, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::RustEmbed;

use super::Api;
use super::router::page_not_found;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/", get(index)).route("/assets/{file}", get(asset))
}

/// Everything in the folder.
#[derive(RustEmbed)]
#[folder = "src/api/dashboard/assets"]
struct Assets;

async fn index(State(api): State<Api>, headers: HeaderMap) -> Response {
    serve(&api, "index.html", &headers).await
}

async fn asset(State(api): State<Api>, Path(file): Path<String>, headers: HeaderMap) -> Response {
    serve(&api, &file, &headers).await
}

async fn serve(api: &Api, name: &str, headers: &HeaderMap) -> Response {
    let Some(file) = Assets::get(name) else { return page_not_found().await };
    let etag = etag(&file.metadata.sha256_hash());
    let current = headers.get(IF_NONE_MATCH).is_some_and(|known| *known == etag);
    let mut answer = if current {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, HeaderValue::from_static(media_type(name)))], file.data).into_response()
    };
    let policy = policy(api, headers.get(HOST));
    let fixed = |text| HeaderValue::from_static(text);
    answer.headers_mut().extend([
        (ETAG, etag),
        (CACHE_CONTROL, fixed("no-cache")),
        (CONTENT_SECURITY_POLICY, policy),
        (REFERRER_POLICY, fixed("no-referrer")),
        (X_FRAME_OPTIONS, fixed("DENY")),
    ]);
    answer
}

fn etag(hash: &[u8; 32]) -> HeaderValue {
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::try_from(format!("\"{hex}\"")).expect("hexadecimal digits in quotes")
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        _ => "application/octet-stream",
    }
}

/// What the page may load and reach: its own origin, and the WebSocket listeners on the host that
/// it was asked for by.
fn policy(api: &Api, host: Option<&HeaderValue>) -> HeaderValue {
    let host = host.and_then(|host| host.to_str().ok()).and_then(host_name);
    let mut reach = "'self'".to_owned();
    for listener in api.listeners().iter().filter(|one| one.scheme.starts_with("ws")) {
        if let Some(host) = host {
            reach += &format!(" {}://{host}:{}", listener.scheme, listener.address.port());
        }
    }
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src {reach}; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("names, digits and punctuation")
}

/// The host of a Host header, if it is nothing but a name or an address: it becomes part of a
/// policy.
fn host_name(host: &str) -> Option<&str> {
    if let Some(inner) = host.strip_prefix('[') {
        let (inner, port) = inner.split_once(']')?;
        inner.parse::<std::net::Ipv6Addr>().ok()?;
        return is_port(port).then(|| host.get(..inner.len() + 2)).flatten();
    }
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let valid = !name.is_empty() && name.bytes().all(plain);
    let port = host.get(name.len()..).unwrap_or_default();
    (valid && is_port(port)).then_some(name)
}

/// Nothing, or a colon and a number.
fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|digits| digits.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_host_gets_into_the_policy() {
        for (host, name) in [
            ("broker.example", Some("broker.example")),
            ("broker.example:9090", Some("broker.example")),
            ("127.0.0.1:9090", Some("127.0.0.1")),
            ("[::1]:9090", Some("[::1]")),
            ("[::1]", Some("[::1]")),
            ("", None),
            (":9090", None),
            ("a b", None),
            ("a;script-src *", None),
            ("a,b:9090", None),
            ("a:9090;x", None),
            ("[::1];x", None),
            ("[x]:1", None),
            ("::1", None),
        ] {
            assert_eq!(host_name(host), name, "{host}");
        }
    }

    #[test]
    fn every_file_of_the_folder_has_a_media_type() {
        assert!(Assets::get("index.html").is_some());
        for name in Assets::iter() {
            assert_ne!(media_type(&name), "application/octet-stream", "{name}");
        }
    }
}
