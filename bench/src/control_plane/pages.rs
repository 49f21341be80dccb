//! Who looks at the pages: the first admin with a browser, as far as the server sees one.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::json;
use tokio::net::TcpStream;

use crate::clock::now;
use crate::stats::Spread;

/// How often the preview of the settings is asked for.
const PREVIEWS: usize = 3;
const SIGN_IN: &str = "/sign-in";
/// What people look at. `{token}` is a token's id.
const PAGES: [(&str, &str); 24] = [
    ("sign in", SIGN_IN),
    ("my API tokens", "/tokens"),
    ("a new token", "/tokens/new"),
    ("one token", "/tokens/{token}"),
    ("delete a token?", "/tokens/{token}/delete"),
    ("token manager", "/manager"),
    ("token manager, one user", "/manager?user=user017171"),
    ("token manager, text", "/manager?description=jenkins"),
    ("token manager, text that none has", "/manager?description=zebra+crossing"),
    ("token manager, ends within 7 days", "/manager?expires=within_7_days&state=active"),
    ("token manager, never used", "/manager?last_used=never&sort=-expires"),
    ("token manager, by user", "/manager?sort=user"),
    ("token manager, disabled", "/manager?state=disabled"),
    ("names as they are typed", "/manager/names?user=user017"),
    ("delete all tokens of a user?", "/manager/delete-all?user=user017171"),
    ("overview", "/overview"),
    ("overview, 90 days", "/overview?requests=last_90_days"),
    ("why was I refused?", "/explain"),
    ("settings", "/admin/settings"),
    ("users", "/admin/users"),
    ("users, part of a name", "/admin/users?search=17171"),
    ("one user", "/admin/users/user017171"),
    ("audit log", "/admin/audit"),
    ("proxies", "/admin/fleet"),
];
/// The form of the settings, but for what the page hands out: one thing in it ends tokens, another cuts people off.
const SETTINGS: &str = "max_validity=P6M&apply_max_validity_to_existing=on&users_may_use_tokens=on&max_tokens_per_user=100\
    &anonymous=refuse&foreign_credentials=refuse&protected_paths=%2F&token_prefixes=gp_&user_header=x-gatepass-user\
    &token_id_header=x-gatepass-token-id&scope_name=read_only&scope_rules=GET+HEAD+OPTIONS&allowed_ips=10.0.0.0%2F8&do=preview";

/// One page.
#[derive(Clone, Debug, Serialize)]
pub struct Page {
    /// Which, for people.
    pub name: String,
    /// Of the page itself, as it leaves.
    pub bytes: usize,
    /// Of the page and all that it loads, each as gzip makes it.
    pub compressed: usize,
    /// Until all of the page is there, in milliseconds.
    pub took: Spread,
}

/// Somebody who is signed in, on one connection.
struct Visitor {
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
    cookie: String,
    /// What pages load, by path: gzip's bytes.
    assets: BTreeMap<String, usize>,
}

struct Seen {
    body: Bytes,
    is_packed: bool,
    cookie: Option<String>,
    milliseconds: f64,
}

/// Asks for each page, `looks` times by turns, as the user `admin` with this password.
///
/// # Errors
/// A page is not shown.
pub async fn look(address: SocketAddr, password: &str, looks: usize) -> anyhow::Result<Vec<Page>> {
    let mut visitor = Visitor::sign_in(address, password).await?;
    let token = format!("01K{:023}", 17_171);
    let mut seen: Vec<(usize, usize, Vec<f64>)> = vec![(0, 0, Vec::new()); PAGES.len()];
    for _ in 0..looks {
        for ((_, path), (bytes, compressed, took)) in PAGES.iter().zip(&mut seen) {
            // Who is signed in is led on.
            let kept = (*path == SIGN_IN).then(|| std::mem::take(&mut visitor.cookie));
            let page = visitor.get(&path.replace("{token}", &token)).await?;
            if let Some(cookie) = kept {
                visitor.cookie = cookie;
            }
            if took.is_empty() {
                (*bytes, *compressed) = (page.body.len(), visitor.weigh(&page.body).await?);
            }
            took.push(page.milliseconds);
        }
    }
    let each = PAGES.iter().zip(seen).map(|((name, _), (bytes, compressed, took))| Page {
        name: (*name).to_owned(),
        bytes,
        compressed,
        took: Spread::of(&took),
    });
    let mut pages: Vec<Page> = each.collect();
    // It looks at every token.
    pages.push(visitor.preview(looks.min(PREVIEWS)).await?);
    Ok(pages)
}

impl Visitor {
    async fn sign_in(address: SocketAddr, password: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("cannot connect to the control plane")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut visitor = Self { sender, address, cookie: String::new(), assets: BTreeMap::new() };
        let wish = json!({"user": "admin", "password": password}).to_string();
        let reply =
            visitor.send(Method::POST, "/api/v1/session", "application/json", wish.into_bytes()).await?;
        visitor.cookie = reply.cookie.context("nobody is signed in")?;
        Ok(visitor)
    }

    async fn get(&mut self, path: &str) -> anyhow::Result<Seen> {
        self.send(Method::GET, path, "text/html", Vec::new()).await
    }

    /// What the page of settings says while somebody changes something.
    async fn preview(&mut self, looks: usize) -> anyhow::Result<Page> {
        let page = self.get("/admin/settings").await?;
        let page = std::str::from_utf8(&page.body)?;
        let (csrf, version) = (hidden(page, "csrf")?, hidden(page, "version")?);
        let form = format!("{SETTINGS}&csrf={csrf}&version={version}");
        let (mut took, mut sizes) = (Vec::new(), (0, 0));
        for _ in 0..looks {
            let kind = "application/x-www-form-urlencoded";
            let seen = self.send(Method::POST, "/admin/settings", kind, form.clone().into_bytes()).await?;
            ensure!(String::from_utf8_lossy(&seen.body).contains("Shortens the life"), "no preview");
            sizes = (seen.body.len(), self.weigh(&seen.body).await?);
            took.push(seen.milliseconds);
        }
        let (bytes, compressed) = sizes;
        let name = "settings, what would change".to_owned();
        Ok(Page { name, bytes, compressed, took: Spread::of(&took) })
    }

    /// Bytes of a page and all that it loads, each as gzip makes it.
    async fn weigh(&mut self, page: &[u8]) -> anyhow::Result<usize> {
        let mut sum = gzipped(page)?;
        let text = String::from_utf8_lossy(page).into_owned();
        for path in text.split('"').filter(|part| part.starts_with("/assets/")) {
            if !self.assets.contains_key(path) {
                let seen = self.get(path).await?;
                let size = if seen.is_packed { seen.body.len() } else { gzipped(&seen.body)? };
                self.assets.insert(path.to_owned(), size);
            }
            sum += self.assets[path];
        }
        Ok(sum)
    }

    async fn send(&mut self, method: Method, path: &str, kind: &str, body: Vec<u8>) -> anyhow::Result<Seen> {
        let (kind_name, origin) = (header::CONTENT_TYPE, format!("http://localhost:{}", self.address.port()));
        let request = Request::builder()
            .method(&method)
            .uri(path)
            .header(header::HOST, format!("localhost:{}", self.address.port()))
            .header(header::ORIGIN, origin)
            .header(header::ACCEPT, "text/html, */*")
            .header(header::COOKIE, &self.cookie)
            .header(kind_name, kind)
            .body(Full::new(Bytes::from(body)))?;
        self.sender.ready().await?;
        let began = now();
        let (parts, body) = self.sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        let milliseconds = began.elapsed().as_secs_f64() * 1e3;
        let status = parts.status;
        ensure!(status.is_success(), "{method} {path}: {status}: {}", String::from_utf8_lossy(&body));
        let is_packed = parts.headers.get(header::CONTENT_ENCODING).is_some_and(|value| value == "gzip");
        let cookie = parts.headers.get(header::SET_COOKIE).and_then(|value| value.to_str().ok());
        let cookie = cookie.and_then(|line| line.split(';').next()).map(str::to_owned);
        Ok(Seen { body, is_packed, cookie, milliseconds })
    }
}

/// The value of a hidden field.
fn hidden<'a>(page: &'a str, name: &str) -> anyhow::Result<&'a str> {
    let rest = page.split_once(&format!("name=\"{name}\" value=\"")).context("a page without a form")?.1;
    rest.split('"').next().context("a field without a value")
}

/// How many bytes gzip makes of these.
fn gzipped(bytes: &[u8]) -> anyhow::Result<usize> {
    let mut gzip = Command::new("gzip");
    let gzip = gzip.args(["-9", "-n", "-c"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = gzip.spawn().context("cannot run gzip")?;
    let mut stdin = child.stdin.take().context("gzip takes nothing")?;
    let bytes = bytes.to_vec();
    let writing = std::thread::spawn(move || stdin.write_all(&bytes));
    let packed = child.wait_with_output()?;
    writing.join().map_err(|_| anyhow::anyhow!("gzip was not fed"))??;
    ensure!(packed.status.success(), "gzip failed");
    Ok(packed.stdout.len())
}
