//! Changes that come at once become durable together, and each is answered for itself.

use std::future::poll_fn;
use std::task::Poll;

use gatepass_control_plane::app::Storage;
use gatepass_control_plane::audit::verify;
use gatepass_control_plane::callers::{Caller, authenticate};
use gatepass_control_plane::change::Change;
use gatepass_control_plane::domain::settings::Settings;
use gatepass_control_plane::domain::user::User;
use gatepass_control_plane::error::Error;
use gatepass_control_plane::store::place::DatabaseUrl;
use gatepass_control_plane::tokens::{self, NewToken};
use serde_json::json;

use crate::postgres::Postgres;
use crate::support::{Gate, private_folder};

/// A server on each database.
async fn each() -> (Gate, Gate, Postgres) {
    let server = Postgres::start();
    let storage = Storage { database: Some(DatabaseUrl::new(server.database().await)), ..Storage::default() };
    let postgres = Gate::start_with(private_folder(), &storage).await.unwrap();
    (Gate::start().await, postgres, server)
}

async fn admin(gate: &Gate) -> Caller {
    let here = Some(std::net::IpAddr::from([127, 0, 0, 1]));
    authenticate(&gate.context, gate.admin.as_bytes(), None, here).await.unwrap()
}

fn wish(description: &str) -> NewToken {
    NewToken { description: description.to_owned(), ..NewToken::default() }
}

/// The descriptions of all tokens; what proxies are told and the audit must fit.
async fn held(gate: &Gate) -> Vec<String> {
    gate.caught_up().await;
    let all = gate.get("/tokens?limit=100", &gate.admin).await.ok(200);
    let all = all["items"].as_array().unwrap().clone();
    let unrevoked = all.iter().filter(|token| token["state"] == "active").count();
    assert_eq!(gate.delivered()["tokens"].as_array().unwrap().len(), unrevoked);
    let (store, key) = (gate.context.store.as_ref(), &gate.context.audit_key);
    verify(store, key, None, |_| {}).await.unwrap().unwrap();
    all.iter().map(|token| token["description"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn changes_that_come_at_once_share_a_revision() {
    let (sqlite, postgres, _server) = each().await;
    for gate in [&sqlite, &postgres] {
        let caller = admin(gate).await;
        let gone = gate.token(&gate.admin, json!({"description": "to go"})).await;
        let before = gate.version().await;
        let make = async |description: &str| tokens::create(&gate.context, &caller, wish(description)).await;
        let revoke = tokens::revoke(&gate.context, &caller, gone["id"].as_str().unwrap());
        let (one, two, refused, revoked, none) = tokio::join!(
            make("one"),
            make("two"),
            make("gp_ not a description\u{7}"),
            revoke,
            tokens::revoke(&gate.context, &caller, "nobodys"),
        );
        let revisions = [one.unwrap().committed, two.unwrap().committed, revoked.unwrap().unwrap()]
            .map(|committed| committed.version.revision);
        assert_eq!(revisions, [before.revision + 1; 3]);
        assert!(matches!(refused, Err(Error::Invalid { field, .. }) if field == "description"));
        assert!(matches!(none, Err(Error::NotFound("token"))));
        let held = held(gate).await;
        assert!(held.contains(&"one".to_owned()) && held.contains(&"two".to_owned()), "{held:?}");
        assert!(gate.delivered_token(gone["id"].as_str().unwrap()).is_none());
    }
}

#[tokio::test]
async fn what_is_broken_off_takes_no_other_change_with_it() {
    let (sqlite, postgres, _server) = each().await;
    for gate in [&sqlite, &postgres] {
        let caller = admin(gate).await;
        let broken_off = async {
            let (mut change, caller) = Change::joining(&gate.context, &caller).await.unwrap();
            let user = change.tx.user(&caller.user.name).await.unwrap().unwrap();
            change.tx.insert_user(&User { name: "half".to_owned(), ..user }, None).await.unwrap();
        };
        let make = async |description: &str| tokens::create(&gate.context, &caller, wish(description)).await;
        let (one, (), two) = tokio::join!(make("one"), broken_off, make("two"));
        assert!(one.is_ok() && two.is_ok());
        let held = held(gate).await;
        assert!(held.contains(&"one".to_owned()) && held.contains(&"two".to_owned()), "{held:?}");
        gate.get("/users/half", &gate.admin).await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn what_is_gone_already_is_gone_for_good_when_that_is_answered() {
    let (sqlite, postgres, _server) = each().await;
    for gate in [&sqlite, &postgres] {
        let caller = admin(gate).await;
        let made = gate.token(&gate.admin, json!({"description": "to go"})).await;
        let id = made["id"].as_str().unwrap();
        let revoked = async || {
            let mut tx = gate.context.store.read().await.unwrap();
            tx.token(id).await.unwrap().unwrap().revoked_at.is_some()
        };
        let again = async {
            tokens::revoke(&gate.context, &caller, id).await.unwrap();
            revoked().await
        };
        let (first, durable) = tokio::join!(tokens::revoke(&gate.context, &caller, id), again);
        assert!(
            first.unwrap().is_some() && durable,
            "the second was told before the first's change was durable"
        );
    }
}

#[tokio::test]
async fn nobody_is_refused_for_what_is_undone() {
    let (sqlite, postgres, _server) = each().await;
    for gate in [&sqlite, &postgres] {
        let caller = admin(gate).await;
        let wrong = Settings { protected_paths: vec!["no path".to_owned()], ..Settings::default() };
        let undone = async {
            let (mut change, caller) = Change::joining(&gate.context, &caller).await.unwrap();
            change.tx.revoke_token(&caller.token().unwrap().id, 1, "nobody").await.unwrap();
            change.tx.replace_settings(&wrong).await.unwrap();
            change.filter_sees_it();
            change.commit().await.map(drop)
        };
        let (undone, made) =
            tokio::join!(undone, tokens::create(&gate.context, &caller, wish("by whom it revoked")));
        assert!(matches!(undone, Err(Error::Undone)));
        assert!(made.is_ok());
    }
}

#[tokio::test]
async fn what_the_filter_would_refuse_refuses_no_other_change() {
    let (sqlite, postgres, _server) = each().await;
    for gate in [&sqlite, &postgres] {
        let caller = admin(gate).await;
        let wrong = Settings { protected_paths: vec!["no path".to_owned()], ..Settings::default() };
        let refused = async {
            let (mut change, _) = Change::joining(&gate.context, &caller).await.unwrap();
            change.tx.replace_settings(&wrong).await.unwrap();
            change.filter_sees_it();
            change.commit().await.map(drop)
        };
        let make = async |description: &str| tokens::create(&gate.context, &caller, wish(description)).await;
        let (one, refused, two) = tokio::join!(make("one"), refused, make("two"));
        assert!(one.is_ok() && two.is_ok());
        assert!(matches!(refused, Err(Error::Undone)));
        let held = held(gate).await;
        assert!(held.contains(&"one".to_owned()) && held.contains(&"two".to_owned()), "{held:?}");
        let settings = gate.get("/settings", &gate.admin).await.ok(200);
        assert_eq!(settings["protected_paths"], json!(["/"]));
    }
}

#[tokio::test]
async fn who_goes_away_keeps_nobody_waiting() {
    let (sqlite, postgres, _server) = each().await;
    for gate in [&sqlite, &postgres] {
        let caller = admin(gate).await;
        for polls in [1, 2, 3, 5, 8, 13, 21, 34] {
            // Broken off wherever it is by then, be it behind its commit.
            let mut make = Box::pin(tokens::create(&gate.context, &caller, wish("gone")));
            let mut left = polls;
            let broken_off = poll_fn(move |task| {
                left -= 1;
                if make.as_mut().poll(task).is_ready() || left == 0 { Poll::Ready(()) } else { Poll::Pending }
            });
            let stays = format!("stays {polls}");
            let (made, ()) = tokio::join!(tokens::create(&gate.context, &caller, wish(&stays)), broken_off);
            made.unwrap();
            assert!(held(gate).await.contains(&stays));
        }
    }
}
