//! Messages on their way in.

use surewire_engine::client::{CloseReason, Fault, Input, Output};
use surewire_engine::packet::{Packet, QoS};

use crate::desk::{Desk, ack, content, options, persistent, publish, send};

fn message(qos: QoS, payload: &'static str) -> Output {
    Output::Message(content(qos, payload))
}

#[test]
fn qos_0_is_not_acknowledged() {
    let mut desk = Desk::connected(options());
    let out = desk.receive(publish(QoS::AtMostOnce, 0, "a", false));
    assert_eq!(out, [message(QoS::AtMostOnce, "a")]);
}

// conformance: v3.1.1 MQTT-4.5.0-2
#[test]
fn qos_1_is_given_and_then_acknowledged_every_time() {
    let mut desk = Desk::connected(options());
    for dup in [false, true] {
        let out = desk.receive(publish(QoS::AtLeastOnce, 5, "a", dup));
        assert_eq!(out, [message(QoS::AtLeastOnce, "a"), send(Packet::Puback(ack(5)))]);
    }
}

// conformance: v3.1.1 MQTT-4.5.0-2
#[test]
fn qos_2_is_given_once_until_it_is_released() {
    let mut desk = Desk::connected(options());
    let out = desk.receive(publish(QoS::ExactlyOnce, 5, "a", false));
    assert_eq!(out, [message(QoS::ExactlyOnce, "a"), send(Packet::Pubrec(ack(5)))]);
    let out = desk.receive(publish(QoS::ExactlyOnce, 5, "a", true));
    assert_eq!(out, [send(Packet::Pubrec(ack(5)))]);
    assert_eq!(desk.receive(Packet::Pubrel(ack(5))), [send(Packet::Pubcomp(ack(5)))]);
    let out = desk.receive(publish(QoS::ExactlyOnce, 5, "b", false));
    assert_eq!(out[0], message(QoS::ExactlyOnce, "b"));
}

#[test]
fn ids_of_qos_2_survive_the_connection_but_not_the_session() {
    let mut desk = Desk::connected(persistent());
    desk.receive(publish(QoS::ExactlyOnce, 5, "a", false));
    desk.step(Input::Lost);
    desk.connect(true);
    let out = desk.receive(publish(QoS::ExactlyOnce, 5, "a", true));
    assert_eq!(out, [send(Packet::Pubrec(ack(5)))]);
    desk.step(Input::Lost);
    desk.connect(false);
    let out = desk.receive(publish(QoS::ExactlyOnce, 5, "b", false));
    assert_eq!(out[0], message(QoS::ExactlyOnce, "b"));
}

#[test]
fn a_message_without_topic_or_id_is_a_fault() {
    let Packet::Publish(mut nameless) = publish(QoS::AtMostOnce, 0, "a", false) else { return };
    nameless.topic = None;
    let numberless = publish(QoS::AtLeastOnce, 0, "a", false);
    for (packet, fault) in
        [(Packet::Publish(nameless), Fault::NoTopic), (numberless, Fault::NoPacketId)]
    {
        let out = Desk::connected(options()).receive(packet);
        assert_eq!(out, [Output::Close { reason: CloseReason::Fault(fault) }]);
    }
}
