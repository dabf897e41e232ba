//! Why no transport came up, with what to check.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use surewire_load::transport::tls::TrustError;

/// Why no transport came up.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("cannot find the host `{host}`: {error}; check -h")]
    Resolve { host: String, error: io::Error },
    #[error("the host `{host}` has no address; check -h")]
    NoAddress { host: String },
    #[error("cannot connect to {}: {error}; {}", tried(.target, .addresses), hint(.error))]
    Connect { target: String, addresses: Vec<SocketAddr>, error: io::Error },
    #[error(
        "{address} did not answer within {} s; check -h and -p, and a firewall between",
        .waited.as_secs()
    )]
    TimedOut { address: SocketAddr, waited: Duration },
    #[error("the host `{host}` is no name that a certificate can be for; check -h")]
    ServerName { host: String },
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(
        "TLS with {address} failed: {error}; check that this port speaks TLS, and that --cafile \
         has the certificate that signed the broker's"
    )]
    Handshake { address: SocketAddr, error: io::Error },
    #[error(
        "the WebSocket handshake with {address} failed: {error}; check that this port is a \
         WebSocket listener with the path /mqtt"
    )]
    WebSocket { address: SocketAddr, error: Box<tokio_tungstenite::tungstenite::Error> },
}

/// What was asked for, and the addresses that stand for it where it is a name.
fn tried(target: &str, addresses: &[SocketAddr]) -> String {
    let tried = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    if tried == target { tried } else { format!("{target} ({tried})") }
}

fn hint(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::ConnectionRefused {
        "is a broker running there? Check -h and -p"
    } else {
        "check -h and -p"
    }
}
