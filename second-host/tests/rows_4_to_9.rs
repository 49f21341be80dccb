//! Rows 4 to 9 of the decision table: what credentials are, and what becomes of those that are no token.

use gatepass_second_host::gate::Gate;
use gatepass_second_host::request::{basic, get, request};
use serde_json::json;

use crate::house::{configuration, decides, gate, secret};

/// Of the shape of a token, with a right checksum, and known to nobody.
fn unknown() -> String {
    secret("never configured")
}

#[test]
fn row_4_what_the_grammar_of_bearer_and_basic_does_not_allow_is_400() {
    let mut gate = gate(json!({"token_headers": ["x-api-key", "private-token"]}));
    let plain = secret("plain");
    let malformed: [(&str, Vec<u8>); 19] = [
        ("a comma", format!("Bearer {plain},").into()),
        ("two headers, joined by the host", format!("Bearer {plain},Bearer {plain}").into()),
        ("a tab", format!("Bearer\t{plain}").into()),
        ("further words", format!("Bearer {plain} x").into()),
        ("a byte outside ASCII", [b"Bearer ".as_slice(), plain.as_bytes(), b"\xff"].concat()),
        ("a control byte", b"Bearer a\x01".to_vec()),
        ("no token68", b"Bearer a=b".to_vec()),
        ("a scheme alone", b"Bearer".to_vec()),
        ("Basic alone", b"Basic ".to_vec()),
        ("bad base64", b"Basic YTp!".to_vec()),
        ("base64 without its padding", b"Basic YTpiYg".to_vec()),
        ("no colon", basic("fred").into()),
        ("an empty secret", basic("fred:").into()),
        ("a control character once decoded", basic("fred:a\nb").into()),
        ("a NUL once decoded", basic("fr\0ed:a").into()),
        ("over 8 KiB", format!("Bearer {}", "a".repeat(8 * 1024 - 6)).into()),
        ("an empty value", Vec::new()),
        ("white space alone", b"  ".to_vec()),
        ("no scheme at all", b",".to_vec()),
    ];
    for (what, value) in &malformed {
        let sent = get("/rest/a").authorization(value);
        decides(&mut gate, &[(what, sent, "400 authorization_malformed")]);
    }
    let plain = || get("/rest/a").bearer(&secret("plain"));
    let two = || plain().header("x-api-key", secret("plain"));
    decides(
        &mut gate,
        &[
            ("8 KiB are allowed", get("/rest/a").bearer(&"a".repeat(8 * 1024 - 7)), "403 scheme_refused"),
            ("Connection: authorization", plain().header("connection", "authorization"), MALFORMED),
            ("in any case and company", plain().header("connection", "close, Authorization"), MALFORMED),
            ("Connection: identity", plain().header("connection", "x-gatepass-user"), MALFORMED),
            ("Connection: token header", plain().header("connection", "x-api-key"), MALFORMED),
            ("Connection: close is nothing", plain().header("connection", "close"), "allow.token plain"),
            ("in more than one place", two(), MALFORMED),
            ("in two token headers", two().without("authorization").header("private-token", "x"), MALFORMED),
            ("an empty token header", get("/rest/a").header("x-api-key", ""), MALFORMED),
        ],
    );
}

const MALFORMED: &str = "400 authorization_malformed";

#[test]
fn row_5_the_global_list_binds_every_request_that_carries_credentials() {
    let settings = json!({
        "allowed_ips": ["10.0.0.0/8", "2001:db8::7"], "password_auth": "forward", "foreign_credentials": "forward",
        "token_headers": ["x-api-key"],
    });
    let mut gate = gate(settings);
    let plain = || get("/rest/a").bearer(&secret("plain"));
    let password = || get("/rest/a").basic("fred", "password");
    let key = || get("/rest/a").header("x-api-key", secret("plain"));
    decides(
        &mut gate,
        &[
            ("a token from inside", plain(), "allow.token plain"),
            ("at the end of the range", plain().from("10.255.255.255:1"), "allow.token plain"),
            ("IPv6", plain().from("[2001:db8::7]:1"), "allow.token plain"),
            ("a host that gives no port", plain().from("10.0.0.1"), "allow.token plain"),
            ("IPv4-mapped IPv6 counts as IPv4", plain().from("[::ffff:10.0.0.1]:1"), "allow.token plain"),
            ("a token from outside", plain().from("11.0.0.1:1"), "403 ip_not_allowed"),
            ("IPv6 from outside", plain().from("[2001:db8::8]:1"), "403 ip_not_allowed"),
            ("a token header from outside", key().from("11.0.0.1:1"), "403 ip_not_allowed"),
            ("a password from inside", password(), "allow.password"),
            ("a password from outside", password().from("11.0.0.1:1"), "403 ip_not_allowed"),
            ("other credentials too", get("/rest/a").bearer("abc").from("11.0.0.1:1"), "403 ip_not_allowed"),
            ("unreadable while there is a list", plain().from("/tmp/socket"), "403 ip_not_allowed"),
            ("not told while there is a list", plain().from_nowhere(), "403 ip_not_allowed"),
            ("malformed comes first", get("/rest/a").authorization("").from("11.0.0.1:1"), MALFORMED),
        ],
    );
}

#[test]
fn row_6_a_known_token_by_each_way_that_it_can_be_presented() {
    let mut gate = gate(json!({"token_headers": ["x-api-key", "private-token"]}));
    let plain = secret("plain");
    decides(
        &mut gate,
        &[
            ("Bearer", get("/rest/a").bearer(&plain), "allow.token plain"),
            ("in any case", get("/rest/a").authorization(format!("bEARER {plain}")), "allow.token plain"),
            ("more spaces", get("/rest/a").authorization(format!(" Bearer   {plain} ")), "allow.token plain"),
            ("Basic with the owner's name", get("/rest/a").basic("fred", &plain), "allow.token plain"),
            ("amy's", get("/rest/a").basic("amy", &secret("amys")), "allow.token amys"),
            ("a token header", get("/rest/a").header("x-api-key", &plain), "allow.token plain"),
            (
                "with white space",
                get("/rest/a").header("x-api-key", format!(" {plain} ")),
                "allow.token plain",
            ),
            ("the other", get("/rest/a").header("private-token", &plain), "allow.token plain"),
            ("any method", request("DELETE", "/rest/a").bearer(&plain), "allow.token plain"),
            ("an ambiguous path", get("/rest;x").bearer(&plain), "allow.token plain"),
            (
                "no list: no address is needed",
                get("/rest/a").bearer(&plain).from_nowhere(),
                "allow.token plain",
            ),
        ],
    );
}

#[test]
fn row_7_a_value_that_holds_a_token_otherwise_is_403() {
    // Forwarding would be allowed: what holds a token never goes upstream as a password all the same.
    let settings = json!({
        "password_auth": "forward", "foreign_credentials": "forward", "token_headers": ["x-api-key"],
    });
    let mut gate = gate(settings);
    let plain = secret("plain");
    let rest = || get("/rest/a");
    decides(
        &mut gate,
        &[
            ("unknown", rest().bearer(&unknown()), UNKNOWN),
            ("unknown, by Basic", rest().basic("fred", &unknown()), UNKNOWN),
            ("another user's", rest().basic("amy", &plain), UNKNOWN),
            ("names compare exactly", rest().basic("Fred", &plain), UNKNOWN),
            ("no name", rest().basic("", &plain), UNKNOWN),
            ("in the user name", rest().basic(&plain, "x"), UNKNOWN),
            ("in clear within a secret", rest().basic("fred", &format!("x{plain}x")), UNKNOWN),
            ("under another scheme", rest().authorization(format!("Token {plain}")), UNKNOWN),
            ("as a scheme", rest().authorization(&plain), UNKNOWN),
            ("Basic under Bearer", rest().bearer(&basic(format!("fred:{plain}"))[6..]), UNKNOWN),
            ("a token header's that is no token", rest().header("x-api-key", "abc"), UNKNOWN),
            ("a token header's with Bearer", rest().header("x-api-key", format!("Bearer {plain}")), UNKNOWN),
        ],
    );
}

const UNKNOWN: &str = "403 credentials_unknown";

#[test]
fn row_8_passwords() {
    let password = || get("/rest/a").basic("fred", "correct horse");
    let mut gate_that_refuses = gate(json!({}));
    decides(&mut gate_that_refuses, &[("refuse", password(), "403 password_refused")]);
    let mut gate_that_forwards = gate(json!({"password_auth": "forward"}));
    decides(
        &mut gate_that_forwards,
        &[
            ("forward", password(), "allow.password"),
            ("a wrong checksum is no token", get("/rest/a").basic("fred", &broken()), "allow.password"),
            (
                "other bytes than UTF-8",
                get("/rest/a").authorization(basic(b"j\xf6rg:\xff")),
                "allow.password",
            ),
        ],
    );
}

#[test]
fn row_9_other_credentials() {
    let others = || {
        [
            ("a Bearer value of others", get("/rest/a").bearer("eyJhbGciOiJIUzI1NiJ9.e30.c2ln")),
            ("a wrong checksum is no token", get("/rest/a").bearer(&broken())),
            ("another scheme", get("/rest/a").authorization("Digest username=\"fred\", realm=\"a\"")),
            ("Negotiate", get("/rest/a").authorization(format!("Negotiate {}", "YTpi".repeat(4000)))),
        ]
    };
    let mut gate_that_refuses = gate(json!({"password_auth": "forward"}));
    for (what, sent) in others() {
        decides(&mut gate_that_refuses, &[(what, sent, "403 scheme_refused")]);
    }
    let mut gate_that_forwards = gate(json!({"foreign_credentials": "forward"}));
    for (what, sent) in others() {
        decides(&mut gate_that_forwards, &[(what, sent, "allow.foreign")]);
    }
}

/// A token with one digit changed.
fn broken() -> String {
    let token = secret("plain");
    let (head, last) = token.split_at(token.len() - 1);
    format!("{head}{}", if last == "0" { "1" } else { "0" })
}

#[test]
fn other_prefixes_than_gp_are_known_if_configured() {
    let mut gate =
        Gate::with(&configuration(json!({"token_prefixes": ["acme_"], "password_auth": "forward"})));
    decides(
        &mut gate,
        &[
            (
                "of a prefix that is not configured",
                get("/rest/a").bearer(&secret("plain")),
                "403 scheme_refused",
            ),
            ("so as a password", get("/rest/a").basic("fred", &secret("plain")), "allow.password"),
        ],
    );
}
