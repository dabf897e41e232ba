use serde_json::Value;

use crate::broker::Broker;

#[test]
fn the_status_tells_what_there_is() {
    let broker = Broker::default();
    let mut client = broker.clean("a");
    client.subscribe("t", 0);
    broker.publish(r#"{"topic":"r","payload":"x","retain":true}"#);
    broker.legacy("/subscribe", "clientID=later&topic=t&qos=1");
    let status = broker.get("status");
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert!(status["started_at"].as_str() <= status["now"].as_str());
    for (key, expected) in [
        ("connections", 1),
        ("sessions", 1),
        ("subscriptions", 1),
        ("retained_messages", 1),
        ("waiting_clients", 1),
    ] {
        assert_eq!(status["counts"][key], expected, "{key}");
    }
    let listeners = status["listeners"].as_array().unwrap();
    let mqtt = listeners.iter().find(|one| one["protocol"] == "mqtt").unwrap();
    assert_eq!(mqtt["address"], broker.mqtt().to_string());
    assert_eq!(mqtt["allow_anonymous"], true);
    let http = listeners.iter().find(|one| one["protocol"] == "http").unwrap();
    assert_eq!(
        (&http["address"], &http["allow_anonymous"]),
        (&broker.http().to_string().into(), &Value::Null)
    );
}

#[test]
fn the_limits_are_those_in_force_by_the_names_of_their_keys() {
    let broker = Broker::with(|engine| {
        engine.max_inflight_messages = 7;
        engine.max_msgqueue_messages = None;
    });
    let limits = broker.get("status")["limits"].clone();
    assert_eq!(
        (&limits["max_inflight_messages"], &limits["max_msgqueue_messages"]),
        (&7.into(), &Value::Null)
    );
    assert_eq!(
        (&limits["connect_timeout"], &limits["queue_full_policy"]),
        (&10.0.into(), &"drop_oldest".into())
    );
    let schema = surewire_server::config::schema();
    let key = |name: &str| {
        name.split('.').fold(&schema, |section, key| &section["properties"][key]).is_object()
    };
    for name in limits.as_object().unwrap().keys().filter(|name| *name != "stall_timeout") {
        assert!(key(name), "{name} is a key of config.yaml");
    }
}
