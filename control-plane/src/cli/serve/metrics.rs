//! The flags of the listener for Prometheus.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;

use crate::connections::Transport;
use crate::data_folder::read_private;
use crate::report_key::KeyDigest;

/// Fewest and most characters of the key.
const KEY: std::ops::RangeInclusive<usize> = 16..=4096;

/// What the listener for Prometheus takes.
#[derive(Clone, Debug, Args)]
pub struct MetricsArgs {
    /// Address and port of a listener that has /metrics alone, for Prometheus [default: none; REST shows them to admins]
    #[arg(long, env = "GATEPASS_METRICS_LISTEN", value_name = "ADDRESS:PORT")]
    pub metrics_listen: Option<SocketAddr>,
    /// File with the key that readers there present as Bearer; needed elsewhere than on loopback, with TLS
    #[arg(long, env = "GATEPASS_METRICS_KEY_FILE", value_name = "FILE")]
    pub metrics_key_file: Option<PathBuf>,
}

impl MetricsArgs {
    /// In clear for this machine, elsewhere by REST's own TLS and with a key. `None` without such a listener.
    ///
    /// # Errors
    /// The numbers would be everybody's, or the key would cross a network in clear, or cannot be read.
    pub fn transport(
        &self,
        rest: &Transport,
    ) -> anyhow::Result<Option<(SocketAddr, Transport, Option<KeyDigest>)>> {
        let key = self.metrics_key_file.as_deref().map(read_key).transpose()?;
        let Some(address) = self.metrics_listen else { return Ok(None) };
        if address.ip().is_loopback() {
            return Ok(Some((address, Transport::Clear, key)));
        }
        if key.is_none() || !rest.is_encrypted() {
            bail!(
                "{address} is not a loopback address: give --metrics-key-file for who may read metrics there, and \
                 --tls-certificate and --tls-key, or choose a loopback address with --metrics-listen"
            );
        }
        Ok(Some((address, rest.clone(), key)))
    }
}

fn read_key(path: &Path) -> anyhow::Result<KeyDigest> {
    let shown = path.display();
    let bytes =
        read_private(path)?.with_context(|| format!("there is no {shown}: correct --metrics-key-file"))?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default().trim_ascii_end();
    let is_key = KEY.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_key {
        bail!(
            "{shown} does not hold a key of one line, 16 to 4096 visible ASCII characters: correct --metrics-key-file"
        );
    }
    Ok(KeyDigest::of(text))
}
