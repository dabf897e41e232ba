//! MQTT 5.0: what went wrong in words, where they are wanted and fit (sections 3.1.2.11.7, 3.4 to
//! 3.7, 3.9 and 3.11).

use surewire_engine::config::Config;
use surewire_engine::packet::Packet;

use super::{drops, suback};
use crate::support::{Bench, Client, connect5_with, pubrec, pubrel, raw};

/// A broker that refuses much.
fn narrow() -> Bench {
    Bench::with(Config {
        max_topic_levels: 3,
        max_retained_messages: 0,
        check_payload_format: true,
        ..Config::default()
    })
}

/// What is refused with words: a name, and the packets that ask for it.
fn refused(client: &Client) -> Vec<(&'static str, String)> {
    let mut words = Vec::new();
    let mut note = |what, text: Option<&str>| {
        words.push((what, text.unwrap_or_default().to_owned()));
    };
    for (qos, what) in [(1, "puback"), (2, "pubrec")] {
        for topic in ["$SYS/x", "a/b/c/d"] {
            client.publish(topic, qos, "x");
            let (name, code, text) = client.ack();
            assert_eq!((name, code >= 0x80), (what, true));
            note(what, text.as_deref());
        }
        client.retain("t", qos, "x");
        note(what, client.ack().2.as_deref());
        client.send(Packet::Publish(surewire_engine::packet::Publish {
            payload: bytes::Bytes::from_static(b"\xff"),
            ..super::publish("t", qos, 9, "", |set| set.payload_format_indicator = Some(true))
        }));
        note(what, client.ack().2.as_deref());
    }
    client.subscribe_as(5, &[("fine", 0), ("a#", 0), ("a/b/c/d", 0)]);
    let answer = suback(client);
    let codes: Vec<u8> = answer.codes.iter().map(|code| code.byte()).collect();
    assert_eq!(codes, [0, 0x8F, 0x8F]);
    note("suback", answer.properties.get().reason_string.as_deref());
    client.raw(&raw::packet(0xA2, &[&[0, 6, 0], &raw::field("+a"), &raw::field("fine")]));
    let answer = suback(client);
    let codes: Vec<u8> = answer.codes.iter().map(|code| code.byte()).collect();
    assert_eq!(codes, [0x8F, 0x00]);
    note("unsuback", answer.properties.get().reason_string.as_deref());
    words
}

#[test]
fn a_client_is_told_in_words_what_went_wrong() {
    let bench = narrow();
    let told = refused(&bench.connect5("c"));
    let expected = [
        "topics that begin with $ are for the broker alone",
        "a topic has at most 3 levels and 65535 bytes",
        "at most 0 messages and 4294967296 bytes are retained",
        "the payload is said to be UTF-8 and is not",
    ];
    let acks: Vec<&str> = told.iter().take(8).map(|(_, text)| text.as_str()).collect();
    assert_eq!(acks, [expected, expected].concat());
    let filters: Vec<&(&str, String)> = told.iter().skip(8).collect();
    assert_eq!(filters.len(), 2);
    assert_eq!(filters[0].1, "a filter has a `#` that is not alone in its last level");
    assert_eq!(filters[1].1, "a filter has a `+` that is not alone in its level");
    // 1 is what is meant by saying nothing.
    let asked = |set: &mut surewire_engine::packet::PropertySet| {
        set.request_problem_information = Some(true);
    };
    assert_eq!(refused(&bench.connect5_with("c", asked)), told);
}

// conformance: v5 MQTT-3.1.2-29
#[test]
fn a_client_that_wants_no_words_gets_none() {
    let bench = narrow();
    let client = bench.connect5_with("c", |set| set.request_problem_information = Some(false));
    let told = refused(&client);
    assert!(told.iter().all(|(_, text)| text.is_empty()), "{told:?}");
    client.send(pubrec(9));
    assert_eq!(client.ack(), ("pubrel", 0x92, None));
    client.send(pubrel(9));
    assert_eq!(client.ack(), ("pubcomp", 0x92, None));
}

#[test]
fn what_went_well_is_told_without_words() {
    let bench = Bench::new();
    let client = bench.connect5("c");
    client.subscribe_as(5, &[("t", 1)]);
    assert!(suback(&client).properties.is_empty());
    client.publish("nobody", 1, "x");
    assert_eq!(client.ack(), ("puback", 0x10, None));
    client.raw(&raw::packet(0xA2, &[&[0, 6, 0], &raw::field("unknown")]));
    assert!(suback(&client).properties.is_empty());
}

// The bench holds every packet to the client's Maximum Packet Size.
// conformance: v5 MQTT-3.4.2-2, v5 MQTT-3.4.2-3, v5 MQTT-3.5.2-2, v5 MQTT-3.5.2-3
// conformance: v5 MQTT-3.6.2-2, v5 MQTT-3.6.2-3, v5 MQTT-3.7.2-2, v5 MQTT-3.7.2-3
// conformance: v5 MQTT-3.9.2-1, v5 MQTT-3.9.2-2, v5 MQTT-3.11.2-1, v5 MQTT-3.11.2-2
#[test]
fn words_that_do_not_fit_are_left_out() {
    // The largest CONNACK that the broker sends here needs this much.
    let bench = narrow();
    let full = refused(&bench.connect5("c"));
    let mut sizes_with_words = 0;
    for size in 21..90 {
        let connect = connect5_with("c", |set| set.maximum_packet_size = Some(size));
        let client = bench.open(connect);
        client.expect_connack(false);
        let told = refused(&client);
        for ((what, text), (_, whole)) in told.iter().zip(&full) {
            assert!(text.is_empty() || text == whole, "{what}: {text}");
            // Fixed header, identifier, code, Property Length, and the property's three bytes.
            let around = match *what {
                "suback" => 2 + 2 + 1 + 3 + 3,
                "unsuback" => 2 + 2 + 1 + 3 + 2,
                _ => 2 + 2 + 1 + 1 + 3,
            };
            let fits = around + whole.len() <= size as usize;
            assert_eq!(!text.is_empty(), fits, "{what} of {size} bytes");
            sizes_with_words += usize::from(fits);
        }
        client.send(pubrec(9));
        assert_eq!(client.ack(), ("pubrel", 0x92, None));
        client.send(pubrel(9));
        assert_eq!(client.ack(), ("pubcomp", 0x92, None));
    }
    assert!(sizes_with_words > 0);
    assert_eq!(drops(&bench), []);
}
