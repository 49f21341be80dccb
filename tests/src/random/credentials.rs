//! Credentials: right ones, nearly right ones, and all that may stand in their place.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};

use super::Random;
use super::configuration::{TOKEN_HEADERS, USERS, secret};
use super::pushes::World;
use crate::{basic, bearer};

type Headers = Vec<(String, Vec<u8>)>;

/// The headers that carry credentials; often none or one, at times several.
pub fn headers(random: &mut Random, world: &World) -> Headers {
    let mut headers = Headers::new();
    let places = match random.below(100) {
        0..10 => 0,
        10..93 => 1,
        93..98 => 2,
        _ => 3,
    };
    for _ in 0..places {
        headers.push(header(random, world));
    }
    if random.percent(1) {
        headers.extend(headers.clone());
    }
    headers
}

fn header(random: &mut Random, world: &World) -> (String, Vec<u8>) {
    if random.percent(40) {
        return right(random, world);
    }
    let (token, user) = token(random, world);
    let configured = world.configuration()["settings"]["token_headers"].as_array();
    if random.percent(if configured.is_some() { 20 } else { 4 }) {
        let configured = configured.filter(|_| random.percent(90));
        let name = configured.map_or(TOKEN_HEADERS[0], |names| random.item(names).as_str().expect("a name"));
        let name = if random.percent(10) { name.replace(['-', '.'], "_") } else { name.to_owned() };
        return (random.recased(&name), token_header(random, &token));
    }
    let value = match random.below(100) {
        0..28 => bearer(&token).into_bytes(),
        28..50 => basic(&user, &token).into_bytes(),
        50..72 => odd_place(random, &token, &user),
        72..82 => other(random, &user),
        _ => malformed(random, &token, &user),
    };
    let value = if random.percent(15) { rescheme(random, value) } else { value };
    (random.recased("authorization"), value)
}

/// A token in force, as it should be sent.
fn right(random: &mut Random, world: &World) -> (String, Vec<u8>) {
    let known = *random.item(&world.known().0);
    let names = world.configuration()["settings"]["token_headers"].as_array();
    if let Some(names) = names.filter(|_| random.percent(25)) {
        return (random.item(names).as_str().expect("a name").to_owned(), known.secret.clone().into_bytes());
    }
    let basic = random.percent(50).then(|| basic(&known.user, &known.secret));
    ("Authorization".to_owned(), basic.unwrap_or_else(|| bearer(&known.secret)).into_bytes())
}

/// A secret and a user name to go with it: mostly those of a token in force.
fn token(random: &mut Random, world: &World) -> (String, String) {
    let (in_force, all) = world.known();
    let known = if in_force.is_empty() || random.percent(12) { all } else { in_force };
    let known = random.item(&known);
    let user = match random.below(10) {
        0 => random.recased(&known.user),
        1 => random.pick(&USERS).to_owned(),
        2 => String::new(),
        3 => format!("{}{}", known.user, random.pick(&[" ", "x", "\u{301}"])),
        _ => known.user.clone(),
    };
    let token = match random.below(10) {
        0 => secret(random, world.configuration()),
        1 => damaged(random, &known.secret),
        _ => known.secret.clone(),
    };
    (token, user)
}

/// One character changed, left out, doubled or put in the other case: the checksum no longer fits.
fn damaged(random: &mut Random, token: &str) -> String {
    let at = random.below(token.len());
    let (before, rest) = token.split_at(at);
    let (this, after) = rest.split_at(1);
    match random.below(5) {
        0 => format!("{before}{after}"),
        1 => format!("{before}{this}{this}{after}"),
        2 => random.recased(token),
        3 => format!("{token}{}", random.pick(&["0", "=", "-"])),
        _ => {
            let other = char::from(random.characters(1)[0]);
            format!("{before}{other}{after}")
        }
    }
}

fn token_header(random: &mut Random, token: &str) -> Vec<u8> {
    let text = match random.below(20) {
        0 => String::new(),
        1 => bearer(token),
        2 => basic("fred", token),
        3 => format!("{token},{token}"),
        4 => format!("{token} x"),
        5 => "no token".to_owned(),
        6 => "x".repeat(8190 + random.below(5)),
        7 => return [token.as_bytes(), b"\xff"].concat(),
        _ => token.to_owned(),
    };
    text.into_bytes()
}

/// A token where none belongs, or hidden in something else.
fn odd_place(random: &mut Random, token: &str, user: &str) -> Vec<u8> {
    let text = match random.below(16) {
        0 => basic(token, "secret"),
        1 => basic(token, token),
        2 => basic(user, &format!("x{token}")),
        3 => basic(user, &format!("{token}é")),
        4 => basic(user, &format!(":{token}")),
        5 => bearer(&format!("x{token}yz")),
        6 => bearer(&STANDARD.encode(token)),
        7 => bearer(&STANDARD.encode(format!("{user}:{token}"))),
        8 => format!("Token {token}"),
        9 => format!("Digest username=\"{token}\", realm=\"x\""),
        10 => token.to_owned(),
        11 => format!("Negotiate {}", STANDARD.encode(token)),
        12 => format!("X-Basic {}", STANDARD.encode(format!("{user}:{token}"))),
        13 => format!("Basic {}", STANDARD_NO_PAD.encode(format!("{user}:{token}"))),
        14 => format!("{token} Bearer"),
        _ => format!("Bearer:{token}"),
    };
    text.into_bytes()
}

/// Nothing of ours.
fn other(random: &mut Random, user: &str) -> Vec<u8> {
    let text = match random.below(12) {
        0..4 => basic(user, random.pick(&["password", "a:b", " ", "pässword", "gp_short"])),
        4 => bearer("eyJhbGciOiJub25lIn0.eyJzdWIiOiJmcmVkIn0."),
        5 => bearer("gp_0000"),
        6 => "Digest username=\"fred\", realm=\"x\", nonce=\"y\"".to_owned(),
        7 => "Negotiate YII=".to_owned(),
        8 => "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=00".to_owned(),
        9 => "word".to_owned(),
        10 => "NTLM é".to_owned(),
        _ => format!("Custom {}", "x".repeat(random.below(300))),
    };
    text.into_bytes()
}

fn malformed(random: &mut Random, token: &str, user: &str) -> Vec<u8> {
    let encoded = STANDARD.encode(format!("{user}:{token}"));
    let text = match random.below(32) {
        0 => String::new(),
        1 => "Bearer".to_owned(),
        2 => "Basic".to_owned(),
        3 => format!("Bearer {token} x"),
        4 => format!("Bearer {token},"),
        5 => format!("Bearer {token}, Basic {encoded}"),
        6 => format!("Bearer\t{token}"),
        7 => format!("Bearer \t{token}"),
        8 => format!("Bearer {token}="),
        9 => format!("Bearer ={token}"),
        10 => format!("Bearer {}={}", &token[..4], &token[4..]),
        11 => format!("Bearer \"{token}\""),
        12 => format!("Bearer {token}é"),
        13 => "Basic !!!!".to_owned(),
        14 => format!("Basic {}", STANDARD.encode(user)),
        15 => basic(user, ""),
        16 => basic(user, &format!("{token}\n")),
        17 => basic(&format!("{user}\u{0}"), token),
        18 => basic(&format!("{user}\u{7f}"), token),
        19 => format!("Basic {}", URL_SAFE.encode("??>>:~~~~")),
        20 => format!("Basic {encoded}="),
        21 => format!("Basic  {encoded}"),
        22 => format!("Basic {encoded} x"),
        23 => format!("Basic {encoded},Basic {encoded}"),
        24 => format!("Basic {}", &encoded[..encoded.len() - 1]),
        28 => basic(user, "p\u{85}w"),
        29 => basic(&format!("{user}\u{85}"), token),
        30 => basic(user, "p\u{a0}w\u{2028}"),
        31 => basic(user, &format!("{token}\u{80}")),
        25 => bearer(&"x".repeat(8182 + random.below(6))),
        26 => format!("Custom {}", "x".repeat(8182 + random.below(6))),
        _ => {
            return [b"Basic ", STANDARD.encode([b"\xff\xfe:", token.as_bytes()].concat()).as_bytes()]
                .concat();
        }
    };
    text.into_bytes()
}

/// The scheme in another case, with more spaces behind it or not quite itself.
fn rescheme(random: &mut Random, value: Vec<u8>) -> Vec<u8> {
    let Some(space) = value.iter().position(|byte| *byte == b' ') else { return value };
    let scheme = random.recased(&String::from_utf8_lossy(&value[..space]));
    let between = random.pick(&[" ", " ", " ", "  ", "     ", "x ", " \t"]);
    [scheme.as_bytes(), between.as_bytes(), &value[space + 1..]].concat()
}
