//! MQTT over TLS.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, ServerName};
use surewire_server::settings::{Settings, TlsFiles};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion, version,
};

use crate::broker::{
    Broker, Client, connect_bytes, plain, publish_bytes, read_to_end, subscribe_bytes, tcp,
};

pub(crate) struct Certificate {
    der: CertificateDer<'static>,
    pub(crate) files: TlsFiles,
    _directory: tempfile::TempDir,
}

pub(crate) fn certificate() -> Certificate {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = |name| directory.path().join(name);
    let files = TlsFiles { certificate: path("cert.pem"), key: path("key.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    Certificate { der: made.cert.der().clone(), files, _directory: directory }
}

pub(crate) fn over_tls(
    broker: &Broker,
    certificate: &Certificate,
    version: &'static SupportedProtocolVersion,
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(connection, tcp(broker.address()))
}

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
