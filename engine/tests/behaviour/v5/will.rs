//! MQTT 5.0: Wills, their delay and their properties (sections 3.1.2.5 and 3.1.3.2).

use std::time::Duration;

use crate::support::{
    Bench, Client, NEVER, SECOND, connect5, options, props, resume5, show, will, will5,
};
use bytes::Bytes;
use surewire_engine::config::Config;
use surewire_engine::id::ClientId;
use surewire_engine::notice::Notice;
use surewire_engine::packet::{
    Connect, Packet, PropertySet, QoS, ReasonCode, SubscribeOptions, Will,
};
use surewire_engine::request::Command;
use surewire_engine::topic::TopicName;

const MILLISECOND: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(5_000);

fn watched() -> (Bench, Client) {
    let bench = Bench::new();
    let watcher = bench.connect("watcher");
    watcher.subscribe("#", 2);
    (bench, watcher)
}

/// A client whose session lives so long and whose Will waits so long, accepted.
fn mortal(bench: &Bench, expiry: u32, delay: u32) -> Client {
    let client = bench.open(Connect { will: will5("will", "gone", delay), ..resume5("c", expiry) });
    client.expect_connack(false);
    client
}

/// The Will comes after exactly this time, and once.
#[track_caller]
fn assert_comes_in(bench: &Bench, watcher: &Client, time: Duration) {
    if let Some(before) = time.checked_sub(MILLISECOND) {
        bench.advance(before);
        assert_eq!(watcher.ack_all(), [""; 0], "too early");
        bench.advance(MILLISECOND);
    }
    assert_eq!(watcher.ack_all(), ["will=gone q1"], "after {time:?}");
    bench.advance(LONG);
    assert_eq!(watcher.ack_all(), [""; 0], "once");
}

#[track_caller]
fn assert_never_comes(bench: &Bench, watcher: &Client) {
    bench.advance(LONG);
    assert_eq!(watcher.ack_all(), [""; 0]);
}

// conformance: v5 MQTT-3.1.2-7, v5 MQTT-3.1.2-8, v5 MQTT-3.1.2-10
#[test]
fn the_will_comes_when_its_delay_is_over_or_the_session_whichever_is_first() {
    for (expiry, delay, seconds) in [
        (NEVER, 0, 0),
        (NEVER, 5, 5),
        (60, 59, 59),
        (60, 60, 60),
        (60, 61, 60),
        (60, NEVER, 60),
        (1, 1_000, 1),
        (0, 1_000, 0),
        (0, 0, 0),
    ] {
        let (bench, watcher) = watched();
        mortal(&bench, expiry, delay).lose();
        assert_comes_in(&bench, &watcher, seconds * SECOND);
    }
}

// conformance: v5 MQTT-3.1.2-8, v5 MQTT-3.1.2-10, v5 MQTT-3.1.3-9
#[test]
fn who_comes_back_before_the_delay_is_over_cancels_the_will() {
    let (bench, watcher) = watched();
    mortal(&bench, 60, 10).lose();
    bench.advance(10 * SECOND - MILLISECOND);
    let back = bench.resume5("c", 60, true);
    assert_never_comes(&bench, &watcher);
    back.lose();
    assert_never_comes(&bench, &watcher);
}

// The first loss has set a time; the second has its own.
// conformance: v5 MQTT-3.1.3-9
#[test]
fn the_delay_counts_from_the_last_loss() {
    let (bench, watcher) = watched();
    mortal(&bench, 60, 10).lose();
    bench.advance(6 * SECOND);
    let again = Connect { will: will5("will", "gone", 10), ..resume5("c", 60) };
    let back = bench.open(again);
    back.expect_connack(true);
    bench.advance(2 * SECOND);
    back.lose();
    assert_comes_in(&bench, &watcher, 10 * SECOND);
}

// conformance: v5 MQTT-3.1.2-8, v5 MQTT-3.1.3-9
#[test]
fn a_delayed_will_comes_at_once_when_the_session_is_discarded() {
    let (bench, watcher) = watched();
    mortal(&bench, 60, 10).lose();
    bench.advance(SECOND);
    bench.connect5("c");
    assert_comes_in(&bench, &watcher, Duration::ZERO);
}

// conformance: v5 MQTT-3.1.2-8
#[test]
fn a_delayed_will_comes_at_once_when_an_operator_ends_the_session() {
    for connected in [true, false] {
        let (bench, watcher) = watched();
        let client = mortal(&bench, 60, 10);
        if !connected {
            client.lose();
        }
        bench.command(Command::EndSession(ClientId::new("c").unwrap()));
        assert_comes_in(&bench, &watcher, Duration::ZERO);
    }
}

// conformance: v5 MQTT-3.1.2-8, v5 MQTT-3.1.2-10, v5 MQTT-3.14.4-3
#[test]
fn only_disconnect_0_discards_the_will() {
    let codes = [0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99];
    for delay in [0, 7] {
        for code in codes {
            let (bench, watcher) = watched();
            mortal(&bench, 60, delay).disconnect5(code, |_| {});
            assert_comes_in(&bench, &watcher, delay * SECOND);
        }
        for expiry in [None, Some(0), Some(60)] {
            let (bench, watcher) = watched();
            let client = mortal(&bench, 60, delay);
            client.disconnect5(0, |set| set.session_expiry_interval = expiry);
            assert_never_comes(&bench, &watcher);
        }
        let (bench, watcher) = watched();
        mortal(&bench, 60, delay).raw(&[0xE0, 0]);
        assert_never_comes(&bench, &watcher);
    }
}

// conformance: v5 MQTT-3.1.2-8, v5 section 3.14.2.2.2
#[test]
fn a_disconnect_that_shortens_the_session_brings_the_will_no_later_than_its_end() {
    for (asked, seconds) in [(0, 0), (3, 3), (500, 10)] {
        let (bench, watcher) = watched();
        let client = mortal(&bench, 60, 10);
        client.disconnect5(0x04, |set| set.session_expiry_interval = Some(asked));
        assert_comes_in(&bench, &watcher, seconds * SECOND);
    }
}

/// A way to lose a client.
type End = (&'static str, fn(&Bench, &Client));

// conformance: v5 MQTT-3.1.2-7, v5 MQTT-3.1.2-8
#[test]
fn every_end_but_the_clients_own_brings_the_will() {
    let ends: [End; 5] = [
        ("the transport", |_, client| client.lose()),
        ("a malformed packet", |_, client| client.raw(&[0xE1, 0])),
        ("a protocol error", |_, client| client.raw(&[0xF0, 0])),
        ("silence", |bench, _| bench.advance(15 * SECOND)),
        ("an operator", |bench, _| {
            bench.command(Command::Disconnect(ClientId::new("c").unwrap()));
        }),
    ];
    for (name, end) in ends {
        for delay in [0, 5] {
            let (bench, watcher) = watched();
            let with_will = Connect { will: will5("will", "gone", delay), ..resume5("c", 60) };
            let client = bench.open(Connect { keep_alive: 10, ..with_will });
            client.expect_connack(false);
            end(&bench, &client);
            assert!(name == "the transport" || !client.is_open(), "{name}");
            assert_comes_in(&bench, &watcher, delay * SECOND);
        }
    }
}

// conformance: v5 MQTT-3.1.2-10
#[test]
fn a_will_that_was_published_or_discarded_does_not_come_back_with_the_session() {
    for code in [0x00, 0x04] {
        let (bench, watcher) = watched();
        mortal(&bench, NEVER, 0).disconnect5(code, |_| {});
        assert_eq!(watcher.ack_all().len(), usize::from(code == 4));
        let back = bench.resume5("c", NEVER, true);
        back.lose();
        assert_never_comes(&bench, &watcher);
        bench.crash(SECOND);
        let watcher = bench.connect("watcher");
        watcher.subscribe("#", 2);
        assert_never_comes(&bench, &watcher);
    }
}

/// Everything that a Will can carry.
fn full(set: &mut PropertySet) {
    set.payload_format_indicator = Some(true);
    set.content_type = Some("text/plain".into());
    set.response_topic = TopicName::new("answers".into());
    set.correlation_data = Some(Bytes::from_static(b"\x00\x01"));
    for (name, value) in [("a", "1"), ("b", "2"), ("a", "3"), ("", ""), ("a", "1")] {
        set.user_properties.push((name.into(), value.into()));
    }
}

fn with_properties(qos: u8, retain: bool, set: impl FnOnce(&mut PropertySet)) -> Connect {
    let will = will("will", "gone", qos, retain);
    let will = will.map(|will| Box::new(Will { properties: props(set), ..*will }));
    Connect { will, ..resume5("c", 600) }
}

// conformance: v5 MQTT-3.1.3-10, v5 MQTT-3.1.2-15
#[test]
fn a_will_is_published_with_all_its_properties_in_order_and_without_the_delay() {
    for retain in [true, false] {
        let bench = Bench::new();
        let watcher = bench.connect5("w");
        assert_eq!(watcher.subscribe5("will", options(1), Some(3)), ReasonCode::GrantedQoS1);
        let connect = with_properties(1, retain, |set| {
            full(set);
            set.will_delay_interval = Some(5);
        });
        bench.open(connect).lose();
        bench.advance(5 * SECOND);
        let mut expected = PropertySet::default();
        full(&mut expected);
        let mut live = expected.clone();
        live.subscription_identifiers.push(3);
        let delivery = watcher.delivery();
        assert_eq!(show(&Packet::Publish(delivery.clone())), "will=gone q1");
        assert_eq!(delivery.properties.get(), &live);
        let later = bench.connect5("later");
        later.subscribe("will", 1);
        if retain {
            let delivery = later.delivery();
            assert_eq!(show(&Packet::Publish(delivery.clone())), "will=gone q1 retain");
            assert_eq!(delivery.properties.get(), &expected);
        } else {
            later.ping();
        }
    }
}

// conformance: v5 MQTT-3.1.2-14, v5 MQTT-3.1.2-15
#[test]
fn will_retain_says_whether_the_will_is_retained() {
    for (retain, kept) in [(false, "will=before q0 retain"), (true, "will=gone q1 retain")] {
        let bench = Bench::new();
        let watcher = bench.connect5("w");
        let as_published = SubscribeOptions { retain_as_published: true, ..options(2) };
        watcher.subscribe5("will", as_published, None);
        bench.connect("p").retain("will", 0, "before");
        watcher.take();
        bench.open(with_properties(1, retain, |_| {})).lose();
        let live = if retain { "will=gone q1 retain" } else { "will=gone q1" };
        assert_eq!(watcher.messages(), [live]);
        assert_eq!(bench.retained("will"), [kept]);
    }
}

// conformance: v5 MQTT-3.1.2-15
#[test]
fn an_empty_will_with_will_retain_clears_the_retained_message() {
    let bench = Bench::new();
    bench.connect("p").retain("will", 0, "before");
    let empty = Connect { will: will("will", "", 0, true), ..connect5("c") };
    bench.open(empty).lose();
    assert_eq!(bench.retained("#"), [""; 0]);
}

// conformance: v5 MQTT-3.1.2-12
#[test]
fn the_will_has_the_qos_of_its_connect() {
    for qos in 0..=2 {
        let (bench, watcher) = watched();
        bench.open(with_properties(qos, false, |_| {})).lose();
        assert_eq!(watcher.ack_all(), [format!("will=gone q{qos}")]);
    }
}

// conformance: v5 section 3.1.3.2.4
#[test]
fn the_message_expiry_of_a_will_counts_from_its_publication() {
    let bench = Bench::new();
    let away = |present| {
        let client = bench.resume5("away", NEVER, present);
        (!present).then(|| client.subscribe("will", 1));
        client
    };
    let left = |waited| {
        away(false).lose();
        let connect = with_properties(1, false, |set| {
            set.will_delay_interval = Some(100);
            set.message_expiry_interval = Some(10);
        });
        let client = bench.open(connect);
        // Not from the CONNECT, and not from the loss.
        bench.advance(1_000 * SECOND);
        client.lose();
        bench.advance(100 * SECOND);
        bench.advance(waited * SECOND);
        let back = away(true);
        let left = back
            .deliveries()
            .first()
            .map(|publish| publish.properties.get().message_expiry_interval);
        back.disconnect5(0, |set| set.session_expiry_interval = Some(0));
        bench.command(Command::EndSession(ClientId::new("c").unwrap()));
        left
    };
    assert_eq!(left(0), Some(Some(10)));
    assert_eq!(left(4), Some(Some(6)));
    assert_eq!(left(9), Some(Some(1)));
    assert_eq!(left(10), None);
}

// The same for one that is retained.
// conformance: v5 section 3.1.3.2.4
#[test]
fn a_retained_will_expires_as_any_message() {
    let bench = Bench::new();
    let connect = with_properties(0, true, |set| set.message_expiry_interval = Some(10));
    bench.open(connect).lose();
    bench.advance(4 * SECOND);
    let later = bench.connect5("later");
    later.subscribe("will", 0);
    assert_eq!(later.delivery().properties.get().message_expiry_interval, Some(6));
    bench.advance(6 * SECOND);
    assert_eq!(bench.retained("#"), [""; 0]);
}

// A Will that is said to be text is looked at with the CONNECT where that is configured, and only
// there.
// conformance: v5 section 3.1.3.2.3
#[test]
fn a_will_payload_that_is_no_text_is_refused_only_where_that_is_configured() {
    for check in [true, false] {
        for (payload, text, fits) in
            [(&b"\xFF"[..], true, false), (b"\xFF", false, true), (b"ok", true, true)]
        {
            let bench = Bench::with(Config { check_payload_format: check, ..Config::default() });
            let mut connect = with_properties(0, false, |set| {
                set.payload_format_indicator = Some(text);
            });
            connect.will.as_mut().unwrap().payload = Bytes::from_static(payload);
            let code = bench.open(connect).connack().code.byte();
            assert_eq!(code, if fits || !check { 0 } else { 0x99 }, "{payload:?} {text}");
        }
    }
}

// A delayed Will has no part in what its own session is told: the session may be over by then.
// conformance: v5 MQTT-3.1.2-8
#[test]
fn a_session_that_outlives_its_will_receives_it_and_one_that_does_not_does_not() {
    for (expiry, delay, present) in [(60, 5, true), (5, 60, false)] {
        let bench = Bench::new();
        let client = mortal(&bench, expiry, delay);
        client.subscribe("will", 1);
        client.lose();
        bench.advance(6 * SECOND);
        let told = |notice: &Notice| matches!(notice, Notice::WillPublished { .. });
        assert_eq!(bench.notices().iter().filter(|notice| told(notice)).count(), 1);
        let back = bench.resume5("c", expiry, present);
        let expected: &[&str] = if present { &["will=gone q1"] } else { &[] };
        assert_eq!(back.messages(), expected);
    }
}

// conformance: v5 MQTT-3.1.2-7
#[test]
fn a_will_of_the_largest_size_is_published_whole() {
    let (bench, watcher) = watched();
    let payload = "x".repeat(65_535);
    let mut connect = with_properties(0, false, |_| {});
    connect.will.as_mut().unwrap().payload = payload.clone().into();
    connect.will.as_mut().unwrap().qos = QoS::AtMostOnce;
    bench.open(connect).lose();
    assert_eq!(watcher.messages(), [format!("will={payload} q0")]);
}
