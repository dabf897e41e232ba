//! TLS for the client commands, with rustls.

use std::sync::Arc;

use rustls_pki_types::ServerName;
use surewire_load::transport::tls::Trust;
use tokio_rustls::TlsConnector;

use super::dial_error::DialError;

/// What makes TLS connections; `None` for plain ones.
///
/// # Errors
/// A CA file that cannot be read or has no certificate.
pub(super) fn connector(trust: Option<&Trust>) -> Result<Option<TlsConnector>, DialError> {
    let config = trust.map(Trust::client).transpose()?;
    Ok(config.map(|config| TlsConnector::from(Arc::new(config))))
}

/// The name that the broker's certificate must be for.
pub(super) fn server_name(host: &str) -> Result<ServerName<'static>, DialError> {
    ServerName::try_from(host.to_owned())
        .map_err(|_| DialError::ServerName { host: host.to_owned() })
}
