use std::collections::BTreeMap;

use super::*;
use crate::doctor::Severity;
use crate::domain::fleet::{Enforced, Worker, WorkerKey};

#[test]
fn a_file_that_is_open_a_link_or_another_users() {
    let file = |is_link, mode, uid, ours| {
        let found = of_file("x", Kind { is_link, is_file: !is_link }, mode, uid, ours);
        found.map(|finding| finding.severity)
    };
    assert_eq!(file(false, 0o100_600, 7, 7), None);
    for mode in [0o100_640, 0o100_604, 0o100_610] {
        assert_eq!(file(false, mode, 7, 7), Some(Severity::Error), "{mode:o}");
    }
    assert_eq!(file(true, 0o120_777, 7, 7), Some(Severity::Warning));
    assert_eq!(file(false, 0o100_600, 8, 7), Some(Severity::Warning));
    assert_eq!(file(false, 0o100_600, 8, 0), None, "root works for everybody");
}

#[test]
fn a_clock_that_is_behind_what_is_known_to_have_been() {
    let clock = |last| against_the_audit(last, 1000).severity;
    assert_eq!([clock(None), clock(Some(900)), clock(Some(1000 + CLOCK))], [Severity::Ok; 3]);
    assert_eq!(clock(Some(1001 + CLOCK)), Severity::Error);
}

#[test]
fn an_envoy_whose_clock_is_another() {
    let clock = |date| against_envoy(date, 1000).map(|finding| finding.severity);
    assert_eq!(clock(None), None);
    assert_eq!([clock(Some(1000 - CLOCK)), clock(Some(1000 + CLOCK))], [Some(Severity::Ok); 2]);
    assert_eq!([clock(Some(999 - CLOCK)), clock(Some(1001 + CLOCK))], [Some(Severity::Error); 2]);
}

#[test]
fn workers_that_enforce_something_else() {
    let worker = |epoch: &str, revision, last_report_at| Worker {
        key: WorkerKey { node: String::new(), worker: String::new(), instance: String::new() },
        cluster: String::new(),
        module_version: String::new(),
        enforced: Some(Enforced { epoch: epoch.to_owned(), revision, tokens: 0 }),
        decisions: BTreeMap::new(),
        stale_revisions: 0,
        dropped_uses: 0,
        sequence: 1,
        first_seen_at: 0,
        last_report_at,
    };
    let newest = Version { epoch: "e".to_owned(), revision: 7 };
    let found = |workers: &[Worker]| fleet(workers, &newest, 1000);
    assert_eq!(found(&[]).severity, Severity::Ok);
    assert_eq!(found(&[worker("e", 7, 1000)]).severity, Severity::Ok);
    for other in [worker("e", 6, 1000), worker("f", 7, 1000)] {
        let finding = found(&[worker("e", 7, 1000), other]);
        assert_eq!(finding.severity, Severity::Warning);
        assert!(finding.found.starts_with("1 of 2 workers"), "{}", finding.found);
    }
    assert_eq!(
        found(&[worker("e", 6, 0)]).severity,
        Severity::Ok,
        "one that is silent enforces nothing any more"
    );
}
