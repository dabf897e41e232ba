//! SUBSCRIBE and UNSUBSCRIBE.

use smallvec::{SmallVec, smallvec};
use surewire_engine::client::{CloseReason, Failure, Fault, Input, Output, Token};
use surewire_engine::packet::{Packet, Properties, QoS, ReasonCode, Suback};

use crate::desk::{Desk, filter, id, options, publish, sent};

fn answer(n: u16, codes: SmallVec<[ReasonCode; 4]>) -> Box<Suback> {
    Box::new(Suback { packet_id: id(n), codes, properties: Properties::NONE })
}

fn subscribe(token: u64) -> Input {
    Input::Subscribe { token: Token(token), filters: vec![filter("a"), filter("b")] }
}

#[test]
fn the_answer_comes_back_with_the_token() {
    let mut desk = Desk::connected(options());
    let packets = sent(&desk.step(subscribe(7)));
    let [Packet::Subscribe(packet)] = packets.as_slice() else { panic!("{packets:?}") };
    assert_eq!(packet.packet_id, id(1));
    let codes = smallvec![ReasonCode::GrantedQoS1, ReasonCode::UnspecifiedError];
    let out = desk.receive(Packet::Suback(answer(1, codes.clone())));
    assert_eq!(out, [Output::Subscribed { token: Token(7), codes }]);
}

#[test]
fn an_unsuback_of_3_1_1_has_no_codes() {
    let mut desk = Desk::connected(options());
    desk.step(Input::Unsubscribe { token: Token(8), filters: vec!["a".into(), "b".into()] });
    let out = desk.receive(Packet::Unsuback(answer(1, smallvec![])));
    assert_eq!(out, [Output::Unsubscribed { token: Token(8), codes: smallvec![] }]);
}

// conformance: v3.1.1 MQTT-2.3.1-2
#[test]
fn requests_and_messages_never_share_an_id() {
    let mut desk = Desk::connected(options());
    desk.step(subscribe(1));
    let out = desk.publish(2, QoS::AtLeastOnce, "x");
    assert_eq!(sent(&out), [publish(QoS::AtLeastOnce, 2, "x", false)]);
}

#[test]
fn answers_that_fit_no_request_are_faults() {
    let one = smallvec![ReasonCode::Success];
    let wrong = |packet| Fault::WrongAck { packet, packet_id: id(1) };
    for (packet, fault) in [
        (Packet::Unsuback(answer(1, smallvec![])), wrong("UNSUBACK")),
        (Packet::Suback(answer(1, one)), Fault::CodeCount { expected: 2, found: 1 }),
    ] {
        let mut desk = Desk::connected(options());
        desk.step(subscribe(1));
        let out = desk.receive(packet);
        let lost = Output::Failed { token: Token(1), why: Failure::ConnectionLost };
        assert_eq!(out, [lost, Output::Close { reason: CloseReason::Fault(fault) }]);
    }
}

#[test]
fn requests_fail_without_a_connection_and_with_a_lost_one() {
    let mut desk = Desk::new(options());
    let failed = |token, why| vec![Output::Failed { token: Token(token), why }];
    assert_eq!(desk.step(subscribe(1)), failed(1, Failure::NotConnected));
    desk.connect(false);
    let none = Input::Subscribe { token: Token(2), filters: vec![] };
    assert_eq!(desk.step(none), failed(2, Failure::NoFilters));
    desk.step(subscribe(3));
    assert_eq!(desk.step(Input::Lost), failed(3, Failure::ConnectionLost));
}
