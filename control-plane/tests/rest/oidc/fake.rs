//! A provider of identities that says whatever a test wants, on loopback.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;

use crate::support::START;

pub const CLIENT: &str = "gate";
pub const SECRET: &str = "client secret of the tests";

/// How an ID token is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    Well,
    /// `alg` is `none`, and there is no signature.
    None,
    /// With what the client knows as well.
    BySecret,
    /// By a key that the provider does not publish, under the name of one that it does.
    ByAnother,
    /// By the right key, over something else.
    Broken,
}

/// What the provider does next.
#[derive(Clone)]
pub struct Plan {
    /// Over the usual claims; null takes one away.
    pub claims: Value,
    pub signed: Signed,
    pub without_id_token: bool,
    pub userinfo: Option<Value>,
    /// What the browser brought, as the provider would have remembered it.
    pub nonce: String,
    pub challenge: String,
}

pub struct Fake {
    pub url: String,
    pub plan: Arc<Mutex<Plan>>,
    task: JoinHandle<()>,
}

struct Server {
    url: String,
    plan: Arc<Mutex<Plan>>,
    keys: [EcdsaKeyPair; 2],
    used: Mutex<Vec<String>>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let plan = Plan {
            claims: json!({}),
            signed: Signed::Well,
            without_id_token: false,
            userinfo: None,
            nonce: String::new(),
            challenge: String::new(),
        };
        let plan = Arc::new(Mutex::new(plan));
        let keys = [key(), key()];
        let server = Server { url: url.clone(), plan: Arc::clone(&plan), keys, used: Mutex::default() };
        let server = Arc::new(server);
        let answer = move |method: Method, uri: Uri, body: Bytes| {
            let server = Arc::clone(&server);
            async move { server.answer(&method, uri.path(), &body) }
        };
        let task = tokio::spawn(async move {
            axum::serve(listener, Router::new().fallback(answer)).await.unwrap();
        });
        Self { url, plan, task }
    }

    pub fn plan(&self, change: impl FnOnce(&mut Plan)) {
        change(&mut self.plan.lock().unwrap());
    }
}

fn key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap()
}

fn form(body: &[u8]) -> HashMap<String, String> {
    url::form_urlencoded::parse(body).into_owned().collect()
}

impl Server {
    fn answer(&self, method: &Method, path: &str, body: &[u8]) -> Response {
        match (method.as_str(), path) {
            ("GET", "/.well-known/openid-configuration") => axum::Json(self.metadata()).into_response(),
            ("GET", "/jwks") => axum::Json(self.jwks()).into_response(),
            ("POST", "/token") => self.token(&form(body)),
            ("GET", "/userinfo") => {
                axum::Json(self.plan.lock().unwrap().userinfo.clone().unwrap_or_default()).into_response()
            }
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    }

    fn metadata(&self) -> Value {
        let url = &self.url;
        let mut metadata = json!({
            "issuer": url, "authorization_endpoint": format!("{url}/auth"), "token_endpoint": format!("{url}/token"),
            "jwks_uri": format!("{url}/jwks"), "response_types_supported": ["code"],
            "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
        });
        if self.plan.lock().unwrap().userinfo.is_some() {
            metadata["userinfo_endpoint"] = json!(format!("{url}/userinfo"));
        }
        metadata
    }

    fn jwks(&self) -> Value {
        let point = self.keys[0].public_key().as_ref();
        let (x, y) = (B64.encode(&point[1..33]), B64.encode(&point[33..]));
        json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "1", "use": "sig", "alg": "ES256", "x": x, "y": y}]})
    }

    fn token(&self, form: &HashMap<String, String>) -> Response {
        let plan = self.plan.lock().unwrap().clone();
        let code = form["code"].clone();
        let mut used = self.used.lock().unwrap();
        let challenge = B64.encode(Sha256::digest(&form["code_verifier"]));
        let known = form["redirect_uri"] == "http://localhost:8080/api/v1/oidc/callback";
        if used.contains(&code) || challenge != plan.challenge || !known {
            return (StatusCode::BAD_REQUEST, axum::Json(json!({"error": "invalid_grant"}))).into_response();
        }
        used.push(code);
        let mut answer = json!({"access_token": "opaque", "token_type": "Bearer", "expires_in": 60});
        if !plan.without_id_token {
            answer["id_token"] = json!(self.id_token(&plan));
        }
        axum::Json(answer).into_response()
    }

    fn id_token(&self, plan: &Plan) -> String {
        let mut claims = json!({"iss": self.url, "sub": "s-1", "aud": CLIENT, "iat": START, "exp": START + 300,
                                "nonce": plan.nonce, "preferred_username": "fred"});
        for (name, value) in plan.claims.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let alg = match plan.signed {
            Signed::None => "none",
            Signed::BySecret => "HS256",
            _ => "ES256",
        };
        let header = json!({"alg": alg, "typ": "JWT", "kid": "1"});
        let text = format!("{}.{}", B64.encode(header.to_string()), B64.encode(claims.to_string()));
        let sign = |key: &EcdsaKeyPair, text: &str| {
            key.sign(&SystemRandom::new(), text.as_bytes()).unwrap().as_ref().to_vec()
        };
        let signature = match plan.signed {
            Signed::Well => sign(&self.keys[0], &text),
            Signed::None => Vec::new(),
            Signed::ByAnother => sign(&self.keys[1], &text),
            Signed::Broken => sign(&self.keys[0], "something else"),
            Signed::BySecret => {
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
                ring::hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
            }
        };
        format!("{text}.{}", B64.encode(signature))
    }
}
