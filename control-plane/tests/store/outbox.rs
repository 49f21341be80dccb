//! What posts about tokens that end ask of every database.

use gatepass_control_plane::domain::token::{Disabled, Token};
use gatepass_control_plane::domain::user::User;
use gatepass_control_plane::domain::webhook::{Delivery, DeliveryState, Event, Webhook};
use gatepass_control_plane::store::Store;
use gatepass_control_plane::store::outbox::Outcome;

use crate::contract::{refused, token, user_named};

const DAY: i64 = 24 * 60 * 60;

fn webhook(id: &str) -> Webhook {
    Webhook {
        id: id.to_owned(),
        url: "https://hooks.example.com/ü".to_owned(),
        description: Some("the ✓".to_owned()),
        created_at: 7,
        salt: [3; 32],
        old: None,
        failing_since: None,
        disabled: None,
    }
}

fn delivery(id: &str, webhook: &str, notice: Option<(&str, i64)>) -> Delivery {
    Delivery {
        id: id.to_owned(),
        webhook_id: webhook.to_owned(),
        event: if notice.is_some() { Event::TokenExpiring } else { Event::Test },
        notice: notice.map(|(token, stage)| (token.to_owned(), stage)),
        created_at: 100,
        state: DeliveryState::Pending,
        attempts: 0,
        next_at: 100,
        last_at: None,
        status: None,
        problem: None,
    }
}

pub async fn webhooks(store: &dyn Store) {
    let mut tx = store.write().await.unwrap();
    assert_eq!(tx.webhooks().await.unwrap(), []);
    let full = Webhook {
        old: Some(([4; 32], 50)),
        failing_since: Some(60),
        disabled: Some(Disabled { at: 70, by: "zoe".to_owned() }),
        ..webhook("W2")
    };
    let bare = Webhook { description: None, ..webhook("W1") };
    for webhook in [&full, &bare] {
        tx.insert_webhook(webhook).await.unwrap();
        assert_eq!(tx.webhook(&webhook.id).await.unwrap().as_ref(), Some(webhook));
    }
    assert_eq!(tx.webhooks().await.unwrap(), [bare.clone(), full.clone()]);
    assert_eq!(tx.webhook("w1").await.unwrap(), None, "compared exactly");
    let changed =
        Webhook { id: "W1".to_owned(), created_at: 7, url: "https://b.example/".to_owned(), ..full };
    tx.update_webhook(&changed).await.unwrap();
    assert_eq!(tx.webhook("W1").await.unwrap(), Some(changed));
    tx.update_webhook(&bare).await.unwrap();
    assert_eq!(tx.webhook("W1").await.unwrap(), Some(bare));
    tx.insert_delivery(&delivery("D1", "W1", None)).await.unwrap();
    assert!(tx.remove_webhook("W1").await.unwrap());
    assert!(!tx.remove_webhook("W1").await.unwrap());
    assert_eq!(tx.deliveries("W1", None, 9).await.unwrap(), []);
    drop(tx);
    let nobodys = webhook("W9");
    refused(store, async |tx| tx.update_webhook(&nobodys).await, "affected rows are checked").await;
    let nobodys = delivery("D9", "W9", None);
    refused(store, async |tx| tx.insert_delivery(&nobodys).await, "webhooks exist").await;
}

pub async fn what_is_to_be_told(store: &dyn Store) {
    let now = 60_000 * DAY;
    let mut tx = store.write().await.unwrap();
    let owner =
        User { id: tx.insert_user(&user_named("teller"), None).await.unwrap(), ..user_named("teller") };
    let gone = User { active: false, ..user_named("quiet") };
    let gone = User { id: tx.insert_user(&gone, None).await.unwrap(), ..gone };
    tx.insert_webhook(&webhook("W1")).await.unwrap();
    tx.insert_webhook(&webhook("W2")).await.unwrap();
    let soon = |number, owner: &User, days: i64| token(number, owner, Some(now + days * DAY));
    for token in [soon(211, &owner, 7), soon(212, &owner, 3), soon(213, &gone, 3)] {
        tx.insert_token(&token).await.unwrap();
    }
    let disabled = Some(Disabled { at: 1, by: "x".to_owned() });
    tx.insert_token(&Token { disabled, ..soon(214, &owner, 3) }).await.unwrap();
    tx.insert_token(&Token { successor: Some("0212".to_owned()), ..soon(215, &owner, 3) }).await.unwrap();
    // Made for no longer than the stage.
    tx.insert_token(&Token { created_at: now - 4 * DAY, ..soon(216, &owner, 3) }).await.unwrap();
    tx.insert_token(&Token { created_at: now - 4 * DAY - 1, ..soon(217, &owner, 3) }).await.unwrap();
    tx.insert_token(&soon(218, &owner, 1)).await.unwrap();
    let within = (now + DAY, now + 7 * DAY);
    let due = ["0212", "0217", "0211"];
    assert_eq!(tx.tokens_to_notify("W1", 7, within, 9).await.unwrap(), due);
    assert_eq!(tx.tokens_to_notify("W1", 7, within, 2).await.unwrap(), due[..2]);
    tx.insert_delivery(&delivery("D1", "W1", Some(("0212", 7)))).await.unwrap();
    tx.insert_delivery(&delivery("D2", "W1", Some(("0217", 1)))).await.unwrap();
    tx.insert_delivery(&delivery("D3", "W1", Some(("0211", 30)))).await.unwrap();
    assert_eq!(
        tx.tokens_to_notify("W1", 7, within, 9).await.unwrap(),
        ["0211"],
        "once, and no earlier stage"
    );
    assert_eq!(tx.tokens_to_notify("W2", 7, within, 9).await.unwrap(), due, "each endpoint");
    tx.revoke_token("0211", now, "x").await.unwrap();
    tx.set_suspended(owner.id, Some(now)).await.unwrap();
    assert_eq!(tx.tokens_to_notify("W2", 7, within, 9).await.unwrap(), [] as [&str; 0]);
    let twice = delivery("D4", "W1", Some(("0212", 7)));
    assert!(tx.insert_delivery(&twice).await.is_err(), "one notice for each token, stage and endpoint");
    drop(tx);
}

pub async fn deliveries(store: &dyn Store) {
    let mut tx = store.write().await.unwrap();
    tx.insert_webhook(&webhook("W1")).await.unwrap();
    tx.insert_webhook(&webhook("W2")).await.unwrap();
    let first = delivery("D1", "W1", Some(("01", 7)));
    let all = [
        first.clone(),
        Delivery { next_at: 90, ..delivery("D2", "W1", None) },
        Delivery { next_at: 101, ..delivery("D3", "W1", None) },
        delivery("D4", "W2", None),
    ];
    for delivery in &all {
        tx.insert_delivery(delivery).await.unwrap();
    }
    let ids = |found: Vec<Delivery>| found.into_iter().map(|delivery| delivery.id).collect::<Vec<_>>();
    assert_eq!(tx.deliveries("W1", None, 9).await.unwrap(), [all[2].clone(), all[1].clone(), first.clone()]);
    assert_eq!(ids(tx.deliveries("W1", Some("D3"), 1).await.unwrap()), ["D2"]);
    assert_eq!(ids(tx.deliveries_due("W1", 100, 9).await.unwrap()), ["D2", "D1"], "who has waited longest");
    assert_eq!(ids(tx.deliveries_due("W1", 100, 1).await.unwrap()), ["D2"]);
    assert_eq!(ids(tx.deliveries_due("W1", 89, 9).await.unwrap()), [] as [&str; 0]);
    assert_eq!(tx.pending_tests("W1").await.unwrap(), 2);

    tx.claim_delivery("D1", 100, 160).await.unwrap();
    assert_eq!(ids(tx.deliveries_due("W1", 159, 9).await.unwrap()), ["D2", "D3"], "somebody sends it");
    let claimed = Delivery { attempts: 1, next_at: 160, last_at: Some(100), ..first };
    assert_eq!(tx.deliveries_due("W1", 160, 9).await.unwrap()[2], claimed, "or does not any more");
    let outcome = |state, next_at| Outcome { state, next_at, status: Some(503), problem: Some("status") };
    assert!(!tx.finish_delivery("D1", 0, &outcome(DeliveryState::Delivered, 1)).await.unwrap());
    assert!(tx.finish_delivery("D1", 1, &outcome(DeliveryState::Pending, 200)).await.unwrap());
    tx.claim_delivery("D1", 200, 260).await.unwrap();
    assert!(!tx.finish_delivery("D1", 1, &outcome(DeliveryState::Delivered, 1)).await.unwrap(), "too late");
    let done = Outcome { status: Some(204), problem: None, ..outcome(DeliveryState::Delivered, 201) };
    assert!(tx.finish_delivery("D1", 2, &done).await.unwrap());
    assert!(!tx.finish_delivery("D1", 2, &done).await.unwrap(), "it is pending no longer");
    let found = tx.deliveries("W1", Some("D2"), 9).await.unwrap();
    let expected = Delivery {
        state: DeliveryState::Delivered,
        attempts: 2,
        next_at: 201,
        last_at: Some(200),
        status: Some(204),
        problem: None,
        ..claimed
    };
    assert_eq!(found, [expected]);
    assert_eq!(tx.remove_old_deliveries(100, 9).await.unwrap(), 0);
    assert_eq!(tx.remove_old_deliveries(101, 0).await.unwrap(), 0);
    assert_eq!(tx.remove_old_deliveries(101, 9).await.unwrap(), 1, "and none that is pending");
    assert_eq!(tx.forget_pending("W1").await.unwrap(), 2);
    assert_eq!(ids(tx.deliveries("W2", None, 9).await.unwrap()), ["D4"]);
    drop(tx);
    refused(store, async |tx| tx.claim_delivery("D1", 1, 2).await, "affected rows are checked").await;
}
