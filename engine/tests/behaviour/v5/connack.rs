//! MQTT 5.0: CONNACK, what an accepted client is told and how one is turned away (section 3.2).

use std::time::Duration;

use crate::support::raw::first_bytes;
use crate::support::{
    Bench, Client, LIMITS, NEVER, SECOND, connect5, connect5_with, options, props, resume5, will5,
};
use surewire_engine::config::Config;
use surewire_engine::event::{Event, Storage};
use surewire_engine::notice::{CloseReason, Notice};
use surewire_engine::packet::{Connect, Packet, PropertySet, ReasonCode, Version, Will};

/// The codes of table 3-1.
const CODES: [u8; 22] = [
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97,
    0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F,
];

fn accepted(config: Config, connect: Connect) -> PropertySet {
    let connack = Bench::with(config).open(connect).connack();
    assert_eq!(connack.code, ReasonCode::Success);
    connack.properties.get().clone()
}

/// A way to be turned away, and the code that says so.
struct Refused {
    name: &'static str,
    config: Config,
    prepare: fn(&Bench),
    anonymous: bool,
    connect: Connect,
    code: u8,
}

impl Refused {
    /// Turns the client away; its Maximum Packet Size is as given.
    fn happen(&self, maximum: Option<u32>) -> (Bench, Client) {
        let bench = Bench::with(self.config.clone());
        (self.prepare)(&bench);
        let client = bench.dial_as(self.anonymous);
        client.set_version(Version::V5);
        let mut connect = self.connect.clone();
        connect.properties.edit(|set| set.maximum_packet_size = maximum);
        client.send(Packet::Connect(Box::new(connect)));
        assert_eq!(client.closed(), Some(CloseReason::Refused), "{}", self.name);
        (bench, client)
    }
}

fn with_will(id: &str, change: impl FnOnce(&mut Will)) -> Connect {
    let mut will = will5("will", "\u{e9}", 0).unwrap();
    change(&mut will);
    Connect { will: Some(will), ..connect5(id) }
}

fn refused(name: &'static str, connect: Connect, code: u8) -> Refused {
    let (config, prepare) = (Config::default(), (|_| {}) as fn(&Bench));
    Refused { name, config, prepare, anonymous: true, connect, code }
}

/// Every way to be turned away but for a CONNECT that breaks the protocol.
fn refusals() -> Vec<Refused> {
    let config = || Config::default();
    let dollar = |will: &mut Will| {
        will.topic = surewire_engine::topic::TopicName::new("$SYS/x".into()).unwrap();
    };
    let ill_formed = |will: &mut Will| {
        will.payload = bytes::Bytes::from_static(b"\xFF");
        will.properties = props(|set| set.payload_format_indicator = Some(true));
    };
    let elsewhere = Some("other.example".to_owned());
    vec![
        Refused {
            config: Config { max_client_id_length: 3, ..config() },
            ..refused("an identifier that is too long", connect5("four"), 0x85)
        },
        Refused { anonymous: false, ..refused("a stranger", connect5("c"), 0x87) },
        refused("a Will Topic of the broker's own", with_will("c", dollar), 0x87),
        Refused {
            config: Config { max_topic_length: 3, ..config() },
            ..refused("a Will Topic that is too long", with_will("c", |_| {}), 0x87)
        },
        Refused {
            config: Config { check_payload_format: true, ..config() },
            ..refused("a Will Payload that is no text", with_will("c", ill_formed), 0x99)
        },
        Refused {
            config: Config { max_connections: 1, ..config() },
            prepare: |bench| drop(bench.connect("the only one")),
            ..refused("one client too many", connect5("c"), 0x97)
        },
        Refused {
            prepare: |bench| bench.event(Event::Storage(Storage::Full)),
            ..refused("a session that cannot be stored", resume5("c", 60), 0x97)
        },
        Refused { prepare: Bench::stop, ..refused("a broker that stops", connect5("c"), 0x88) },
        Refused {
            config: Config { server_reference: elsewhere, ..config() },
            prepare: Bench::stop,
            ..refused("a broker that stops and has another", connect5("c"), 0x9C)
        },
    ]
}

// conformance: v5 MQTT-3.2.2-6, v5 MQTT-3.2.2-7, v5 MQTT-3.2.2-8, v5 MQTT-3.1.4-2
// conformance: v5 MQTT-3.14.0-1, v5 MQTT-4.13.2-1
#[test]
fn who_is_turned_away_is_told_why_and_cut_off() {
    for case in refusals() {
        let (bench, client) = case.happen(None);
        let bytes = client.bytes();
        assert_eq!((bytes[0], bytes[2], bytes[3]), (0x20, 0, case.code), "{}", case.name);
        assert!(CODES.contains(&case.code), "{}", case.name);
        let set = client.connack().properties.get().clone();
        let words = set.reason_string.as_deref().unwrap_or_default();
        assert!(!words.is_empty(), "{}", case.name);
        let elsewhere = (case.code == 0x9C).then_some("other.example");
        assert_eq!(set.server_reference.as_deref(), elsewhere, "{}", case.name);
        let told = |notice: &Notice| matches!(notice, Notice::Refused { .. });
        assert_eq!(bench.notices().iter().filter(|notice| told(notice)).count(), 1);
    }
}

// conformance: v5 MQTT-3.2.2-19, v5 MQTT-3.2.2-20, v5 MQTT-3.1.2-24
#[test]
fn a_refusal_fits_the_client_with_words_without_them_or_is_none() {
    for case in refusals() {
        let whole = case.happen(None).1.bytes();
        let len = u32::try_from(whole.len()).unwrap();
        assert_eq!(case.happen(Some(len)).1.bytes(), whole, "{}: exactly", case.name);
        let short = [0x20, 3, 0, case.code, 0];
        for most in [len - 1, 5] {
            assert_eq!(case.happen(Some(most)).1.bytes(), short, "{}: {most}", case.name);
        }
        for most in [1, 4] {
            assert_eq!(case.happen(Some(most)).1.bytes(), [0; 0], "{}: {most}", case.name);
        }
    }
}

// conformance: v5 MQTT-3.2.2-6
#[test]
fn a_refusal_says_session_present_0_although_the_session_is_there() {
    let bench = Bench::with(Config { max_connections: 1, ..Config::default() });
    bench.resume5("c", NEVER, false).lose();
    let other = bench.connect("other");
    let connack = bench.open(resume5("c", NEVER)).connack();
    assert_eq!((connack.session_present, connack.code.byte()), (false, 0x97));
    other.disconnect();
    bench.resume5("c", NEVER, true);
}

// conformance: v5 MQTT-3.1.2-24, v5 MQTT-3.2.2-7
#[test]
fn a_client_that_takes_no_connack_is_refused() {
    let bench = Bench::new();
    let whole = u32::try_from(bench.open(connect5("c")).bytes().len()).unwrap();
    let open = |most| {
        let connect = connect5_with("c", |set| set.maximum_packet_size = Some(most));
        bench.open(connect)
    };
    open(whole).expect_connack(false);
    for most in [whole - 1, 5] {
        let small = open(most);
        assert_eq!(small.bytes(), [0x20, 3, 0, 0x95, 0], "{most}");
        assert_eq!(small.closed(), Some(CloseReason::Refused));
    }
    let smaller = open(4);
    assert_eq!(smaller.bytes(), [0; 0]);
    assert_eq!(smaller.closed(), Some(CloseReason::Refused));
}

// conformance: v5 MQTT-3.2.0-1
#[test]
fn connack_comes_before_everything_that_waits_in_the_session() {
    let bench = Bench::new();
    let client = bench.resume5("c", NEVER, false);
    client.subscribe("t", 2);
    let publisher = bench.connect("p");
    publisher.publish("t", 2, "in flight");
    client.lose();
    for qos in 0..=2 {
        publisher.publish("t", qos, "queued");
    }
    bench.hold_store();
    let back = bench.open(resume5("c", NEVER));
    publisher.publish("t", 0, "live");
    back.send(Packet::Pingreq);
    assert_eq!(back.bytes(), [0; 0], "nothing before the CONNACK");
    bench.sync();
    assert_eq!(first_bytes(&back.bytes())[..4], [0x20, 0x3C, 0x30, 0x32]);
}

// conformance: v5 MQTT-3.2.2-2, v5 MQTT-3.2.2-3
#[test]
fn session_present_tells_what_the_broker_has() {
    let bench = Bench::new();
    let open = |connect: Connect| {
        let client = bench.open(connect);
        let bytes = client.bytes();
        assert_eq!(bytes[3], 0);
        client.lose();
        bytes[2]
    };
    assert_eq!(open(resume5("c", 10)), 0, "nothing yet");
    assert_eq!(open(resume5("c", 10)), 1);
    bench.advance(9 * SECOND);
    assert_eq!(open(resume5("c", 10)), 1);
    bench.advance(10 * SECOND);
    assert_eq!(open(resume5("c", 10)), 0, "expired");
    assert_eq!(open(Connect { clean_start: true, ..resume5("c", 10) }), 0);
    assert_eq!(open(resume5("c", 0)), 1, "the one that Clean Start 1 began");
    assert_eq!(open(resume5("c", NEVER)), 0, "it ended with its connection");
    bench.crash(SECOND);
    assert_eq!(open(resume5("c", 0)), 1, "a restart keeps it");
}

// conformance: v5 MQTT-3.2.2-9, v5 MQTT-3.2.2-10, v5 MQTT-3.2.2-12, v5 MQTT-3.2.2-13
#[test]
fn a_broker_that_can_everything_names_no_restriction_and_takes_everything() {
    let bench = Bench::new();
    let watcher = bench.connect5("w");
    for qos in 0..=2 {
        assert_eq!(watcher.subscribe5("will", options(qos), Some(1)).byte(), qos);
        assert_eq!(watcher.subscribe5("$share/g/other/#", options(qos), None).byte(), qos);
    }
    for qos in 0..=2 {
        let connect = with_will("c", |will| {
            will.qos = surewire_engine::packet::QoS::from_bits(qos).unwrap();
            will.retain = true;
        });
        let client = bench.open(connect);
        let set = client.connack().properties.get().clone();
        let left_out = PropertySet {
            receive_maximum: None,
            maximum_packet_size: None,
            topic_alias_maximum: None,
            ..set
        };
        assert_eq!(left_out, PropertySet::NONE);
        client.lose();
        assert_eq!(watcher.ack_all(), [format!("will=\u{e9} q{qos}")]);
    }
}

// conformance: v5 sections 3.2.2.3.3, 3.2.2.3.6 and 3.2.2.3.8
#[test]
fn the_brokers_limits_are_told_unless_they_are_the_standards() {
    let set = accepted(Config::default(), connect5("c"));
    assert_eq!(set.receive_maximum, Some(256));
    assert_eq!(set.topic_alias_maximum, Some(64));
    assert_eq!(set.maximum_packet_size, Some(u32::try_from(LIMITS.max_packet_size).unwrap()));
    let config = Config {
        receive_maximum: u16::MAX,
        topic_alias_maximum: 0,
        max_packet_size: 1_000,
        ..Config::default()
    };
    let set = accepted(config, connect5("c"));
    assert_eq!((set.receive_maximum, set.topic_alias_maximum), (None, None));
    assert_eq!(set.maximum_packet_size, Some(1_000));
}

// conformance: v5 MQTT-3.1.2-28
#[test]
fn response_information_is_told_to_who_asks_for_it() {
    let told = |prefix: Option<&str>, asked| {
        let response_information = prefix.map(str::to_owned);
        let config = Config { response_information, ..Config::default() };
        let connect = connect5_with("c", |set| set.request_response_information = asked);
        accepted(config, connect).response_information.map(|told| told.to_string())
    };
    assert_eq!(told(Some("answers/"), Some(true)).as_deref(), Some("answers/c"));
    assert_eq!(told(Some("answers/"), Some(false)), None);
    assert_eq!(told(Some("answers/"), None), None, "as if it were 0");
    assert_eq!(told(None, Some(true)), None, "there is none to tell");
}

// conformance: v5 section 3.1.2.11.7
#[test]
fn a_client_that_wants_no_problem_information_may_be_told_of_a_refusal_all_the_same() {
    let case = Refused {
        connect: connect5_with("c", |set| set.request_problem_information = Some(false)),
        ..refused("a stranger", connect5("c"), 0x87)
    };
    let (_, client) = Refused { anonymous: false, ..case }.happen(None);
    assert!(client.connack().properties.get().reason_string.is_some());
}

// A broker that stops sends whom it has to another, by the DISCONNECT too.
// conformance: v5 section 4.11
#[test]
fn a_broker_that_stops_says_where_to_go() {
    for (reference, code) in [(None, 0x8B), (Some("other.example"), 0x9C)] {
        let server_reference = reference.map(str::to_owned);
        let bench = Bench::with(Config { server_reference, ..Config::default() });
        let client = bench.connect5("c");
        bench.stop();
        let told = client.expect_disconnect(code);
        assert_eq!(told.properties.get().server_reference.as_deref(), reference);
        assert!(told.properties.get().reason_string.is_some());
    }
}

// conformance: v5 section 3.1.2.11.2
#[test]
fn the_session_expiry_is_told_where_it_is_another_than_asked_for() {
    for (cap, asked, told) in [
        (None, Some(NEVER), None),
        (None, None, None),
        (Some(60), Some(60), None),
        (Some(60), Some(NEVER), Some(60)),
        (Some(0), Some(1), Some(0)),
        (Some(60), None, None),
    ] {
        let config = Config { max_session_expiry_interval: cap, ..Config::default() };
        let connect = connect5_with("c", |set| set.session_expiry_interval = asked);
        let set = accepted(config, connect);
        assert_eq!(set.session_expiry_interval, told, "{asked:?} under {cap:?}");
    }
}

// The configuration's own session expiry is for older clients, who cannot say.
#[test]
fn the_expiry_of_older_clients_is_not_that_of_5_0() {
    let expiry = Some(Duration::from_secs(5));
    let bench = Bench::with(Config { session_expiry_interval: expiry, ..Config::default() });
    bench.resume5("c", 60, false).lose();
    bench.advance(59 * SECOND);
    bench.resume5("c", 60, true);
}
