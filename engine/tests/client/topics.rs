//! Topic Aliases, both ways.

use surewire_engine::client::{CloseReason, Fault, Input, Options, Output, Token};
use surewire_engine::message::Content;
use surewire_engine::packet::{Connack, Packet, PropertySet, Publish, QoS, ReasonCode, Version};
use surewire_engine::topic::TopicName;

use crate::desk::{Desk, content, options};

fn v5(allowed: u16, used: u16) -> Options {
    let set = PropertySet { topic_alias_maximum: Some(allowed), ..PropertySet::NONE };
    Options { version: Version::V5, properties: set.into(), topic_aliases: used, ..options() }
}

/// Connected to a server that takes so many.
fn connected(options: Options, taken: u16) -> Desk {
    let mut desk = Desk::new(options);
    connect(&mut desk, taken);
    desk
}

fn connect(desk: &mut Desk, taken: u16) {
    let set = PropertySet { topic_alias_maximum: Some(taken), ..PropertySet::NONE };
    desk.step(Input::Opened);
    let (session_present, code) = (false, ReasonCode::Success);
    desk.receive(Packet::Connack(Connack { session_present, code, properties: set.into() }));
}

fn publish(topic: Option<&str>, alias: u16) -> Packet {
    let set = PropertySet { topic_alias: Some(alias), ..PropertySet::NONE };
    Packet::Publish(Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: topic.map(|topic| TopicName::new(topic.into()).unwrap()),
        packet_id: None,
        properties: set.into(),
        payload: "x".into(),
    })
}

/// The topic of the message that the packet brings.
fn topic_of(desk: &mut Desk, packet: Packet) -> String {
    match desk.receive(packet).as_slice() {
        [Output::Message(content)] => {
            assert!(content.properties.is_empty(), "the alias is of no use any more");
            content.topic.as_str().to_owned()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_servers_alias_stands_for_its_topic_until_it_is_given_another() {
    let mut desk = connected(v5(2, 0), 0);
    assert_eq!(topic_of(&mut desk, publish(Some("a"), 1)), "a");
    assert_eq!(topic_of(&mut desk, publish(Some("b"), 2)), "b");
    assert_eq!(topic_of(&mut desk, publish(None, 1)), "a");
    assert_eq!(topic_of(&mut desk, publish(Some("c"), 1)), "c");
    assert_eq!(topic_of(&mut desk, publish(None, 1)), "c");
    assert_eq!(topic_of(&mut desk, publish(None, 2)), "b");
}

#[test]
fn an_alias_that_stands_for_nothing_is_the_servers_fault() {
    for (packet, alias) in
        [(publish(None, 1), 1), (publish(Some("a"), 3), 3), (publish(Some("a"), 0), 0)]
    {
        let mut desk = connected(v5(2, 0), 0);
        let out = desk.receive(packet);
        let reason = CloseReason::Fault(Fault::TopicAlias { alias });
        assert_eq!(out.last(), Some(&Output::Close { reason }));
    }
    // Nothing of the last connection is known on the next.
    let mut desk = connected(v5(2, 0), 0);
    topic_of(&mut desk, publish(Some("a"), 1));
    desk.step(Input::Lost);
    connect(&mut desk, 0);
    let out = desk.receive(publish(None, 1));
    assert!(matches!(out.last(), Some(Output::Close { .. })), "{out:?}");
}

/// How the PUBLISH names its topic: the topic, and the alias.
fn named(out: &[Output]) -> (Option<&str>, Option<u16>) {
    let publish = out.iter().find_map(|output| match output {
        Output::Send(Packet::Publish(publish)) => Some(publish),
        _ => None,
    });
    let publish = publish.expect("a PUBLISH");
    (publish.topic.as_ref().map(TopicName::as_str), publish.properties.get().topic_alias)
}

fn send(desk: &mut Desk, qos: QoS, topic: &str) -> Vec<Output> {
    let topic = TopicName::new(topic.into()).unwrap();
    let content = Content { topic, ..content(qos, "x") };
    desk.step(Input::Publish { token: Token(1), content })
}

#[test]
fn the_client_uses_as_many_as_both_sides_want() {
    for (used, taken) in [(1, 9), (9, 1)] {
        let mut desk = connected(v5(0, used), taken);
        let long = "a/long/topic/name";
        assert_eq!(named(&send(&mut desk, QoS::AtMostOnce, long)), (Some(long), Some(1)));
        assert_eq!(named(&send(&mut desk, QoS::AtLeastOnce, long)), (None, Some(1)));
        let other = "another/topic";
        assert_eq!(named(&send(&mut desk, QoS::AtMostOnce, other)), (Some(other), None));
    }
    for (used, taken) in [(0, 9), (9, 0)] {
        let mut desk = connected(v5(0, used), taken);
        assert_eq!(named(&send(&mut desk, QoS::AtMostOnce, "topic")), (Some("topic"), None));
    }
}

#[test]
fn what_is_sent_again_is_named_anew_on_the_new_connection() {
    let mut desk = connected(Options { clean_start: false, ..v5(0, 9) }, 9);
    send(&mut desk, QoS::AtMostOnce, "topic");
    assert_eq!(named(&send(&mut desk, QoS::AtLeastOnce, "topic")), (None, Some(1)));
    desk.step(Input::Lost);
    desk.step(Input::Opened);
    let set = PropertySet { topic_alias_maximum: Some(9), ..PropertySet::NONE };
    let (session_present, code) = (true, ReasonCode::Success);
    let out =
        desk.receive(Packet::Connack(Connack { session_present, code, properties: set.into() }));
    assert_eq!(named(&out), (Some("topic"), Some(1)));
}
