use crate::broker::{ACCOUNT, Broker};
use crate::http;

#[test]
fn a_wrong_parameter_is_named_with_its_value_and_what_is_expected() {
    let broker = Broker::default();
    for (path, detail) in [
        (
            "clients?limit=0",
            "The parameter `limit` is `0`; a whole number from 1 to 1000 is expected.",
        ),
        ("clients?limit=1&limit=2", "The parameter `limit` stands twice."),
        (
            "clients?limti=1",
            "`limti` is no parameter of this request; it takes `filter`, `cursor`, `limit`.",
        ),
        ("status?x=1", "`x` is no parameter of this request; it takes none."),
        (
            "sessions?state=away",
            "The parameter `state` is `away`; `online` or `offline` is expected.",
        ),
        ("explain?client_id=a", "The parameter `topic` is missing, and it is needed."),
        ("explain?client_id=a&topic=t&qos=3", "The parameter `qos` is `3`; 0, 1 or 2 is expected."),
        (
            "retained?filter=a%23",
            "The parameter `filter` is `a#`; it has a `#` that is not alone in its last level, and a topic filter is expected.",
        ),
        (
            "live?events=0",
            "The parameter `events` is `0`; a whole number from 1 to 3600 is expected.",
        ),
        (
            "clients?filter=%FF",
            "`%FF` in the query is no UTF-8 once its percent signs are decoded.",
        ),
    ] {
        assert_eq!(broker.request("GET", path, "").problem(400), detail, "{path}");
    }
}

#[test]
fn what_is_not_there_is_told() {
    let broker = Broker::default();
    for path in ["", "nothing", "clients/a/b/c", "clients/"] {
        let problem = broker.request("GET", path, "").problem(404);
        assert!(problem.contains("/api/v1/openapi.json describes what there is"), "{path}");
    }
}

#[test]
fn another_method_is_told_with_those_that_are_taken() {
    let broker = Broker::default();
    for (method, path, allowed) in [
        ("POST", "clients", "GET,HEAD"),
        ("GET", "publish", "POST"),
        ("PATCH", "sessions/a", "GET,HEAD,DELETE"),
    ] {
        let answer = broker.request(method, path, "");
        assert!(answer.problem(405).contains(method));
        let mut found: Vec<&str> = answer.header("allow").unwrap().split(',').collect();
        let mut allowed: Vec<&str> = allowed.split(',').collect();
        found.sort_unstable();
        allowed.sort_unstable();
        assert_eq!(found, allowed, "{method} {path}");
    }
}

#[test]
fn nobody_comes_in_without_an_account() {
    let broker = Broker::default();
    for path in ["/api/v1/status", "/api/v1/docs", "/api/v1/nothing"] {
        let answer = http::request(broker.http(), "GET", path, &[], "");
        assert!(answer.problem(401).contains("http_server.user"), "{path}");
        assert!(answer.header("www-authenticate").unwrap().starts_with("Basic realm="));
    }
}

#[test]
fn a_page_of_another_site_changes_nothing() {
    let broker = Broker::default();
    let _client = broker.clean("a");
    let headers = [("authorization", ACCOUNT), ("sec-fetch-site", "cross-site")];
    let answer = http::request(broker.http(), "POST", "/api/v1/clients/a/disconnect", &headers, "");
    assert!(answer.problem(403).contains("another site"));
    assert_eq!(broker.get("clients/a")["client_id"], "a");
}

#[test]
fn a_body_that_is_too_large_is_told() {
    let broker = Broker::default();
    let headers = [("content-type", "application/json"), ("content-length", "999999999")];
    broker.request_with("POST", "publish", &headers, "").problem(413);
}
