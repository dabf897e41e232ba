//! What may be answered where, out of the broker's own OpenAPI document; for what it does not
//! describe, out of the contract.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Anywhere else: what is there, what leads there, and why not.
const ELSEWHERE: [u16; 9] = [200, 301, 304, 307, 400, 401, 403, 404, 413];

/// Where a route exists and the method does not, or there is no route.
const NOTHING_THERE: [u16; 7] = [301, 307, 400, 401, 403, 404, 405];

/// Statuses by route and method.
pub(super) struct Description(BTreeMap<String, BTreeMap<String, BTreeSet<u16>>>);

impl Description {
    pub(super) fn new(document: &Value) -> Self {
        let base = document["servers"][0]["url"].as_str().unwrap_or_default();
        let paths = document["paths"].as_object().expect("paths");
        let statuses = |operation: &Value| {
            let responses = operation["responses"].as_object().expect("responses");
            responses.keys().filter_map(|status| status.parse().ok()).collect()
        };
        let methods = |item: &Value| {
            let operations = item.as_object().expect("operations").iter();
            let operations = operations.filter(|(_, value)| value["responses"].is_object());
            operations.map(|(name, value)| (name.to_uppercase(), statuses(value))).collect()
        };
        let routes = paths.iter().map(|(path, item)| (format!("{base}{path}"), methods(item)));
        let routes: BTreeMap<_, _> = routes.collect();
        assert!(routes.len() > 10 && routes.keys().all(|path| path.starts_with("/api/v1/")));
        Self(routes)
    }

    pub(super) fn allows(&self, method: &str, path: &str, status: u16) -> bool {
        if !path.starts_with("/api/v1") {
            return ELSEWHERE.contains(&status) || is_order(path) && status == 507;
        }
        let method = if method == "HEAD" { "GET" } else { method };
        let mut routes = self.0.iter().filter(|(route, _)| fits(route, path));
        match routes.find_map(|(_, methods)| methods.get(method)) {
            Some(statuses) => statuses.contains(&status),
            None => NOTHING_THERE.contains(&status),
        }
    }
}

fn is_order(path: &str) -> bool {
    matches!(path, "/publish" | "/subscribe" | "/unsubscribe")
}

fn fits(route: &str, path: &str) -> bool {
    let (mut parts, mut names) = (route.split('/'), path.split('/'));
    loop {
        match (parts.next(), names.next()) {
            (Some(part), Some(name)) if part == name => {}
            (Some(part), Some(name)) if part.starts_with('{') && !name.is_empty() => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}
