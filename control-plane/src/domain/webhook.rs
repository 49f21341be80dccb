//! Where notices are posted to, how posts are signed, and when they are tried again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::audit::AuditKey;
use super::token::Disabled;

/// Most endpoints.
pub const MAX_WEBHOOKS: usize = 10;
/// Most bytes of an endpoint's URL.
pub const MAX_URL: usize = 2048;
/// Most tests of one endpoint that have not been sent yet.
pub const MAX_TESTS: i64 = 10;
/// How long a post is tried, in seconds from when it was due: 3 days.
pub const TRIED_FOR: i64 = 3 * 24 * 60 * 60;
/// An endpoint is disabled once every attempt has failed for so long, in seconds: 5 days.
pub const DISABLED_AFTER: i64 = 5 * 24 * 60 * 60;
/// How long what was posted is kept, in seconds: 60 days, longer than the time from a token's first notice to its end.
pub const KEPT_FOR: i64 = 60 * 24 * 60 * 60;
/// After how many seconds another server may send what one was about to: more than a post takes.
pub const LEASE: i64 = 60;

/// The wait after the first attempt that failed, in seconds, and the longest.
const FIRST_WAIT: i64 = 30;
const LONGEST_WAIT: i64 = 6 * 60 * 60;

/// An endpoint that is told of tokens that end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// The public id.
    pub id: String,
    /// Where posts go. Its path may be a secret to others: it is shown to admins, and neither logged nor audited.
    pub url: String,
    /// What it is for.
    pub description: Option<String>,
    /// Unix time in seconds.
    pub created_at: i64,
    /// What the secret is derived from.
    pub salt: Salt,
    /// What the secret before is derived from, and until when it signs as well, in Unix seconds.
    pub old: Option<(Salt, i64)>,
    /// The first attempt that failed since one that did not, in Unix seconds.
    pub failing_since: Option<i64>,
    /// When and by whom it was disabled, if it is.
    pub disabled: Option<Disabled>,
}

/// Random; worth nothing without the audit's key.
pub type Salt = [u8; 32];

/// What is posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A token ends soon.
    TokenExpiring,
    /// An admin wants to know whether posts arrive.
    Test,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::TokenExpiring, Self::Test];

    /// The name that is stored and posted.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TokenExpiring => "token.expiring",
            Self::Test => "webhook.test",
        }
    }

    /// The event of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == name)
    }
}

/// What has become of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is to be sent, perhaps again.
    Pending,
    /// The receiver took it.
    Delivered,
    /// The receiver did not take it in time.
    Failed,
    /// There was nothing to say any more.
    Dropped,
}

impl DeliveryState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Delivered, Self::Failed, Self::Dropped];

    /// The name that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }

    /// The state of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// One post to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The message's id, the same at each attempt; sorts by time of creation.
    pub id: String,
    /// To which endpoint.
    pub webhook_id: String,
    /// What it says.
    pub event: Event,
    /// Of which token, and how many days before its end; of a test nothing.
    pub notice: Option<(String, i64)>,
    /// Unix time in seconds.
    pub created_at: i64,
    /// What has become of it.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: i64,
    /// Not before this time, in Unix seconds.
    pub next_at: i64,
    /// When it was tried last, in Unix seconds.
    pub last_at: Option<i64>,
    /// The status of the last reply.
    pub status: Option<u16>,
    /// A word for why the last attempt failed, or why it was dropped.
    pub problem: Option<String>,
}

/// How long to wait after `attempts` attempts that failed, in seconds; `random` spreads it over the second half, so that what
/// failed together does not come back together. `None` when it would be tried beyond [`TRIED_FOR`].
pub fn wait(attempts: i64, created_at: i64, now: i64, random: u32) -> Option<i64> {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(16);
    let longest = FIRST_WAIT.saturating_mul(1_i64.checked_shl(doublings).unwrap_or(1)).min(LONGEST_WAIT);
    let half = longest / 2;
    let wait = half + i64::from(random) % (half + 1);
    (now.saturating_add(wait) <= created_at.saturating_add(TRIED_FOR)).then_some(wait)
}

/// What posts to one endpoint are signed with. Its `Debug` hides it.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// The secret of the endpoint `id` with this salt. The database has the salt, and never the secret or the key.
    pub fn derive(key: &AuditKey, id: &str, salt: &Salt) -> Self {
        Self(key.hash("gatepass webhook secret 1", &format!("{id} {}", hex::encode(salt))))
    }

    /// As Standard Webhooks writes a symmetric secret.
    pub fn expose(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.0))
    }

    /// The signature of a message (Standard Webhooks, symmetric): HMAC-SHA-256 over id, time and body.
    fn sign(&self, id: &str, at: i64, body: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            // HMAC takes keys of every length (RFC 2104 §3).
            return String::new();
        };
        mac.update(format!("{id}.{at}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl Webhook {
    /// Whether posts go there.
    pub fn is_enabled(&self) -> bool {
        self.disabled.is_none()
    }

    /// The value of `webhook-signature` at `now`, in Unix seconds: by the secret, and by the one before while that counts.
    pub fn signatures(&self, key: &AuditKey, id: &str, now: i64, body: &str) -> String {
        let old = self.old.as_ref().filter(|(_, until)| now < *until).map(|(salt, _)| salt);
        let salts = [Some(&self.salt), old].into_iter().flatten();
        let signed = salts.map(|salt| Secret::derive(key, &self.id, salt).sign(id, now, body));
        signed.collect::<Vec<_>>().join(" ")
    }

    /// Scheme, host and port: all of the URL that may stand in a log.
    pub fn origin(&self) -> String {
        url::Url::parse(&self.url).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification: github.com/standard-webhooks/standard-webhooks, "Verifying webhook authenticity".
    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        let key: [u8; 24] = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap().try_into().unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        let text = "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
        mac.update(text.as_bytes());
        let known = "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(STANDARD.encode(mac.finalize().into_bytes()), known);
        // The same of a secret of 32 bytes, as Python's hmac has it.
        let secret = Secret([7; 32]);
        let signed = secret.sign("msg_1", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signed, "v1,4tb+MnkCTqymlrGQQ6f66PPeMjMas7AHx6XI40qL5MA=");
        assert_eq!(secret.expose(), "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=");
        assert!(!format!("{secret:?}").contains('7'));
    }

    #[test]
    fn a_secret_follows_from_key_endpoint_and_salt() {
        let of =
            |key: u8, id: &str, salt: u8| Secret::derive(&AuditKey::new([key; 32]), id, &[salt; 32]).expose();
        assert_eq!(of(1, "a", 2), of(1, "a", 2));
        for other in [of(2, "a", 2), of(1, "b", 2), of(1, "a", 3)] {
            assert_ne!(of(1, "a", 2), other);
        }
    }

    #[test]
    fn waits_double_within_bounds_and_end_after_three_days() {
        for (attempts, longest) in [(1, 30), (2, 60), (3, 120), (10, 15_360), (11, 21_600), (1_000, 21_600)] {
            assert_eq!(wait(attempts, 0, 0, 0), Some(longest / 2), "{attempts}");
            let half = u32::try_from(longest / 2).unwrap();
            assert_eq!(wait(attempts, 0, 0, half), Some(longest), "{attempts}");
            assert_eq!(wait(attempts, 0, 0, half + 1), Some(longest / 2), "{attempts}");
        }
        assert_eq!(wait(1, 0, TRIED_FOR - 15, 0), Some(15));
        assert_eq!(wait(1, 0, TRIED_FOR - 14, 0), None);
    }
}
