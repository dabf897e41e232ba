//! MQTT 5.0: Topic Aliases, both ways (section 3.3.2.3.4).

use std::collections::BTreeMap;

use surewire_engine::config::Config;
use surewire_engine::notice::CloseReason;
use surewire_engine::packet::{Connect, Packet, Publish, QoS};
use surewire_engine::violation::Violation;

use super::{NOTHING, publish, retain};
use crate::support::{
    Bench, Client, NEVER, SECOND, connect5_with, options, puback, pubcomp, pubrec, resume5,
};

fn with_maximum(topic_alias_maximum: u16) -> Bench {
    Bench::with(Config { topic_alias_maximum, ..Config::default() })
}

/// Publishes at QoS 0 with an alias; an empty topic is left out.
fn send(client: &Client, topic: &str, alias: u16, payload: &str) {
    let message = publish(topic, 0, 0, payload, |set| set.topic_alias = Some(alias));
    client.send(Packet::Publish(message));
}

/// What a client makes of our aliases on one connection.
#[derive(Default)]
struct Known(BTreeMap<u16, String>);

impl Known {
    /// Topic, payload and whether the topic was named by a number alone, of everything that came.
    fn take(&mut self, client: &Client) -> Vec<(String, String, bool)> {
        client.deliveries().iter().map(|publish| self.read(publish)).collect()
    }

    fn read(&mut self, publish: &Publish) -> (String, String, bool) {
        let payload = String::from_utf8(publish.payload.to_vec()).unwrap();
        let alias = publish.properties.get().topic_alias;
        let named = publish.topic.as_ref().map(|topic| topic.as_str().to_owned());
        if let (Some(alias), Some(topic)) = (alias, &named) {
            self.0.insert(alias, topic.clone());
        }
        let by_number = named.is_none();
        let topic = named.unwrap_or_else(|| self.0[&alias.unwrap()].clone());
        (topic, payload, by_number)
    }
}

/// A CONNECT that finds its session again and allows this many aliases.
fn resume_with(id: &str, most: u16) -> Connect {
    let mut connect = resume5(id, NEVER);
    connect.properties.edit(|set| set.topic_alias_maximum = Some(most));
    connect
}

/// A client that allows this many aliases and is subscribed to everything at QoS 2.
fn receiver(bench: &Bench, most: u16) -> Client {
    let client = bench.connect5_with("r", |set| set.topic_alias_maximum = Some(most));
    client.subscribe("#", 2);
    client
}

// -- the client's

// conformance: v5 MQTT-3.3.2-12
#[test]
fn every_number_up_to_the_maximum_can_be_set_used_and_set_anew() {
    let bench = with_maximum(64);
    let publisher = bench.open(connect5_with("p", |_| {}));
    let told = publisher.connack().properties.get().topic_alias_maximum;
    assert_eq!(told, Some(64));
    let reader = bench.connect5("r");
    reader.subscribe("#", 0);
    for alias in 1..=64 {
        send(&publisher, &format!("t/{alias}"), alias, "set");
    }
    for alias in 1..=64 {
        send(&publisher, "", alias, "used");
    }
    send(&publisher, "other", 64, "set anew");
    send(&publisher, "", 64, "other");
    send(&publisher, "", 63, "untouched");
    let seen = reader.messages();
    let each = |payload: &'static str| (1..=64).map(move |n| format!("t/{n}={payload} q0"));
    let last = ["other=set anew q0", "other=other q0", "t/63=untouched q0"].map(str::to_owned);
    let expected: Vec<String> = each("set").chain(each("used")).chain(last).collect();
    assert_eq!(seen, expected);
}

#[test]
fn aliases_work_at_every_qos_and_for_what_is_kept() {
    let bench = Bench::new();
    let away = bench.resume5("away", NEVER, false);
    away.subscribe("t", 2);
    away.lose();
    let publisher = bench.connect5("p");
    publisher.publish5("t", 2, "a", |set| set.topic_alias = Some(1));
    assert_eq!(publisher.ack(), ("pubrec", 0x00, None));
    assert_eq!(retain(&publisher, "", "b", |set| set.topic_alias = Some(1)), 0x00);
    bench.crash(SECOND);
    assert_eq!(bench.resume5("away", NEVER, true).messages(), ["t=a q2", "t=b q1"]);
    assert_eq!(bench.retained("#"), ["t=b q1 retain"]);
}

// The number is the connection's affair, whatever becomes of the message.
#[test]
fn a_refused_message_sets_its_alias_all_the_same() {
    let bench = Bench::with(Config { max_retained_messages: 0, ..Config::default() });
    let (reader, publisher) = (bench.connect5("r"), bench.connect5("p"));
    reader.subscribe("t", 0);
    assert_eq!(retain(&publisher, "t", "no", |set| set.topic_alias = Some(1)), 0x97);
    send(&publisher, "", 1, "x");
    assert_eq!(reader.messages(), ["t=x q0"]);
}

// conformance: v5 MQTT-3.3.2-8, v5 MQTT-3.3.2-9
#[test]
fn a_number_out_of_range_ends_the_connection() {
    for (most, alias) in [(64, 0), (64, 65), (64, 65_535), (0, 1), (0, 0), (1, 2)] {
        for topic in ["t", ""] {
            let bench = with_maximum(most);
            let reader = bench.connect5("r");
            reader.subscribe("#", 0);
            let publisher = bench.connect5("p");
            send(&publisher, topic, alias, "x");
            publisher.expect_disconnect(0x94);
            let violation = Violation::TopicAlias { alias, limit: most };
            assert_eq!(publisher.closed(), Some(CloseReason::Violation(violation)));
            assert_eq!(reader.messages(), NOTHING);
        }
    }
}

// conformance: v5 MQTT-3.3.2-7
#[test]
fn numbers_end_with_their_connection() {
    let bench = Bench::new();
    let publisher = bench.resume5("p", NEVER, false);
    send(&publisher, "t", 1, "x");
    send(&publisher, "", 1, "x");
    publisher.lose();
    let publisher = bench.resume5("p", NEVER, true);
    send(&publisher, "", 1, "x");
    publisher.expect_disconnect(0x82);
    let violation = Violation::UnknownTopicAlias { alias: 1 };
    assert_eq!(publisher.closed(), Some(CloseReason::Violation(violation)));
    // Nor do other connections have them.
    let (a, b) = (bench.connect5("a"), bench.connect5("b"));
    send(&a, "t", 2, "x");
    send(&b, "", 2, "x");
    b.expect_disconnect(0x82);
    a.ping();
}

// -- ours

// conformance: v5 MQTT-3.3.2-11
#[test]
fn a_client_that_allows_none_gets_none() {
    let bench = Bench::new();
    let absent = bench.connect5("absent");
    let old = bench.connect("old");
    for client in [&receiver(&bench, 0), &absent, &old] {
        client.subscribe("#", 2);
        let publisher = bench.connect5("p");
        for n in 0..3 {
            publisher.publish("a/long/topic", n, "x");
        }
        for delivery in client.deliveries() {
            assert_eq!(delivery.properties.get().topic_alias, None);
            assert!(delivery.topic.is_some());
        }
    }
}

// conformance: v5 MQTT-3.3.2-11
#[test]
fn no_more_numbers_are_used_than_the_client_and_the_configuration_allow() {
    for (allowed, configured, most) in [(3, 64, 3), (64, 3, 3), (1, 1, 1), (65_535, 64, 64)] {
        let bench = with_maximum(configured);
        let (client, mut known) = (receiver(&bench, allowed), Known::default());
        let publisher = bench.connect5("p");
        for round in 0..3 {
            for n in 0..100 {
                publisher.publish(&format!("topic/number/{n}"), 0, &format!("{round}"));
            }
        }
        let seen = known.take(&client);
        let expected = (0..3).flat_map(|round| {
            (0..100).map(move |n| (format!("topic/number/{n}"), format!("{round}")))
        });
        assert!(
            seen.iter().map(|(topic, payload, _)| (topic.clone(), payload.clone())).eq(expected)
        );
        assert_eq!(known.0.keys().copied().collect::<Vec<_>>(), (1..=most).collect::<Vec<_>>());
    }
}

#[test]
fn what_comes_often_is_named_by_its_number() {
    let bench = Bench::new();
    let (client, mut known) = (receiver(&bench, 1), Known::default());
    let publisher = bench.connect5("p");
    for n in 0..20 {
        publisher.publish("what/comes/often", n % 3, "x");
    }
    let seen = known.take(&client);
    assert!(seen.iter().all(|(topic, ..)| topic == "what/comes/often"));
    let by_number = seen.iter().filter(|(.., by_number)| *by_number).count();
    assert_eq!(by_number, 19);
}

// What waits for its record leaves after what was published behind it.
#[test]
fn a_number_is_set_by_what_leaves_first_though_it_was_published_later() {
    let bench = Bench::new();
    let client = bench.open(resume_with("r", 5));
    client.expect_connack(false);
    client.subscribe("#", 2);
    let publisher = bench.connect5("p");
    let mut known = Known::default();
    bench.hold_store();
    publisher.publish("the/topic", 2, "held");
    publisher.publish("the/topic", 2, "held too");
    assert_eq!(known.take(&client), []);
    publisher.publish("the/topic", 1, "passes");
    publisher.publish("the/topic", 0, "passes too");
    let entry = |payload: &str, by_number| ("the/topic".to_owned(), payload.to_owned(), by_number);
    assert_eq!(known.take(&client), [entry("passes", false), entry("passes too", true)]);
    bench.sync();
    assert_eq!(known.take(&client), [entry("held", true), entry("held too", true)]);
}

// What ends in the gate with its connection has set nothing.
#[test]
fn a_message_that_never_left_has_set_no_number() {
    let bench = Bench::new();
    let client = bench.open(resume_with("r", 5));
    client.expect_connack(false);
    client.subscribe("#", 2);
    bench.hold_store();
    bench.connect5("p").publish("the/topic", 2, "held");
    client.lose();
    let client = bench.open(resume_with("r", 5));
    bench.sync();
    client.expect_connack(true);
    let seen = Known::default().take(&client);
    assert_eq!(seen, [("the/topic".into(), "held".into(), false)]);
}

// conformance: v5 MQTT-3.3.2-7
#[test]
fn each_connection_starts_without_numbers_also_for_what_is_sent_again() {
    let bench = Bench::new();
    let client = bench.open(resume_with("r", 5));
    client.expect_connack(false);
    client.subscribe("#", 1);
    let publisher = bench.connect5("p");
    for n in 0..3 {
        publisher.publish("the/topic", 1, &n.to_string());
    }
    let by_number = |client: &Client| -> Vec<bool> {
        let seen = Known::default().take(client);
        assert!(seen.iter().all(|(topic, ..)| topic == "the/topic"));
        seen.into_iter().map(|(.., by_number)| by_number).collect()
    };
    assert_eq!(by_number(&client), [false, true, true]);
    client.lose();
    publisher.publish("the/topic", 1, "queued");
    let client = bench.open(resume_with("r", 5));
    client.expect_connack(true);
    assert_eq!(by_number(&client), [false, true, true, true]);
    client.lose();
    let client = bench.open(resume_with("r", 0));
    client.expect_connack(true);
    assert_eq!(by_number(&client), [false; 4]);
    bench.crash(SECOND);
    let client = bench.open(resume_with("r", 1));
    client.expect_connack(true);
    assert_eq!(by_number(&client), [false, true, true, true]);
}

#[test]
fn retained_messages_are_named_by_numbers_too() {
    let bench = Bench::new();
    let publisher = bench.connect5("p");
    for n in 0..15 {
        retain(&publisher, &format!("kept/{n}"), &n.to_string(), |_| {});
    }
    let client = bench.connect5_with("r", |set| set.topic_alias_maximum = Some(20));
    let mut known = Known::default();
    let mut seen = Vec::new();
    for _ in 0..2 {
        assert_eq!(client.subscribe5("kept/#", options(1), None).byte(), 1);
        loop {
            bench.settle();
            let deliveries = client.deliveries();
            if deliveries.is_empty() {
                break;
            }
            for delivery in deliveries {
                assert!(delivery.retain && delivery.qos == QoS::AtLeastOnce);
                seen.push(known.read(&delivery));
                client.send(puback(delivery.packet_id.unwrap().get()));
            }
        }
    }
    assert_eq!(seen.len(), 30);
    assert!(seen.iter().all(|(topic, payload, _)| *topic == format!("kept/{payload}")));
    assert!(seen.iter().skip(15).all(|(.., by_number)| *by_number));
}

#[test]
fn an_exchange_of_qos_2_goes_on_whatever_names_its_topic() {
    let bench = Bench::new();
    let client = receiver(&bench, 1);
    let publisher = bench.connect5("p");
    for id in 1..=3 {
        publisher.publish("the/topic", 2, "x");
        client.take();
        client.send(pubrec(id));
        assert_eq!(client.seen(), [format!("pubrel {id}")]);
        client.send(pubcomp(id));
    }
    assert_eq!(client.seen(), NOTHING);
}
