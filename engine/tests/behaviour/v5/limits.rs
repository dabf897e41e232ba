//! MQTT 5.0: what the client has said that it takes: Maximum Packet Size, Receive Maximum, Topic
//! Alias Maximum, Request Problem Information (section 3.1.2.11).

use std::collections::BTreeMap;

use super::wire::frames;
use crate::support::{Bench, Client, NEVER, connect5_with, options, puback, pubcomp, resume5};
use surewire_engine::config::Config;
use surewire_engine::notice::{CloseReason, DropReason, Notice};
use surewire_engine::packet::{Connect, Packet, Properties, ReasonCode};

fn too_large(bench: &Bench) -> usize {
    let is =
        |notice: &Notice| matches!(notice, Notice::Dropped { why: DropReason::PacketTooLarge, .. });
    bench.notices().iter().filter(|notice| is(notice)).count()
}

/// A client of this Maximum Packet Size that takes one message at a time and whose session lives
/// on; `present` is the Session Present to expect.
fn narrow(bench: &Bench, most: Option<u32>, present: bool) -> Client {
    let mut connect = resume5("c", NEVER);
    connect.properties.edit(|set| {
        set.maximum_packet_size = most;
        set.receive_maximum = Some(1);
    });
    let client = bench.open(connect);
    client.expect_connack(present);
    client
}

/// The ways by which a message reaches a client.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Path {
    Live,
    Queued,
    Resent,
    Retained,
}

/// Publishes a message with properties to a client of this Maximum Packet Size; the bytes of the
/// PUBLISH, if it came.
fn deliver(bench: &Bench, path: Path, qos: u8, most: Option<u32>) -> (Client, Option<Vec<u8>>) {
    let publisher = bench.connect5("p");
    let publish = || {
        publisher.publish5("a/topic", qos, "the payload", |set| {
            set.content_type = Some("text/plain".into());
            set.user_properties.push(("name".into(), "value".into()));
        });
    };
    let before = (path == Path::Live).then_some(most).flatten();
    let client = narrow(bench, before, false);
    let subscribe = |client: &Client| {
        let code = client.subscribe5("a/#", options(qos), Some(300));
        assert_eq!(code.byte(), qos);
    };
    if path != Path::Retained {
        subscribe(&client);
    }
    let client = match path {
        Path::Live => client,
        Path::Queued | Path::Retained => {
            client.lose();
            publish();
            narrow(bench, most, true)
        }
        Path::Resent => {
            publish();
            client.lose();
            narrow(bench, most, true)
        }
    };
    match path {
        Path::Live => publish(),
        Path::Retained => {
            publisher.retain("a/topic", qos, "the payload is what is larger than the rest of it");
            subscribe(&client);
        }
        Path::Queued | Path::Resent => {}
    }
    let came = client.bytes();
    let message = frames(&came).into_iter().find(|frame| frame[0] >> 4 == 3);
    (client, message)
}

// trap: exactly-at-limit packets pass, and one byte less drops them and frees their place
// conformance: v5 MQTT-3.1.2-24, v5 MQTT-3.1.2-25
#[test]
fn a_message_of_exactly_the_maximum_packet_size_passes_and_a_larger_one_is_dropped_and_told() {
    for path in [Path::Live, Path::Queued, Path::Resent, Path::Retained] {
        for qos in 0..=2 {
            if path == Path::Resent && qos == 0 {
                continue;
            }
            let what = format!("{path:?} at QoS {qos}");
            let (_, whole) = deliver(&Bench::new(), path, qos, None);
            let whole = whole.unwrap_or_else(|| panic!("{what}: nothing came"));
            let len = u32::try_from(whole.len()).unwrap();

            let bench = Bench::new();
            let (_, exactly) = deliver(&bench, path, qos, Some(len));
            assert_eq!(exactly, Some(whole), "{what}");
            assert_eq!(too_large(&bench), 0, "{what}");

            let bench = Bench::new();
            let (client, less) = deliver(&bench, path, qos, Some(len - 1));
            assert_eq!(less, None, "{what}");
            assert_eq!(too_large(&bench), 1, "{what}");
            goes_on(&bench, &client, qos, &what);
        }
    }
}

/// The one place in the client's window is free, and nothing comes back.
#[track_caller]
fn goes_on(bench: &Bench, client: &Client, qos: u8, what: &str) {
    client.take();
    let publisher = bench.connect5("q");
    for _ in 0..2 {
        publisher.publish5("a", qos, "small", |_| {});
        assert_eq!(client.ack_all(), [format!("a=small q{qos}")], "{what}");
    }
    client.lose();
    let back = narrow(bench, None, true);
    assert_eq!(back.take(), [], "{what}: dropped for good");
    publisher.publish5("a", qos, "small", |_| {});
    assert_eq!(back.ack_all(), [format!("a=small q{qos}")], "{what}");
}

// A message behind one that is too large waits for nothing.
// conformance: v5 MQTT-3.1.2-25
#[test]
fn a_backlog_goes_on_behind_what_is_too_large() {
    for qos in 0..=2 {
        let bench = Bench::new();
        let client = narrow(&bench, Some(100), false);
        client.subscribe("a", qos);
        client.lose();
        let publisher = bench.connect("p");
        let large = "x".repeat(100);
        for payload in ["1", &large, "2", &large, &large, "3"] {
            publisher.publish("a", qos, payload);
        }
        let client = narrow(&bench, Some(100), true);
        let small = ["1", "2", "3"].map(|payload| format!("a={payload} q{qos}"));
        assert_eq!(client.ack_all(), small);
        assert_eq!(too_large(&bench), 3);
        client.lose();
        bench.crash(std::time::Duration::ZERO);
        assert_eq!(narrow(&bench, None, true).take(), []);
    }
}

/// What makes the server answer, and the first byte of the answer.
type Question = (&'static str, u8, fn(&Client));

const BAD_FILTERS: [(&str, u8); 2] = [("a/#/b", 0), ("a+", 0)];

/// Answers that have words, which may be left out.
const WITH_WORDS: [Question; 5] = [
    ("PUBACK", 0x40, |client| {
        client.publish5("$SYS/x", 1, "x", |_| {});
    }),
    ("PUBREC", 0x50, |client| {
        client.publish5("$SYS/x", 2, "x", |_| {});
    }),
    ("SUBACK", 0x90, |client| client.subscribe_as(1, &BAD_FILTERS)),
    ("UNSUBACK", 0xB0, |client| {
        client.raw(&super::wire::unsubscribe(1, &[], b"a/#/b"));
    }),
    ("DISCONNECT", 0xE0, |client| client.raw(&[0xC0, 1, 0])),
];

fn ask(most: Option<u32>, question: Question) -> Vec<u8> {
    let (name, first, ask) = question;
    let client = narrow(&Bench::new(), most, false);
    let before = client.bytes().len();
    ask(&client);
    let answers = frames(&client.bytes()[before..]);
    assert_eq!(answers.len(), 1, "{name}");
    assert_eq!(answers[0][0], first, "{name}");
    assert_eq!(client.is_open(), first != 0xE0, "{name}");
    answers[0].clone()
}

/// The same answer without its properties.
fn without_words(answer: &[u8]) -> Vec<u8> {
    match answer[0] {
        0x40 | 0x50 => [&[answer[0], 3], &answer[2..5]].concat(),
        // The identifier, no properties, and the codes from the end.
        0x90 => [&[0x90, 5], &answer[2..4], &[0], &answer[answer.len() - 2..]].concat(),
        0xB0 => [&[0xB0, 4], &answer[2..4], &[0], &answer[answer.len() - 1..]].concat(),
        0xE0 => vec![0xE0, 1, answer[2]],
        other => panic!("{other:#04x}"),
    }
}

// trap: exactly-at-limit packets pass, answers lose their words before they lose their reader
// conformance: v5 MQTT-3.1.2-24, v5 MQTT-3.14.2-3, v5 MQTT-3.14.2-4
#[test]
fn an_answer_of_exactly_the_maximum_packet_size_has_its_words_and_a_larger_one_has_not() {
    for question in WITH_WORDS {
        let whole = ask(None, question);
        let len = u32::try_from(whole.len()).unwrap();
        assert_eq!(ask(Some(len), question), whole, "{}", question.0);
        assert_eq!(ask(Some(len - 1), question), without_words(&whole), "{}", question.0);
    }
}

// trap: exactly-at-limit packets pass, an answer that cannot be made smaller
// conformance: v5 MQTT-3.1.2-24, v5 MQTT-3.14.4-2
#[test]
fn an_answer_that_fits_in_no_form_ends_the_connection() {
    let filters: Vec<String> = (0..20).map(|n| format!("f/{n}")).collect();
    let filters: Vec<(&str, u8)> = filters.iter().map(|filter| (filter.as_str(), 0)).collect();
    // Two bytes of fixed header, two of identifier, one of no properties and a code each.
    let len = 5 + 20;
    let client = narrow(&Bench::new(), Some(len), false);
    assert_eq!(client.subscribe_many(&filters), [0; 20]);
    let client = narrow(&Bench::new(), Some(len - 1), false);
    let before = client.bytes().len();
    client.subscribe_as(1, &filters);
    assert_eq!(client.bytes()[before..], [0xE0, 1, 0x95], "no room for words");
    assert_eq!(client.closed(), Some(CloseReason::AnswerTooLarge));
}

// Which answers there are with a limit that the CONNACK just fits.
// conformance: v5 MQTT-3.1.2-24
#[test]
fn every_exchange_works_within_the_smallest_limit() {
    let bench = Bench::new();
    let len = u32::try_from(bench.open(resume5("c", NEVER)).bytes().len()).unwrap();
    let client = narrow(&bench, Some(len), true);
    client.subscribe("t", 2);
    for qos in 0..=2 {
        client.publish("t", qos, "x");
        let packets = client.take();
        let message = packets.iter().find_map(|packet| match packet {
            Packet::Publish(publish) => Some(publish.packet_id),
            _ => None,
        });
        let id = message.unwrap().map_or(0, |id| id.get());
        match qos {
            1 => client.send(puback(id)),
            2 => {
                client.send(crate::support::pubrec(id));
                client.send(pubcomp(id));
            }
            _ => {}
        }
    }
    client.take();
    client.unsubscribe(&["t", "u"]);
    client.ping();
}

/// The aliases of what came, and the topics that they stand for.
fn aliases(client: &Client, known: &mut BTreeMap<u16, String>) -> Vec<Option<u16>> {
    let alias = |publish: surewire_engine::packet::Publish| {
        let alias = publish.properties.get().topic_alias;
        let payload = String::from_utf8(publish.payload.to_vec()).unwrap();
        let topic = publish.topic.map(|topic| topic.as_str().to_owned());
        match (alias, topic) {
            (None, topic) => assert_eq!(topic, Some(payload), "in full"),
            (Some(alias), Some(topic)) => {
                assert_eq!(topic, payload);
                known.insert(alias, topic);
            }
            (Some(alias), None) => assert_eq!(known.get(&alias), Some(&payload), "alias {alias}"),
        }
        alias
    };
    client.deliveries().into_iter().map(alias).collect()
}

// conformance: v5 MQTT-3.1.2-26, v5 MQTT-3.1.2-27
#[test]
fn aliases_stay_within_the_clients_maximum_and_each_stands_for_its_topic() {
    for (theirs, ours, most) in [
        (None, 64, 0),
        (Some(0), 64, 0),
        (Some(1), 64, 1),
        (Some(2), 64, 2),
        (Some(u16::MAX), 3, 3),
        (Some(5), 0, 0),
    ] {
        let bench = Bench::with(Config { topic_alias_maximum: ours, ..Config::default() });
        let client = bench.connect5_with("c", |set| set.topic_alias_maximum = theirs);
        client.subscribe("#", 0);
        let publisher = bench.connect("p");
        for _ in 0..20 {
            for n in 0..6 {
                let topic = format!("plant/hall/{n}");
                publisher.publish(&topic, 0, &topic);
            }
        }
        let seen = aliases(&client, &mut BTreeMap::new());
        assert_eq!(seen.len(), 120);
        let highest = seen.iter().flatten().max().copied().unwrap_or(0);
        assert_eq!(highest, most, "the client has {theirs:?}, the broker {ours}");
        assert!(seen.iter().flatten().all(|alias| *alias > 0));
    }
}

// trap: exactly-at-limit packets pass, with Topic Aliases
// conformance: v5 MQTT-3.1.2-24, v5 MQTT-3.1.2-26
#[test]
fn an_alias_does_not_push_a_message_over_the_maximum_packet_size() {
    let topic = "plant/hall/7/robot/3/joint/2/torque";
    let deliver = |most| {
        let bench = Bench::new();
        let client = bench.connect5_with("c", |set| {
            set.topic_alias_maximum = Some(9);
            set.maximum_packet_size = most;
        });
        client.subscribe("#", 1);
        let publisher = bench.connect("p");
        for _ in 0..3 {
            publisher.publish(topic, 1, topic);
        }
        assert_eq!(too_large(&bench), 0);
        aliases(&client, &mut BTreeMap::new())
    };
    assert_eq!(deliver(None), [Some(1); 3]);
    // Two bytes of fixed header, two of length, two of identifier, one of no properties.
    let plain = u32::try_from(2 + 2 + 2 + 1 + 2 * topic.len()).unwrap();
    for over in 0..3 {
        assert_eq!(deliver(Some(plain + over)), [None; 3], "{over} bytes are too few for an alias");
    }
    assert_eq!(deliver(Some(plain + 10)), [Some(1); 3]);
}

// conformance: v5 section 3.1.2.11.3
#[test]
fn receive_maximum_bounds_what_is_in_flight_and_without_it_the_broker_does() {
    for (theirs, ours, most) in [
        (None, 20, 20),
        (Some(1), 20, 1),
        (Some(7), 20, 7),
        (Some(u16::MAX), 20, 20),
        (Some(9), 3, 3),
    ] {
        let bench = Bench::with(Config {
            max_inflight_messages: ours,
            max_msgqueue_messages: None,
            ..Config::default()
        });
        let client = bench.connect5_with("c", |set| set.receive_maximum = theirs);
        client.subscribe("t", 1);
        let publisher = bench.connect("p");
        for n in 0..40 {
            publisher.publish("t", 1, &n.to_string());
        }
        let deliveries = client.deliveries();
        assert_eq!(deliveries.len(), most, "the client has {theirs:?}, the broker {ours}");
        client.send(puback(deliveries[0].packet_id.unwrap().get()));
        assert_eq!(client.messages(), [format!("t={most} q1")]);
    }
}

// conformance: v5 MQTT-3.1.2-29
#[test]
fn a_client_that_wants_no_problem_information_gets_no_words_in_acknowledgements() {
    for (wants, words) in [(None, true), (Some(true), true), (Some(false), false)] {
        let bench = Bench::new();
        let client = bench.connect5_with("c", |set| set.request_problem_information = wants);
        for qos in [1, 2] {
            client.publish5("$SYS/x", qos, "x", |_| {});
            let (_, code, told) = client.ack();
            assert_eq!((code, told.is_some()), (0x87, words), "QoS {qos}, {wants:?}");
        }
        client.subscribe_as(1, &BAD_FILTERS);
        client.raw(&super::wire::unsubscribe(2, &[], b"a+"));
        for packet in client.take() {
            let (Packet::Suback(ack) | Packet::Unsuback(ack)) = packet else {
                panic!("{packet:?}")
            };
            assert_eq!(ack.codes[0], ReasonCode::TopicFilterInvalid);
            assert_eq!(ack.properties == Properties::NONE, !words, "{wants:?}");
        }
        client.raw(&crate::support::raw::packet(0x62, &[&[0, 9]]));
        assert_eq!(client.ack(), ("pubcomp", 0x92, None));
        // A DISCONNECT may have them all the same.
        client.raw(&[0xC0, 1, 0]);
        assert!(client.expect_disconnect(0x81).properties.get().reason_string.is_some());
    }
}

// conformance: v5 MQTT-3.1.2-29
#[test]
fn messages_keep_their_user_properties_whatever_the_client_wants_to_know() {
    let bench = Bench::new();
    let client = bench.connect5_with("c", |set| set.request_problem_information = Some(false));
    client.subscribe("t", 0);
    bench.connect5("p").publish5("t", 0, "x", |set| {
        set.user_properties.push(("n".into(), "v".into()));
    });
    assert_eq!(client.delivery().properties.get().user_properties, [("n".into(), "v".into())]);
}

// Limits are those of the connection, not of the session.
// conformance: v5 section 3.1.2.11
#[test]
fn a_new_connection_brings_its_own_limits() {
    let bench = Bench::new();
    let client = bench.open(Connect {
        clean_start: false,
        ..connect5_with("c", |set| {
            set.session_expiry_interval = Some(NEVER);
            set.maximum_packet_size = Some(50);
            set.topic_alias_maximum = Some(5);
            set.request_problem_information = Some(false);
        })
    });
    client.expect_connack(false);
    client.subscribe("long/topic", 0);
    let client = bench.resume5("c", NEVER, true);
    bench.connect("p").publish("long/topic", 0, &"x".repeat(100));
    assert_eq!(client.delivery().properties, Properties::NONE);
    client.publish5("$SYS/x", 1, "x", |_| {});
    assert!(client.ack().2.is_some());
}
