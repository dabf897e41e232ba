//! MQTT 5.0: enhanced authentication (sections 3.15 and 4.12), with a method that wants to hear
//! `sesame`.

use surewire_engine::config::Config;
use surewire_engine::event::Verdict;
use surewire_engine::notice::{CloseReason, Notice, Refusal};
use surewire_engine::packet::{Auth, Connect, Packet, PropertySet, ReasonCode};
use surewire_engine::violation::Violation;

use crate::support::{Bench, Client, SECOND, connect5, connect5_with, options, props, will};

const METHOD: &str = "RIDDLE";

fn bench() -> Bench {
    Bench::with(Config { authentication_methods: vec![METHOD.into()], ..Config::default() })
}

fn names_method(set: &mut PropertySet) {
    set.authentication_method = Some(METHOD.into());
}

/// A client that was asked a question.
fn challenged(bench: &Bench) -> Client {
    let client = bench.open(connect5_with("c", |set| {
        names_method(set);
        set.authentication_data = Some("hello".into());
    }));
    assert_eq!(client.take(), []);
    assert_eq!(bench.asked(&client), Some((METHOD.into(), Some("hello".into()), true)));
    bench.verdict(&client, Verdict::Continue("word?".into()));
    let told = auth_of(&client);
    assert_eq!((told.code.byte(), data(&told).as_str()), (0x18, "word?"));
    client
}

fn auth_of(client: &Client) -> Auth {
    match client.take().as_slice() {
        [Packet::Auth(auth)] => {
            assert_eq!(auth.properties.get().authentication_method.as_deref(), Some(METHOD));
            auth.clone()
        }
        other => panic!("expected AUTH, got {other:?}"),
    }
}

fn data(auth: &Auth) -> String {
    let data = auth.properties.get().authentication_data.clone().unwrap_or_default();
    String::from_utf8(data.to_vec()).unwrap()
}

fn answer(client: &Client, code: u8, set: impl FnOnce(&mut PropertySet)) {
    let code = ReasonCode::from_byte(code).unwrap();
    client.send(Packet::Auth(Auth { code, properties: props(set) }));
}

/// A client that has answered right.
fn accepted(bench: &Bench) -> Client {
    let client = challenged(bench);
    answer(&client, 0x18, |set| {
        names_method(set);
        set.authentication_data = Some("sesame".into());
    });
    assert_eq!(bench.asked(&client), Some((METHOD.into(), Some("sesame".into()), false)));
    bench.verdict(&client, Verdict::Accepted(Some("welcome".into())));
    let connack = client.connack();
    assert_eq!(connack.code, ReasonCode::Success);
    let set = connack.properties.get();
    assert_eq!(set.authentication_method.as_deref(), Some(METHOD));
    assert_eq!(set.authentication_data.as_deref(), Some(&b"welcome"[..]));
    client
}

fn refusals(bench: &Bench) -> Vec<Refusal> {
    let why = |notice| match notice {
        Notice::Refused { why, .. } => Some(why),
        _ => None,
    };
    bench.notices().into_iter().filter_map(why).collect()
}

fn expect_refused(client: &Client, code: u8) {
    assert_eq!(client.connack().code.byte(), code);
    assert!(!client.is_open());
}

// conformance: v5 MQTT-4.12.0-1
#[test]
fn a_method_that_is_not_configured_is_refused() {
    let bench = Bench::new();
    let client = bench.open(connect5_with("c", names_method));
    let connack = client.connack();
    assert_eq!(connack.code.byte(), 0x8C);
    assert!(connack.properties.get().reason_string.is_some());
    assert!(!client.is_open());
    assert_eq!(refusals(&bench), [Refusal::AuthenticationMethod]);
    let other = bench.open(connect5_with("c", |set| {
        set.authentication_method = Some("OTHER".into());
    }));
    expect_refused(&other, 0x8C);
}

// conformance: v5 MQTT-4.12.0-2, v5 MQTT-4.12.0-5, v5 MQTT-3.15.2-1
#[test]
fn an_exchange_lets_the_client_in() {
    let bench = bench();
    let client = accepted(&bench);
    assert_eq!(client.subscribe5("t", options(1), None), ReasonCode::GrantedQoS1);
    client.ping();
}

#[test]
fn an_exchange_may_need_no_question() {
    let bench = bench();
    let client = bench.open(connect5_with("c", names_method));
    assert_eq!(bench.asked(&client), Some((METHOD.into(), None, true)));
    bench.verdict(&client, Verdict::Accepted(None));
    assert_eq!(client.connack().code, ReasonCode::Success);
}

#[test]
fn whoever_proves_who_it_is_comes_in_where_unknown_clients_do_not() {
    let bench = bench();
    let client = bench.dial_as(false);
    client.set_version(surewire_engine::packet::Version::V5);
    client.send(Packet::Connect(Box::new(connect5_with("c", names_method))));
    bench.verdict(&client, Verdict::Accepted(None));
    assert_eq!(client.connack().code, ReasonCode::Success);
    let stranger = bench.dial_as(false);
    stranger.set_version(surewire_engine::packet::Version::V5);
    stranger.send(Packet::Connect(Box::new(connect5("d"))));
    expect_refused(&stranger, 0x87);
}

// conformance: v5 MQTT-4.12.0-4
#[test]
fn a_wrong_answer_is_refused() {
    let bench = bench();
    let client = challenged(&bench);
    answer(&client, 0x18, names_method);
    bench.verdict(&client, Verdict::Refused);
    expect_refused(&client, 0x87);
    assert_eq!(refusals(&bench), [Refusal::AuthenticationFailed]);
    assert_eq!(bench.sizes().sessions, 0);
}

// conformance: v5 MQTT-4.12.0-3, v5 MQTT-4.12.0-5, v5 MQTT-3.15.2-1
#[test]
fn an_answer_that_is_none_is_refused() {
    for (code, method) in [(0x19, Some(METHOD)), (0x18, Some("OTHER")), (0x18, None)] {
        let bench = bench();
        let client = challenged(&bench);
        answer(&client, code, |set| set.authentication_method = method.map(Into::into));
        expect_refused(&client, 0x82);
        assert_eq!(bench.asked(&client), None);
    }
    // Code 0x00 is a server's alone.
    let bench = bench();
    let client = challenged(&bench);
    answer(&client, 0x00, names_method);
    expect_refused(&client, 0x82);
}

// conformance: v5 MQTT-3.1.2-30
#[test]
fn nothing_else_is_heard_before_the_exchange_is_over() {
    let bench = bench();
    for packet in [Packet::Pingreq, Packet::Connect(Box::new(connect5("c")))] {
        let client = challenged(&bench);
        client.send(packet);
        expect_refused(&client, 0x82);
    }
    let client = challenged(&bench);
    client.subscribe_as(3, &[("t", 0)]);
    expect_refused(&client, 0x82);
    // DISCONNECT is allowed, and not answered.
    let client = challenged(&bench);
    client.disconnect5(0, |_| {});
    client.expect_silent_close();
    assert_eq!(bench.sizes().subscriptions, 0);
}

#[test]
fn an_answer_before_the_question_is_refused() {
    let bench = bench();
    let client = bench.open(connect5_with("c", names_method));
    answer(&client, 0x18, names_method);
    expect_refused(&client, 0x82);
    // The method's verdict comes too late and changes nothing.
    bench.verdict(&client, Verdict::Accepted(None));
    assert_eq!(bench.sizes().connections, 0);
}

#[test]
fn an_exchange_has_its_time_and_a_connection_its_end() {
    let bench = bench();
    let client = challenged(&bench);
    bench.advance(9 * SECOND);
    assert!(client.is_open());
    bench.advance(SECOND);
    expect_refused(&client, 0x87);
    let gone = challenged(&bench);
    gone.lose();
    bench.verdict(&gone, Verdict::Accepted(None));
    let stopped = challenged(&bench);
    bench.stop();
    expect_refused(&stopped, 0x88);
    assert_eq!(bench.sizes().connections, 0);
}

#[test]
fn candidates_count_as_connections() {
    let config = Config {
        authentication_methods: vec![METHOD.into()],
        max_connections: 1,
        ..Config::default()
    };
    let bench = Bench::with(config);
    challenged(&bench);
    expect_refused(&bench.open(connect5("d")), 0x97);
}

// conformance: v5 MQTT-4.12.0-6
#[test]
fn without_a_method_no_auth_is_sent() {
    let bench = bench();
    let client = bench.open(connect5("c"));
    assert_eq!(client.connack().properties.get().authentication_method, None);
    client.ping();
}

// conformance: v5 MQTT-4.12.0-7
#[test]
fn without_a_method_no_auth_is_taken() {
    let bench = bench();
    for code in [0x18, 0x19] {
        let client = bench.connect5("c");
        answer(&client, code, names_method);
        client.expect_disconnect(0x82);
        assert_eq!(client.closed(), Some(CloseReason::Violation(Violation::UnexpectedAuth)));
    }
}

// conformance: v5 MQTT-4.12.1-1, v5 MQTT-3.15.2-1
#[test]
fn a_client_authenticates_itself_again_and_goes_on_meanwhile() {
    let bench = bench();
    let client = accepted(&bench);
    answer(&client, 0x19, names_method);
    assert_eq!(bench.asked(&client), Some((METHOD.into(), None, true)));
    bench.verdict(&client, Verdict::Continue("word?".into()));
    assert_eq!(auth_of(&client).code.byte(), 0x18);
    client.ping();
    answer(&client, 0x18, names_method);
    assert_eq!(bench.asked(&client), Some((METHOD.into(), None, false)));
    bench.verdict(&client, Verdict::Accepted(None));
    assert_eq!(auth_of(&client).code.byte(), 0x00);
    client.ping();
    // And once more.
    answer(&client, 0x19, names_method);
    bench.verdict(&client, Verdict::Accepted(None));
    assert_eq!(auth_of(&client).code.byte(), 0x00);
}

// conformance: v5 MQTT-4.12.1-2
#[test]
fn who_fails_then_is_disconnected_and_its_will_published() {
    let bench = bench();
    let watcher = bench.connect("w");
    watcher.subscribe("gone", 0);
    let will = will("gone", "c", 0, false);
    let client = bench.open(Connect { will, ..connect5_with("c", names_method) });
    bench.verdict(&client, Verdict::Accepted(None));
    client.connack();
    answer(&client, 0x19, names_method);
    bench.verdict(&client, Verdict::Refused);
    client.expect_disconnect(0x87);
    assert_eq!(client.closed(), Some(CloseReason::AuthenticationFailed));
    assert_eq!(watcher.messages(), ["gone=c q0"]);
}

// conformance: v5 MQTT-4.12.1-1
#[test]
fn the_method_cannot_change() {
    let bench = bench();
    let client = accepted(&bench);
    answer(&client, 0x19, |set| set.authentication_method = Some("OTHER".into()));
    client.expect_disconnect(0x82);
    // Neither can an answer come without a question.
    let client = accepted(&bench);
    answer(&client, 0x18, names_method);
    client.expect_disconnect(0x82);
}

// conformance: v5 MQTT-3.15.2-2, v5 MQTT-3.15.2-3
#[test]
fn an_auth_that_is_too_large_for_the_client_ends_the_connection() {
    let bench = bench();
    let client = bench.open(connect5_with("c", |set| {
        names_method(set);
        set.maximum_packet_size = Some(80);
    }));
    bench.verdict(&client, Verdict::Continue("x".repeat(80).into()));
    expect_refused(&client, 0x95);
}
