//! What `gatepass serve` takes about people who sign in.

use clap::Args;

use crate::domain::session::Limits;

/// How people sign in.
#[derive(Clone, Debug, Args)]
pub struct SessionArgs {
    /// How often somebody may try to sign in from one address (of IPv6: from one /64) in a minute; 0 is without end
    #[arg(long, env = "GATEPASS_SIGN_INS_PER_MINUTE", default_value_t = 30, value_name = "COUNT")]
    pub sign_ins_per_minute: u32,
    /// After how many minutes without use a session ends
    #[arg(long, env = "GATEPASS_SESSION_IDLE_MINUTES", default_value_t = 60, value_name = "MINUTES",
          value_parser = clap::value_parser!(u32).range(5..=1440))]
    pub session_idle_minutes: u32,
    /// After how many hours a session ends in any case
    #[arg(long, env = "GATEPASS_SESSION_HOURS", default_value_t = 12, value_name = "HOURS",
          value_parser = clap::value_parser!(u32).range(1..=720))]
    pub session_hours: u32,
}

impl SessionArgs {
    /// As the rules take them.
    pub fn limits(&self) -> Limits {
        let (minutes, hours) = (i64::from(self.session_idle_minutes), i64::from(self.session_hours));
        Limits { idle: minutes * 60, absolute: hours * 60 * 60 }
    }
}
