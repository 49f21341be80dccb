//! The flags of TLS, of either listener.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use crate::tls::{Flags, PAUSE, Tls, TlsFiles};

/// TLS of REST.
#[derive(Clone, Debug, Args)]
pub struct TlsArgs {
    /// Certificate, in PEM, of REST, which then speaks TLS; read again when it changes
    #[arg(long, env = "GATEPASS_TLS_CERTIFICATE", value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,
    /// Private key, in PEM, of that certificate
    #[arg(long, env = "GATEPASS_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
}

impl TlsArgs {
    /// TLS, if it is asked for.
    ///
    /// # Errors
    /// One flag lacks the other, or a file cannot be used.
    pub fn tls(&self) -> anyhow::Result<Option<Tls>> {
        of(Flags::REST, self.tls_certificate.as_ref(), self.tls_key.as_ref(), None)
    }
}

/// TLS from the files that were named, if any was. Flag, variable and file of settings may each name one of them: only here
/// is known which were.
///
/// # Errors
/// One needs another that was not named, or cannot be used.
pub(super) fn of(
    flags: Flags,
    certificate: Option<&PathBuf>,
    key: Option<&PathBuf>,
    client_ca: Option<&PathBuf>,
) -> anyhow::Result<Option<Tls>> {
    match (certificate, key, client_ca) {
        (Some(certificate), Some(key), client_ca) => {
            let (certificate, key) = (certificate.clone(), key.clone());
            let files = TlsFiles { certificate, key, client_ca: client_ca.cloned(), flags };
            Ok(Some(Tls::of_files(files, PAUSE)?))
        }
        (None, None, None) => Ok(None),
        (Some(_), None, _) => bail!("{} is required with {}", flags.key, flags.certificate),
        (None, Some(_), _) => bail!("{} is required with {}", flags.certificate, flags.key),
        (None, None, Some(_)) => {
            bail!("{} and {} are required with {}", flags.certificate, flags.key, flags.client_ca)
        }
    }
}
