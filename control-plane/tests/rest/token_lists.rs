use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::{DAY, Gate, id};

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(id).collect()
}

#[tokio::test]
async fn lists_have_pages_filters_and_nothing_else() {
    let gate = Gate::start().await;
    gate.settings(json!({"custom_validity": true})).await;
    let fred = gate.person("fred", "user").await;
    let mut made = Vec::new();
    for _ in 0..5 {
        gate.pass(1);
        made.push(id(&gate.token(&fred, json!({"description": "x", "valid_for": "P1D"})).await));
    }
    made.reverse();
    gate.delete(&format!("/tokens/{}", made[4]), &fred).await;

    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = gate.get(&format!("/tokens?limit=2{cursor}"), &fred).await.ok(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(id));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen[..5], made, "newest first, each once");
    assert_eq!(seen.len(), 6);

    let count = async |query: &str| {
        let page = gate.get(&format!("/tokens?{query}"), &gate.admin).await.ok(200);
        page["items"].as_array().unwrap().len()
    };
    assert_eq!(count("").await, 7);
    assert_eq!(count("user=fred").await, 6);
    assert_eq!(count("user=fred&state=active").await, 5);
    assert_eq!(count("user=fred&state=revoked").await, 1);
    assert_eq!(count("user=fred&state=expired").await, 0);
    assert_eq!(count("user=fred&limit=6").await, 6);
    let last = gate.get("/tokens?user=fred&limit=6", &gate.admin).await.ok(200);
    assert_eq!(last["next_cursor"], json!(null), "a page that ends the list has no next");

    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("cursor=%21", "cursor"),
        ("state=gone", "state"),
    ] {
        gate.get(&format!("/tokens?{query}"), &gate.admin).await.wrong(field);
    }
    gate.get("/tokens?colour=1", &gate.admin).await.refused(400, "invalid");
    gate.get("/tokens?limit=1&limit=2", &gate.admin).await.refused(400, "invalid");
    gate.get("/tokens?user=nobody", &gate.admin).await.refused(404, "not_found");
}

async fn list(gate: &Gate, query: &str, token: &str) -> Vec<String> {
    ids(&gate.get(&format!("/tokens?{query}"), token).await.ok(200))
}

#[tokio::test]
async fn tokens_are_found_by_user_creator_and_description() {
    let gate = Gate::start().await;
    let mary = gate.person("mary", "token_manager").await;
    gate.person("fred", "user").await;
    gate.person("wilma,jr", "user").await;
    let make = async |user: &str, description: &str, by: &str| {
        gate.pass(1);
        id(&gate.token(by, json!({"user": user, "description": description})).await)
    };
    let one = make("fred", "Nightly Straße", &mary).await;
    let two = make("wilma,jr", "weekly STRASSE 50%", &mary).await;
    let three = make("fred", "weekly", &gate.admin).await;
    for (query, expected) in [
        ("user=fred&user=wilma,jr&creator=mary", vec![&two, &one]),
        ("user=fred&creator=mary", vec![&one]),
        ("user=fred&user=fred&creator=admin&description=weekly", vec![&three]),
        ("creator=mary&creator=admin&description=EEKL", vec![&three, &two]),
        ("description=strasse", vec![&two, &one]),
        ("description=stra%C3%9Fe", vec![&two, &one]),
        ("description=0%25", vec![&two]),
        ("description=%25", vec![&two]),
        ("description=we_kly", vec![]),
        ("description=weekly&sort=created", vec![&two, &three]),
        ("description=weekly&sort=user", vec![&three, &two]),
        ("description=strasse&sort=description", vec![&one, &two]),
        ("creator=nobody", vec![]),
    ] {
        assert_eq!(list(&gate, query, &mary).await.iter().collect::<Vec<_>>(), expected, "{query}");
    }
}

#[tokio::test]
async fn tokens_are_found_by_their_times_and_states() {
    let gate = Gate::start().await;
    gate.settings(json!({"custom_validity": true, "max_validity": "never"})).await;
    let keeper = json!({"description": "x", "control_plane": true, "valid_for": "never"});
    let keeper = crate::support::secret(&gate.token(&gate.admin, keeper).await);
    gate.person("fred", "user").await;
    let make = async |valid_for: &str| {
        id(&gate.token(&keeper, json!({"user": "fred", "description": "made", "valid_for": valid_for})).await)
    };
    let (old, never) = (make("P40D").await, make("never").await);
    gate.pass(40 * DAY);
    let (soon, later) = (make("P5D").await, make("P20D").await);
    let disabled = make("P100D").await;
    gate.patch(&format!("/tokens/{disabled}"), &keeper, json!({"enabled": false})).await.ok(200);
    let revoked = make("P6D").await;
    gate.delete(&format!("/tokens/{revoked}"), &keeper).await.ok(204);
    // 2027-01-01T09:00:00Z.
    let names = [
        (&old, "old"),
        (&never, "never"),
        (&soon, "soon"),
        (&later, "later"),
        (&disabled, "disabled"),
        (&revoked, "revoked"),
    ];
    let found = async |query: &str| {
        let query = format!("user=fred&description=made&{query}");
        let found = list(&gate, &query, &keeper).await;
        let name = |id: &String| names.iter().find(|(known, _)| *known == id).map_or("?", |(_, name)| *name);
        found.iter().map(name).collect::<Vec<_>>().join(" ")
    };
    for (query, expected) in [
        ("created=today", "revoked disabled later soon"),
        ("created=last_30_days&sort=created", "soon later disabled revoked"),
        ("created=last_90_days", "revoked disabled later soon never old"),
        ("created_to=2026-11-22T09:00:01Z", "never old"),
        ("created_to=2026-11-22T09:00:00Z", ""),
        ("created_from=2026-11-22T10:00:00%2B01:00&created_to=2027-01-01T09:00:00Z", "never old"),
        ("expires=within_7_days", "soon revoked"),
        ("expires=within_7_days&state=active&state=disabled", "soon"),
        ("expires=within_30_days", "soon revoked later"),
        ("expires=expired", "old"),
        ("expires=never", "never"),
        ("expires_from=2027-01-06T09:00:00Z&expires_to=2027-01-07T09:00:00Z", "soon"),
        ("expires_from=2027-01-07T09:00:00Z&sort=-expires", "disabled later revoked"),
        ("state=active", "later soon never"),
        ("state=disabled", "disabled"),
        ("state=expired", "old"),
        ("state=revoked", "revoked"),
        ("last_used=never&sort=created", "old never soon later disabled revoked"),
        ("last_used=last_7_days", ""),
        ("sort=expires", "old soon revoked later disabled never"),
    ] {
        assert_eq!(found(query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn what_is_asked_wrongly_is_named() {
    let gate = Gate::start().await;
    let users: String = (0..51).map(|n| format!("user=u{n}&")).collect();
    for (query, field) in [
        ("sort=id", "sort"),
        ("sort=-", "sort"),
        ("created=never", "created"),
        ("created=yesterday", "created"),
        ("last_used=expired", "last_used"),
        ("expires=today", "expires"),
        ("created=today&created_from=2026-01-01T00:00:00Z", "created"),
        ("created_from=2026-01-01", "created_from"),
        ("expires_to=now", "expires_to"),
        ("created_from=2026-01-02T00:00:00Z&created_to=2026-01-02T00:00:00Z", "created_to"),
        ("description=", "description"),
        ("description=a%0Ab", "description"),
        ("description=a%00b", "description"),
        ("creator=%00", "creator"),
        ("creator=a:b", "creator"),
        ("description=a&description=b", "description"),
        ("sort=user&sort=user", "sort"),
        ("created_form=2026-01-01T00:00:00Z", "created_form"),
        (&users, "user"),
    ] {
        gate.get(&format!("/tokens?{query}"), &gate.admin).await.wrong(field);
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_its_filter_and_order() {
    let gate = Gate::start().await;
    for _ in 0..4 {
        gate.token(&gate.admin, json!({"description": "some"})).await;
    }
    let first = gate.get("/tokens?limit=2&description=some&sort=-created", &gate.admin).await.ok(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    let next = |query: &str| {
        let path = format!("/tokens?cursor={cursor}&{query}");
        let gate = &gate;
        async move { gate.get(&path, &gate.admin).await }
    };
    for good in [
        "limit=2&description=some&sort=-created",
        "limit=7&sort=-created&description=some",
        "description=some",
    ] {
        assert!(next(good).await.ok(200)["items"].as_array().unwrap().len() == 2, "{good}");
    }
    for other in [
        "",
        "description=some&sort=created",
        "description=SOME",
        "description=some&state=active",
        "sort=user",
    ] {
        next(other).await.wrong("cursor");
    }
    for made_up in ["e30", "bm8", "eyJsaXN0IjoiIiwiYXQiOjF9"] {
        gate.get(&format!("/tokens?cursor={made_up}"), &gate.admin).await.wrong("cursor");
    }
    // Whoever reads a cursor can write one.
    for (query, changes) in [
        ("sort=user", json!({"text": null, "time": 7})),
        ("sort=user", json!({"text": "a\u{0}"})),
        ("sort=created", json!({"time": null, "text": "a"})),
        ("sort=created", json!({"at": i64::MAX})),
    ] {
        let page = gate.get(&format!("/tokens?limit=1&{query}"), &gate.admin).await.ok(200);
        let cursor = URL_SAFE_NO_PAD.decode(page["next_cursor"].as_str().unwrap()).unwrap();
        let mut cursor: Value = serde_json::from_slice(&cursor).unwrap();
        cursor.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let cursor = URL_SAFE_NO_PAD.encode(cursor.to_string());
        gate.get(&format!("/tokens?{query}&cursor={cursor}"), &gate.admin).await.wrong("cursor");
    }
    gate.person("fred", "user").await;
    let users = gate.get("/users?limit=1", &gate.admin).await.ok(200);
    let foreign = users["next_cursor"].as_str().unwrap();
    gate.get(&format!("/tokens?cursor={foreign}"), &gate.admin).await.wrong("cursor");
}

/// What is asked for by a preset is what it was when the list was begun.
#[tokio::test]
async fn a_list_does_not_move_while_it_is_read() {
    let gate = Gate::start().await;
    gate.settings(json!({"custom_validity": true})).await;
    let keeper = json!({"description": "x", "control_plane": true});
    let keeper = crate::support::secret(&gate.token(&gate.admin, keeper).await);
    let mut made = Vec::new();
    for _ in 0..4 {
        made.push(id(&gate.token(&keeper, json!({"description": "ends", "valid_for": "P1D"})).await));
    }
    made.reverse();
    let query = "state=active&description=ends&sort=-created&limit=2";
    let first = gate.get(&format!("/tokens?{query}"), &keeper).await.ok(200);
    gate.pass(DAY);
    gate.token(&keeper, json!({"description": "ends as well"})).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = gate.get(&format!("/tokens?{query}&cursor={cursor}"), &keeper).await.ok(200);
    assert_eq!([ids(&first), ids(&second)].concat(), made);
    assert_eq!(second["items"][0]["state"], "expired", "but shown as it is now");
    assert_eq!(list(&gate, query, &keeper).await.len(), 1);
}

#[tokio::test]
async fn everyone_lists_what_everyone_may_see() {
    let gate = Gate::start().await;
    let fred = gate.person("fred", "user").await;
    let mary = gate.person("mary", "token_manager").await;
    gate.person("wilma", "user").await;
    gate.token(&gate.admin, json!({"user": "fred", "description": "shared word"})).await;
    gate.token(&gate.admin, json!({"user": "wilma", "description": "shared word"})).await;
    let own = gate.token(&gate.admin, json!({"description": "shared word"})).await;
    let weak = crate::support::secret(&own);
    let managers = gate.token(&mary, json!({"description": "shared word"})).await;
    let weak_managers = crate::support::secret(&managers);
    let owners = async |query: &str, token: &str| {
        let page = gate.get(&format!("/tokens?{query}"), token).await.ok(200);
        let mut owners: Vec<_> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|token| token["user"].as_str().unwrap().to_owned())
            .collect();
        owners.sort();
        owners.join(" ")
    };
    for query in [
        "description=shared",
        "creator=admin&description=shared",
        "created=today&description=shared",
        "description=SHARED%20word&sort=user",
    ] {
        let mine = if query.starts_with("creator") { "" } else { " mary" };
        assert_eq!(owners(query, &gate.admin).await, format!("admin fred{mine} wilma"), "{query}");
        assert_eq!(owners(query, &mary).await, format!("fred{mine} wilma"), "no admin's: {query}");
        assert_eq!(owners(query, &fred).await, "fred", "{query}");
        assert_eq!(owners(query, &weak).await, "admin", "without control_plane only the owner's: {query}");
        assert_eq!(owners(query, &weak_managers).await, mine.trim(), "{query}");
    }
    gate.get("/tokens?user=fred&user=wilma", &fred).await.refused(403, "not_owner");
    gate.get("/tokens?user=fred&user=nobody", &fred).await.refused(403, "not_owner");
    gate.get("/tokens?user=fred&user=admin", &mary).await.refused(403, "target_is_admin");
    gate.get("/tokens?user=fred&user=nobody", &mary).await.refused(404, "not_found");
    gate.get("/tokens?user=admin&user=fred", &weak).await.refused(403, "control_plane_required");
    assert_eq!(owners("user=admin", &weak).await.split(' ').count(), 2);
    let whoami = gate.get("/whoami", &weak).await.ok(200);
    assert_eq!((&whoami["user"], &whoami["role"]), (&json!("admin"), &json!("admin")));
    assert_eq!(
        (&whoami["token"]["id"], &whoami["token"]["control_plane"]),
        (&json!(id(&own)), &json!(false))
    );
}
