//! contract: section 3, what the reading routes show of real clients.

use bytestring::ByteString;
use surewire_engine::packet::Packet;

use crate::broker::{Broker, publish_bytes, subscribe_bytes};
use crate::support::{JSON, TEXT, client, connect, get, header, json, order, start};

fn empty(page: u64, size: u64) -> String {
    format!(
        r#"{{"list":[],"page":{page},"page_size":{size},"current_count":0,"total_count":0,"total_page":0}}"#
    )
}

// contract: section 3, an empty result
#[test]
fn a_list_of_nothing_echoes_the_page() {
    let broker = start("");
    for path in ["/clients", "/sessions", "/subscriptions", "/subscriptions/nobody"] {
        assert_eq!(get(&broker, path).parts(), (200, Some(JSON), &*empty(1, 20)), "{path}");
        let answer = get(&broker, &format!("{path}?page=7&per-page=3"));
        assert_eq!(answer.parts(), (200, Some(JSON), &*empty(7, 3)), "{path}");
    }
}

// contract: section 3, 404
#[test]
fn who_is_not_there_is_not_found() {
    let broker = start("");
    for id in ["nobody", "a%2Fb", "%00", "%FF", "%", "%e2%82%ac", "+", "*"] {
        let answer = get(&broker, &format!("/client/{id}"));
        assert_eq!(answer.parts(), (404, Some(TEXT), "Client Not Found"), "{id}");
        let answer = get(&broker, &format!("/session/{id}"));
        assert_eq!(answer.parts(), (404, Some(TEXT), "Session Not Found"), "{id}");
        let answer = get(&broker, &format!("/subscriptions/{id}"));
        assert_eq!(answer.parts(), (200, Some(JSON), &*empty(1, 20)), "{id}");
    }
}

// contract: section 3, Client, Session, Subscription and times
#[test]
fn every_field_is_where_it_belongs() {
    let broker = start("");
    let mut dialled = connect("a/b é", false);
    dialled.user_name = Some(ByteString::from_static("us\"er"));
    let mut client = client(&broker, dialled);
    client.send(&subscribe_bytes(1, "t/#", 1));
    client.expect(&[0x90, 3, 0, 1, 1]);
    let peer = client.stream.local_addr().unwrap();

    let shown = format!(
        r#"{{"client_id":"a/b é","username":"us\"er","remote_addr":"{peer}","clean_session":false,"keep_alive":60,"connected_at":"2023-11-15T06:13:20.5+08:00"}}"#
    );
    let answer = get(&broker, "/client/a%2fb%20%C3%A9");
    assert_eq!(answer.parts(), (200, Some(JSON), &*shown));
    let list = |item: &str| {
        format!(
            r#"{{"list":[{item}],"page":1,"page_size":20,"current_count":1,"total_count":1,"total_page":1}}"#
        )
    };
    assert_eq!(get(&broker, "/clients").body, list(&shown));

    let session = |status: &str, offline_at: &str| {
        format!(
            r#"{{"client_id":"a/b é","status":"{status}","remote_addr":"{peer}","clean_session":false,"subscriptions":1,"max_inflight":20,"inflight_len":0,"max_msg_queue":20,"msg_queue_len":0,"msg_queue_dropped":0,"connected_at":"2023-11-15T06:13:20.5+08:00","offline_at":"{offline_at}"}}"#
        )
    };
    let online = session("online", "0001-01-01T00:00:00Z");
    assert_eq!(get(&broker, "/session/a%2Fb%20%C3%A9").body, online);
    assert_eq!(get(&broker, "/sessions").body, list(&online));

    let subscription =
        r#"{"client_id":"a/b é","qos":1,"name":"t/#","at":"2023-11-15T06:13:20.500000001+08:00"}"#;
    assert_eq!(get(&broker, "/subscriptions").body, list(subscription));
    assert_eq!(get(&broker, "/subscriptions/a%2Fb%20%C3%A9").body, list(subscription));

    client.send(&[0xE0, 0]);
    client.expect_end();
    let offline = session("offline", "2023-11-15T06:13:20.5+08:00");
    assert_eq!(get(&broker, "/session/a%2Fb%20%C3%A9").body, offline);
    assert_eq!(get(&broker, "/clients").body, empty(1, 20));
    assert_eq!(get(&broker, "/client/a%2Fb%20%C3%A9").status(), 404);
}

// contract: section 3, figures of a session
#[test]
fn the_figures_of_a_session_are_its_own() {
    let broker = start("max_inflight_messages: 2\nmax_msgqueue_messages: 3");
    let mut reader = client(&broker, connect("r", false));
    reader.send(&subscribe_bytes(1, "t", 1));
    reader.expect(&[0x90, 3, 0, 1, 1]);
    for n in 0..9 {
        order(&broker, "/publish", &format!("qos=1&topic=t&payload={n}"));
    }
    let session = json(&broker, "/session/r");
    for (key, value) in [
        ("max_inflight", 2),
        ("inflight_len", 2),
        ("max_msg_queue", 3),
        ("msg_queue_len", 3),
        ("msg_queue_dropped", 4),
        ("subscriptions", 1),
    ] {
        assert_eq!(session[key], value, "{key}");
    }
}

#[test]
fn no_limit_of_the_backlog_is_shown_as_0() {
    let broker = start("max_msgqueue_messages: 0");
    let _reader = client(&broker, connect("r", true));
    let session = json(&broker, "/session/r");
    assert_eq!(session["max_msg_queue"], 0);
    assert_eq!(session["clean_session"], true);
}

fn ids(broker: &Broker, path: &str) -> Vec<String> {
    let list = json(broker, path)["list"].take();
    let name = |item: &serde_json::Value| item["client_id"].as_str().unwrap().to_owned();
    list.as_array().unwrap().iter().map(name).collect()
}

// contract: section 3, order and pages
#[test]
fn pages_are_in_the_order_of_arrival_and_the_last_one_stands_for_those_beyond() {
    let broker = start("");
    let names = ["e", "a", "d", "b", "c"];
    let mut clients: Vec<_> =
        names.iter().map(|name| client(&broker, connect(name, false))).collect();
    for client in clients.iter_mut().rev() {
        client.send(&subscribe_bytes(1, "t", 0));
        client.expect(&[0x90, 3, 0, 1, 0]);
    }
    for (query, expected, page) in [
        ("", &names[..], 1),
        ("?per-page=2", &["e", "a"], 1),
        ("?per-page=2&page=2", &["d", "b"], 2),
        ("?per-page=2&page=3", &["c"], 3),
        ("?per-page=2&page=4", &["c"], 3),
        ("?per-page=2&page=9223372036854775807", &["c"], 3),
        ("?per-page=2&page=0", &["e", "a"], 1),
        ("?per-page=2&page=x", &["e", "a"], 1),
        ("?per-page=0&page=-1", &names, 1),
        ("?per-page=5&page=2", &names, 1),
    ] {
        for list in ["/clients", "/sessions"] {
            let path = format!("{list}{query}");
            assert_eq!(ids(&broker, &path), expected, "{path}");
            assert_eq!(json(&broker, &path)["page"], page, "{path}");
        }
        let path = format!("/subscriptions{query}");
        let shown = json(&broker, &path);
        let counts = (shown["total_count"].as_u64(), shown["current_count"].as_u64());
        assert_eq!(counts, (Some(5), Some(expected.len() as u64)), "{path}");
    }
    let mut backwards = names;
    backwards.reverse();
    assert_eq!(ids(&broker, "/subscriptions"), backwards);
    // Whoever comes back comes last, and so does a subscription that is asked for again.
    let _again = client(&broker, connect("e", false));
    assert_eq!(ids(&broker, "/sessions"), ["a", "d", "b", "c", "e"]);
    assert_eq!(ids(&broker, "/clients"), ["a", "d", "b", "c", "e"]);
    order(&broker, "/subscribe", "qos=1&topic=t&clientID=c");
    assert_eq!(ids(&broker, "/subscriptions"), ["b", "d", "a", "e", "c"]);
    assert_eq!(json(&broker, "/subscriptions/c")["list"][0]["qos"], 1);
}

// contract: section 3, `per-page` above 10,000
#[test]
fn a_page_of_more_than_one_step_of_the_engine_is_whole() {
    let broker = start("");
    let mut reader = client(&broker, connect("r", true));
    for n in 0..1_200_u16 {
        let filter = format!("t/{n:05}");
        reader.send(&subscribe_bytes(1, &filter, 0));
        reader.expect(&[0x90, 3, 0, 1, 0]);
    }
    for (per_page, page_size, count) in [("1100", 1_100, 1_100), ("99999", 10_000, 1_200)] {
        let shown = json(&broker, &format!("/subscriptions/r?per-page={per_page}"));
        assert_eq!(shown["page_size"], page_size);
        let list = shown["list"].as_array().unwrap();
        assert_eq!(list.len(), count);
        for (n, item) in list.iter().enumerate() {
            assert_eq!(item["name"], format!("t/{n:05}"));
        }
    }
}

#[test]
fn what_is_shown_is_what_is_there_when_the_answer_comes() {
    let broker = start("");
    let mut reader = client(&broker, connect("r", true));
    let mut writer = broker.client("w");
    order(&broker, "/subscribe", "qos=0&topic=t&clientID=r");
    writer.send(&publish_bytes("t", b"x"));
    let Packet::Publish(publish) = reader.packet() else { panic!("no PUBLISH") };
    assert_eq!(publish.payload, &b"x"[..]);
    order(&broker, "/unsubscribe", "topic=t&clientID=r");
    assert_eq!(json(&broker, "/subscriptions/r")["total_count"], 0);
    assert_eq!(header(&get(&broker, "/clients").head, "x-content-type-options"), Some("nosniff"));
}
