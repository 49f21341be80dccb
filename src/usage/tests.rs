use std::net::IpAddr;

use serde_json::{Value, json};

use super::*;

mod bounds;

const NOW: u64 = 1_798_761_600;
const IDENTITY: Identity<'_> = Identity {
    node_id: "node",
    cluster: "edge",
    worker: "3f9c2b7a1d4e8f60",
    instance: "gatepass/gatepass",
    module_version: "0.1.0",
};
const ENFORCED: Enforced<'_> = Enforced { epoch: "a1", revision: 17, tokens: 1000 };
const DONE: Answered = Answered::Acknowledged { more: false };
const MORE: Answered = Answered::Acknowledged { more: true };

/// A worker that has served one request.
fn serving() -> Usage {
    let mut usage = Usage::default();
    usage.count("allow.token");
    usage
}

/// A worker that has told all that it has to tell, at [`NOW`], in report 1.
fn settled() -> Usage {
    let mut usage = serving();
    assert!(send(&mut usage, NOW).is_some());
    assert_eq!(usage.answered(Some(204)), DONE);
    usage
}

fn note(usage: &mut Usage, token_id: &str, now: u64) {
    usage.note(Use { token_id, now, user_agent: None }, || None);
}

fn note_many(usage: &mut Usage, ids: std::ops::Range<usize>, now: u64) {
    ids.for_each(|n| note(usage, &format!("t{n}"), now));
}

fn send(usage: &mut Usage, now: u64) -> Option<Vec<u8>> {
    usage.next_report(&IDENTITY, Some(ENFORCED), now)
}

fn read(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

/// The next report, which must be due.
fn report(usage: &mut Usage, now: u64) -> Value {
    read(&send(usage, now).expect("a report is due"))
}

fn uses(report: &Value) -> &Vec<Value> {
    report["uses"].as_array().unwrap()
}

#[test]
fn names_are_told_whatever_they_are_written_in() {
    let name = "a\"b\\c/\n\u{1}\u{7f}\u{2028}ü\u{1f600}";
    let identity = Identity { node_id: name, cluster: "", instance: name, ..IDENTITY };
    let report = read(&serving().next_report(&identity, None, NOW).unwrap());
    assert_eq!(report["node"], json!({"id": name, "cluster": ""}));
    assert_eq!(report["instance"], name);
}

#[test]
fn a_report_is_written_as_documented() {
    let mut usage = serving();
    usage.count("refuse.token_expired");
    usage.count("allow.token");
    usage.count_stale_revision();
    let source = || Some("::ffff:10.0.0.1".parse::<IpAddr>().unwrap());
    usage.note(Use { token_id: "01JD", now: NOW, user_agent: Some(b"curl/8.0 \"x\"") }, source);
    assert_eq!(
        String::from_utf8(send(&mut usage, NOW + 1).unwrap()).unwrap(),
        "{\"version\":1,\"node\":{\"id\":\"node\",\"cluster\":\"edge\"},\"worker\":\"3f9c2b7a1d4e8f60\",\
         \"instance\":\"gatepass/gatepass\",\"module_version\":\"0.1.0\",\"sequence\":1,\"time\":1798761601,\
         \"epoch\":\"a1\",\"revision\":\"17\",\"tokens\":1000,\
         \"decisions\":{\"allow.token\":2,\"refuse.token_expired\":1},\"stale_revisions\":1,\"dropped_uses\":0,\
         \"uses\":[{\"id\":\"01JD\",\"count\":1,\"last_used_at\":1798761600,\"ip\":\"10.0.0.1\",\
         \"user_agent\":\"curl/8.0 \\\"x\\\"\"}]}"
    );
    usage.answered(Some(204));
    note(&mut usage, "02", NOW);
    note(&mut usage, "03", NOW);
    let mut both = uses(&report(&mut usage, NOW + 2)).clone();
    both.sort_by_key(|entry| entry["id"].to_string());
    let without_source = |id: &str| json!({"id": id, "count": 1, "last_used_at": NOW});
    assert_eq!(both, [without_source("02"), without_source("03")]);
    assert_eq!(usage.counts().collect::<Vec<_>>(), [("allow.token", 2), ("refuse.token_expired", 1)]);
}

#[test]
fn what_enforces_nothing_names_no_epoch_revision_and_tokens() {
    let body = serving().next_report(&IDENTITY, None, NOW).unwrap();
    let report = read(&body);
    assert!(["epoch", "revision", "tokens"].iter().all(|field| report.get(field).is_none()));
}

#[test]
fn uses_of_a_token_are_one_entry_with_the_last_time_and_the_first_source() {
    let mut usage = serving();
    let mut asked = 0;
    for (now, agent, ip) in [(NOW, "a", "::1"), (NOW + 9, "b", "::2"), (NOW + 3, "c", "::3")] {
        usage.note(Use { token_id: "t", now, user_agent: Some(agent.as_bytes()) }, || {
            asked += 1;
            ip.parse().ok()
        });
    }
    assert_eq!((asked, usage.pending()), (1, 1));
    let entry = json!({"id": "t", "count": 3, "last_used_at": NOW + 9, "ip": "::1", "user_agent": "a"});
    assert_eq!(report(&mut usage, NOW)["uses"], json!([entry]));
}

#[test]
fn the_source_is_asked_again_once_a_report_has_left() {
    let mut usage = serving();
    let mut asked = 0;
    for _ in 0..2 {
        usage.note(Use { token_id: "t", now: NOW, user_agent: None }, || {
            asked += 1;
            None
        });
        report(&mut usage, NOW);
        usage.answered(Some(204));
    }
    assert_eq!(asked, 2);
}

#[test]
fn the_main_thread_which_serves_nothing_reports_nothing() {
    let mut usage = Usage::default();
    usage.count_stale_revision();
    assert_eq!(send(&mut usage, NOW), None);
    assert_eq!(send(&mut usage, NOW + HEARTBEAT_SECONDS), None);
    usage.count("refuse.not_ready");
    assert!(send(&mut usage, NOW).is_some());
}

#[test]
fn a_worker_with_nothing_to_tell_reports_once_a_minute() {
    let mut usage = settled();
    usage.count("allow.anonymous");
    assert_eq!(send(&mut usage, NOW + HEARTBEAT_SECONDS - 1), None);
    let beat = report(&mut usage, NOW + HEARTBEAT_SECONDS);
    assert_eq!((beat["sequence"].as_u64(), uses(&beat).len()), (Some(2), 0));
    usage.answered(Some(204));
    assert_eq!(send(&mut usage, NOW + 2 * HEARTBEAT_SECONDS - 1), None);
    assert!(send(&mut usage, NOW + 2 * HEARTBEAT_SECONDS).is_some());
}

#[test]
fn a_clock_that_is_set_back_does_not_silence_a_worker() {
    assert!(send(&mut settled(), NOW - 3600).is_some());
    let mut calling = serving();
    let first = send(&mut calling, NOW);
    assert_eq!(send(&mut calling, NOW - 3600), first);
}

#[test]
fn a_change_of_what_is_enforced_is_told_at_once() {
    let changes = [
        Some(Enforced { revision: 18, ..ENFORCED }),
        Some(Enforced { revision: 16, ..ENFORCED }),
        Some(Enforced { epoch: "a2", ..ENFORCED }),
        None,
    ];
    for change in changes {
        let mut usage = settled();
        assert_eq!(send(&mut usage, NOW + 1), None);
        assert!(usage.next_report(&IDENTITY, change, NOW + 1).is_some(), "{change:?}");
        usage.answered(Some(204));
        assert_eq!(usage.next_report(&IDENTITY, change, NOW + 2), None, "{change:?}");
    }
}

#[test]
fn a_change_that_comes_during_a_call_or_in_a_refused_report_is_still_told() {
    let change = Some(Enforced { revision: 18, ..ENFORCED });
    let mut usage = serving();
    send(&mut usage, NOW);
    assert_eq!(usage.next_report(&IDENTITY, change, NOW), None);
    usage.answered(Some(204));
    for status in [400, 204] {
        let told = usage.next_report(&IDENTITY, change, NOW).unwrap();
        assert_eq!(read(&told)["revision"], "18");
        usage.answered(Some(status));
    }
    assert_eq!(usage.next_report(&IDENTITY, change, NOW), None);
}

#[test]
fn what_was_not_acknowledged_is_sent_again_byte_for_byte() {
    for status in [None, Some(0), Some(302), Some(401), Some(403), Some(404), Some(429), Some(500), Some(503)]
    {
        let mut usage = serving();
        note(&mut usage, "t", NOW);
        let first = send(&mut usage, NOW).unwrap();
        assert_eq!(usage.answered(status), Answered::Kept, "{status:?}");
        usage.count("allow.token");
        note(&mut usage, "t", NOW + 1);
        let again = usage.next_report(&IDENTITY, None, NOW + 1);
        assert_eq!(again.as_ref(), Some(&first), "{status:?}");
        assert_eq!((usage.failed_reports(), usage.dropped()), (1, 0));
        assert_eq!(usage.answered(Some(200)), DONE);
        let second = report(&mut usage, NOW + 2);
        assert_eq!((&second["sequence"], &second["uses"][0]["count"]), (&json!(2), &json!(1)));
    }
}

#[test]
fn one_report_is_in_flight_at_a_time_and_uses_during_it_go_to_the_next() {
    let mut usage = serving();
    note(&mut usage, "t", NOW);
    report(&mut usage, NOW);
    note(&mut usage, "t", NOW + 1);
    assert_eq!(send(&mut usage, NOW + 1), None);
    assert_eq!(usage.pending(), 2);
    assert_eq!(usage.answered(Some(204)), DONE);
    assert_eq!(usage.pending(), 1);
    let next = report(&mut usage, NOW + 2);
    assert_eq!((&next["sequence"], &next["uses"][0]["count"]), (&json!(2), &json!(1)));
    usage.answered(Some(204));
    assert_eq!((usage.pending(), usage.failed_reports()), (0, 0));
}

#[test]
fn a_call_whose_answer_nobody_is_left_to_hear_is_made_again_after_its_timeout() {
    let mut usage = serving();
    let first = send(&mut usage, NOW);
    let lost = NOW + CALL_TIMEOUT_SECONDS + ANSWER_MARGIN_SECONDS + 1;
    assert_eq!(send(&mut usage, lost - 1), None);
    assert_eq!(send(&mut usage, lost), first);
    assert_eq!(usage.failed_reports(), 1);
    assert_eq!(send(&mut usage, lost + CALL_TIMEOUT_SECONDS), None);
    assert_eq!(usage.answered(Some(204)), DONE);
}

#[test]
fn an_answer_to_no_call_changes_nothing() {
    let mut usage = serving();
    for status in [None, Some(204), Some(400)] {
        assert_eq!(usage.answered(status), Answered::Kept);
    }
    note(&mut usage, "t", NOW);
    let first = send(&mut usage, NOW);
    usage.answered(None);
    assert_eq!(usage.answered(Some(400)), Answered::Kept);
    assert_eq!((send(&mut usage, NOW), usage.failed_reports()), (first, 1));
}

#[test]
fn a_report_that_is_itself_at_fault_is_dropped_and_its_uses_are_counted() {
    for status in [400, 409, 413, 422] {
        let mut usage = serving();
        ["a", "a", "b"].iter().for_each(|id| note(&mut usage, id, NOW));
        report(&mut usage, NOW);
        note(&mut usage, "a", NOW);
        assert_eq!(usage.answered(Some(status)), Answered::Refused, "{status}");
        assert_eq!((usage.dropped(), usage.failed_reports(), usage.pending()), (3, 1, 1));
        let next = report(&mut usage, NOW + 1);
        assert_eq!((&next["sequence"], &next["dropped_uses"]), (&json!(2), &json!(3)));
    }
}
