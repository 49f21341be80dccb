//! Which of the configurations that were pushed is enforced.

use std::collections::BTreeMap;

use super::policy::Policy;

/// What a worker enforces after all that was offered to it so far.
#[derive(Debug, Default)]
pub struct Enforced {
    policy: Option<Policy>,
    highest: BTreeMap<String, u64>,
}

impl Enforced {
    /// Takes a configuration, unless its revision is below the highest that was enforced in its epoch. True if taken.
    pub fn offer(&mut self, policy: Policy) -> bool {
        let highest = self.highest.entry(policy.epoch.clone()).or_default();
        if policy.revision < *highest {
            return false;
        }
        *highest = policy.revision;
        self.policy = Some(policy);
        true
    }

    /// The configuration in force; `None` before the first.
    pub fn policy(&self) -> Option<&Policy> {
        self.policy.as_ref()
    }
}
