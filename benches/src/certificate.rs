//! A throw-away certificate for loopback, and a TLS client that trusts it or another.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use surewire_load::Error;

/// A self-signed certificate for `localhost` and 127.0.0.1, with its key.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate as PEM text.
    pub certificate_pem: String,
    /// The private key as PEM text.
    pub key_pem: String,
}

impl Certificate {
    /// A new one.
    ///
    /// # Errors
    /// [`Error::Usage`] when the cryptography library cannot make one.
    pub fn generate() -> Result<Self, Error> {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names)
            .map_err(|e| Error::Usage(format!("no certificate could be made: {e}")))?;
        Ok(Self { certificate_pem: made.cert.pem(), key_pem: made.signing_key.serialize_pem() })
    }
}

/// A client that trusts the certificates in this PEM file and no others.
///
/// # Errors
/// [`Error::Usage`] when there is no usable certificate in it.
pub fn trusting_file(path: &Path) -> Result<Arc<ClientConfig>, Error> {
    let text = std::fs::read(path).map_err(Error::system(format!("read {}", path.display())))?;
    trusting(&text)
}

/// A client that trusts the certificates in this PEM text and no others.
///
/// # Errors
/// [`Error::Usage`] when there is no usable certificate in it.
pub fn trusting(pem: &[u8]) -> Result<Arc<ClientConfig>, Error> {
    let refused = |e: &dyn std::fmt::Display| Error::Usage(format!("--tls-ca: {e}"));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.map_err(|e| refused(&e))?).map_err(|e| refused(&e))?;
    }
    if roots.is_empty() {
        return Err(refused(&"no certificate in the PEM text"));
    }
    Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_own_certificate_is_trusted_and_nonsense_is_not() {
        let certificate = Certificate::generate().unwrap();
        assert!(trusting(certificate.certificate_pem.as_bytes()).is_ok());
        assert!(matches!(trusting(b"nonsense"), Err(Error::Usage(_))));
    }
}
