//! The provider: what it says of itself, and what it says of people.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreJwsSigningAlgorithm as Algorithm,
    CoreProviderMetadata,
};
use openidconnect::{
    AccessToken, AuthorizationCode, ClientId, ClientSecret, CsrfToken, IssuerUrl, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse as _,
};
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use url::Url;

use super::http::{Client, HttpError};
use super::{CALLBACK, Flow, Settings};

/// How long what a provider says of itself is believed, in seconds: its keys change.
const BELIEVED: i64 = 300;
/// Signatures that only the provider can make: no shared secrets, and not none.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RsaSsaPkcs1V15Sha256,
    Algorithm::RsaSsaPkcs1V15Sha384,
    Algorithm::RsaSsaPkcs1V15Sha512,
    Algorithm::RsaSsaPssSha256,
    Algorithm::RsaSsaPssSha384,
    Algorithm::RsaSsaPssSha512,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::EdDsa,
];

/// What a provider says of somebody, by the names of its claims.
pub(super) type Claims = Map<String, Value>;

/// Why the provider is of no use; the text is for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProviderError {
    /// It does not answer, or not as a provider does.
    #[error("the provider cannot be used: {0}")]
    Unavailable(String),
    /// It did not take the code, or what it says of the person cannot be believed.
    #[error("the sign-in was refused: {0}")]
    Refused(String),
}

/// A provider and what is known of it.
#[derive(Debug)]
pub struct Provider {
    pub(super) settings: Settings,
    secret: Option<ClientSecret>,
    http: Client,
    known: Mutex<Option<(Timestamp, Arc<CoreProviderMetadata>)>>,
}

impl Provider {
    /// A provider, of which nothing is known yet.
    ///
    /// # Errors
    /// A sentence: the machine knows no authorities, or the secret cannot be read.
    pub fn new(settings: Settings, secret: Option<String>) -> Result<Self, String> {
        let http =
            Client::new().map_err(|error| format!("the machine's authorities cannot be read: {error}"))?;
        IssuerUrl::new(settings.issuer.clone())
            .map_err(|error| format!("--oidc-issuer is no URL: {error}"))?;
        Ok(Self { settings, secret: secret.map(ClientSecret::new), http, known: Mutex::new(None) })
    }

    /// Where the browser is to go.
    pub(super) async fn authorization(&self, flow: &Flow, now: Timestamp) -> Result<Url, ProviderError> {
        let metadata = self.metadata(now).await?;
        let client = CoreClient::from_provider_metadata(
            CoreProviderMetadata::clone(&metadata),
            ClientId::new(self.settings.client_id.clone()),
            None,
        );
        let verifier = PkceCodeVerifier::new(flow.verifier());
        let redirect = self.redirect();
        let (state, nonce) = (flow.state(), flow.nonce());
        let request = client.authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            move || CsrfToken::new(state),
            move || Nonce::new(nonce),
        );
        let request = request
            .add_scopes(self.settings.scopes.iter().cloned().map(Scope::new))
            .set_redirect_uri(std::borrow::Cow::Borrowed(&redirect))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        Ok(request.url().0)
    }

    /// What the provider says of whoever came back with `code`.
    pub(super) async fn claims(
        &self,
        flow: &Flow,
        code: String,
        now: Timestamp,
    ) -> Result<Claims, ProviderError> {
        let metadata = self.metadata(now).await?;
        let client = CoreClient::from_provider_metadata(
            CoreProviderMetadata::clone(&metadata),
            ClientId::new(self.settings.client_id.clone()),
            self.secret.clone(),
        );
        let redirect = self.redirect();
        let request = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| unavailable(&error))?
            .set_redirect_uri(std::borrow::Cow::Borrowed(&redirect))
            .set_pkce_verifier(PkceCodeVerifier::new(flow.verifier()));
        let send = self.http.sender();
        let tokens = request.request_async(&send).await.map_err(|error| told(&error))?;
        let token = tokens.id_token().ok_or_else(|| refused("it sent no ID token"))?;
        let now = chrono::DateTime::from_timestamp(now.as_second(), 0).unwrap_or_default();
        let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS).set_time_fn(move || now);
        token.claims(&verifier, &Nonce::new(flow.nonce())).map_err(|error| told(&error))?;
        let mut claims = payload(token).ok_or_else(|| refused("its ID token cannot be read"))?;
        self.complete(&metadata, &mut claims, tokens.access_token()).await?;
        Ok(claims)
    }

    /// Asks for the claims that the ID token does not have (OpenID Connect Core 1.0 §5.3).
    async fn complete(
        &self,
        metadata: &CoreProviderMetadata,
        claims: &mut Claims,
        token: &AccessToken,
    ) -> Result<(), ProviderError> {
        let wanted = [Some(&self.settings.user_claim), self.settings.groups_claim.as_ref()];
        let lacks = wanted.into_iter().flatten().any(|name| !claims.contains_key(name));
        let Some(endpoint) = metadata.userinfo_endpoint().filter(|_| lacks) else { return Ok(()) };
        let request = axum::http::Request::get(endpoint.as_str())
            .header("authorization", format!("Bearer {}", token.secret()))
            .header("accept", "application/json")
            .body(Vec::new())
            .map_err(|error| unavailable(&error))?;
        let answer = self.http.send(request).await.map_err(|error| unavailable(&error))?;
        let more: Option<Claims> = serde_json::from_slice(answer.body()).ok();
        let more = more.filter(|_| answer.status().is_success());
        let more = more.ok_or_else(|| unavailable(&"it did not say who the person is"))?;
        // It may be another person's: the token was not bound to this one (§5.3.4).
        if more.get("sub") != claims.get("sub") {
            return Err(refused("its user info is about another person"));
        }
        for (name, value) in more {
            claims.entry(name).or_insert(value);
        }
        Ok(())
    }

    async fn metadata(&self, now: Timestamp) -> Result<Arc<CoreProviderMetadata>, ProviderError> {
        let mut known = self.known.lock().await;
        if let Some((at, metadata)) = known.as_ref()
            && (0..BELIEVED).contains(&now.as_second().saturating_sub(at.as_second()))
        {
            return Ok(Arc::clone(metadata));
        }
        let issuer = IssuerUrl::new(self.settings.issuer.clone()).map_err(|error| unavailable(&error))?;
        let send = self.http.sender();
        let found = CoreProviderMetadata::discover_async(issuer, &send).await;
        let found: Arc<CoreProviderMetadata> = Arc::new(found.map_err(|error| unavailable(&Chain(&error)))?);
        *known = Some((now, Arc::clone(&found)));
        Ok(found)
    }

    fn redirect(&self) -> RedirectUrl {
        let mut url = self.settings.public_url.clone();
        url.set_path(CALLBACK);
        RedirectUrl::from_url(url)
    }
}

/// The claims of a token whose signature was checked.
fn payload(token: &CoreIdToken) -> Option<Claims> {
    let text = token.to_string();
    let payload = text.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

/// An error with its causes.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

fn unavailable(cause: &impl std::fmt::Display) -> ProviderError {
    ProviderError::Unavailable(cause.to_string())
}

fn refused(cause: &str) -> ProviderError {
    ProviderError::Refused(cause.to_owned())
}

/// Refused, unless the provider could not be asked.
fn told(error: &(dyn std::error::Error + 'static)) -> ProviderError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<HttpError>() {
            return unavailable(&error);
        }
        cause = error.source();
    }
    ProviderError::Refused(Chain(error).to_string())
}
