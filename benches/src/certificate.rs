//! A throw-away certificate for loopback.

use surewire_load::Error;
use surewire_load::transport::Tls;
use surewire_load::transport::tls::Trust;

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

    /// A client that trusts it and nobody else.
    ///
    /// # Errors
    /// [`Error::Usage`] when TLS cannot be set up.
    pub fn client(&self) -> Result<Tls, Error> {
        Tls::new(&Trust::Pem(self.certificate_pem.clone()), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_that_a_client_can_trust() {
        assert!(Certificate::generate().unwrap().client().is_ok());
    }
}
