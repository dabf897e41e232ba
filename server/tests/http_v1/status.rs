use serde_json::{Value, json};

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
    let expected = json!({
        "max_connections": 1_000_000, "connect_timeout": 10.0, "tcp_keepalive": 60.0,
        "max_keepalive": null, "keepalive_multiplier": 1.5, "session_expiry_interval": null,
        "max_session_expiry_interval": null,
        "max_subscriptions_per_client": 100_000, "max_share_groups_per_client": 1_000,
        "max_filters_per_subscribe": 10_000,
        "max_inflight_messages": 7, "max_msgqueue_messages": null, "max_queued_bytes": 64 << 20,
        "queue_qos0_messages": true, "queue_full_policy": "drop_oldest",
        "delivery_retry_interval": 20.0, "max_unsent_bytes": 1 << 20, "stall_timeout": 60.0,
        "max_packet_size": 2 << 20, "receive_maximum": 256,
        "receive_maximum_policy": "default",
        "topic_alias_maximum": 64,
        "check_payload_format": false, "max_topic_levels": 128,
        "max_topic_length": 65_535, "max_client_id_length": 65_535, "max_user_properties": 1_000,
        "reject_control_chars": false, "retained.max_messages": 10_000_000,
        "retained.max_bytes": 4_u64 << 30, "workers": 2,
    });
    assert_eq!(limits, expected);
    let schema = surewire_server::config::schema();
    let key = |name: &str| {
        name.split('.').fold(&schema, |section, key| &section["properties"][key]).is_object()
    };
    for name in limits.as_object().unwrap().keys().filter(|name| *name != "stall_timeout") {
        assert!(key(name), "{name} is a key of config.yaml");
    }
}
