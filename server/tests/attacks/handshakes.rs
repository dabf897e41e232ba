//! TLS: what a client can ask for over and over.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use surewire_server::settings::{Carrier, Settings};
use tokio_rustls::rustls::version;

use crate::broker::{Broker, Client, connect_bytes, plain};
use crate::secure::{certificate, over, over_tls, trusting};

// New keys again and again, each of which has to be answered: memory without bound elsewhere. Who asks
// for nothing else is ended.
#[test]
fn cve_2026_39304_new_keys_without_end_end_the_connection() {
    const MANY: usize = 20_000;
    let certificate = certificate();
    let mut settings = plain();
    settings.listeners[0].tls = Some(certificate.files.clone());
    let broker = Broker::start(settings);
    let connect = |id| {
        let mut client = Client::on(over_tls(&broker, &certificate, &version::TLS13));
        client.send(&connect_bytes(id));
        client.expect(&[0x20, 2, 0, 0]);
        client
    };
    let (mut attacker, mut other) = (connect("attacker"), connect("other"));
    let mut ask = || {
        attacker.stream.conn.refresh_traffic_keys().unwrap();
        attacker.stream.flush().is_ok()
    };
    let asked = (0..MANY).take_while(|_| ask()).count();
    assert!(asked < MANY, "{asked} times");
    // Now and then is in order: keys wear out.
    for _ in 0..5 {
        other.stream.conn.refresh_traffic_keys().unwrap();
        other.send(&[0xC0, 0]);
        other.expect(&[0xD0, 0]);
    }
}

// What is sent with a resumption's first flight can be sent again by somebody else.
#[test]
fn early_data_is_never_taken() {
    let certificate = certificate();
    let mut settings = plain();
    settings.listeners[0].tls = Some(certificate.files.clone());
    let broker = Broker::start(settings);
    let mut config = trusting(&certificate, &version::TLS13);
    config.enable_early_data = true;
    let config = Arc::new(config);
    for round in 0..3 {
        let mut stream = over(&broker, Arc::clone(&config));
        assert!(stream.conn.early_data().is_none(), "round {round}: early data is offered");
        // The ticket for the next round comes with the answer.
        stream.write_all(&connect_bytes("c")).unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
    }
}

// Half a hand-shake on every kind of listener that has one.
#[test]
fn a_handshake_that_never_ends_is_cut_off_by_tls_and_by_websocket_over_it() {
    let certificate = certificate();
    for protocol in [Carrier::Stream, Carrier::WebSocket] {
        let mut settings = Settings { connect_timeout: Duration::from_millis(300), ..plain() };
        settings.listeners[0].tls = Some(certificate.files.clone());
        settings.listeners[0].protocol = protocol;
        let broker = Broker::start(settings);
        let mut client = broker.connect();
        // A ClientHello that claims 16 MiB, and a record of 16 KiB.
        let mut head = [0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff].into_iter();
        let sent = client.drip_until_closed(|| head.next().unwrap_or(0));
        assert!(sent > 4, "{protocol:?}: closed after {sent} bytes");
    }
}
