//! What was dropped, refused or cut off lately, and which topics are being published on.

use std::time::Duration;

use crate::support::requests::{client_id, publish};
use crate::support::{Bench, SECOND, connect};
use surewire_engine::answer::{Answer, Incident, TopicsView};
use surewire_engine::config::Config;
use surewire_engine::notice::{CloseReason, DropReason, Notice, Refusal};
use surewire_engine::packet::Connect;
use surewire_engine::request::Query;

fn recent(bench: &Bench, client: Option<&str>) -> Vec<Incident> {
    match bench.query(Query::Recent { client: client.map(client_id), limit: 100 }) {
        Answer::Recent(incidents) => incidents,
        other => panic!("expected incidents, got {other:?}"),
    }
}

fn topics(bench: &Bench) -> TopicsView {
    match bench.query(Query::Topics) {
        Answer::Topics(view) => view,
        other => panic!("expected topics, got {other:?}"),
    }
}

#[test]
fn drops_refusals_and_broken_connections_are_remembered_by_client() {
    let bench = Bench::with(Config { max_msgqueue_messages: Some(1), ..Config::default() });
    let client = bench.connect_persistent("c", false);
    client.subscribe("t", 1);
    client.publish("$x", 0, "refused");
    client.subscribe_many(&[("a#", 0)]);
    client.lose();
    for _ in 0..3 {
        bench.advance(SECOND);
        bench.command(publish("t", 1, false, "x"));
    }
    let other = bench.connect("other");
    other.disconnect();
    bench.open(Connect { clean_start: false, ..connect("") });
    let of_c = recent(&bench, Some("c"));
    assert!(matches!(
        &of_c[0],
        Incident { count: 2, at, notice: Notice::Dropped { why: DropReason::QueueFullOldest, .. } }
            if *at == bench.now()
    ));
    assert!(matches!(of_c[1].notice, Notice::Disconnected { why: CloseReason::Lost(_), .. }));
    assert!(matches!(of_c[2].notice, Notice::SubscribeRefused { .. }));
    assert!(matches!(of_c[3].notice, Notice::PublishRefused { .. }));
    assert_eq!(of_c.len(), 4);
    // An orderly end is no incident.
    assert_eq!(recent(&bench, Some("other")), []);
    let newest = recent(&bench, None).swap_remove(0);
    assert!(matches!(newest.notice, Notice::Refused { why: Refusal::EmptyClientId, .. }));
}

#[test]
fn topics_are_looked_at_only_while_somebody_asks() {
    let bench = Bench::new();
    let client = bench.connect("c");
    client.publish("before", 0, "x");
    let first = topics(&bench);
    assert_eq!((first.since, first.topics.len()), (None, 0));
    let start = bench.now();
    client.publish("t", 0, "four");
    bench.advance(SECOND);
    client.publish("t", 1, "more than");
    bench.command(publish("u", 0, true, ""));
    let seen = topics(&bench);
    assert_eq!(seen.since, Some(start));
    let [t, u] = seen.topics.as_slice() else { panic!("{:?}", seen.topics) };
    assert_eq!((t.topic.as_str(), t.messages, t.bytes, t.qos as u8), ("t", 2, 13, 1));
    assert_eq!((t.at, t.publisher.as_ref()), (bench.now(), Some(&client_id("c"))));
    assert_eq!((u.topic.as_str(), u.retain, u.publisher.clone()), ("u", true, None));
    // Nobody asks for a while: it begins anew.
    bench.advance(Duration::from_secs(11));
    client.publish("t", 0, "x");
    assert_eq!(topics(&bench).topics, []);
}

#[test]
fn a_topic_that_is_silent_makes_room_for_others() {
    let bench = Bench::new();
    topics(&bench);
    let client = bench.connect("c");
    client.publish("old", 0, "x");
    for _ in 0..8 {
        bench.advance(8 * SECOND);
        client.publish("new", 0, "x");
        topics(&bench);
    }
    let seen = topics(&bench).topics;
    assert_eq!(seen.iter().map(|seen| seen.topic.as_str()).collect::<Vec<_>>(), ["new"]);
}

#[test]
fn no_more_than_1_000_topics_are_told_apart() {
    let bench = Bench::new();
    bench.check_every(1_000);
    topics(&bench);
    let client = bench.connect("c");
    for n in 0..1_010 {
        client.publish(&format!("t/{n:04}"), 0, "x");
    }
    client.publish("t/0001", 0, "x");
    let seen = topics(&bench);
    assert_eq!((seen.topics.len(), seen.others), (1_000, 10));
    assert_eq!(seen.topics[1].messages, 2);
}
