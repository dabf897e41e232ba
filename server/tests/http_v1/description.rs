use std::collections::BTreeSet;

use serde_json::Value;

use crate::broker::Broker;

#[test]
fn every_operation_is_described_with_its_parameters_and_refusals() {
    let document = Broker::default().get("openapi.json");
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    assert_eq!(document["components"]["securitySchemes"]["basic"]["scheme"], "basic");
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with("/api/v1/"), "{path}");
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("{method} {path}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{name}");
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{name}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{name}");
            for status in ["400", "401", "503"] {
                assert!(responses.contains_key(status), "{name} {status}");
            }
            for (status, response) in
                responses.iter().filter(|(status, _)| *status >= &"400".to_owned())
            {
                let content = response["content"].as_object().unwrap();
                assert!(content.contains_key("application/problem+json"), "{name} {status}");
            }
            for parameter in operation["parameters"].as_array().unwrap_or(&Vec::new()) {
                assert!(
                    parameter["description"].is_string() && parameter["schema"].is_object(),
                    "{name}"
                );
            }
            assert_eq!(
                operation["parameters"]
                    .as_array()
                    .map_or(0, |all| all.iter().filter(|one| one["in"] == "path").count()),
                path.matches('{').count(),
                "{name}"
            );
        }
    }
    for id in ["publish", "end_session", "clear_retained", "watch", "get_docs"] {
        assert!(ids.contains(id), "{id}");
    }
    check_references(&document, &document);
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for name in ["Numbers", "Session", "Client", "Problem"] {
        assert!(schemas.contains_key(name), "{name}");
    }
    assert_eq!(schemas["Session"]["properties"]["inflight"]["format"], "uint64");
}

/// Every reference leads somewhere in the document.
fn check_references(document: &Value, part: &Value) {
    if let Some(reference) = part.get("$ref").and_then(Value::as_str) {
        let target = document.pointer(reference.strip_prefix('#').unwrap());
        assert!(target.is_some(), "{reference}");
    }
    match part {
        Value::Object(fields) => fields.values().for_each(|one| check_references(document, one)),
        Value::Array(items) => items.iter().for_each(|one| check_references(document, one)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_page_needs_nothing_from_outside_and_nothing_inline() {
    let broker = Broker::default();
    for (path, kind) in [
        ("docs", "text/html; charset=utf-8"),
        ("docs/page.js", "text/javascript; charset=utf-8"),
        ("docs/page.css", "text/css; charset=utf-8"),
    ] {
        let answer = broker.request("GET", path, "");
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(!answer.text().contains("://"), "{path} names another place");
    }
    let page = broker.request("GET", "docs", "");
    assert!(!page.text().contains("<style") && !page.text().contains("<script>"));
    assert!(
        page.text().contains(r#"src="docs/page.js""#)
            && page.text().contains(r#"href="docs/page.css""#)
    );
}
