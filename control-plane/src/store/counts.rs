//! What the overview is made of.

/// How many tokens there are at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenCounts {
    /// In this state.
    pub active: u64,
    /// In this state, expired ones as well.
    pub disabled: u64,
    /// In this state.
    pub expired: u64,
    /// In this state.
    pub revoked: u64,
    /// Active, and never used as far as was reported.
    pub never_used: u64,
    /// Active, and ending within 7 times 24 hours.
    pub expiring_within_7_days: u64,
    /// Active, and ending within 30 times 24 hours.
    pub expiring_within_30_days: u64,
}

/// How many entries a source has at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryCounts {
    /// The source's name.
    pub source: String,
    /// In this state.
    pub active: u64,
    /// In this state, expired ones as well.
    pub disabled: u64,
    /// In this state.
    pub expired: u64,
    /// Active, of people who may use them, and ending within 1, 7 and 30 days, those that end sooner included.
    pub expiring: [u64; 3],
}

/// How often the proxies decided so in a span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// When the span began, in Unix seconds.
    pub at: i64,
    /// As in the access log.
    pub decision: String,
    /// How many requests.
    pub requests: u64,
}

/// What a worker said in its last report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastReport {
    /// The report's number.
    pub sequence: u64,
    /// Decisions by name, since the worker's VM started.
    pub decisions: std::collections::BTreeMap<String, u64>,
}
