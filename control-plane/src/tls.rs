//! TLS of a listener, from PEM files that are read again when they change.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often the files of a listener are looked at.
pub const PAUSE: Duration = Duration::from_secs(1);

/// Where certificate, key and authority are.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate, with those that lead from it to a root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Certificates of the authorities whose client certificates are taken; with them one is demanded.
    pub client_ca: Option<PathBuf>,
    /// Where they were named.
    pub flags: Flags,
}

/// The flags that name the files of a listener.
#[derive(Clone, Copy, Debug)]
pub struct Flags {
    /// Of the certificate.
    pub certificate: &'static str,
    /// Of its key.
    pub key: &'static str,
    /// Of the authorities of client certificates.
    pub client_ca: &'static str,
}

impl Flags {
    /// Of REST, which demands no client certificate.
    pub const REST: Self = Self { certificate: "--tls-certificate", key: "--tls-key", client_ca: "" };
    /// Of the listener for Envoy.
    pub const DATAPLANE: Self = Self {
        certificate: "--dataplane-tls-certificate",
        key: "--dataplane-tls-key",
        client_ca: "--dataplane-client-ca",
    };
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
    #[error("{problem}: correct {} and {}", flags.certificate, flags.key)]
    Pair {
        /// What is wrong.
        problem: rustls::Error,
        /// Where the files were named.
        flags: Flags,
    },
    /// The authorities do not do.
    #[error("the certificates in {} cannot be used ({problem}): correct {flag}", path.display())]
    ClientCa {
        /// Where they are.
        path: PathBuf,
        /// Why not.
        problem: String,
        /// Where the file was named.
        flag: &'static str,
    },
}

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
                let flag = self.flags.client_ca;
                let unusable = |problem: String| TlsError::ClientCa { path: path.clone(), problem, flag };
                let roots = Arc::new(roots(path, flag)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider));
                verifier.build().map_err(|error| unusable(error.to_string()))?
            }
        };
        let key = PrivateKeyDer::from_pem_file(&self.key);
        let key = key.map_err(|error| unreadable(&self.key, "private key", &error, self.flags.key))?;
        let certificates = certificates(&self.certificate, self.flags.certificate)?;
        let unusable = |problem| TlsError::Pair { problem, flags: self.flags };
        let builder = ServerConfig::builder_with_provider(provider);
        let mut config = builder
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(certificates, key)
            .map_err(unusable)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // A resumed session would keep a client's certificate past its end.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

/// TLS as the files of a listener say. While one of these lives, the files are looked at now and then; connections that are
/// open go on as they were begun.
#[derive(Clone, Debug)]
pub struct Tls {
    current: watch::Receiver<Arc<ServerConfig>>,
    _watcher: Option<Arc<Watcher>>,
}

/// Ends the task with the last listener that it is for.
#[derive(Debug)]
struct Watcher(JoinHandle<()>);

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Tls {
    /// What `config` says, for good.
    pub fn fixed(config: ServerConfig) -> Self {
        Self { current: watch::channel(Arc::new(config)).1, _watcher: None }
    }

    /// What `files` hold, looked at again every `pause`. To be called within the runtime.
    ///
    /// # Errors
    /// A file cannot be used. Later this is only logged, and what was read last counts.
    pub fn of_files(files: TlsFiles, pause: Duration) -> Result<Self, TlsError> {
        // Looked at before it is read: a change in between is a change.
        let seen = files.state();
        let (current, receiver) = watch::channel(Arc::new(files.load()?));
        let watcher = Watcher(tokio::spawn(keep_up(files, seen, current, pause)));
        Ok(Self { current: receiver, _watcher: Some(Arc::new(watcher)) })
    }

    /// What a connection that begins now gets.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.borrow())
    }
}

/// Puts what the files hold into `current` whenever they have changed. Certificate and key are two files: until both are
/// there they do not fit, and that is told only if it lasts.
async fn keep_up(
    files: TlsFiles,
    mut seen: FilesState,
    current: watch::Sender<Arc<ServerConfig>>,
    pause: Duration,
) {
    let (mut failed, mut told) = (None, false);
    loop {
        tokio::time::sleep(pause).await;
        let state = files.state();
        if state == seen {
            continue;
        }
        match files.load() {
            Ok(config) => {
                current.send_replace(Arc::new(config));
                tracing::info!(certificate = %files.certificate.display(), "the certificate was read again");
                (seen, failed, told) = (state, None, false);
            }
            Err(error) if failed.as_ref() == Some(&state) => {
                if !told {
                    tracing::error!(%error, "the certificate was changed and cannot be used; the one before still counts");
                    told = true;
                }
            }
            Err(_) => (failed, told) = (Some(state), false),
        }
    }
}

/// What changes with a file, through links as well: a mounted secret is replaced by another link.
type FilesState = Vec<Option<(u64, u64, u64, (i64, i64), (i64, i64))>>;

impl TlsFiles {
    fn state(&self) -> FilesState {
        let files = [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()];
        let state = |path: &PathBuf| {
            let found = path.metadata().ok()?;
            let changed = ((found.mtime(), found.mtime_nsec()), (found.ctime(), found.ctime_nsec()));
            Some((found.dev(), found.ino(), found.len(), changed.0, changed.1))
        };
        files.into_iter().flatten().map(state).collect()
    }
}

/// The authorities in the PEM file at `path`, which `flag` named: at least one.
///
/// # Errors
/// The file cannot be used.
pub fn roots(path: &Path, flag: &'static str) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, flag)? {
        let unusable = |error: rustls::Error| TlsError::ClientCa {
            path: path.to_owned(),
            problem: error.to_string(),
            flag,
        };
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
