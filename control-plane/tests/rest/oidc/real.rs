//! A real provider, and a browser that follows it: `oidc-provider` of npm, on loopback.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{Request, Response};
use gatepass_control_plane::clock::SystemClock;
use gatepass_control_plane::domain::user::Role;
use gatepass_control_plane::oidc::Provider;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;

use super::{begin, get, settings};
use crate::sessions::Browser;
use crate::support::Gate;

const CALLBACK: &str = "http://localhost:8080/api/v1/oidc/callback";

/// The provider's process, which ends with its standard input.
struct Real {
    issuer: String,
    child: Child,
    _stdin: ChildStdin,
    // It warns there of being no provider for production, and ends when nobody listens.
    _stdout: BufReader<ChildStdout>,
}

impl Drop for Real {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Real {
    fn start() -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let tools = std::fs::read_dir(root.join(".tools")).into_iter().flatten().filter_map(Result::ok);
        let mut homes = tools.map(|entry| entry.path().join("oidc-provider")).filter(|home| home.exists());
        let home = homes.next().unwrap_or_else(|| panic!("run `scripts/tool oidc-provider` first"));
        let script = root.join("control-plane/tests/rest/oidc/provider.mjs");
        let mut command = Command::new("node");
        command.arg(script).arg(home.canonicalize().unwrap()).arg(CALLBACK);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut issuer = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        while !issuer.starts_with("http") {
            issuer.clear();
            assert_ne!(stdout.read_line(&mut issuer).unwrap(), 0, "the provider does not start");
        }
        Self { issuer: issuer.trim().to_owned(), child, _stdin: stdin, _stdout: stdout }
    }
}

/// What a browser does at the provider: keeps cookies, follows redirects, fills in the forms.
struct Walker {
    client: Client<HttpConnector, Full<Bytes>>,
    cookies: BTreeMap<String, String>,
}

impl Walker {
    fn new() -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http(), cookies: BTreeMap::new() }
    }

    async fn send(&mut self, url: &str, form: Option<&str>) -> Response<String> {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = Request::builder().uri(url).header("cookie", cookies.join("; "));
        let request = match form {
            Some(form) => request
                .method("POST")
                .header("content-type", "application/x-www-form-urlencoded")
                .body(Full::new(Bytes::from(form.to_owned()))),
            None => request.body(Full::default()),
        };
        let (parts, body) = self.client.request(request.unwrap()).await.unwrap().into_parts();
        for line in parts.headers.get_all("set-cookie") {
            let (name, value) = line.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Response::from_parts(parts, text)
    }

    /// From the provider's first page to the way back, as the person `name`.
    async fn walk(&mut self, issuer: &str, start: &str, name: &str) -> String {
        let mut url = start.to_owned();
        for _ in 0..20 {
            let page = self.send(&url, None).await;
            url = match page.headers().get("location") {
                Some(next) => absolute(issuer, next.to_str().unwrap()),
                None => {
                    let prompt = if page.body().contains("value=\"login\"") {
                        format!("prompt=login&login={name}&password={name}")
                    } else {
                        "prompt=consent".to_owned()
                    };
                    let answer = self.send(&url, Some(&prompt)).await;
                    let next = answer.headers().get("location");
                    absolute(issuer, next.unwrap_or_else(|| panic!("{answer:?}")).to_str().unwrap())
                }
            };
            if url.starts_with(CALLBACK) {
                return url;
            }
        }
        panic!("the provider does not lead back: {url}")
    }
}

fn absolute(issuer: &str, location: &str) -> String {
    url::Url::parse(issuer).unwrap().join(location).unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_with_a_real_provider() {
    let real = Real::start();
    let mut gate = Gate::start().await;
    // The provider's tokens bear the real time.
    let mut settings = settings(&real.issuer);
    settings.groups_claim = Some("groups".to_owned());
    settings.roles = vec![("ops".to_owned(), Role::TokenManager)];
    let provider = Provider::new(settings, Some("client secret of the tests".to_owned())).unwrap();
    gate.sign_in_at(Arc::new(SystemClock), Arc::new(provider));
    for (name, role) in [("fred", "token_manager"), ("wilma", "user"), ("fred", "token_manager")] {
        let begun = begin(&gate).await;
        let back = Walker::new().walk(&real.issuer, &begun.url, name).await;
        let query = back.split_once('?').unwrap().1;
        let reply = get(&gate, &format!("/oidc/callback?{query}"), &begun.cookie).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let cookies = reply.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
        let session = cookies.into_iter().find(|line| line.starts_with("gatepass-local=")).unwrap();
        let cookie = session.split(';').next().unwrap().to_owned();
        let browser = Browser { cookie, csrf: String::new() };
        let session = browser.get(&gate, "/session").await.ok(200);
        assert_eq!((&session["user"], &session["role"]), (&json!(name), &json!(role)));
        let again = get(&gate, &format!("/oidc/callback?{query}"), &begun.cookie).await;
        again.refused(403, "oidc_refused");
    }
    let mut tx = gate.context.store.read().await.unwrap();
    let fred = tx.user("fred").await.unwrap().unwrap();
    let subjects: Vec<_> =
        tx.identities_of(fred.id).await.unwrap().into_iter().map(|identity| identity.subject).collect();
    assert_eq!(subjects, ["fred"]);
    assert_eq!(fred.email.as_deref(), Some("fred@example.com"));
}
