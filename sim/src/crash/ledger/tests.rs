use super::*;

/// Stream 0 is `t` at QoS 1, stream 1 is `t` at QoS 2. Reader 0 stays, reader 1 comes and goes.
fn ledger() -> Ledger {
    let stream =
        |qos| Stream { publisher: 0, topic: "t".to_owned(), qos, retain: false, deletes: false };
    let subscription = |toggles| vec![Subscription { filter: "t", qos: QoS::ExactlyOnce, toggles }];
    let mut ledger = Ledger::new(&Cast {
        streams: vec![stream(QoS::AtLeastOnce), stream(QoS::ExactlyOnce)],
        readers: vec![subscription(false), subscription(true)],
    });
    ledger.asked(0, 0);
    ledger.answered(0, 0, true);
    ledger
}

/// Sends and acknowledges the next message of the stream.
fn publish(ledger: &mut Ledger, stream: usize) {
    let (message, _) = ledger.send(stream, false).unwrap();
    ledger.acknowledge(message);
}

fn deliver(ledger: &mut Ledger, reader: usize, payload: &str) {
    let qos = if payload.starts_with('0') { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
    ledger.deliver(reader, "t", payload, qos);
}

/// What is noted, and whether it is exactly this one thing.
fn only(ledger: &mut Ledger, what: &str) {
    ledger.close();
    let found = &ledger.violations;
    assert!(found.len() == 1 && found.iter().all(|it| it.contains(what)), "{found:?}");
}

#[test]
fn all_is_well() {
    let mut ledger = ledger();
    for stream in [0, 0, 1] {
        publish(&mut ledger, stream);
    }
    assert!(!ledger.is_complete());
    ["0:0", "0:1", "0:0", "1:0"].iter().for_each(|payload| deliver(&mut ledger, 0, payload));
    assert!(ledger.is_complete());
    let Totals { acknowledged, delivered, duplicates, lost } = ledger.close();
    assert_eq!((acknowledged, delivered, duplicates, lost), (3, 3, 1, 0));
    assert_eq!(ledger.violations, [""; 0]);
}

#[test]
fn loss_is_reported() {
    let mut ledger = ledger();
    publish(&mut ledger, 0);
    assert_eq!(ledger.close().lost, 1);
    let lost = "cycle 0: lost: message 0:0 on t at QoS 1 (p0 sent it in cycle 0, acknowledged in 0) \
                to reader s0";
    assert_eq!(ledger.violations, [lost]);
}

#[test]
fn what_was_never_acknowledged_may_be_lost() {
    let mut ledger = ledger();
    ledger.send(0, false).unwrap();
    assert_eq!(ledger.close().lost, 0);
}

#[test]
fn a_duplicate_at_qos_2_is_reported() {
    let mut ledger = ledger();
    publish(&mut ledger, 1);
    ["1:0", "1:0"].iter().for_each(|payload| deliver(&mut ledger, 0, payload));
    only(&mut ledger, "to reader s0 came 2 times");
}

#[test]
fn a_first_delivery_behind_a_later_message_is_reported() {
    let mut ledger = ledger();
    publish(&mut ledger, 0);
    publish(&mut ledger, 0);
    ["0:1", "0:0"].iter().for_each(|payload| deliver(&mut ledger, 0, payload));
    only(&mut ledger, "out of order: message 0:0");
}

#[test]
fn a_repetition_behind_a_later_message_is_in_order() {
    let mut ledger = ledger();
    publish(&mut ledger, 0);
    publish(&mut ledger, 0);
    ["0:0", "0:1", "0:0"].iter().for_each(|payload| deliver(&mut ledger, 0, payload));
    ledger.close();
    assert_eq!(ledger.violations, [""; 0]);
}

#[test]
fn another_qos_than_granted_is_reported() {
    let mut ledger = ledger();
    publish(&mut ledger, 1);
    ledger.deliver(0, "t", "1:0", QoS::AtLeastOnce);
    only(&mut ledger, "to reader s0 came at AtLeastOnce");
}

#[test]
fn what_nobody_sent_is_reported() {
    for payload in ["0:0", "7:0", "", "x"] {
        let mut ledger = ledger();
        deliver(&mut ledger, 0, payload);
        only(&mut ledger, "reader s0 got");
    }
}

#[test]
fn a_delivery_after_unsubscribe_is_reported() {
    let mut ledger = ledger();
    ledger.asked(1, 0);
    ledger.answered(1, 0, true);
    ledger.asked(1, 0);
    ledger.answered(1, 0, false);
    publish(&mut ledger, 1);
    (0..2).for_each(|reader| deliver(&mut ledger, reader, "1:0"));
    only(&mut ledger, "came though not subscribed: message 1:0 on t at QoS 2");
}

#[test]
fn loss_after_the_suback_is_reported() {
    let mut ledger = ledger();
    ledger.asked(1, 0);
    ledger.answered(1, 0, true);
    publish(&mut ledger, 0);
    deliver(&mut ledger, 0, "0:0");
    only(&mut ledger, "lost: message 0:0 on t at QoS 1");
}

#[test]
fn between_question_and_answer_a_message_may_come_or_not() {
    for comes in [false, true] {
        let mut ledger = ledger();
        ledger.asked(1, 0);
        publish(&mut ledger, 0);
        ledger.answered(1, 0, true);
        deliver(&mut ledger, 0, "0:0");
        if comes {
            deliver(&mut ledger, 1, "0:0");
        }
        ledger.close();
        assert_eq!(ledger.violations, [""; 0]);
    }
}

#[test]
fn retained_values_are_those_of_the_stream() {
    let stream = Stream {
        publisher: 0,
        topic: "r".to_owned(),
        qos: QoS::AtLeastOnce,
        retain: true,
        deletes: true,
    };
    let mut ledger = Ledger::new(&Cast { streams: vec![stream], readers: Vec::new() });
    publish(&mut ledger, 0);
    let found = |payload: &str| [("r".to_owned(), payload.to_owned())].into_iter().collect();
    assert_eq!(ledger.retained.violations(&found("0:0")).len(), 0);
    let (deleted, payload) = ledger.send(0, true).unwrap();
    assert_eq!(payload, "");
    ledger.acknowledge(deleted);
    assert_eq!(ledger.retained.violations(&found("0:0")).len(), 1);
}
