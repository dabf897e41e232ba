//! contract: section 3, which paths and methods there are, and what is answered where there is
//! none.

use crate::support::{ACCOUNT, DATE, TEXT, ask, start};

const ROUTES: [(&str, &str); 9] = [
    ("GET", "/clients"),
    ("GET", "/client/a"),
    ("GET", "/sessions"),
    ("GET", "/session/a"),
    ("GET", "/subscriptions"),
    ("GET", "/subscriptions/a"),
    ("POST", "/publish"),
    ("POST", "/subscribe"),
    ("POST", "/unsubscribe"),
];

fn not_found() -> String {
    format!(
        "HTTP/1.1 404 Not Found\r\ncontent-type: {TEXT}\r\ncontent-length: 18\r\n\
         x-content-type-options: nosniff\r\ndate: {DATE}\r\n\r\n"
    )
}

// contract: section 3, unknown path or method: before auth
#[test]
fn every_other_method_of_a_route_is_not_found_with_and_without_account() {
    let broker = start("");
    for (right, path) in ROUTES {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "X"] {
            for headers in ["", ACCOUNT] {
                let answer = ask(&broker, method, path, headers);
                if method == right {
                    assert_ne!(answer.body, "404 page not found", "{method} {path}");
                } else {
                    assert_eq!(answer.head, not_found(), "{method} {path}");
                    let body = if method == "HEAD" { "" } else { "404 page not found" };
                    assert_eq!(answer.body, body, "{method} {path}");
                }
            }
        }
    }
}

// contract: section 3, unknown path: before auth
#[test]
fn an_unknown_path_is_not_found_with_and_without_account() {
    let broker = start("");
    for path in [
        "/nothing",
        "/client",
        "/client/",
        "/session/",
        "/client/a/b",
        "/subscriptions/a/b",
        "/Clients",
        "/clients.json",
        "/clients//",
        "/nothing/",
        "/client//",
        "//clients",
        "/assets",
        "/%63lients",
        "/?a",
        "/metrics.json/",
    ] {
        for headers in ["", ACCOUNT] {
            let answer = ask(&broker, "POST", path, headers);
            assert_eq!(answer.head, not_found(), "{path}");
            assert_eq!(answer.body, "404 page not found", "{path}");
        }
    }
}

// contract: section 3, a trailing slash
#[test]
fn a_slash_behind_a_known_path_leads_to_the_path_without() {
    let broker = start("");
    for (method, path, status, location) in [
        ("GET", "/clients/", 301, "/clients"),
        ("GET", "/clients/?page=2&per-page=%20", 301, "/clients?page=2&per-page=%20"),
        ("GET", "/client/a%2Fb/", 301, "/client/a%2Fb"),
        ("GET", "/subscriptions/?", 301, "/subscriptions?"),
        ("GET", "/healthz/", 301, "/healthz"),
        ("HEAD", "/sessions/", 307, "/sessions"),
        ("POST", "/publish/", 307, "/publish"),
        ("POST", "/publish/?a=b", 307, "/publish?a=b"),
        ("DELETE", "/session/a/", 307, "/session/a"),
    ] {
        let answer = ask(&broker, method, path, "");
        let shown = (answer.status(), answer.header("location"), &*answer.body);
        assert_eq!(shown, (status, Some(location), ""), "{method} {path}");
    }
}

#[test]
fn health_is_open_and_says_nothing() {
    let broker = start("");
    for path in ["/healthz", "/readyz"] {
        let answer = ask(&broker, "GET", path, "");
        let head = format!(
            "HTTP/1.1 200 OK\r\nx-content-type-options: nosniff\r\ndate: {DATE}\r\n\
             content-length: 0\r\n\r\n"
        );
        assert_eq!(answer.head, head, "{path}");
        assert_eq!(ask(&broker, "POST", path, "").status(), 404, "{path}");
    }
}
