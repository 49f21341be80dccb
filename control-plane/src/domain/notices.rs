//! How long before its end somebody is told that a token ends.

/// Days before the end, from the first notice to the last.
pub const STAGES: [i64; 3] = [30, 7, 1];

const DAY: i64 = 24 * 60 * 60;

/// The stage that a token which ends at `expires_at` is in at `now`, both in Unix seconds: the fewest days within which it
/// ends; `None` if it has ended, or ends later than the first stage.
pub fn stage(expires_at: i64, now: i64) -> Option<i64> {
    let left = expires_at.saturating_sub(now);
    STAGES.into_iter().rev().find(|days| left > 0 && left <= days * DAY)
}

/// The expiries, in Unix seconds, of tokens that are in this stage at `now`: after the first, and up to the second.
pub fn expiries(stage: i64, now: i64) -> (i64, i64) {
    let sooner = STAGES.into_iter().filter(|days| *days < stage).max().unwrap_or(0);
    (now.saturating_add(sooner * DAY), now.saturating_add(stage * DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_in_one_stage_at_a_time() {
        let now = 1_000_000;
        for (left, expected) in [
            (-1, None),
            (0, None),
            (1, Some(1)),
            (DAY, Some(1)),
            (DAY + 1, Some(7)),
            (7 * DAY, Some(7)),
            (7 * DAY + 1, Some(30)),
            (30 * DAY, Some(30)),
            (30 * DAY + 1, None),
        ] {
            assert_eq!(stage(now + left, now), expected, "{left}");
            let within = |days: &i64| {
                let (after, upto) = expiries(*days, now);
                (after + 1..=upto).contains(&(now + left))
            };
            assert_eq!(
                STAGES.into_iter().filter(within).collect::<Vec<_>>(),
                Vec::from_iter(expected),
                "{left}"
            );
        }
    }
}
