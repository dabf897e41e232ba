use serde_json::Value;

use crate::broker::{Broker, names};

#[test]
fn sessions_are_told_apart_by_their_state() {
    let broker = Broker::default();
    let _online = broker.persistent("on");
    broker.persistent("off").leave();
    for (query, expected) in [
        ("", vec!["on", "off"]),
        ("?state=online", vec!["on"]),
        ("?state=offline", vec!["off"]),
        ("?state=offline&filter=ON", vec![]),
        ("?filter=O&limit=1", vec!["on"]),
    ] {
        assert_eq!(names(&broker.get(&format!("sessions{query}"))), expected, "{query}");
    }
}

#[test]
fn one_session_is_shown_whole() {
    let broker = Broker::with(|engine| {
        engine.max_inflight_messages = 1;
        engine.max_msgqueue_messages = Some(7);
    });
    let mut client = broker.persistent("a");
    client.subscribe("t", 1);
    for _ in 0..3 {
        broker.publish(r#"{"topic":"t","payload":"xyz","qos":1}"#);
    }
    let session = broker.get("sessions/a");
    for (key, expected) in [
        ("client_id", Value::from("a")),
        ("online", Value::from(true)),
        ("ends_with_connection", Value::from(false)),
        ("expiry_seconds", Value::Null),
        ("subscriptions", Value::from(1)),
        ("inflight", Value::from(1)),
        ("inflight_limit", Value::from(1)),
        ("queued", Value::from(2)),
        ("queue_limit", Value::from(7)),
        ("dropped", Value::from(0)),
        ("unreleased", Value::from(0)),
        ("has_will", Value::from(false)),
        ("replaying_retained", Value::from(false)),
        ("disconnected_at", Value::Null),
    ] {
        assert_eq!(session[key], expected, "{key}");
    }
    assert!(session["queued_bytes"].as_u64().unwrap() > 6, "{session}");
    client.message();
    client.leave();
    assert!(broker.get("sessions/a")["disconnected_at"].is_string());
}

#[test]
fn a_session_ends_with_its_connection_and_all_it_holds() {
    let broker = Broker::default();
    let mut client = broker.persistent("a");
    assert_eq!(broker.request("DELETE", "sessions/a", "").status, 204);
    client.ends();
    let absent = "There is no session of `a`.";
    assert_eq!(broker.request("DELETE", "sessions/a", "").problem(404), absent);
    assert_eq!(broker.request("GET", "sessions/a", "").problem(404), absent);
}
