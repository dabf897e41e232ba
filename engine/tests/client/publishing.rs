//! Messages on their way out: acknowledgements, the window, and what a lost connection does.

use surewire_engine::client::{CloseReason, Failure, Fault, Input, Options, Output, Token};
use surewire_engine::packet::{Ack, Packet, PropertySet, QoS, ReasonCode, Version};

use crate::desk::{
    Desk, ack, acknowledged, connack_with, id, options, persistent, publish, send, sent,
};

const QOS0: QoS = QoS::AtMostOnce;
const QOS1: QoS = QoS::AtLeastOnce;
const QOS2: QoS = QoS::ExactlyOnce;

fn wrong(packet: &'static str) -> Output {
    let fault = Fault::WrongAck { packet, packet_id: id(1) };
    Output::Close { reason: CloseReason::Fault(fault) }
}

fn failed(token: u64, why: Failure) -> Output {
    Output::Failed { token: Token(token), why }
}

#[test]
fn qos_0_is_done_when_it_is_sent_and_fails_without_a_connection() {
    let mut desk = Desk::new(options());
    assert_eq!(desk.publish(1, QOS0, "a"), [failed(1, Failure::NotConnected)]);
    desk.connect(false);
    let out = desk.publish(2, QOS0, "b");
    assert_eq!(out, [send(publish(QOS0, 0, "b", false)), acknowledged(2)]);
}

#[test]
fn qos_1_is_done_at_the_puback() {
    let mut desk = Desk::connected(options());
    assert_eq!(desk.publish(7, QOS1, "a"), [send(publish(QOS1, 1, "a", false))]);
    assert_eq!(desk.receive(Packet::Puback(ack(1))), [acknowledged(7)]);
    assert_eq!(desk.receive(Packet::Puback(ack(1))), [], "an unknown id is ignored");
}

#[test]
fn qos_2_is_done_at_the_pubcomp() {
    let mut desk = Desk::connected(options());
    assert_eq!(desk.publish(7, QOS2, "a"), [send(publish(QOS2, 1, "a", false))]);
    for _ in 0..2 {
        assert_eq!(desk.receive(Packet::Pubrec(ack(1))), [send(Packet::Pubrel(ack(1)))]);
    }
    assert_eq!(desk.receive(Packet::Pubcomp(ack(1))), [acknowledged(7)]);
    assert_eq!(desk.client.unacknowledged(), 0);
}

#[test]
fn a_v5_refusal_ends_the_exchange() {
    let mut desk = Desk::connected(Options { version: Version::V5, ..options() });
    desk.publish(7, QOS2, "a");
    let code = ReasonCode::NotAuthorized;
    let out = desk.receive(Packet::Pubrec(Ack { code, ..ack(1) }));
    assert_eq!(out, [Output::Acknowledged { token: Token(7), code }]);
}

#[test]
fn an_acknowledgement_of_the_wrong_kind_is_a_fault() {
    for (qos, packet, name) in [
        (QOS1, Packet::Pubrec(ack(1)), "PUBREC"),
        (QOS1, Packet::Pubcomp(ack(1)), "PUBCOMP"),
        (QOS2, Packet::Puback(ack(1)), "PUBACK"),
        (QOS2, Packet::Pubcomp(ack(1)), "PUBCOMP"),
    ] {
        let mut desk = Desk::connected(options());
        desk.publish(1, qos, "a");
        assert_eq!(desk.receive(packet), [wrong(name)]);
    }
}

#[test]
fn a_pubrec_for_an_unknown_id_is_released() {
    let mut desk = Desk::connected(options());
    let [Packet::Pubrel(release)] = &sent(&desk.receive(Packet::Pubrec(ack(9))))[..] else {
        panic!("the server would keep the id for ever");
    };
    assert_eq!(release.packet_id, id(9));
}

#[test]
fn the_window_holds_and_the_queue_moves_up_in_order() {
    let mut desk = Desk::connected(Options { max_inflight: 2, ..options() });
    assert!(desk.client.has_room());
    for (token, payload) in [(1, "a"), (2, "b"), (3, "c"), (4, "d")] {
        desk.publish(token, QOS1, payload);
    }
    assert!(!desk.client.has_room());
    assert_eq!(desk.client.unacknowledged(), 4);
    let out = desk.receive(Packet::Puback(ack(2)));
    assert_eq!(out, [acknowledged(2), send(publish(QOS1, 3, "c", false))]);
    let out = desk.receive(Packet::Puback(ack(1)));
    assert_eq!(out, [acknowledged(1), send(publish(QOS1, 4, "d", false))]);
}

#[test]
fn a_full_queue_refuses() {
    let mut desk = Desk::connected(Options { max_inflight: 1, max_queued: 1, ..options() });
    desk.publish(1, QOS1, "a");
    desk.publish(2, QOS1, "b");
    assert_eq!(desk.publish(3, QOS1, "c"), [failed(3, Failure::QueueFull)]);
}

#[test]
fn a_v5_receive_maximum_narrows_the_window() {
    let mut desk = Desk::new(Options { version: Version::V5, ..options() });
    desk.step(Input::Opened);
    desk.receive(connack_with(PropertySet { receive_maximum: Some(1), ..PropertySet::NONE }));
    assert_eq!(sent(&desk.publish(1, QOS1, "a")).len(), 1);
    assert_eq!(desk.publish(2, QOS1, "b"), []);
}

// conformance: v3.1.1 MQTT-4.6.0-1, v3.1.1 MQTT-2.3.1-3
#[test]
fn a_resumed_session_sends_again_in_order_with_dup_and_the_same_ids() {
    let mut desk = Desk::connected(Options { max_inflight: 3, ..persistent() });
    desk.publish(1, QOS1, "a");
    desk.publish(2, QOS2, "b");
    desk.publish(3, QOS2, "c");
    desk.publish(4, QOS1, "d");
    desk.receive(Packet::Pubrec(ack(2)));
    assert_eq!(desk.step(Input::Lost), []);
    let out = desk.connect(true);
    let again = [
        send(publish(QOS1, 1, "a", true)),
        send(Packet::Pubrel(ack(2))),
        send(publish(QOS2, 3, "c", true)),
    ];
    assert_eq!(out, again);
    let out = desk.receive(Packet::Pubcomp(ack(2)));
    assert_eq!(out, [acknowledged(2), send(publish(QOS1, 4, "d", false))]);
}

#[test]
fn resending_keeps_to_a_smaller_receive_maximum() {
    let mut desk = Desk::connected(Options { version: Version::V5, ..persistent() });
    for token in 1..=3 {
        desk.publish(token, QOS1, "x");
    }
    desk.step(Input::Lost);
    desk.step(Input::Opened);
    let set = PropertySet { receive_maximum: Some(1), ..PropertySet::NONE };
    let Packet::Connack(mut connack) = connack_with(set) else { unreachable!() };
    connack.session_present = true;
    let out = desk.receive(Packet::Connack(connack));
    assert_eq!(sent(&out), [publish(QOS1, 1, "x", true)]);
    let out = desk.receive(Packet::Puback(ack(1)));
    assert_eq!(sent(&out), [publish(QOS1, 2, "x", true)]);
}

#[test]
fn a_lost_session_republishes_qos_1_as_new_and_fails_qos_2() {
    let mut desk = Desk::connected(Options { max_inflight: 2, ..persistent() });
    desk.publish(1, QOS2, "a");
    desk.publish(2, QOS1, "b");
    desk.publish(3, QOS2, "c");
    desk.step(Input::Lost);
    let out = desk.connect(false);
    assert_eq!(out[0], failed(1, Failure::SessionLost));
    let packets = sent(&out);
    assert_eq!(packets, [publish(QOS1, 3, "b", false), publish(QOS2, 4, "c", false)]);
}

#[test]
fn mqtt_3_1_resumes_without_being_told() {
    let mut desk = Desk::connected(Options { version: Version::V3_1, ..persistent() });
    desk.publish(1, QOS2, "a");
    desk.step(Input::Lost);
    assert_eq!(desk.connect(false), [send(publish(QOS2, 1, "a", true))]);
}
