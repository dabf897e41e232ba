use serde_json::json;

use crate::broker::Broker;

#[test]
fn a_message_reaches_its_subscribers() {
    let broker = Broker::default();
    let (mut a, mut b) = (broker.clean("a"), broker.clean("b"));
    a.subscribe("t/+", 2);
    b.subscribe("t/+", 0);
    let answer = broker.publish(r#"{"topic":"t/1","payload":"häuser","qos":1}"#);
    assert_eq!(answer, json!({"receivers": 2, "retained": "untouched"}));
    assert_eq!(a.message(), ("t/1".to_owned(), "häuser".as_bytes().to_vec(), 1));
    assert_eq!(b.message(), ("t/1".to_owned(), "häuser".as_bytes().to_vec(), 0));
    broker.publish(r#"{"topic":"t/2","payload":"AP8=","payload_encoding":"base64"}"#);
    assert_eq!(b.message(), ("t/2".to_owned(), vec![0, 255], 0));
}

#[test]
fn what_becomes_of_the_retained_message_is_told() {
    let broker = Broker::with(|engine| engine.max_retained_messages = 1);
    for (message, expected) in [
        (json!({"topic": "a", "payload": "x"}), "untouched"),
        (json!({"topic": "a", "payload": "x", "retain": true}), "stored"),
        (json!({"topic": "b", "payload": "x", "retain": true}), "refused"),
        (json!({"topic": "a", "retain": true}), "cleared"),
    ] {
        assert_eq!(broker.publish(&message.to_string())["retained"], expected, "{message}");
    }
}

#[test]
fn a_topic_that_the_broker_keeps_for_itself_is_refused_with_its_reason() {
    let broker = Broker::with(|engine| engine.max_topic_levels = 2);
    for (topic, reason, words) in
        [("$SYS/x", "dollar_topic", "start with $"), ("a/b/c", "topic_limit", "max_topic_levels")]
    {
        let answer = broker.request("POST", "publish", &json!({"topic": topic}).to_string());
        assert!(answer.problem(422).contains(words), "{topic}");
        assert_eq!(answer.json()["reason"], reason);
    }
}

#[test]
fn a_wrong_body_is_refused_with_the_place() {
    let broker = Broker::default();
    for (body, status, words) in [
        ("{", 400, "The body is no JSON: EOF while parsing an object at line 1 column 1."),
        (r#"{"topic":"a","qos":-1}"#, 422, "at `qos`"),
        (
            r#"{"topic":"a","properties":{"user_properties":[{"name":1}]}}"#,
            422,
            "at `properties.user_properties[0].name`",
        ),
        (r#"{"topic":"a","ratain":true}"#, 422, "unknown field `ratain`"),
        (r#"{"topic":"a/#"}"#, 422, "`topic` is `a/#`"),
        (r#"{"payload":"x"}"#, 422, "missing field `topic`"),
    ] {
        let problem = broker.request("POST", "publish", body).problem(status);
        assert!(problem.contains(words), "{body}: {problem}");
    }
    let plain = [("content-type", "text/plain")];
    let problem = broker.request_with("POST", "publish", &plain, r#"{"topic":"a"}"#).problem(415);
    assert_eq!(problem, "The header Content-Type is `text/plain`; `application/json` is expected.");
}
