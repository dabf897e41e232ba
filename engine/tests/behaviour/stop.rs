//! The broker stops: docs/contract.md section 7.

use crate::support::{Bench, connect, will};
use surewire_engine::log::record::Record;
use surewire_engine::notice::CloseReason;
use surewire_engine::packet::{Connect, Packet};

fn with_will(id: &str, clean_start: bool) -> Connect {
    Connect { clean_start, will: will("will", id, 1, true), ..connect(id) }
}

// Contract section 7: every connection is closed, however many there are.
#[test]
fn a_stop_closes_every_connection() {
    let bench = Bench::new();
    let clients: Vec<_> = (0..1_000).map(|n| bench.connect(&n.to_string())).collect();
    bench.stop();
    for client in &clients {
        client.expect_silent_close();
        assert_eq!(client.closed(), Some(CloseReason::Stopping));
    }
    assert_eq!(bench.sizes().connections, 0);
}

// Contract section 7: nobody comes in any more.
#[test]
fn a_client_that_connects_during_a_stop_is_refused_with_return_code_3() {
    let bench = Bench::new();
    bench.stop();
    let late = bench.open(connect("late"));
    assert_eq!(late.bytes(), [0x20, 2, 0, 3]);
    assert_eq!(late.closed(), Some(CloseReason::Refused));
}

// Contract section 7: a Will of a session that ends is published to durable queues and retained.
#[test]
fn a_stop_publishes_the_will_of_a_session_that_ends() {
    let bench = Bench::new();
    let away = bench.connect_persistent("away", false);
    away.subscribe("will", 1);
    away.disconnect();
    let online = bench.connect_persistent("online", false);
    online.subscribe("will", 1);
    bench.open(with_will("clean", true)).expect_connack(false);
    bench.records();
    bench.stop();
    let records = bench.records();
    let to = records.iter().find_map(|record| match record {
        Record::Published { message, to, .. } if &message.payload[..] == b"clean" => Some(to.len()),
        _ => None,
    });
    assert_eq!(to, Some(2), "both durable sessions hold it: {records:?}");
    assert_eq!(bench.sizes().retained, 1);
    assert!(records.iter().any(|record| matches!(record, Record::WillCleared { .. })));
}

// Contract section 7: a Will of a session that outlives its connection is kept for the restart.
#[test]
fn a_stop_keeps_the_will_of_a_session_that_goes_on() {
    let bench = Bench::new();
    let watcher = bench.connect_persistent("watcher", false);
    watcher.subscribe("will", 1);
    bench.open(with_will("persistent", false)).expect_connack(false);
    bench.records();
    bench.stop();
    let records = bench.records();
    let told =
        |record: &Record| matches!(record, Record::WillCleared { .. } | Record::Published { .. });
    assert!(!records.iter().any(told), "{records:?}");
    assert_eq!(bench.sizes().retained, 0);
    assert_eq!(watcher.take(), []);
}

// Contract section 7: nothing is published twice.
#[test]
fn a_stop_after_a_loss_publishes_the_will_once() {
    let bench = Bench::new();
    let watcher = bench.connect_persistent("watcher", false);
    watcher.subscribe("will", 1);
    bench.open(with_will("clean", true)).lose();
    assert_eq!(watcher.ack_all(), ["will=clean q1"]);
    bench.records();
    bench.stop();
    let published = |record: &Record| matches!(record, Record::Published { .. });
    assert!(!bench.records().iter().any(published));
}

// Contract section 7: what a client sent before the stop keeps its promise: the answer is out, or
// the client asks again.
#[test]
fn a_stop_answers_nothing_that_is_not_stored() {
    let bench = Bench::new();
    let away = bench.connect_persistent("away", false);
    away.subscribe("t", 1);
    away.disconnect();
    let publisher = bench.connect("publisher");
    bench.hold_store();
    publisher.publish("t", 1, "x");
    bench.stop();
    bench.sync();
    assert_eq!(publisher.take(), [] as [Packet; 0]);
    assert!(!publisher.is_open());
}
