//! Many tokens: what fits into a report, and what into the worker.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[test]
fn a_report_has_at_most_1000_uses_and_the_rest_follows_at_once() {
    let mut usage = serving();
    note_many(&mut usage, 0..2 * MAX_USES + 500, NOW);
    let mut seen = BTreeSet::new();
    for (size, answer) in [(1000, MORE), (1000, MORE), (500, DONE)] {
        let part = report(&mut usage, NOW);
        assert_eq!(uses(&part).len(), size);
        seen.extend(uses(&part).iter().map(|entry| entry["id"].as_str().unwrap().to_owned()));
        assert_eq!(usage.answered(Some(204)), answer);
    }
    assert_eq!((seen.len(), usage.pending()), (2500, 0));
}

#[test]
fn no_token_waits_behind_busier_ones_with_smaller_ids() {
    let mut usage = serving();
    note(&mut usage, "z", NOW);
    for _ in 0..2 {
        note_many(&mut usage, 0..MAX_USES, NOW);
        let part = report(&mut usage, NOW);
        usage.answered(Some(204));
        if uses(&part).iter().any(|entry| entry["id"] == "z") {
            return;
        }
    }
    panic!("z was not told");
}

#[test]
fn beyond_the_bound_a_use_of_a_further_token_is_dropped_and_counted() {
    let mut usage = serving();
    note_many(&mut usage, 0..MAX_PENDING, NOW);
    let in_flight = report(&mut usage, NOW);
    usage.answered(None);
    assert_eq!((usage.pending(), usage.dropped()), (MAX_PENDING, 0));
    let refuse = || -> Option<IpAddr> { panic!("asked for the source of a use that is dropped") };
    for token_id in ["further", "further", "another"] {
        usage.note(Use { token_id, now: NOW, user_agent: None }, refuse);
    }
    assert_eq!((usage.pending(), usage.dropped()), (MAX_PENDING, 3));
    // One that waits still: which of them a report takes is not told.
    let told: BTreeSet<&str> = uses(&in_flight).iter().map(|used| used["id"].as_str().unwrap()).collect();
    let waits = (0..MAX_PENDING).map(|n| format!("t{n}")).find(|id| !told.contains(id.as_str())).unwrap();
    note(&mut usage, &waits, NOW + 1);
    assert_eq!(usage.dropped(), 3, "a token that waits already is still counted");
    send(&mut usage, NOW);
    usage.answered(Some(204));
    note(&mut usage, "further", NOW);
    assert_eq!(usage.dropped(), 3, "there is room again");
}

#[test]
fn an_outage_of_ten_minutes_loses_no_use() {
    let mut usage = serving();
    for second in 0..600 {
        note_many(&mut usage, 0..3000, NOW + second);
        if second % 10 == 0 && send(&mut usage, NOW + second).is_some() {
            assert_eq!(usage.answered(Some(503)), Answered::Kept);
        }
    }
    let mut told = BTreeMap::<String, u64>::new();
    for sequence in 1.. {
        let part = report(&mut usage, NOW + 600);
        assert_eq!(part["sequence"], sequence);
        for entry in uses(&part) {
            *told.entry(entry["id"].to_string()).or_default() += entry["count"].as_u64().unwrap();
        }
        if usage.answered(Some(204)) == DONE {
            break;
        }
    }
    assert_eq!((told.len(), usage.pending(), usage.dropped()), (3000, 0, 0));
    assert!(told.values().all(|count| *count == 600));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_use_is_told_once_or_dropped_and_counted(
        steps in proptest::collection::vec((0..6_u8, 0..2500_usize), 1..60),
    ) {
        let (mut usage, mut now, mut noted, mut told, mut sent) = (serving(), NOW, 0, 0, None);
        for (step, n) in steps.into_iter().chain([(4, 0)]).chain([(3, 0), (4, 0)].repeat(4)) {
            let status = match step {
                0 | 1 => {
                    note_many(&mut usage, 0..n, now);
                    noted += n;
                    continue;
                }
                2 => { now += 20; continue }
                3 => { sent = send(&mut usage, now).or(sent); continue }
                4 => Some(200),
                _ => [None, Some(500), Some(400)][n % 3],
            };
            if matches!(usage.answered(status), Answered::Acknowledged { .. }) {
                let report = read(sent.as_ref().unwrap());
                told += uses(&report).iter().map(|entry| entry["count"].as_u64().unwrap()).sum::<u64>();
            }
        }
        // The steps at the end empty it: at most one report that was kept, and three of what waits.
        prop_assert_eq!((usage.pending(), told + usage.dropped()), (0, noted as u64));
    }
}
