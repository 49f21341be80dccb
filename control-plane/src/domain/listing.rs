//! What a list of tokens holds and in which order: times by preset or range, and the orders that there are.

use serde::Serialize;

/// The seconds of a day. Days are those of UTC: who thinks in another zone asks for a range.
const DAY: i64 = 24 * 60 * 60;

/// The key of what never ends: after every time.
pub const NEVER_ENDS: i64 = i64::MAX;

/// The key of what was never used: before every time.
pub const NEVER_USED: i64 = 0;

/// Which time of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeField {
    /// When it was made.
    Created,
    /// When it was used last.
    LastUsed,
    /// When it ends.
    Expires,
}

/// A span of time that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Since midnight UTC.
    Today,
    /// The last 7 times 24 hours.
    #[serde(rename = "last_7_days")]
    Last7Days,
    /// The last 30 times 24 hours.
    #[serde(rename = "last_30_days")]
    Last30Days,
    /// The last 90 times 24 hours.
    #[serde(rename = "last_90_days")]
    Last90Days,
    /// Never used, or without an end.
    Never,
    /// Past its end.
    Expired,
    /// Ends within 24 hours, and has not yet.
    #[serde(rename = "within_1_day")]
    Within1Day,
    /// Ends within 7 times 24 hours, and has not yet.
    #[serde(rename = "within_7_days")]
    Within7Days,
    /// Ends within 30 times 24 hours, and has not yet.
    #[serde(rename = "within_30_days")]
    Within30Days,
}

impl Preset {
    /// The presets of a field.
    pub fn of(field: TimeField) -> &'static [Self] {
        use Preset::{
            Expired, Last7Days, Last30Days, Last90Days, Never, Today, Within1Day, Within7Days, Within30Days,
        };
        match field {
            TimeField::Created => &[Today, Last7Days, Last30Days, Last90Days],
            TimeField::LastUsed => &[Today, Last7Days, Last30Days, Last90Days, Never],
            TimeField::Expires => &[Within1Day, Within7Days, Within30Days, Expired, Never],
        }
    }

    /// The name that a query gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Today => "today",
            Self::Last7Days => "last_7_days",
            Self::Last30Days => "last_30_days",
            Self::Last90Days => "last_90_days",
            Self::Never => "never",
            Self::Expired => "expired",
            Self::Within1Day => "within_1_day",
            Self::Within7Days => "within_7_days",
            Self::Within30Days => "within_30_days",
        }
    }
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// By its name.
    Preset(Preset),
    /// From the first time, in Unix seconds, until before the second. What never happens is in no range.
    Range(Option<i64>, Option<i64>),
}

/// Keys from the first until before the second: Unix seconds, [`NEVER_ENDS`] or [`NEVER_USED`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyRange {
    /// The first one; all without it.
    pub from: Option<i64>,
    /// The first one behind it; all without it.
    pub to: Option<i64>,
}

impl Period {
    /// The period at `now`, in Unix seconds.
    pub fn keys(self, field: TimeField, now: i64) -> KeyRange {
        let range = |from, to| KeyRange { from, to };
        let since = |from: i64| range(Some(from), None);
        let last = |days: i64| since(now.saturating_sub(days * DAY));
        // Expired at equality: what ends at `now` has ended.
        let within = |days: i64| range(Some(now + 1), Some(now.saturating_add(days * DAY + 1)));
        match self {
            Self::Preset(Preset::Today) => since(now - now.rem_euclid(DAY)),
            Self::Preset(Preset::Last7Days) => last(7),
            Self::Preset(Preset::Last30Days) => last(30),
            Self::Preset(Preset::Last90Days) => last(90),
            Self::Preset(Preset::Never) if field == TimeField::Expires => since(NEVER_ENDS),
            Self::Preset(Preset::Never) => range(None, Some(NEVER_USED + 1)),
            Self::Preset(Preset::Expired) => range(None, Some(now + 1)),
            Self::Preset(Preset::Within1Day) => within(1),
            Self::Preset(Preset::Within7Days) => within(7),
            Self::Preset(Preset::Within30Days) => within(30),
            Self::Range(from, to) => match field {
                TimeField::Created => range(from, to),
                TimeField::LastUsed => range(Some(from.unwrap_or(i64::MIN).max(NEVER_USED + 1)), to),
                TimeField::Expires => range(from, Some(to.unwrap_or(NEVER_ENDS))),
            },
        }
    }
}

/// What a list is ordered by; what is equal there, by the order of creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SortBy {
    /// When it was made.
    #[default]
    Created,
    /// When it was used last; what was never used comes first.
    LastUsed,
    /// When it ends; what never ends comes last.
    Expires,
    /// The owner's name, in any case.
    User,
    /// The description, in any case.
    Description,
}

impl SortBy {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Created, Self::LastUsed, Self::Expires, Self::User, Self::Description];

    /// Whether its keys are texts; times if not.
    pub fn is_text(self) -> bool {
        matches!(self, Self::User | Self::Description)
    }

    /// The name that a query gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::LastUsed => "last_used",
            Self::Expires => "expires",
            Self::User => "user",
            Self::Description => "description",
        }
    }
}

/// An order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sort {
    /// By what.
    pub by: SortBy,
    /// Whether the last one comes first.
    pub descending: bool,
}

impl Default for Sort {
    fn default() -> Self {
        Self { by: SortBy::Created, descending: true }
    }
}

impl std::str::FromStr for Sort {
    type Err = String;

    /// A name, behind `-` for descending.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let by = SortBy::ALL.into_iter().find(|by| by.name() == name);
        let names = || SortBy::ALL.map(|by| format!("`{}`", by.name())).join(", ");
        by.map(|by| Self { by, descending })
            .ok_or_else(|| format!("must be one of {}, behind a - for descending", names()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TimeField::{Created, Expires, LastUsed};

    /// 2026-11-22T09:00:00Z.
    const NOW: i64 = 1_795_338_000;

    fn holds(field: TimeField, period: Period, key: i64) -> bool {
        let KeyRange { from, to } = period.keys(field, NOW);
        from.is_none_or(|from| from <= key) && to.is_none_or(|to| key < to)
    }

    #[test]
    fn presets_at_their_ends() {
        let midnight = NOW - 9 * 60 * 60;
        for (field, preset, inside, outside) in [
            (Created, Preset::Today, vec![midnight, NOW], vec![midnight - 1]),
            (Created, Preset::Last7Days, vec![NOW - 7 * DAY, NOW], vec![NOW - 7 * DAY - 1]),
            (Created, Preset::Last30Days, vec![NOW - 30 * DAY], vec![NOW - 30 * DAY - 1]),
            (LastUsed, Preset::Last90Days, vec![NOW - 90 * DAY, NOW], vec![NOW - 90 * DAY - 1, NEVER_USED]),
            (LastUsed, Preset::Never, vec![NEVER_USED], vec![1, NOW]),
            (Expires, Preset::Never, vec![NEVER_ENDS], vec![NOW, NEVER_ENDS - 1]),
            (Expires, Preset::Expired, vec![1, NOW], vec![NOW + 1, NEVER_ENDS]),
            (Expires, Preset::Within1Day, vec![NOW + 1, NOW + DAY], vec![NOW, NOW + DAY + 1]),
            (Expires, Preset::Within7Days, vec![NOW + 1, NOW + 7 * DAY], vec![NOW, NOW + 7 * DAY + 1]),
            (Expires, Preset::Within30Days, vec![NOW + 1, NOW + 30 * DAY], vec![NOW, NEVER_ENDS]),
        ] {
            assert!(Preset::of(field).contains(&preset), "{preset:?}");
            for key in inside {
                assert!(holds(field, Period::Preset(preset), key), "{preset:?} {key}");
            }
            for key in outside {
                assert!(!holds(field, Period::Preset(preset), key), "{preset:?} {key}");
            }
        }
    }

    #[test]
    fn ranges_are_half_open_and_hold_nothing_that_never_happens() {
        for field in [Created, LastUsed, Expires] {
            let range = Period::Range(Some(10), Some(20));
            assert_eq!([9, 10, 19, 20].map(|key| holds(field, range, key)), [false, true, true, false]);
            assert!(holds(field, Period::Range(Some(10), None), 10), "{field:?}");
            assert!(holds(field, Period::Range(None, Some(20)), 19), "{field:?}");
        }
        assert!(!holds(LastUsed, Period::Range(None, Some(20)), NEVER_USED));
        assert!(!holds(Expires, Period::Range(Some(10), None), NEVER_ENDS));
    }

    #[test]
    fn names_of_presets_are_those_of_their_serde() {
        for field in [Created, LastUsed, Expires] {
            for preset in Preset::of(field) {
                assert_eq!(serde_json::to_value(preset).unwrap(), preset.name());
            }
        }
    }

    #[test]
    fn orders_are_written_and_read() {
        assert_eq!("-last_used".parse(), Ok(Sort { by: SortBy::LastUsed, descending: true }));
        for by in SortBy::ALL {
            assert_eq!(by.name().parse(), Ok(Sort { by, descending: false }));
        }
        for bad in ["", "-", "--created", "id", "Created", "created_at"] {
            assert!(bad.parse::<Sort>().is_err(), "{bad}");
        }
    }
}
