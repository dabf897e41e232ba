//! What keeps the broker from starting is one message that names the listener.

use std::collections::BTreeMap;
use std::net::TcpListener;

use surewire_server::environment::RealEnvironment;
use surewire_server::settings::{HttpSettings, ListenerSettings, Settings, TlsFiles};
use surewire_server::{RunError, Server};

use crate::broker::{plain, runtime};

fn failure(settings: Settings) -> RunError {
    let bound = runtime().block_on(Server::bind(settings, &RealEnvironment::new()));
    bound.err().expect("the broker must not start")
}

// contract: section 2
#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let message =
        failure(Settings::on(ListenerSettings::plain(address.parse().unwrap()))).to_string();
    assert!(
        message.starts_with(&format!("listener mqtt://{address}: cannot listen: ")),
        "{message}"
    );
    assert!(message.contains("stop the other program"), "{message}");
}

// contract: section 2
#[test]
fn two_listeners_on_one_port_are_an_error_before_anything_is_served() {
    let mut settings = plain();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    settings.listeners.push(ListenerSettings::plain(address.parse().unwrap()));
    assert!(matches!(failure(settings), RunError::Bind { .. }));
}

// contract: section 2, the REST port
#[test]
fn a_port_of_the_interface_that_is_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let http = HttpSettings {
        address: address.to_string().parse().unwrap(),
        accounts: BTreeMap::default(),
        metrics_open: false,
    };
    let message = failure(Settings { http: Some(http), ..plain() }).to_string();
    let expected = format!("listener http://{address}: cannot listen: ");
    assert!(message.starts_with(&expected), "{message}");
    assert!(message.contains("stop the other program"), "{message}");
}

fn with_tls(certificate: &str, key: &str) -> Settings {
    let directory = tempfile::tempdir().unwrap();
    let tls = TlsFiles { certificate: directory.path().join("c"), key: directory.path().join("k") };
    std::fs::write(&tls.certificate, certificate).unwrap();
    std::fs::write(&tls.key, key).unwrap();
    // The files are read by bind, which comes later; the test directory goes with the process.
    let _kept = directory.keep();
    let mut settings = plain();
    settings.listeners[0].tls = Some(tls);
    settings
}

// contract: section 2
#[test]
fn a_key_of_another_certificate_is_named() {
    let make = || rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let (one, other) = (make(), make());
    let settings = with_tls(&one.cert.pem(), &other.signing_key.serialize_pem());
    let message = failure(settings).to_string();
    assert!(message.starts_with("listener mqtts://127.0.0.1:0: the key in "), "{message}");
    assert!(message.contains("does not belong to the certificate"), "{message}");
}

// contract: section 2
#[test]
fn files_that_are_no_certificate_or_not_there_are_named() {
    let make = || rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let key = make().signing_key.serialize_pem();
    let message = failure(with_tls("no PEM", &key)).to_string();
    assert!(message.contains("holds no certificate"), "{message}");
    let message = failure(with_tls(&make().cert.pem(), "no PEM")).to_string();
    assert!(message.contains("cannot read "), "{message}");
    let mut settings = plain();
    let nowhere = || "/nowhere/at-all.pem".into();
    settings.listeners[0].tls = Some(TlsFiles { certificate: nowhere(), key: nowhere() });
    let message = failure(settings).to_string();
    assert!(message.contains("/nowhere/at-all.pem"), "{message}");
}
