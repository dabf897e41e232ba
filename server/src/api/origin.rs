//! No web page of somebody else may use the password that an operator's browser remembers.

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::router::text;

/// Refuses requests that change something and come from another site's page (contract section
/// 3.1). Whoever sends no such header is no browser.
pub(super) async fn refuse_other_sites(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if !reads && is_from_elsewhere(request.headers()) {
        return text(StatusCode::FORBIDDEN, "a page of another site may not do this");
    }
    next.run(request).await
}

fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return true;
    }
    let mut origins = headers.get_all(ORIGIN).iter();
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    origins.any(|origin| match (origin.to_str(), host) {
        (Ok(origin), Some(host)) => !is_same(origin, host),
        (Err(_), _) | (_, None) => true,
    })
}

/// Whether `origin`, a scheme with a host and perhaps a port, is of `host`, which has a port
/// unless it is the scheme's own.
fn is_same(origin: &str, host: &str) -> bool {
    let (authority, port) = match origin.split_once("://") {
        Some(("http", authority)) => (authority, ":80"),
        // A proxy before the broker may speak TLS.
        Some(("https", authority)) => (authority, ":443"),
        Some(_) | None => return false,
    };
    let bare = |text: &str| text.strip_suffix(port).unwrap_or(text).to_ascii_lowercase();
    bare(authority) == bare(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    // contract: section 3.1, cross-site
    #[test]
    fn what_is_from_elsewhere_is_known_by_either_header() {
        for (origin, site, host, elsewhere) in [
            ("", "", "a:9090", false),
            ("", "same-origin", "a:9090", false),
            ("", "none", "a:9090", false),
            ("", "same-site", "a:9090", true),
            ("", "cross-site", "a:9090", true),
            ("", "anything", "a:9090", true),
            ("http://a:9090", "", "a:9090", false),
            ("http://A:9090", "same-origin", "a:9090", false),
            ("http://a", "", "a:80", false),
            ("http://a:80", "", "a", false),
            ("https://a", "", "a:443", false),
            ("https://a", "", "a", false),
            ("http://[::1]:9090", "", "[::1]:9090", false),
            ("http://a:9090", "cross-site", "a:9090", true),
            ("http://a:9091", "", "a:9090", true),
            ("http://a", "", "a:9090", true),
            ("http://b:9090", "same-origin", "a:9090", true),
            ("https://a", "", "a:80", true),
            ("null", "", "a:9090", true),
            ("http://a:9090", "", "", true),
            ("file://", "", "a", true),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [("origin", origin), ("sec-fetch-site", site), ("host", host)] {
                if !value.is_empty() {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            }
            assert_eq!(is_from_elsewhere(&headers), elsewhere, "{origin} {site} {host}");
        }
    }
}
