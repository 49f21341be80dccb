//! What the original app's documents promise its users and its administrators, paragraph by paragraph: through REST, the
//! control plane and the real Envoy. What they say of pages is in `tests/browser/`.

mod addresses;
mod audit;
mod created_tokens;
mod failed_sign_ins;
mod finding;
mod only_admins;
mod others;
mod own_tokens;
mod passwords;
mod settings;
mod validity;

use std::net::SocketAddr;

use gatepass_tests::client::{Response, get};
use gatepass_tests::control_plane::{ControlPlane, Created};
use gatepass_tests::envoy::{Changes, Envoy};
use gatepass_tests::upstream::Upstream;
use gatepass_tests::{basic, wait};
use serde_json::{Value, json};

/// A time so many seconds from now, as REST takes it.
fn in_seconds(seconds: i64) -> String {
    jiff::Timestamp::from_second(wait::unix_seconds() + seconds).expect("a time").to_string()
}

fn in_days(days: i64) -> String {
    in_seconds(days * 86_400)
}

const ISSUE: &str = "/rest/api/2/issue/TEST-1";

/// A service behind a gate, its control plane and its people: fred (user), mary (token manager), ada (admin).
struct Site {
    control: ControlPlane,
    envoy: Envoy,
    upstream: Upstream,
}

impl Site {
    fn open() -> Self {
        let control = ControlPlane::start();
        let upstream = Upstream::start();
        let changes = Changes { upstream: Some(upstream.address()), ..Changes::default() };
        let envoy = Envoy::start(&control.data(), changes);
        for (name, role) in [("fred", "user"), ("mary", "token_manager"), ("ada", "admin")] {
            control.user(name, role);
        }
        Self { control, envoy, upstream }
    }

    fn gate(&self) -> SocketAddr {
        self.envoy.http()
    }

    /// A token with which this person manages tokens, as a signed-in person would.
    fn key_of(&self, name: &str) -> String {
        self.control.token_with(name, &json!({"control_plane": true})).secret
    }

    fn set(&self, settings: &Value) {
        self.control.admins(200, "PATCH", "/settings", settings);
    }

    /// Asks the service as a script would: Basic, user and secret.
    fn ask(&self, user: &str, secret: &str) -> Response {
        get(self.gate(), ISSUE, &[("Authorization", &basic(user, secret))])
    }

    /// Waits until every one of some requests in a row is answered so.
    #[track_caller]
    fn becomes(&self, status: u16, user: &str, secret: &str) {
        wait::until(&format!("{status} for {user}"), || {
            (0..5).all(|_| self.ask(user, secret).status == status).then_some(())
        });
    }

    /// The code with which a secret is refused.
    #[track_caller]
    fn refused(&self, user: &str, secret: &str) -> String {
        let reply = self.ask(user, secret);
        assert_eq!(reply.status, 403, "{}", reply.text());
        reply.code()
    }

    /// Creates a token by somebody's key, and tells how that was answered.
    fn create(&self, key: &str, wish: &Value) -> Response {
        self.control.call(key, "POST", "/tokens", wish)
    }

    /// The same, which must succeed.
    #[track_caller]
    fn created(&self, key: &str, wish: &Value) -> Created {
        let reply = self.create(key, wish);
        assert_eq!(reply.status, 201, "{}", reply.text());
        let reply = reply.json();
        let text = |field: &str| reply[field].as_str().unwrap_or_else(|| panic!("no {field}")).to_owned();
        Created { id: text("id"), secret: text("token") }
    }
}
