//! MQTT 5.0: SUBSCRIBE and SUBACK (sections 3.8 and 3.9).

use surewire_engine::config::Config;
use surewire_engine::event::{Event, Storage};
use surewire_engine::notice::{CloseReason, Notice, SubscribeRefusal};
use surewire_engine::packet::SubscribeOptions;
use surewire_engine::topic::FilterError;
use surewire_engine::violation::Violation;

use super::{NOTHING, codes, retain, suback};
use crate::support::{Bench, Client, NEVER, SECOND, options, raw};

fn refusals(bench: &Bench) -> Vec<SubscribeRefusal> {
    let why = |notice| match notice {
        Notice::SubscribeRefused { why, .. } => Some(why),
        _ => None,
    };
    bench.notices().into_iter().filter_map(why).collect()
}

/// Asks for these filters and returns the codes.
#[track_caller]
fn ask(client: &Client, filters: &[(&str, u8)]) -> Vec<u8> {
    client.subscribe_as(77, filters);
    let (id, codes) = codes(client);
    assert_eq!(id, 77);
    codes
}

// conformance: v5 MQTT-3.8.4-1, v5 MQTT-3.8.4-2
#[test]
fn each_subscribe_has_its_answer_with_its_identifier() {
    let bench = Bench::new();
    let client = bench.connect5("c");
    for (id, filter) in [(1, "a"), (65_535, "a#"), (7, "b"), (8, "")] {
        client.subscribe_as(id, &[(filter, 1)]);
    }
    let expected = ["suback 1 [1]", "suback 65535 [143]", "suback 7 [1]", "suback 8 [143]"];
    assert_eq!(client.seen(), expected);
}

// conformance: v5 MQTT-3.8.4-5, v5 MQTT-3.8.4-6, v5 MQTT-3.8.4-7, v5 MQTT-3.9.3-1
// conformance: v5 MQTT-3.9.3-2
#[test]
fn there_is_a_code_for_each_filter_in_their_order() {
    let bench = Bench::with(Config {
        max_topic_levels: 3,
        max_topic_length: 20,
        max_subscriptions_per_client: 4,
        ..Config::default()
    });
    let client = bench.connect5("c");
    let filters = [
        ("a", 0),
        ("a#", 0),
        ("b", 1),
        ("1/2/3/4", 1),
        ("c", 2),
        ("$share/g", 2),
        ("123456789012345678901", 0),
        ("$share/g/d", 1),
        ("one/too/many", 1),
        ("b", 2),
    ];
    let expected = [0, 0x8F, 1, 0x8F, 2, 0x8F, 0x8F, 1, 0x97, 2];
    assert_eq!(ask(&client, &filters), expected);
    let told = [
        SubscribeRefusal::Invalid(FilterError::Hash),
        SubscribeRefusal::TopicLimit,
        SubscribeRefusal::Invalid(FilterError::Share),
        SubscribeRefusal::TopicLimit,
        SubscribeRefusal::SubscriptionLimit,
    ];
    assert_eq!(refusals(&bench), told);
    assert_eq!(bench.sizes().subscriptions, 4);
}

#[test]
fn filters_that_are_none_are_refused_one_by_one() {
    let bench = Bench::new();
    let client = bench.connect5("c");
    let wrong = [
        "",
        "a#",
        "#a",
        "a/#/b",
        "##",
        "a+",
        "+a",
        "a/b+",
        "$share",
        "$share/",
        "$share/g",
        "$share/g/",
        "$share//t",
        "$share/g+/t",
        "$share/#/t",
        "$share/g/a#",
    ];
    for filter in wrong {
        assert_eq!(ask(&client, &[(filter, 1), ("ok", 1)]), [0x8F, 1], "{filter}");
    }
    for filter in ["#", "+", "/", "+/+", "a/#", "$share/g//t", "$share/g/#", "$SYS/#", "a//b"] {
        assert_eq!(ask(&client, &[(filter, 2)]), [2], "{filter}");
    }
}

#[test]
fn too_many_filters_and_a_full_disk_are_a_quota() {
    let bench = Bench::with(Config { max_filters_per_subscribe: 2, ..Config::default() });
    let client = bench.resume5("c", NEVER, false);
    assert_eq!(ask(&client, &[("a", 0), ("b", 0), ("c", 0)]), [0x97; 3]);
    assert_eq!(bench.sizes().subscriptions, 0);
    assert_eq!(ask(&client, &[("a", 0), ("b", 0)]), [0, 0]);
    bench.event(Event::Storage(Storage::Full));
    assert_eq!(ask(&client, &[("a", 1), ("c", 1)]), [1, 0x97], "what is there may be renewed");
    // What is not stored needs no room.
    assert_eq!(ask(&bench.connect5("transient"), &[("a", 1)]), [1]);
}

// conformance: v5 MQTT-3.8.4-5, v5 MQTT-3.8.4-3
#[test]
fn the_same_filter_twice_in_a_packet_is_two_subscribes_in_order() {
    let bench = Bench::new();
    let client = bench.connect5("c");
    assert_eq!(ask(&client, &[("t", 2), ("u", 1), ("t", 0)]), [2, 1, 0]);
    assert_eq!(bench.sizes().subscriptions, 2);
    bench.connect5("p").publish("t", 2, "x");
    assert_eq!(client.messages(), ["t=x q0"]);
}

// conformance: v5 MQTT-3.8.4-3
#[test]
fn subscribing_again_takes_the_place_of_the_subscription() {
    let bench = Bench::new();
    let mut client = bench.resume5("c", NEVER, false);
    let publisher = bench.connect5("p");
    let with = |qos, no_local, retain_as_published| SubscribeOptions {
        no_local,
        retain_as_published,
        ..options(qos)
    };
    for (options, flags, own) in [
        (with(1, false, true), "q1 retain", true),
        (with(0, true, false), "q0", false),
        (with(2, true, true), "q1 retain", false),
        (with(1, false, false), "q1", true),
    ] {
        client.subscribe5("t", options, None);
        client.ack_all();
        assert_eq!(bench.sizes().subscriptions, 1);
        retain(&publisher, "t", "x", |_| {});
        assert_eq!(client.ack_all(), [format!("t=x {flags}")], "{options:?}");
        client.publish("t", 0, "own");
        assert_eq!(client.ack_all().len(), usize::from(own), "{options:?}");
    }
    bench.crash(SECOND);
    client = bench.resume5("c", NEVER, true);
    bench.connect5("p").publish("t", 2, "x");
    assert_eq!(client.messages(), ["t=x q1"], "the last one is stored");
}

// conformance: v5 MQTT-3.8.4-8
#[test]
fn a_message_comes_at_the_lower_of_both_qos_live_and_retained() {
    for granted in 0..3 {
        for published in 0..3 {
            let bench = Bench::new();
            let publisher = bench.connect5("p");
            let client = bench.connect5("c");
            client.subscribe("t", granted);
            publisher.retain("t", published, "x");
            let qos = granted.min(published);
            assert_eq!(client.messages(), [format!("t=x q{qos}")]);
            let later = bench.connect5("later");
            later.subscribe("t", granted);
            assert_eq!(later.messages(), [format!("t=x q{qos} retain")]);
        }
    }
}

// trap: reserved option bits are malformed; Retain Handling 3, QoS 3, No Local on $share and
// identifier 0 are protocol errors
// conformance: v5 MQTT-3.8.3-5, v5 MQTT-3.8.3-4
#[test]
fn options_that_cannot_be_end_the_connection() {
    use Violation::{NoLocalOnShared, ReservedOptions, RetainHandling3, SubscribeQoS3};
    let filter = |name: &str, options: u8| [raw::field(name), vec![options]].concat();
    for (properties, rest, code, violation) in [
        (&[0][..], filter("t", 0x40), 0x81, ReservedOptions),
        (&[0], filter("t", 0x80), 0x81, ReservedOptions),
        (&[0], filter("t", 0xC1), 0x81, ReservedOptions),
        (&[0], filter("t", 0x30), 0x82, RetainHandling3),
        (&[0], filter("t", 0x03), 0x82, SubscribeQoS3),
        (&[0], filter("$share/g/t", 0x04), 0x82, NoLocalOnShared),
        (&[2, 0x0B, 0], filter("t", 0), 0x82, Violation::PropertyValue { id: 0x0B }),
        (&[4, 0x0B, 1, 0x0B, 2], filter("t", 0), 0x82, Violation::DuplicateProperty { id: 0x0B }),
    ] {
        let bench = Bench::new();
        let client = bench.connect5("c");
        // A good filter before it does not save the packet.
        client.raw(&raw::packet(0x82, &[&[0, 7], properties, &filter("good", 0), &rest]));
        client.expect_disconnect(code);
        assert_eq!(client.seen(), NOTHING, "no SUBACK");
        assert_eq!(client.closed(), Some(CloseReason::Violation(violation)));
        assert_eq!(bench.sizes().subscriptions, 0);
    }
}

// What is not reserved is taken: bits 2 to 5 in every combination that there is.
#[test]
fn every_other_option_is_granted() {
    let bench = Bench::new();
    for options in (0..0x30_u8).filter(|options| options & 3 < 3) {
        let client = bench.connect5("c");
        client.raw(&raw::packet(0x82, &[&[0, 7, 0], &raw::field("t"), &[options]]));
        assert_eq!(codes(&client), (7, vec![options & 3]), "{options:#x}");
    }
}

// What one session is granted binds no other.
#[test]
fn a_refused_filter_leaves_what_is_there_as_it_is() {
    let bench = Bench::with(Config { max_subscriptions_per_client: 1, ..Config::default() });
    let client = bench.connect5("c");
    assert_eq!(ask(&client, &[("t", 1)]), [1]);
    client.subscribe_as(5, &[("u", 1)]);
    let refused = suback(&client);
    assert_eq!(refused.codes[0].byte(), 0x97);
    let words = refused.properties.get().reason_string.clone();
    assert_eq!(words.as_deref(), Some("a client has at most 1 subscriptions"));
    bench.connect5("p").publish("t", 1, "x");
    assert_eq!(client.messages(), ["t=x q1"]);
}
