//! Signing in with an OpenID Connect provider: the code flow with PKCE (OpenID Connect Core 1.0 §3.1, RFC 7636, RFC 9700).
//! Who somebody is, is issuer and subject together, and nothing else: never a name, never a mail address.

mod flow;
mod http;
mod person;
mod provider;
mod sign_in;

use std::path::PathBuf;

use url::Url;

use crate::domain::user::Role;
pub use flow::{Flow, LIFETIME, MAX_NEXT};
pub use provider::Provider;
pub use sign_in::{Finished, Returned, finish, start};

/// Where the provider sends people back to, below this server's public URL.
pub const CALLBACK: &str = "/api/v1/oidc/callback";

/// How people sign in with a provider.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Under which browsers reach this server: scheme and host, perhaps a port.
    pub public_url: Url,
    /// The provider, exactly as it names itself.
    pub issuer: String,
    /// As which it knows this server.
    pub client_id: String,
    /// The file with what it knows this server by; a public client has none.
    pub client_secret_file: Option<PathBuf>,
    /// What is asked for besides `openid`.
    pub scopes: Vec<String>,
    /// The claim that names a person who signs in for the first time.
    pub user_claim: String,
    /// The claim with the groups that a person is in, if they are the provider's to say.
    pub groups_claim: Option<String>,
    /// The role that a group brings; where there are several, the highest counts. Empty: roles are given here.
    pub roles: Vec<(String, Role)>,
    /// The role of whoever is in none of these groups; `None` is not let in.
    pub default_role: Option<Role>,
}
