//! The management interface: any requests, one after the other, to a broker in memory that has a few
//! clients. Every answer is one that the broker's own description has for that route, is well formed,
//! and is never a bug's; who gives no account gets nothing; and in the end the broker is well.
//!
//! The input is requests with a byte 255 between them. A request's first line is its method and
//! target (`!` in front: without an account), the second one its Content-Type, the rest its body.

mod broker;
mod description;
mod request;

use std::sync::OnceLock;

use serde_json::Value;

use broker::Broker;
use description::Description;
use request::{Answer, Request};

/// An input has its time; what is behind so many requests is not sent.
const MOST_REQUESTS: usize = 16;

static DESCRIPTION: OnceLock<Description> = OnceLock::new();

/// Sends the input's requests.
pub fn check(input: &[u8]) {
    let requests = input.split(|byte| *byte == 255).take(MOST_REQUESTS).map(Request::read);
    let requests: Vec<Request> = requests.collect();
    broker::run(async |broker| {
        let description = description(broker).await;
        for request in &requests {
            let answer = broker.ask(request).await;
            judge(description, request, &answer);
        }
        let well = broker.ask(&Request::get("/readyz")).await;
        assert_eq!(well.status, 200, "the broker in the end");
    });
}

async fn description(broker: &Broker) -> &'static Description {
    if let Some(known) = DESCRIPTION.get() {
        return known;
    }
    let answer = broker.ask(&Request::get("/api/v1/openapi.json")).await;
    let document = serde_json::from_slice(&answer.body).expect("the description");
    DESCRIPTION.get_or_init(|| Description::new(&document))
}

fn judge(description: &Description, request: &Request, answer: &Answer) {
    let Answer { status, body, .. } = answer;
    let what = || {
        let text = String::from_utf8_lossy(body);
        format!("{} {}: {status} {text}", request.method, request.target)
    };
    let allowed = description.allows(&request.method, request.path(), *status);
    assert!(allowed, "a status that is not described: {}", what());
    let open = matches!(request.path().trim_end_matches('/'), "/healthz" | "/readyz");
    assert!(request.account || open || *status >= 300, "without an account: {}", what());
    if request.method == "HEAD" || answer.is_stream() {
        return;
    }
    let kind = answer.header("content-type").unwrap_or_default();
    let problem = kind == "application/problem+json";
    let is_api = request.path() == "/api/v1" || request.path().starts_with("/api/v1/");
    assert_eq!(problem, is_api && *status >= 400, "an error's form: {}", what());
    if problem || kind.starts_with("application/json") {
        let document: Value = serde_json::from_slice(body).unwrap_or_else(|_| panic!("{}", what()));
        assert!(!problem || document["status"] == *status, "{}", what());
    }
}
