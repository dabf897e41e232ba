//! Connecting, staying connected, and leaving.

use std::time::Duration;

use surewire_engine::client::{CloseReason, Fault, Input, Options, Output};
use surewire_engine::packet::{
    Disconnect, Packet, Properties, PropertySet, QoS, ReasonCode, Version,
};
use surewire_engine::violation::Violation;

use crate::desk::{Desk, connack, connack_with, options, persistent, publish, send};

const PING: Output = Output::Send(Packet::Pingreq);

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn close(reason: CloseReason) -> Output {
    Output::Close { reason }
}

fn goodbye(code: ReasonCode) -> Output {
    send(Packet::Disconnect(Disconnect { code, properties: Properties::NONE }))
}

#[test]
fn the_transport_brings_a_connect_and_nothing_else() {
    let mut desk = Desk::new(persistent());
    desk.publish(1, QoS::AtLeastOnce, "early");
    let out = desk.step(Input::Opened);
    let [Output::Send(Packet::Connect(connect))] = out.as_slice() else { panic!("{out:?}") };
    assert_eq!(connect.client_id, "c");
    assert!(!connect.clean_start);
    assert!(!desk.client.is_connected());
}

#[test]
fn a_v5_session_that_is_not_clean_is_asked_to_last() {
    let mut desk = Desk::new(Options { version: Version::V5, ..persistent() });
    let out = desk.step(Input::Opened);
    let [Output::Send(Packet::Connect(connect))] = out.as_slice() else { panic!("{out:?}") };
    assert_eq!(connect.properties.get().session_expiry_interval, Some(u32::MAX));
}

#[test]
fn a_refusal_closes_and_says_why() {
    let mut desk = Desk::new(options());
    desk.step(Input::Opened);
    let code = ReasonCode::NotAuthorized;
    let out = desk.receive(connack(code, false));
    assert_eq!(out, [close(CloseReason::Refused { code, text: None })]);
    assert_eq!(desk.receive(Packet::Pingresp), [], "what comes after the end is ignored");
}

#[test]
fn a_server_that_never_answers_the_connect_is_given_up() {
    let mut desk = Desk::new(options());
    desk.step(Input::Opened);
    assert_eq!(desk.advance(secs(14)), []);
    assert_eq!(desk.advance(secs(1)), [close(CloseReason::NoConnack)]);
    assert_eq!(desk.client.next_timeout(), None);
}

#[test]
fn an_idle_client_pings_and_gives_up_a_server_that_stays_silent() {
    let mut desk = Desk::connected(options());
    assert_eq!(desk.advance(secs(59)), []);
    assert_eq!(desk.advance(secs(1)), [PING]);
    desk.advance(secs(1));
    assert_eq!(desk.receive(Packet::Pingresp), []);
    assert_eq!(desk.advance(secs(60)), [PING]);
    assert_eq!(desk.advance(secs(15)), [close(CloseReason::NoPingresp)]);
}

#[test]
fn a_client_that_only_sends_still_notices_a_dead_server() {
    let mut desk = Desk::connected(options());
    let mut seen = Vec::new();
    for _ in 0..16 {
        desk.publish(1, QoS::AtMostOnce, "x");
        seen.extend(desk.advance(secs(5)));
    }
    assert_eq!(seen, [PING, close(CloseReason::NoPingresp)]);
}

// conformance: v3.1.1 MQTT-3.1.2-23
#[test]
fn a_client_that_only_receives_still_pings() {
    let mut desk = Desk::connected(options());
    let mut seen = Vec::new();
    for _ in 0..13 {
        desk.receive(publish(QoS::AtMostOnce, 0, "x", false));
        seen.extend(desk.advance(secs(5)));
    }
    assert_eq!(seen, [PING]);
}

#[test]
fn bytes_of_a_large_packet_are_a_sign_of_life() {
    let mut desk = Desk::connected(options());
    assert_eq!(desk.advance(secs(60)), [PING]);
    for _ in 0..10 {
        assert_eq!(desk.advance(secs(14)), []);
        desk.step(Input::Alive);
    }
    assert_eq!(desk.advance(secs(15)), [close(CloseReason::NoPingresp)]);
}

#[test]
fn without_keep_alive_nothing_ever_expires() {
    let desk = Desk::connected(Options { keep_alive: 0, ..options() });
    assert_eq!(desk.client.next_timeout(), None);
}

#[test]
fn a_v5_server_sets_keep_alive_and_client_id() {
    let mut desk = Desk::new(Options { version: Version::V5, ..options() });
    desk.step(Input::Opened);
    desk.receive(connack_with(PropertySet {
        server_keep_alive: Some(10),
        assigned_client_identifier: Some("given".into()),
        ..PropertySet::NONE
    }));
    assert_eq!(desk.client.client_id(), "given");
    assert_eq!(desk.advance(secs(10)), [PING]);
}

// conformance: v3.1.1 MQTT-3.14.4-1, v3.1.1 MQTT-3.14.4-2
#[test]
fn leaving_says_goodbye() {
    let mut desk = Desk::connected(options());
    let out = desk.step(Input::Disconnect);
    assert_eq!(out, [goodbye(ReasonCode::Success), close(CloseReason::Requested)]);
    assert_eq!(desk.step(Input::Disconnect), [], "there is nothing left to close");
}

#[test]
fn leaving_before_the_connack_sends_nothing() {
    let mut desk = Desk::new(options());
    desk.step(Input::Opened);
    assert_eq!(desk.step(Input::Disconnect), [close(CloseReason::Requested)]);
}

#[test]
fn a_v5_server_may_say_goodbye() {
    let mut desk = Desk::connected(Options { version: Version::V5, ..options() });
    let code = ReasonCode::SessionTakenOver;
    let bye = Disconnect { code, properties: Properties::NONE };
    let out = desk.receive(Packet::Disconnect(bye));
    assert_eq!(out, [close(CloseReason::ByServer { code, text: None })]);
}

#[test]
fn what_a_server_must_not_send_ends_the_connection() {
    let disconnect =
        Packet::Disconnect(Disconnect { code: ReasonCode::Success, properties: Properties::NONE });
    for (packet, name) in [
        (disconnect, "DISCONNECT"),
        (Packet::Pingreq, "PINGREQ"),
        (connack(ReasonCode::Success, false), "CONNACK"),
    ] {
        let mut desk = Desk::connected(options());
        let out = desk.receive(packet);
        assert_eq!(out, [close(CloseReason::Fault(Fault::Unexpected { packet: name }))]);
    }
}

#[test]
fn a_packet_before_the_connack_is_a_fault() {
    let mut desk = Desk::new(options());
    desk.step(Input::Opened);
    let fault = Fault::Unexpected { packet: "PINGRESP" };
    assert_eq!(desk.receive(Packet::Pingresp), [close(CloseReason::Fault(fault))]);
}

#[test]
fn session_present_must_fit_the_connect_and_the_code() {
    for (code, fault) in [
        (ReasonCode::Success, Fault::SessionPresent),
        (ReasonCode::NotAuthorized, Fault::SessionPresentRefused),
    ] {
        let mut desk = Desk::new(options());
        desk.step(Input::Opened);
        assert_eq!(desk.receive(connack(code, true)), [close(CloseReason::Fault(fault))]);
    }
}

#[test]
fn broken_bytes_end_the_connection_and_a_v5_server_is_told() {
    let fault = Fault::Malformed(Violation::Truncated);
    let mut desk = Desk::connected(options());
    let out = desk.step(Input::Broken(Violation::Truncated));
    assert_eq!(out, [close(CloseReason::Fault(fault))]);

    let mut desk = Desk::connected(Options { version: Version::V5, ..options() });
    let out = desk.step(Input::Broken(Violation::Truncated));
    assert_eq!(out, [goodbye(ReasonCode::MalformedPacket), close(CloseReason::Fault(fault))]);
}

#[test]
fn waiting_grows_with_failures_and_starts_over_after_a_success() {
    let mut desk = Desk::new(options());
    assert_eq!(desk.client.reconnect_delay(), Duration::ZERO);
    for _ in 0..10 {
        desk.step(Input::Lost);
    }
    assert!(desk.client.reconnect_delay() >= secs(30));
    desk.connect(false);
    assert_eq!(desk.client.reconnect_delay(), Duration::ZERO);
    desk.step(Input::Lost);
    assert!(desk.client.reconnect_delay() <= secs(1));
}
