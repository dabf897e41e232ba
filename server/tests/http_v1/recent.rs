use crate::broker::Broker;

#[test]
fn a_drop_is_told_with_its_reason_and_how_often() {
    let broker = Broker::with(|engine| engine.queue_qos0_messages = false);
    let mut client = broker.persistent("a");
    client.subscribe("t", 1);
    client.leave();
    for _ in 0..3 {
        broker.publish(r#"{"topic":"t"}"#);
    }
    for path in ["recent", "recent?client_id=a&limit=1"] {
        let recent = broker.get(path)["items"][0].clone();
        assert_eq!(recent["client_id"], "a");
        assert_eq!(
            (&recent["kind"], &recent["reason"]),
            (&"dropped".into(), &"offline_qos0".into())
        );
        assert_eq!(
            (&recent["topic"], &recent["qos"], &recent["count"]),
            (&"t".into(), &0.into(), &3.into())
        );
        assert!(recent["text"].as_str().unwrap().contains("queue_qos0_messages: true"));
    }
    assert_eq!(broker.get("recent?client_id=b")["items"], serde_json::json!([]));
}

#[test]
fn refusals_and_ends_are_told_newest_first() {
    let broker = Broker::with(|engine| engine.max_topic_levels = 1);
    let mut client = broker.clean("a");
    client.refused("a/b/#");
    broker.request("POST", "clients/a/disconnect", "");
    client.ends();
    let recent = broker.get("recent")["items"].clone();
    assert_eq!(
        (&recent[0]["kind"], &recent[0]["reason"]),
        (&"disconnected".into(), &"administrative".into())
    );
    assert_eq!(
        (&recent[1]["kind"], &recent[1]["reason"]),
        (&"subscribe_refused".into(), &"topic_limit".into())
    );
    assert_eq!(recent[1]["topic"], "a/b/#");
}
