//! What `gatepass serve` takes about posts to webhooks.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use ipnet::IpNet;

use crate::domain::destination::Networks;
use crate::webhooks::outgoing::Outgoing;

/// Where posts to webhooks may go.
#[derive(Clone, Debug, Args)]
pub struct WebhookArgs {
    /// Addresses or CIDRs besides the public Internet that posts to webhooks may go to; http on this machine with its
    /// loopback address
    #[arg(long = "webhook-network", env = "GATEPASS_WEBHOOK_NETWORKS", value_delimiter = ',', value_name = "CIDR,…",
          value_parser = super::parse_proxy)]
    pub webhook_networks: Vec<IpNet>,
    /// File with the authorities of webhooks' certificates [default: the machine's own]
    #[arg(long, env = "GATEPASS_WEBHOOK_CA_FILE", value_name = "FILE")]
    pub webhook_ca_file: Option<PathBuf>,
}

impl WebhookArgs {
    /// Who posts.
    ///
    /// # Errors
    /// A sentence that says what to do.
    pub fn outgoing(&self) -> anyhow::Result<Arc<Outgoing>> {
        let networks = Networks(self.webhook_networks.clone());
        let outgoing = Outgoing::new(networks, self.webhook_ca_file.as_deref(), "--webhook-ca-file")?;
        Ok(Arc::new(outgoing))
    }
}
