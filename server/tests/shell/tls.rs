//! MQTT over TLS.

use std::time::Duration;

use surewire_server::settings::Settings;
use tokio_rustls::rustls::version;

use crate::broker::{
    Broker, Client, connect_bytes, plain, publish_bytes, read_to_end, subscribe_bytes,
};
use crate::secure::{certificate, over_tls};

#[test]
fn messages_of_every_size_cross_tls_of_both_versions() {
    let certificate = certificate();
    let mut settings = plain();
    settings.listeners[0].tls = Some(certificate.files.clone());
    let broker = Broker::start(settings);
    for version in [&version::TLS12, &version::TLS13] {
        let mut client = Client::on(over_tls(&broker, &certificate, version));
        client.send(&connect_bytes("c"));
        client.expect(&[0x20, 2, 0, 0]);
        client.send(&subscribe_bytes(1, "t", 0));
        client.expect(&[0x90, 3, 0, 1, 0]);
        for len in [0, 1, 20_000, 500_000] {
            client.send(&publish_bytes("t", &vec![3; len]));
            assert_eq!(client.message().1, vec![3; len]);
        }
        client.send(&[0xE0, 0]);
        client.expect_end();
    }
}

// contract: section 8, connect_timeout
#[test]
fn a_handshake_that_never_ends_is_cut_off() {
    let certificate = certificate();
    let mut settings = Settings { connect_timeout: Duration::from_millis(200), ..plain() };
    settings.listeners[0].tls = Some(certificate.files);
    let broker = Broker::start(settings);
    let mut client = broker.connect();
    // The head of a TLS record of 512 bytes that never come.
    let mut head = [0x16, 3, 1, 2, 0].into_iter();
    let sent = client.drip_until_closed(|| head.next().unwrap_or(0));
    assert!(sent > 1, "closed after {sent} bytes");
}

#[test]
fn plain_mqtt_on_a_tls_listener_is_refused() {
    let certificate = certificate();
    let mut settings = plain();
    settings.listeners[0].tls = Some(certificate.files);
    let broker = Broker::start(settings);
    let mut client = broker.connect();
    client.send(&connect_bytes("c"));
    // A TLS alert may come first; what matters is that it ends without a CONNACK.
    assert_ne!(read_to_end(&mut client.stream).first(), Some(&0x20));
}
