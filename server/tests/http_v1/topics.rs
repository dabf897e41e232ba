use serde_json::Value;

use crate::broker::Broker;

#[test]
fn what_is_published_is_seen_from_the_first_question_on() {
    let broker = Broker::default();
    broker.publish(r#"{"topic":"before"}"#);
    let first = broker.get("topics");
    assert_eq!((&first["watching_since"], &first["items"]), (&Value::Null, &serde_json::json!([])));
    broker.publish(r#"{"topic":"t","payload":"xyz","qos":1,"retain":true}"#);
    broker.publish(r#"{"topic":"t","payload":"xy"}"#);
    let second = broker.get("topics");
    assert!(second["watching_since"].is_string(), "{second}");
    assert_eq!(second["items"].as_array().unwrap().len(), 1, "{second}");
    let topic = &second["items"][0];
    assert_eq!(
        (&topic["topic"], &topic["messages"], &topic["bytes"]),
        (&"t".into(), &2.into(), &5.into())
    );
    assert_eq!((&topic["qos"], &topic["retain"]), (&0.into(), &false.into()));
    assert_eq!(topic["publisher"], Value::Null);
    assert_eq!(second["others"], 0);
}
