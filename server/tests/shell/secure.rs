//! A certificate and a client of TLS that trusts it.

use std::net::TcpStream;
use std::sync::Arc;

use rustls_pki_types::{CertificateDer, ServerName};
use surewire_server::settings::TlsFiles;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use crate::broker::{Broker, tcp};

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
    over(broker, Arc::new(trusting(certificate, version)))
}

/// A client that trusts the certificate and nothing else.
pub(crate) fn trusting(
    certificate: &Certificate,
    version: &'static SupportedProtocolVersion,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der.clone()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

pub(crate) fn over(
    broker: &Broker,
    config: Arc<ClientConfig>,
) -> StreamOwned<ClientConnection, TcpStream> {
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(config, name).unwrap();
    StreamOwned::new(connection, tcp(broker.address()))
}
