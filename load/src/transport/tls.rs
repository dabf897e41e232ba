//! Whom a TLS client trusts.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// Who may vouch for a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// The certificates in this PEM file.
    File(PathBuf),
    /// The certificates in this PEM text.
    Pem(String),
    /// Nobody needs to: for tests, never across a network.
    Unchecked,
}

/// Why no TLS client can be set up.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// No certificates came out of a file.
    #[error("cannot read --cafile {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No certificates came out of a text.
    #[error("no certificate to trust: {0}")]
    Pem(String),
    /// The library refused.
    #[error("cannot set TLS up: {0}")]
    Setup(#[from] rustls::Error),
}

impl Trust {
    /// A client with this trust.
    ///
    /// # Errors
    /// [`TrustError`] when there is no certificate, or none that can be used.
    pub fn client(&self) -> Result<ClientConfig, TrustError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder = match self {
            Self::File(path) => {
                let fail = |reason| TrustError::File { path: path.clone(), reason };
                let found = CertificateDer::pem_file_iter(path).map_err(|e| fail(e.to_string()))?;
                builder.with_root_certificates(roots(found).map_err(fail)?)
            }
            Self::Pem(text) => {
                let found = CertificateDer::pem_slice_iter(text.as_bytes());
                builder.with_root_certificates(roots(found).map_err(TrustError::Pem)?)
            }
            Self::Unchecked => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnyServer { provider })),
        };
        Ok(builder.with_no_client_auth())
    }
}

fn roots<T>(
    found: impl Iterator<Item = Result<CertificateDer<'static>, T>>,
) -> Result<RootCertStore, String>
where
    T: Into<pem::Error>,
{
    let mut roots = RootCertStore::empty();
    for certificate in found {
        let certificate = certificate.map_err(|e| e.into().to_string())?;
        roots.add(certificate).map_err(|e| e.to_string())?;
    }
    if roots.is_empty() {
        return Err(String::from("it has no PEM certificate"));
    }
    Ok(roots)
}

/// Takes any certificate, but still has the broker prove that it is its own.
#[derive(Debug)]
struct AnyServer {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// How all connections of a run are encrypted.
#[derive(Debug, Clone)]
pub struct Tls {
    pub(super) config: Arc<ClientConfig>,
    /// The name in the broker's certificate; its address if there is none.
    pub(super) name: Option<ServerName<'static>>,
}

impl Tls {
    /// For a broker with this name in its certificate, or its address if none is given.
    ///
    /// # Errors
    /// [`crate::Error::Usage`] for trust that cannot be set up, or what is no name.
    pub fn new(trust: &Trust, name: Option<&str>) -> Result<Self, crate::Error> {
        let usage = |text: String| crate::Error::Usage(text);
        let mut config = trust.client().map_err(|e| usage(e.to_string()))?;
        // Connections stand for clients that know nothing of each other: each shakes hands in full.
        config.resumption = Resumption::disabled();
        let name = name
            .map(|name| ServerName::try_from(name.to_owned()).map_err(|e| (name, e)))
            .transpose()
            .map_err(|(name, e)| usage(format!("--tls-name {name}: {e}")))?;
        Ok(Self { config: Arc::new(config), name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_refused_by_name() {
        let text = Trust::Pem("nonsense".into()).client().unwrap_err().to_string();
        assert!(text.contains("no PEM certificate"), "{text}");
        let text = Trust::File("/nowhere/ca.pem".into()).client().unwrap_err().to_string();
        assert!(text.contains("--cafile /nowhere/ca.pem"), "{text}");
        assert!(Trust::Unchecked.client().is_ok());
    }

    #[test]
    fn a_name_must_be_one() {
        assert!(Tls::new(&Trust::Unchecked, Some("broker.example")).is_ok());
        let refused = Tls::new(&Trust::Unchecked, Some("no name")).unwrap_err().to_string();
        assert!(refused.contains("--tls-name no name"), "{refused}");
    }
}
