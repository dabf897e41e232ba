//! contract: sections 3 and 3.1, who may use the interface.

use crate::support::{ACCOUNT, DATE, FORM, TEXT, ask, post, start};

const ROUTES: [(&str, &str); 11] = [
    ("GET", "/"),
    ("GET", "/assets/dashboard.css"),
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

// contract: section 3, Basic auth covers every route
#[test]
fn without_an_account_every_route_asks_for_one_and_tells_nothing() {
    let broker = start("");
    let head = format!(
        "HTTP/1.1 401 Unauthorized\r\n\
         www-authenticate: Basic realm=\"Authorization Required\"\r\n\
         x-content-type-options: nosniff\r\ndate: {DATE}\r\ncontent-length: 0\r\n\r\n"
    );
    for (method, path) in ROUTES {
        assert_eq!(ask(&broker, method, path, "").head, head, "{method} {path}");
    }
    for credentials in [
        // The right password in the wrong case, one too short, one too long, with a NUL.
        "Basic YWRtaW46UzNjcmV0",
        "Basic YWRtaW46czNjcmU=",
        "Basic YWRtaW46czNjcmV0IQ==",
        "Basic YWRtaW46czNjcmV0AA==",
        // Another account's name, none, and the password alone.
        "Basic b3RoZXI6czNjcmV0",
        "Basic OnMzY3JldA==",
        "Basic czNjcmV0",
        "Basic",
        "Basic !",
        "Bearer YWRtaW46czNjcmV0",
        "YWRtaW46czNjcmV0",
    ] {
        let header = format!("Authorization: {credentials}\r\n");
        assert_eq!(ask(&broker, "GET", "/clients", &header).head, head, "{credentials}");
    }
}

// contract: section 3, Basic auth
#[test]
fn every_account_and_spelling_of_the_scheme_is_let_in() {
    let broker = start("");
    for credentials in ["Basic YWRtaW46czNjcmV0", "basic YWRtaW46czNjcmV0", "Basic b3RoZXI6"] {
        let header = format!("Authorization: {credentials}\r\n");
        assert_eq!(ask(&broker, "GET", "/clients", &header).status(), 200, "{credentials}");
    }
}

// contract: section 3.1, cross-site
#[test]
fn what_a_page_of_another_site_sends_is_refused() {
    let broker = start("");
    for path in ["/publish", "/subscribe", "/unsubscribe"] {
        for (headers, refused) in [
            ("Sec-Fetch-Site: cross-site\r\n", true),
            ("Sec-Fetch-Site: same-site\r\n", true),
            ("Sec-Fetch-Site: same-origin\r\n", false),
            ("Sec-Fetch-Site: none\r\n", false),
            ("Origin: http://evil.example\r\n", true),
            ("Origin: http://h:1\r\n", true),
            ("Origin: null\r\n", true),
            ("Origin: http://h\r\n", false),
            ("Origin: http://h\r\nSec-Fetch-Site: cross-site\r\n", true),
            ("", false),
        ] {
            let answer = ask(&broker, "POST", path, &format!("{ACCOUNT}{headers}"));
            if refused {
                let parts = (403, Some(TEXT), "a page of another site may not do this");
                assert_eq!(answer.parts(), parts, "{path} {headers}");
            } else {
                assert_eq!(answer.status(), 400, "{path} {headers}: {answer:?}");
            }
        }
    }
    // What only reads gives a page of another site nothing: browsers keep the answer from it.
    let header = format!("{ACCOUNT}Sec-Fetch-Site: cross-site\r\n");
    assert_eq!(ask(&broker, "GET", "/clients", &header).status(), 200);
}

// contract: section 3.1, any Host name goes on working
#[test]
fn a_script_is_let_in_by_whatever_host_it_names() {
    let broker = start("");
    assert_eq!(post(&broker, "/publish", FORM, b"qos=0&topic=t").status(), 200);
}
