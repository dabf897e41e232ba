//! The dashboard's files and what a browser may do with them.

use crate::broker::Broker;
use crate::support::{ACCOUNT, Still, ask, get, settings, start};

// contract: section 3, Basic auth; what the page may load and reach
#[test]
fn the_page_comes_with_the_headers_that_confine_it() {
    let file = "listener: [{protocol: mqtt, addr: '127.0.0.1:0'}, \
                {protocol: websocket, addr: '127.0.0.1:0'}]\n\
                http_server: {addr: '127.0.0.1:0', user: {admin: s3cret}}";
    let broker = Broker::start_in(Still::default, settings(file));
    let port = broker.addresses()[1].port();
    for (host, reach) in [
        ("Host: broker.example:9090\r\n", format!("'self' ws://broker.example:{port}")),
        ("Host: [::1]:9090\r\n", format!("'self' ws://[::1]:{port}")),
        ("Host: a;b\r\n", "'self'".into()),
    ] {
        let mut http = crate::support::Http::connect(broker.http());
        http.send(format!("GET / HTTP/1.1\r\n{host}{ACCOUNT}\r\n").as_bytes());
        let answer = http.answer();
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
             connect-src {reach}; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
        );
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("content-security-policy", &policy),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cache-control", "no-cache"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{host}{name}");
        }
        assert!(answer.body.starts_with("<!doctype html>"), "{}", answer.body);
    }
}

#[test]
fn a_file_that_is_known_is_not_sent_again() {
    let broker = start("");
    let answer = get(&broker, "/");
    let etag = answer.header("etag").unwrap();
    let header = format!("{ACCOUNT}If-None-Match: {etag}\r\n");
    let again = ask(&broker, "GET", "/", &header);
    assert_eq!((again.status(), again.header("etag"), &*again.body), (304, Some(etag), ""));
    assert!(again.header("content-security-policy").is_some());
    let header = format!("{ACCOUNT}If-None-Match: \"other\"\r\n");
    assert_eq!(ask(&broker, "GET", "/", &header).status(), 200);
}

#[test]
fn a_file_that_is_not_there_is_not_found() {
    let broker = start("");
    for path in ["/assets/none.js", "/assets/..%2f..%2fdashboard.rs", "/assets/%00", "/assets/%ff"]
    {
        let answer = get(&broker, path);
        assert_eq!((answer.status(), &*answer.body), (404, "404 page not found"), "{path}");
    }
    assert_eq!(get(&broker, "/assets/index.html").body, get(&broker, "/").body);
}
