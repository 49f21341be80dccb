//! App configuration, "IP Address Restrictions".

use serde_json::{Value, json};

use super::Site;

/// "Admins may restrict REST API requests by IP- addresses or ranges. This restriction will apply to both token- and password
/// authentication … If no addresses were provided, requests from every IP address will be allowed."
#[test]
fn the_list_binds_tokens_and_passwords_and_without_one_every_address_is_allowed() {
    let site = Site::open();
    site.set(&json!({"password_auth": true}));
    let token = site.created(&site.key_of("fred"), &json!({"description": "x"}));
    let secrets = [("token", token.secret.as_str()), ("password", "hunter2")];
    let all_become = |status: u16| {
        for (_, secret) in &secrets {
            site.becomes(status, "fred", secret);
        }
    };
    all_become(200);
    for (list, status) in [
        (json!(["192.0.2.1"]), 403),
        (json!(["192.0.2.1", "127.0.0.0/8"]), 200),
        (json!(["192.0.2.1"]), 403),
        (json!(["126.255.255.0-127.0.0.200", "::1"]), 200),
        (json!(["192.0.2.1-192.0.2.9"]), 403),
        (json!([]), 200),
    ] {
        site.set(&json!({"allowed_ips": list}));
        all_become(status);
        if status == 403 {
            for (what, secret) in &secrets {
                assert_eq!(site.refused("fred", secret), "ip_not_allowed", "{what}, {list}");
            }
        }
    }
}

/// "Enter one or more addresses or address ranges": what is none is refused and named, and nothing is changed.
#[test]
fn what_is_no_address_is_named() {
    let site = Site::open();
    let before = site.control.admins(200, "GET", "/settings", &Value::Null).json();
    for wrong in ["10.0.0.256", "10.0.0.1/33", "10.0.0.9-10.0.0.1", "example.org", ""] {
        let change = json!({"allowed_ips": ["10.0.0.1", wrong]});
        let refused = site.control.admins(400, "PATCH", "/settings", &change).json();
        assert_eq!(refused["field"], "allowed_ips[1]", "{refused}");
    }
    assert_eq!(site.control.admins(200, "GET", "/settings", &Value::Null).json(), before);
}

/// A token's own list, beside the system-wide one: both must admit the address.
#[test]
fn a_tokens_own_list_binds_it_alone() {
    let site = Site::open();
    let key = site.key_of("fred");
    let here = site.created(&key, &json!({"description": "x", "allowed_ips": ["127.0.0.1"]}));
    let elsewhere = site.created(&key, &json!({"description": "x", "allowed_ips": ["192.0.2.0/24"]}));
    site.becomes(200, "fred", &here.secret);
    site.becomes(403, "fred", &elsewhere.secret);
    assert_eq!(site.refused("fred", &elsewhere.secret), "ip_not_allowed");
}
