//! What `gatepass serve` takes about a provider of identities.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use url::Url;

use crate::domain::user::Role;
use crate::oidc::{Provider, Settings};

/// Most bytes of a client secret's file.
const MAX_SECRET: u64 = 4096;

/// Signing in with an OpenID Connect provider.
#[derive(Clone, Debug, Args)]
pub struct OidcArgs {
    /// Under which browsers reach REST: `https://HOST` or `https://HOST:PORT`; providers send people back there
    #[arg(long, env = "GATEPASS_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<Url>,
    /// OpenID Connect provider to sign in with, exactly as it names itself
    #[arg(
        long,
        env = "GATEPASS_OIDC_ISSUER",
        value_name = "URL",
        requires = "public_url",
        requires = "oidc_client_id"
    )]
    pub oidc_issuer: Option<String>,
    /// As which the provider knows this server
    #[arg(long, env = "GATEPASS_OIDC_CLIENT_ID", value_name = "ID")]
    pub oidc_client_id: Option<String>,
    /// File with the client's secret; a public client has none
    #[arg(long, env = "GATEPASS_OIDC_CLIENT_SECRET_FILE", value_name = "FILE")]
    pub oidc_client_secret_file: Option<PathBuf>,
    /// What is asked for besides openid
    #[arg(long = "oidc-scope", env = "GATEPASS_OIDC_SCOPES", value_delimiter = ',', value_name = "SCOPE,…",
          default_values = ["profile", "email"])]
    pub oidc_scopes: Vec<String>,
    /// The claim that names people who sign in for the first time
    #[arg(
        long,
        env = "GATEPASS_OIDC_USER_CLAIM",
        value_name = "CLAIM",
        default_value = "preferred_username"
    )]
    pub oidc_user_claim: String,
    /// The claim with a person's groups [default: groups are given here]
    #[arg(long, env = "GATEPASS_OIDC_GROUPS_CLAIM", value_name = "CLAIM")]
    pub oidc_groups_claim: Option<String>,
    /// Roles that groups bring at each sign-in; the highest counts [default: roles are given here]
    #[arg(long = "oidc-role", env = "GATEPASS_OIDC_ROLES", value_delimiter = ',', value_name = "GROUP=ROLE,…",
          value_parser = parse_role, requires = "oidc_groups_claim")]
    pub oidc_roles: Vec<(String, Role)>,
    /// Role of people in none of these groups, and of new ones: user, or none for not being let in
    #[arg(long, env = "GATEPASS_OIDC_DEFAULT_ROLE", value_name = "ROLE", default_value = "user",
          value_parser = ["user", "none"])]
    pub oidc_default_role: String,
}

impl OidcArgs {
    /// The provider, if there is one.
    ///
    /// # Errors
    /// A sentence that says what to do.
    pub fn provider(&self) -> anyhow::Result<Option<Arc<Provider>>> {
        let public_url = self.checked_public_url()?;
        let (Some(issuer), Some(public_url)) = (&self.oidc_issuer, public_url) else { return Ok(None) };
        let url: Url = issuer.parse().context("--oidc-issuer is no URL")?;
        if !is_safe(&url) {
            bail!("--oidc-issuer must be https, or on this machine");
        }
        let default_role = (self.oidc_default_role == "user").then_some(Role::User);
        if default_role.is_none() && self.oidc_roles.is_empty() {
            bail!(
                "with --oidc-default-role none, nobody could sign in: say with --oidc-role which groups may"
            );
        }
        let settings = Settings {
            public_url,
            issuer: issuer.clone(),
            client_id: self.oidc_client_id.clone().unwrap_or_default(),
            client_secret_file: self.oidc_client_secret_file.clone(),
            scopes: self.oidc_scopes.clone(),
            user_claim: self.oidc_user_claim.clone(),
            groups_claim: self.oidc_groups_claim.clone(),
            roles: self.oidc_roles.clone(),
            default_role,
        };
        let secret = self.oidc_client_secret_file.as_deref().map(read_secret).transpose()?;
        Ok(Some(Arc::new(Provider::new(settings, secret).map_err(anyhow::Error::msg)?)))
    }

    /// The host of the public URL.
    pub fn public_host(&self) -> Option<String> {
        self.public_url.as_ref()?.host_str().map(str::to_owned)
    }

    /// The host of the public URL, if browsers reach it by https.
    pub fn https_host(&self) -> Option<String> {
        self.public_url.as_ref().filter(|url| url.scheme() == "https")?.host_str().map(str::to_owned)
    }

    fn checked_public_url(&self) -> anyhow::Result<Option<Url>> {
        let Some(url) = &self.public_url else { return Ok(None) };
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !is_safe(url) || !bare || !url.username().is_empty() || url.password().is_some() {
            bail!(
                "--public-url must be https://HOST or https://HOST:PORT, and no more; http only on this machine"
            );
        }
        Ok(Some(url.clone()))
    }
}

/// Whether nothing crosses a network in clear.
fn is_safe(url: &Url) -> bool {
    let is_local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    url.scheme() == "https" || (url.scheme() == "http" && is_local)
}

fn read_secret(path: &Path) -> anyhow::Result<String> {
    let problem = || format!("cannot read {}: correct --oidc-client-secret-file", path.display());
    let file = std::fs::File::open(path).with_context(problem)?;
    if file.metadata().with_context(problem)?.mode() & 0o007 != 0 {
        bail!(
            "{} can be used by every user of this machine: run `chmod o= {}`",
            path.display(),
            path.display()
        );
    }
    let mut text = String::new();
    file.take(MAX_SECRET).read_to_string(&mut text).with_context(problem)?;
    let secret = text.trim();
    if secret.is_empty() {
        bail!("{} is empty: correct --oidc-client-secret-file", path.display());
    }
    Ok(secret.to_owned())
}

fn parse_role(text: &str) -> Result<(String, Role), String> {
    let form = || "write GROUP=ROLE, where ROLE is user, token_manager or admin".to_owned();
    // A group's name may hold the sign itself.
    let (group, role) = text.rsplit_once('=').filter(|(group, _)| !group.is_empty()).ok_or_else(form)?;
    Ok((group.to_owned(), Role::from_name(role).ok_or_else(form)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_what_stands_behind_the_last_sign() {
        assert_eq!(parse_role("ops=admin"), Ok(("ops".to_owned(), Role::Admin)));
        assert_eq!(parse_role("cn=ops,x=token_manager"), Ok(("cn=ops,x".to_owned(), Role::TokenManager)));
        for bad in ["ops", "=admin", "ops=", "ops=root"] {
            assert!(parse_role(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_crosses_a_network_in_clear() {
        for (url, safe) in [
            ("https://gate.example.com", true),
            ("http://localhost:8080", true),
            ("http://[::1]:8080", true),
            ("http://gate.example.com", false),
            ("http://localhost.example.com", false),
            ("ftp://localhost", false),
        ] {
            assert_eq!(is_safe(&url.parse().unwrap()), safe, "{url}");
        }
    }
}
