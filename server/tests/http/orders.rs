//! contract: sections 3.1 and 3.2, what the changing routes refuse and what they do.

use surewire_engine::packet::{Packet, QoS};

use crate::broker::{Broker, subscribe_bytes};
use crate::support::{FORM, TEXT, client, connect, get, json, order, post, start};

const QOS: &str = "invalid Qos,only support qos0 | qos1 | qos2";
const TOPIC: &str = "invalid topic name";
const FILTER: &str = "invalid topic filter";
const CLIENT: &str = "invalid clientID";
const UTF8: &str = "invalid utf-8 string";

#[track_caller]
fn refused(broker: &Broker, path: &str, form: &str, why: &str) {
    let answer = post(broker, path, FORM, form.as_bytes());
    assert_eq!(answer.parts(), (400, Some(TEXT), why), "{path} {form}");
}

// contract: section 3.2, publish
#[test]
fn a_message_is_checked_in_order() {
    let broker = start("max_topic_levels: 3\nmax_topic_length: 20");
    for (form, why) in [
        ("", QOS),
        ("topic=%23&payload=x", QOS),
        ("qos=&topic=t", QOS),
        ("qos=3&topic=t", QOS),
        ("qos=-1&topic=t", QOS),
        ("qos=1.0&topic=t", QOS),
        ("qos=x&topic=", QOS),
        ("qos=+1&topic=t", QOS),
        ("qos=99999999999999999999&topic=t", QOS),
        ("QOS=1&topic=t", QOS),
        ("qos=0", TOPIC),
        ("qos=0&topic=", TOPIC),
        ("qos=0&topic=a/%23", TOPIC),
        ("qos=0&topic=a%2Bb", TOPIC),
        ("qos=0&topic=%FF%2B", TOPIC),
        ("qos=0&topic=%FF", UTF8),
        ("qos=0&topic=a%00b", UTF8),
        ("qos=0&topic=%ED%A0%80", UTF8),
        ("qos=0&topic=%24SYS/x", TOPIC),
        ("qos=0&topic=%24share/g/t", TOPIC),
        ("qos=0&topic=a/b/c/d", TOPIC),
        ("qos=0&topic=aaaaaaaaaaaaaaaaaaaaa", TOPIC),
    ] {
        refused(&broker, "/publish", form, why);
    }
    refused(&broker, "/publish", &format!("qos=0&topic={}", "a".repeat(65_536)), UTF8);
    order(&broker, "/publish", "qos=2&topic=a/b/c");
}

#[test]
fn a_message_that_no_client_could_publish_is_refused() {
    let broker = start("max_packet_size: 200");
    order(&broker, "/publish", &format!("qos=0&topic=t&payload={}", "x".repeat(190)));
    let long = format!("qos=0&topic=t&payload={}", "x".repeat(191));
    refused(&broker, "/publish", &long, "the message is larger than max_packet_size");
}

// contract: section 3.2, subscribe and unsubscribe
#[test]
fn a_subscription_is_checked_in_order() {
    let broker = start("max_topic_levels: 3\nmax_client_id_length: 30");
    for (form, why) in
        [("topic=&clientID=", QOS), ("qos=3&topic=t&clientID=c", QOS), ("qos=x&topic=%23a", QOS)]
    {
        refused(&broker, "/subscribe", form, why);
    }
    for (form, why) in [
        ("", FILTER),
        ("topic=", FILTER),
        ("topic=a%23&clientID=c", FILTER),
        ("topic=%23/a&clientID=", FILTER),
        ("topic=a%2B&clientID=c", FILTER),
        ("topic=%24share/g&clientID=c", FILTER),
        ("topic=%24share//t&clientID=c", FILTER),
        ("topic=%FF%23&clientID=", FILTER),
        ("topic=%00%23&clientID=", FILTER),
        ("topic=t", CLIENT),
        ("topic=t&clientID=", CLIENT),
        ("topic=%FF&clientID=", CLIENT),
        ("topic=t&clientid=c", CLIENT),
        ("topic=t&clientID=0123456789012345678901234567890", CLIENT),
        ("topic=%FF&clientID=c", UTF8),
        ("topic=a%00&clientID=c", UTF8),
        ("topic=t&clientID=%FF", UTF8),
        ("topic=t&clientID=c%00", UTF8),
    ] {
        refused(&broker, "/subscribe", &format!("qos=0&{form}"), why);
        refused(&broker, "/unsubscribe", form, why);
    }
    refused(&broker, "/subscribe", "qos=0&topic=a/b/c/d&clientID=c", FILTER);
    order(&broker, "/subscribe", "qos=0&topic=%24share/g/%2B/a&clientID=c");
    order(&broker, "/unsubscribe", "topic=nothing&clientID=nobody");
    // Nothing of what was refused is there.
    let mut c = client(&broker, connect("c", true));
    let filters = json(&broker, "/subscriptions");
    assert_eq!(filters["total_count"], 1, "{filters}");
    assert_eq!(filters["list"][0]["name"], "$share/g/+/a");
    c.send(&[0xE0, 0]);
    c.expect_end();
}

#[test]
fn control_characters_are_refused_where_clients_are_refused_them() {
    for (switch, why) in [("on", Some(UTF8)), ("off", None)] {
        let broker = start(&format!("reject_control_chars: {switch}"));
        for (path, form) in [
            ("/publish", "qos=0&topic=a%0Ab"),
            ("/subscribe", "qos=0&topic=a%7F&clientID=c"),
            ("/unsubscribe", "topic=t&clientID=%C2%9F"),
        ] {
            match why {
                Some(why) => refused(&broker, path, form, why),
                None => order(&broker, path, form),
            }
        }
    }
}

#[test]
fn a_limit_that_is_reached_is_a_sentence() {
    let broker = start("max_subscriptions_per_client: 1");
    let why = "the client has as many subscriptions as it may have";
    let _online = client(&broker, connect("online", true));
    for id in ["online", "waiting"] {
        order(&broker, "/subscribe", &format!("qos=0&topic=a&clientID={id}"));
        order(&broker, "/subscribe", &format!("qos=1&topic=a&clientID={id}"));
        refused(&broker, "/subscribe", &format!("qos=0&topic=b&clientID={id}"), why);
    }
}

// contract: section 3.1, at most 10,000 such ids wait
#[test]
fn subscriptions_wait_for_ten_thousand_clients_and_no_more() {
    let broker = start("");
    let mut http = crate::support::Http::connect(broker.http());
    let mut subscribe = |n: u32| {
        let form = format!("qos=0&topic=t&clientID=c{n}");
        let head = format!(
            "POST /subscribe HTTP/1.1\r\nHost: h\r\n{}Content-Type: {FORM}\r\n\
             Content-Length: {}\r\n\r\n",
            crate::support::ACCOUNT,
            form.len()
        );
        http.send(&[head.as_bytes(), form.as_bytes()].concat());
        http.answer()
    };
    for n in 0..10_000 {
        assert_eq!(subscribe(n).status(), 200, "{n}");
    }
    let why = "as many subscriptions wait for clients that never connected as may";
    assert_eq!(subscribe(10_000).parts(), (400, Some(TEXT), why));
    assert_eq!(subscribe(7).status(), 200);
}

// contract: section 3.1, /publish
#[test]
fn a_message_reaches_whoever_is_subscribed_now_and_later() {
    let broker = start("");
    let mut online = client(&broker, connect("online", true));
    online.send(&subscribe_bytes(1, "t/+", 2));
    online.expect(&[0x90, 3, 0, 1, 2]);
    let mut offline = client(&broker, connect("offline", false));
    offline.send(&subscribe_bytes(1, "t/1", 1));
    offline.expect(&[0x90, 3, 0, 1, 1]);
    offline.send(&[0xE0, 0]);
    offline.expect_end();
    for retain in ["true", "1"] {
        let form = format!("qos=2&topic=t/1&payload=hello+%C3%A9&retain={retain}");
        order(&broker, "/publish", &form);
        let Packet::Publish(publish) = online.packet() else { panic!("no PUBLISH") };
        assert_eq!((publish.qos, publish.retain, publish.dup), (QoS::ExactlyOnce, false, false));
        assert_eq!(publish.payload, "hello é".as_bytes());
    }
    for no in ["", "&retain=", "&retain=false", "&retain=0"] {
        order(&broker, "/publish", &format!("qos=0&topic=t/2{no}"));
        assert_eq!(online.message(), ("t/2".into(), "".into()));
    }
    assert_eq!(json(&broker, "/session/offline")["msg_queue_len"], 2);
    let mut late = broker.client("late");
    late.send(&subscribe_bytes(1, "#", 0));
    late.expect(&[0x90, 3, 0, 1, 0]);
    let Packet::Publish(publish) = late.packet() else { panic!("no PUBLISH") };
    let topic = publish.topic.unwrap();
    assert_eq!((topic.as_str(), publish.retain), ("t/1", true));
    late.send(&[0xC0, 0]);
    late.expect(&[0xD0, 0]);
}

// contract: section 3.1, /subscribe for an id that has never connected
#[test]
fn a_subscription_waits_for_the_first_connection_clean_or_not() {
    let broker = start("");
    order(&broker, "/publish", "qos=1&topic=t/r&payload=kept&retain=1");
    for (id, clean) in [("clean", true), ("not", false)] {
        order(&broker, "/subscribe", &format!("qos=1&topic=t/%23&clientID={id}"));
        order(&broker, "/subscribe", &format!("qos=0&topic=u&clientID={id}"));
        order(&broker, "/unsubscribe", &format!("topic=u&clientID={id}"));
        assert_eq!(get(&broker, &format!("/session/{id}")).body, "Session Not Found");
        // Until it connects nothing is queued.
        order(&broker, "/publish", "qos=1&topic=t/lost&payload=lost");
        let mut first = client(&broker, connect(id, clean));
        let subscriptions = json(&broker, &format!("/subscriptions/{id}"));
        assert_eq!(subscriptions["total_count"], 1, "{subscriptions}");
        assert_eq!(subscriptions["list"][0]["name"], "t/#");
        assert_eq!(first.message(), ("t/r".into(), "kept".into()));
        order(&broker, "/publish", "qos=1&topic=t/new&payload=live");
        assert_eq!(first.message(), ("t/new".into(), "live".into()));
        first.send(&[0xE0, 0]);
        first.expect_end();
    }
    // Only the first connection takes it over: a clean session ends with its connection.
    let _second = client(&broker, connect("clean", true));
    assert_eq!(json(&broker, "/subscriptions/clean")["total_count"], 0);
}

// contract: section 3.1, like a client's SUBSCRIBE it sends retained messages
#[test]
fn a_connected_client_is_sent_what_is_retained() {
    let broker = start("");
    order(&broker, "/publish", "qos=1&topic=t/r&payload=kept&retain=1");
    let mut online = client(&broker, connect("online", true));
    order(&broker, "/subscribe", "qos=0&topic=t/%2B&clientID=online");
    let Packet::Publish(publish) = online.packet() else { panic!("no PUBLISH") };
    assert_eq!((publish.retain, publish.qos), (true, QoS::AtMostOnce));
    assert_eq!(publish.payload, &b"kept"[..]);
}
