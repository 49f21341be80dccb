//! TLS of the listener for Envoy, from PEM files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};

/// Where certificate, key and authority are.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate, with those that lead from it to a root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Certificates of the authorities whose client certificates are taken; with them one is demanded.
    pub client_ca: Option<PathBuf>,
}

/// Why TLS cannot be set up, as a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing or holds something else.
    #[error("{} holds no {what} in PEM ({problem}): correct {flag}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// Why that cannot be read.
        problem: String,
        /// Where the file was named.
        flag: &'static str,
    },
    /// The certificate and the key, or what is in them, do not do.
    #[error("{0}: correct {CERTIFICATE_FLAG} and {KEY_FLAG}")]
    Pair(rustls::Error),
    /// The authorities do not do.
    #[error("the certificates in {} cannot be used ({problem}): correct {CLIENT_CA_FLAG}", path.display())]
    ClientCa {
        /// Where they are.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
}

const CERTIFICATE_FLAG: &str = "--dataplane-tls-certificate";
const KEY_FLAG: &str = "--dataplane-tls-key";
const CLIENT_CA_FLAG: &str = "--dataplane-client-ca";

impl TlsFiles {
    /// The server's side of TLS 1.2 and 1.3.
    ///
    /// # Errors
    /// A file cannot be used.
    pub fn load(&self) -> Result<ServerConfig, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier: Arc<dyn ClientCertVerifier> = match &self.client_ca {
            None => Arc::new(NoClientAuth),
            Some(path) => {
                let unusable = |problem: String| TlsError::ClientCa { path: path.clone(), problem };
                let roots = Arc::new(roots(path)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider));
                verifier.build().map_err(|error| unusable(error.to_string()))?
            }
        };
        let key = PrivateKeyDer::from_pem_file(&self.key);
        let key = key.map_err(|error| unreadable(&self.key, "private key", &error, KEY_FLAG))?;
        let certificates = certificates(&self.certificate, CERTIFICATE_FLAG)?;
        let builder = ServerConfig::builder_with_provider(provider);
        let mut config = builder
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Pair)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(certificates, key)
            .map_err(TlsError::Pair)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // A resumed session would keep a client's certificate past its end.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, CLIENT_CA_FLAG)? {
        let unusable =
            |error: rustls::Error| TlsError::ClientCa { path: path.to_owned(), problem: error.to_string() };
        roots.add(certificate).map_err(unusable)?;
    }
    Ok(roots)
}

/// At least one.
fn certificates(path: &Path, flag: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |error: &dyn std::fmt::Display| unreadable(path, "certificate", error, flag);
    let found = CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))?;
    let found = found.collect::<Result<Vec<_>, _>>().map_err(|error| unreadable(&error))?;
    if found.is_empty() { Err(unreadable(&"nothing found")) } else { Ok(found) }
}

fn unreadable(
    path: &Path,
    what: &'static str,
    problem: &dyn std::fmt::Display,
    flag: &'static str,
) -> TlsError {
    TlsError::File { path: path.to_owned(), what, problem: problem.to_string(), flag }
}
