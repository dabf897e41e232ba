use std::io::BufReader;
use std::net::TcpStream;
use std::time::Instant;

use serde_json::Value;

use crate::broker::{ACCOUNT, Broker, DEADLINE};
use crate::http;

fn open(broker: &Broker, query: &str) -> BufReader<TcpStream> {
    let path = format!("/api/v1/live{query}");
    http::open(broker.http(), "GET", &path, &[("authorization", ACCOUNT)], "")
}

#[test]
fn numbers_come_as_events() {
    let broker = Broker::default();
    let mut client = broker.clean("a");
    client.subscribe("t", 0);
    broker.publish(r#"{"topic":"t"}"#);
    client.message();
    let answer = broker.request("GET", "live?events=2", "");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
    let all = events(answer.text());
    assert_eq!(all.len(), 2, "{}", answer.text());
    for numbers in all {
        assert_eq!((&numbers["connections"], &numbers["sessions"]), (&1.into(), &1.into()));
        assert_eq!((&numbers["subscriptions"], &numbers["connects"]), (&1.into(), &1.into()));
        assert_eq!(numbers["messages"]["sent"], 1, "{numbers}");
        assert!(numbers["at"].is_string(), "{numbers}");
    }
}

#[test]
fn bytes_are_those_of_the_sockets() {
    let broker = Broker::default();
    let mut client = broker.clean("a");
    client.subscribe("t", 0);
    // CONNACK and SUBACK. They are counted when they are written, so they may come before that.
    let deadline = Instant::now() + DEADLINE;
    while events(broker.request("GET", "live?events=1", "").text())[0]["bytes"]["sent"] != 4 + 5 {
        assert!(Instant::now() < deadline, "the bytes are counted");
    }
}

fn events(text: &str) -> Vec<Value> {
    let data = |event: &str| event.strip_prefix("event: numbers\ndata: ").unwrap().to_owned();
    let events = text.trim_end().split("\n\n");
    events.map(|event| serde_json::from_str(&data(event)).unwrap()).collect()
}

#[test]
fn only_so_many_streams_are_open_at_a_time() {
    let broker = Broker::default();
    let mut streams: Vec<_> = (0..32).map(|_| open(&broker, "")).collect();
    for stream in &mut streams {
        assert_eq!(http::head(stream).0, 200);
    }
    let problem = broker.request("GET", "live?events=1", "").problem(503);
    assert!(problem.contains("32 such streams"), "{problem}");
    drop(streams);
    // The broker learns that a stream is gone when it has something to send, within a second or
    // two; every attempt before is refused.
    let deadline = Instant::now() + DEADLINE;
    while broker.request("GET", "live?events=1", "").status != 200 {
        assert!(Instant::now() < deadline, "places are free again");
    }
}

#[test]
fn a_stream_ends_with_the_broker() {
    let broker = Broker::default();
    let mut stream = open(&broker, "");
    assert_eq!(http::head(&mut stream).0, 200);
    assert!(http::chunk(&mut stream).is_some());
    broker.stop();
    let mut rest = Vec::new();
    let _ = std::io::Read::read_to_end(&mut stream, &mut rest);
}
