//! Requests, most of them odd in some way.

use super::configuration::{PROBE_ADDRESS, TOKEN_HEADERS, USER_HEADERS};
use super::pushes::World;
use super::{Random, credentials, targets};
use crate::reference::scope::OVERRIDES;

/// A request as it is sent: header names in any case, in their order, without the host.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The method.
    pub method: String,
    /// The request target.
    pub target: String,
    /// Names and values.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Sent {
    /// The bytes on the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes =
            format!("{} {} HTTP/1.1\r\nHost: gate.test\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        bytes.extend(b"\r\n");
        bytes
    }
}

const SOURCES: [&str; 18] = [
    "10.1.2.3",
    "10.1.2.4",
    "10.1.2.2",
    "10.2.0.1",
    "9.255.255.255",
    "11.0.0.0",
    "192.0.2.5",
    "192.0.2.127",
    "192.0.2.128",
    "2001:db8::7",
    "2001:db8::8",
    "2001:db8::9",
    "2001:db8:1::",
    "2001:db9::1",
    "::1",
    "::ffff:10.1.2.3",
    "::ffff:192.0.2.5",
    "::ffff:11.0.0.1",
];
/// Near the names of identity headers, but for spelling or by one character.
const FORGED: [&str; 22] = [
    "x-gatepass-user",
    "X-Gatepass-User",
    "x_gatepass_user",
    "X_GATEPASS_USER",
    "x-gatepass.user",
    "x~gatepass~user",
    "x-gatepass-token-id",
    "x_gatepass_token.id",
    "X-Gatepass-Anything",
    "x_gatepass_anything",
    "x.gatepass-x",
    "x-gatepass-",
    "x-gatepassuser",
    "x-gatepass",
    "xx-gatepass-user",
    "x--gatepass-user",
    "remote_user",
    "Remote-User",
    "x-remote.user",
    "x-auth-user",
    "key-id",
    "x_auth_token_id",
];

/// What asks which configuration is in force: a token that only this one refuses by name, on a path that always needs
/// credentials, from an address that always may.
pub fn probe(secret: &str) -> Sent {
    let headers = vec![
        ("X-Forwarded-For".to_owned(), PROBE_ADDRESS.into()),
        ("Authorization".to_owned(), crate::bearer(secret).into_bytes()),
    ];
    Sent { method: "GET".to_owned(), target: "/;".to_owned(), headers }
}

/// A request that may be interesting under the configuration in force.
pub fn request(random: &mut Random, world: &World) -> Sent {
    let configuration = world.configuration();
    let mut headers = credentials::headers(random, world);
    let (_, all) = world.known();
    let token = random.item(&all).secret.clone();
    let target = targets::target(random, configuration, &token);
    if random.percent(85) {
        add(&mut headers, "X-Forwarded-For", random.pick(&SOURCES).as_bytes());
    }
    if random.percent(15) {
        let name = if random.percent(30) { random.pick(&USER_HEADERS) } else { random.pick(&FORGED) };
        let name = random.recased(name);
        add(&mut headers, &name, random.pick(&["admin", "", "root, admin", "\u{e9}"]).as_bytes());
    }
    if random.percent(9) {
        let mut name = random.pick(&OVERRIDES).to_owned();
        if random.percent(40) {
            let between = random.pick(&["_", ".", "-"]);
            name = random.recased(&name.replace('-', between));
        }
        if random.percent(10) {
            name.push('s');
        }
        add(&mut headers, &name, random.pick(&["PUT", "/rest/x", ""]).as_bytes());
    }
    if random.percent(4) {
        let value = random.pick(&[
            "authorization",
            "keep-alive, Authorization",
            "X-Gatepass-User",
            "x-api-key",
            "cookie",
            "foo",
        ]);
        add(&mut headers, "Connection", value.as_bytes());
    }
    plain_headers(random, &mut headers);
    shuffle(random, &mut headers);
    Sent { method: targets::method(random).to_owned(), target, headers }
}

fn plain_headers(random: &mut Random, headers: &mut Vec<(String, Vec<u8>)>) {
    if random.percent(10) {
        add(headers, "Cookie", b"a=b; c=d");
    }
    if random.percent(5) {
        add(headers, "X-Other", b"\xff\xfe caf\xc3\xa9");
    }
    if random.percent(5) {
        add(headers, "Proxy-Authorization", b"Basic eDp5");
    }
    if random.percent(4) {
        let kind = random.pick(&[
            "application/grpc",
            "application/grpc+proto",
            "application/json",
            "application/grpc-web",
        ]);
        add(headers, "Content-Type", kind.as_bytes());
    }
    if random.percent(3) {
        let name = random.pick(&TOKEN_HEADERS).replace('-', "_");
        add(headers, &name, b"x");
    }
}

fn add(headers: &mut Vec<(String, Vec<u8>)>, name: &str, value: &[u8]) {
    headers.push((name.to_owned(), value.to_vec()));
}

fn shuffle<T>(random: &mut Random, items: &mut [T]) {
    for at in (1..items.len()).rev() {
        items.swap(at, random.below(at + 1));
    }
}
