//! TLS 1.2 and 1.3 by rustls, without early data.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{self, InconsistentKeys, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::environment::Stream;
use crate::settings::TlsFiles;

/// What is wrong with a certificate or its key. All of it is the operator's to cure.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM.
    #[error("cannot read {}: {error}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        error: pem::Error,
    },
    /// The certificate file holds no certificate.
    #[error("{} holds no certificate; expected are PEM blocks CERTIFICATE", .0.display())]
    NoCertificate(PathBuf),
    /// Key and certificate are not a pair.
    #[error(
        "the key in {} does not belong to the certificate in {}; give the key that the \
         certificate was made for, and the server's certificate first in its file",
        key.display(), certificate.display()
    )]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// They are well-formed, and cannot be used.
    #[error("{} with the key {}: {error}", certificate.display(), key.display())]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        error: rustls::Error,
    },
}

impl Stream for TlsStream<Box<dyn Stream>> {
    fn admit(&mut self) {
        self.get_mut().0.admit();
    }
}

pub(super) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| at(&files.key, error))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| refused(files, error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match chain {
        Ok(chain) if chain.is_empty() => Err(TlsError::NoCertificate(path.to_owned())),
        Ok(chain) => Ok(chain),
        Err(error) => Err(at(path, error)),
    }
}

fn at(path: &Path, error: pem::Error) -> TlsError {
    TlsError::File { path: path.to_owned(), error }
}

fn refused(files: &TlsFiles, error: rustls::Error) -> TlsError {
    let (certificate, key) = (files.certificate.clone(), files.key.clone());
    if error == rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) {
        TlsError::Mismatch { certificate, key }
    } else {
        TlsError::Unusable { certificate, key, error }
    }
}
