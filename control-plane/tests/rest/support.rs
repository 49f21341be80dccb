//! A control plane in a temporary folder: real database, real router, real delivery; only the clock is ours.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::Response;
use gatepass::config::wire::Report;
use gatepass_control_plane::api::{self, AllowedHosts, Api, TrustedProxies};
use gatepass_control_plane::app::{self, Config, Server, StartError, Storage};
use gatepass_control_plane::change::GroupCommit;
use gatepass_control_plane::clock::Clock;
use gatepass_control_plane::context::Context;
use gatepass_control_plane::data_folder::DataFolder;
use gatepass_control_plane::delivery::ecds;
use gatepass_control_plane::domain::session::Limits;
use gatepass_control_plane::oidc::Provider;
use gatepass_control_plane::password::PasswordHashing;
use gatepass_control_plane::store::{Store, Version};
use gatepass_control_plane::webhooks::outgoing::Outgoing;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

/// 2026-11-22T09:00:00Z.
pub const START: i64 = 1_795_338_000;
pub const DAY: i64 = 24 * 60 * 60;
/// How many tokens and users one person may create in a minute.
pub const CREATIONS_PER_MINUTE: u32 = 400;

/// How often somebody may try to sign in from one address in a minute.
pub const SIGN_INS_PER_MINUTE: u32 = 30;

pub struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

pub struct Gate {
    pub folder: TempDir,
    pub clock: Arc<TestClock>,
    pub context: Context,
    pub admin: String,
    router: Router,
    api: Api,
    delivery: JoinHandle<()>,
    _lock: std::fs::File,
}

#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status, code and field of a problem.
    pub fn problem(&self) -> (u16, String, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], self.status.as_u16(), "{self:?}");
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        assert!(
            !text("title").is_empty() && !text("detail").is_empty() && !text("type").is_empty(),
            "{self:?}"
        );
        (self.status.as_u16(), text("code"), text("field"))
    }

    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> &Self {
        let (got, got_code, _) = self.problem();
        assert_eq!((got, got_code.as_str()), (status, code), "{self:?}");
        self
    }

    #[track_caller]
    pub fn wrong(&self, field: &str) -> &Self {
        assert_eq!(self.problem(), (400, "invalid".to_owned(), field.to_owned()), "{self:?}");
        self
    }

    #[track_caller]
    pub fn ok(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self.json()
    }
}

pub fn private_folder() -> TempDir {
    // tempfile makes folders with mode 0700.
    TempDir::new().unwrap()
}

pub async fn server_in(folder: &Path, clock: Arc<TestClock>, paths: &[&str]) -> Result<Server, StartError> {
    server_with(folder, (&Storage::default(), |store| store), clock, paths).await
}

/// What stands between a server and its database.
pub type Between = fn(Arc<dyn Store>) -> Arc<dyn Store>;

pub async fn server_with(
    folder: &Path,
    (storage, between): (&Storage, Between),
    clock: Arc<TestClock>,
    paths: &[&str],
) -> Result<Server, StartError> {
    let folder = DataFolder::open_or_create(folder)?;
    let lock = folder.lock()?;
    let config = Config {
        ecds_file: folder.path().join("envoy").join("gatepass.ecds.pb"),
        module: PathBuf::from("/module.wasm"),
        proxies: TrustedProxies(vec!["10.9.0.0/16".parse().unwrap()]),
        hosts: AllowedHosts::new(["gate.example.com".to_owned()]),
        initial_protected_paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        creations_per_minute: CREATIONS_PER_MINUTE,
        sign_ins_per_minute: SIGN_INS_PER_MINUTE,
        sessions: Limits::default(),
        https_host: Some("Gate.example.com".to_owned()),
        oidc: None,
        begin_epoch: false,
        gate_url: None,
        report: Some(Report::default()),
        outgoing: Arc::default(),
    };
    let context = app::open_for_server(folder, storage).await?;
    let store = between(Arc::clone(&context.store));
    let context = Context { store, clock, passwords: PasswordHashing::cheap(), ..context };
    Server::set_up(context, config, lock).await
}

impl Gate {
    pub async fn start() -> Self {
        Self::start_in(private_folder()).await
    }

    pub async fn start_in(folder: TempDir) -> Self {
        Self::start_with(folder, &Storage::default()).await.unwrap()
    }

    pub async fn start_with(folder: TempDir, storage: &Storage) -> Result<Self, StartError> {
        Self::start_over(folder, storage, |store| store).await
    }

    pub async fn start_over(
        folder: TempDir,
        storage: &Storage,
        between: Between,
    ) -> Result<Self, StartError> {
        let clock = Arc::new(TestClock(AtomicI64::new(START)));
        let data = folder.path().join("data");
        let server = server_with(&data, (storage, between), Arc::clone(&clock), &[]).await?;
        let context = server.api.context.clone();
        let token = std::fs::read_to_string(context.folder.initial_token()).unwrap_or_default();
        Ok(Self {
            folder,
            clock,
            context,
            admin: token.trim().to_owned(),
            router: api::router(server.api.clone()),
            api: server.api,
            delivery: tokio::spawn(server.delivery.run()),
            _lock: server.lock,
        })
    }

    /// Has posts to webhooks sent by this.
    pub fn posts_by(&mut self, outgoing: Outgoing) {
        self.context.outgoing = Arc::new(outgoing);
        self.api.context = self.context.clone();
        self.router = api::router(self.api.clone());
    }

    /// Lets people sign in with a provider.
    pub fn sign_in_with(&mut self, provider: Arc<Provider>) {
        self.router = api::router(Api { oidc: Some(provider), ..self.api.clone() });
    }

    /// The same, by another clock.
    pub fn sign_in_at(&mut self, clock: Arc<dyn Clock>, provider: Arc<Provider>) {
        let context = Context { clock, ..self.context.clone() };
        self.router = api::router(Api { context, oidc: Some(provider), ..self.api.clone() });
    }

    /// Stops as a crash would, and hands the folder back.
    pub async fn crash(self) -> TempDir {
        self.delivery.abort();
        let _ = self.delivery.await;
        drop(self._lock);
        // A process that another test was just starting had the locks' files, too, until it became its program.
        for name in ["serve.lock", "envoy/gatepass.ecds.pb.lock"] {
            let lock = std::fs::File::open(self.folder.path().join("data").join(name)).unwrap();
            lock.lock().unwrap();
            lock.unlock().unwrap();
        }
        self.folder
    }

    pub fn pass(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Sends as a peer on this machine.
    pub async fn send(&self, request: Request<Body>) -> Reply {
        self.send_from([127, 0, 0, 1], request).await
    }

    /// What is no text, as it comes.
    pub async fn response(&self, mut request: Request<Body>) -> Response {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 4711))));
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub async fn send_from(&self, peer: impl Into<IpAddr>, mut request: Request<Body>) -> Reply {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer.into(), 4711)));
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let reply = Reply { status: parts.status, headers: parts.headers, text };
        crate::openapi::check(&method, &path, &reply);
        reply
    }

    pub async fn call(&self, method: Method, path: &str, token: &str, body: Option<Value>) -> Reply {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost:8080");
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = body.map_or_else(Body::empty, |json| Body::from(json.to_string()));
        self.send(request.header("content-type", "application/json").body(body).unwrap()).await
    }

    pub async fn get(&self, path: &str, token: &str) -> Reply {
        self.call(Method::GET, &format!("/api/v1{path}"), token, None).await
    }

    pub async fn delete(&self, path: &str, token: &str) -> Reply {
        self.call(Method::DELETE, &format!("/api/v1{path}"), token, None).await
    }

    pub async fn post(&self, path: &str, token: &str, body: Value) -> Reply {
        self.call(Method::POST, &format!("/api/v1{path}"), token, Some(body)).await
    }

    pub async fn put(&self, path: &str, token: &str, body: Value) -> Reply {
        self.call(Method::PUT, &format!("/api/v1{path}"), token, Some(body)).await
    }

    pub async fn patch(&self, path: &str, token: &str, body: Value) -> Reply {
        self.call(Method::PATCH, &format!("/api/v1{path}"), token, Some(body)).await
    }

    /// Adds a user and returns a token of theirs that may manage.
    pub async fn person(&self, name: &str, role: &str) -> String {
        self.post("/users", &self.admin, json!({"name": name, "role": role})).await.ok(201);
        let wish = json!({"description": "managing", "user": name, "control_plane": true});
        secret(&self.post("/tokens", &self.admin, wish).await.ok(201))
    }

    /// Makes a token by `token` and returns the reply's body.
    pub async fn token(&self, token: &str, wish: Value) -> Value {
        self.post("/tokens", token, wish).await.ok(201)
    }

    /// What a command beside the server works with: the same database, and nothing of what the server remembers.
    pub fn beside(&self) -> Context {
        Context {
            delivery: None,
            newest: Arc::default(),
            group: GroupCommit::default(),
            ..self.context.clone()
        }
    }

    pub async fn settings(&self, patch: Value) {
        self.patch("/settings", &self.admin, patch).await.ok(200);
    }

    /// What the filter gets, as Envoy would read it.
    pub fn delivered(&self) -> Value {
        let file = std::fs::read(self.ecds_file()).unwrap();
        serde_json::to_value(ecds::configuration(&file).unwrap()).unwrap()
    }

    pub fn delivered_token(&self, id: &str) -> Option<Value> {
        let snapshot = self.delivered();
        snapshot["tokens"].as_array().unwrap().iter().find(|token| token["id"] == id).cloned()
    }

    pub fn ecds_file(&self) -> PathBuf {
        self.context.folder.path().join("envoy").join("gatepass.ecds.pb")
    }

    pub async fn version(&self) -> Version {
        self.context.store.read().await.unwrap().version().await.unwrap().unwrap()
    }

    /// Everything that a change could leave behind.
    pub async fn state(&self) -> (Version, Value, Value) {
        let settings = self.get("/settings", &self.admin).await.ok(200);
        let audit = self.get("/audit", &self.admin).await.ok(200);
        (self.version().await, settings, audit)
    }

    /// Waits for a condition that the delivery loop brings about.
    pub async fn until(&self, condition: impl Fn() -> bool) {
        let wait = async {
            while !condition() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await.unwrap();
    }

    /// Waits until the database is in another epoch.
    pub async fn until_epoch_leaves(&self, epoch: &str) {
        let wait = async {
            while self.version().await.epoch == epoch {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await.unwrap();
    }

    /// Waits until the database answers.
    pub async fn until_it_answers(&self) {
        let wait = async {
            while self.get("/whoami", &self.admin).await.status != StatusCode::OK {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await.unwrap();
    }

    /// Waits until what the database holds has been delivered.
    pub async fn caught_up(&self) {
        let signal = self.context.delivery.as_ref().unwrap();
        assert!(signal.wait(&self.version().await, Duration::from_secs(30)).await);
    }

    /// Runs SQL on the database beside the server.
    pub async fn sql(&self, sql: &'static str) {
        use sqlx::Connection as _;
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.context.folder.database());
        let mut db = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
        db.close().await.unwrap();
    }

    /// How the database would answer a query.
    pub async fn plan(&self, query: &str) -> String {
        use sqlx::{Connection as _, Row as _};
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.context.folder.database());
        let mut db = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        let explained = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}"));
        let rows = sqlx::query(explained).fetch_all(&mut db).await.unwrap();
        rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("\n")
    }
}

pub fn secret(created: &Value) -> String {
    created["token"].as_str().unwrap().to_owned()
}

pub fn id(created: &Value) -> String {
    created["id"].as_str().unwrap().to_owned()
}
