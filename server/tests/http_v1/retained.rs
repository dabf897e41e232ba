use serde_json::json;

use crate::broker::Broker;

fn filled() -> Broker {
    let broker = Broker::default();
    for topic in ["a/1", "a/2", "a/3", "b"] {
        let message = json!({"topic": topic, "payload": topic, "retain": true, "qos": 1});
        assert_eq!(broker.publish(&message.to_string())["retained"], "stored");
    }
    broker
}

fn topics(page: &serde_json::Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|one| one["topic"].as_str().unwrap()).collect()
}

#[test]
fn retained_messages_are_listed_in_the_order_of_their_topics() {
    let broker = filled();
    assert_eq!(topics(&broker.get("retained")), ["a/1", "a/2", "a/3", "b"]);
    let page = broker.get("retained?filter=a/%23&limit=2");
    assert_eq!(page["items"][0], json!({"topic": "a/1", "qos": 1, "payload_bytes": 3}));
    assert_eq!(topics(&page), ["a/1", "a/2"]);
    let next = page["next"].as_str().unwrap();
    let page = broker.get(&format!("retained?filter=a/%23&limit=2&cursor={next}"));
    assert_eq!(topics(&page), ["a/3"]);
}

#[test]
fn one_is_shown_with_its_payload_and_properties() {
    let broker = filled();
    let shown = broker.get("retained/message?topic=a/1");
    assert_eq!(
        shown,
        json!({"topic": "a/1", "qos": 1, "payload_bytes": 3, "payload": "a/1",
               "payload_encoding": "utf-8", "properties": {}})
    );
    let properties = json!({
        "payload_format_indicator": false,
        "content_type": "image/png",
        "response_topic": "r",
        "correlation_data": "AQI=",
        "user_properties": [{"name": "n", "value": "v"}, {"name": "n", "value": "w"}],
    });
    let message = json!({"topic": "c", "payload": "/wA=", "payload_encoding": "base64",
                         "retain": true, "properties": properties});
    broker.publish(&message.to_string());
    let shown = broker.get("retained/message?topic=c");
    assert_eq!((&shown["payload"], &shown["payload_encoding"]), (&json!("/wA="), &json!("base64")));
    assert_eq!(shown["payload_bytes"], 2);
    assert_eq!(shown["properties"], properties);
    let absent = broker.request("GET", "retained/message?topic=nothing", "");
    assert_eq!(absent.problem(404), "There is no retained message on `nothing`.");
}

#[test]
fn those_that_match_are_removed() {
    let broker = filled();
    let answer = broker.request("DELETE", "retained?filter=a/%2B", "");
    assert_eq!((answer.status, answer.json()), (200, json!({"deleted": 3})));
    assert_eq!(topics(&broker.get("retained")), ["b"]);
    broker.request("DELETE", "retained", "").problem(400);
    assert_eq!(topics(&broker.get("retained")), ["b"]);
}

#[test]
fn what_takes_the_engine_many_steps_is_one_answer() {
    let broker = Broker::default();
    let count = 600;
    for n in 0..count {
        broker.publish(
            &json!({"topic": format!("t/{n}"), "payload": "x", "retain": true}).to_string(),
        );
    }
    let page = broker.get("retained?limit=1000");
    assert_eq!((topics(&page).len(), page["next"].is_null()), (count, true));
    // Few match, and they lie far apart.
    assert_eq!(topics(&broker.get("retained?filter=t/599&limit=1")), ["t/599"]);
    let answer = broker.request("DELETE", "retained?filter=%23", "");
    assert_eq!(answer.json(), json!({"deleted": count}));
    assert_eq!(broker.get("retained")["items"], json!([]));
}
