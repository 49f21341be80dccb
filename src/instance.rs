//! What one filter instance enforces in one VM, across all the root contexts that Envoy makes for it.

use std::rc::Rc;

use crate::compact::Held;
use crate::policy::{Draft, LoadError, Policy, Version};
use crate::source::Source;

/// Epochs that are remembered: the control plane begins one at each of its starts.
const REMEMBERED_EPOCHS: usize = 1024;

/// The current policy, and how far each epoch had come.
#[derive(Debug, Default)]
pub struct Instance {
    policy: Option<Rc<Policy>>,
    /// What the next configuration need not read again.
    held: Held,
    newest: Vec<Version>,
}

/// What became of a configuration that was valid in itself.
#[derive(Debug, PartialEq, Eq)]
pub enum Offer {
    /// It is enforced from now on.
    Enforced,
    /// Its epoch had a higher revision before: an old file must not revive a revoked token.
    Stale {
        /// The revision that the epoch had come to.
        newest: u64,
    },
}

impl Instance {
    /// What is enforced; `None` refuses every request.
    pub fn policy(&self) -> Option<Rc<Policy>> {
        self.policy.clone()
    }

    /// Whether any configuration was ever enforced here.
    pub fn was_configured(&self) -> bool {
        !self.newest.is_empty()
    }

    /// Offers a configuration. Within an epoch a lower revision than one that was enforced before is ignored; an
    /// equal one is taken again, since Envoy configures once for each listener.
    ///
    /// # Errors
    /// The first field at fault, or a lack of memory; what was enforced before stays.
    pub fn offer(&mut self, source: &(impl Source + ?Sized)) -> Result<Offer, LoadError> {
        self.consider(&source)
    }

    fn consider(&mut self, source: &dyn Source) -> Result<Offer, LoadError> {
        let draft = Draft::read(source)?;
        let offered = draft.version();
        if let Some(known) = self.newest.iter().find(|known| known.epoch == offered.epoch)
            && offered.revision < known.revision
        {
            return Ok(Offer::Stale { newest: known.revision });
        }
        let policy = draft.finish(source, &mut self.held)?;
        self.remember(policy.version());
        self.policy = Some(Rc::new(policy));
        Ok(Offer::Enforced)
    }

    fn remember(&mut self, enforced: &Version) {
        if let Some(known) = self.newest.iter_mut().find(|known| known.epoch == enforced.epoch) {
            known.revision = enforced.revision;
            return;
        }
        if self.newest.len() >= REMEMBERED_EPOCHS {
            self.newest.remove(0);
        }
        self.newest.push(enforced.clone());
    }

    /// Refuses every request until a configuration is taken: for faults that are not the configuration's.
    pub fn fail(&mut self) {
        self.policy = None;
        self.held = Held::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(epoch: &str, revision: u64) -> Vec<u8> {
        format!(r#"{{"version":1,"epoch":"{epoch}","revision":"{revision}","tokens":[]}}"#).into_bytes()
    }

    fn enforced(instance: &Instance) -> Option<(String, u64)> {
        instance.policy().map(|policy| (policy.version().epoch.clone(), policy.version().revision))
    }

    #[test]
    fn a_lower_revision_is_ignored_and_an_equal_or_higher_one_taken() {
        let mut instance = Instance::default();
        assert_eq!(enforced(&instance), None);
        assert_eq!(instance.offer(configuration("a", 17).as_slice()), Ok(Offer::Enforced));
        assert_eq!(instance.offer(configuration("a", 16).as_slice()), Ok(Offer::Stale { newest: 17 }));
        assert_eq!(enforced(&instance), Some(("a".into(), 17)));
        assert_eq!(instance.offer(configuration("a", 17).as_slice()), Ok(Offer::Enforced));
        assert_eq!(instance.offer(configuration("a", 18).as_slice()), Ok(Offer::Enforced));
        assert_eq!(enforced(&instance), Some(("a".into(), 18)));
    }

    #[test]
    fn a_new_epoch_starts_anew_and_going_back_does_not() {
        let mut instance = Instance::default();
        instance.offer(configuration("a", 17).as_slice()).unwrap();
        assert_eq!(instance.offer(configuration("b", 1).as_slice()), Ok(Offer::Enforced));
        assert_eq!(instance.offer(configuration("a", 16).as_slice()), Ok(Offer::Stale { newest: 17 }));
        assert_eq!(enforced(&instance), Some(("b".into(), 1)));
    }

    #[test]
    fn a_broken_configuration_leaves_the_last_good_one() {
        let mut instance = Instance::default();
        instance.offer(configuration("a", 1).as_slice()).unwrap();
        assert!(instance.offer(b"{}".as_slice()).is_err());
        assert_eq!(enforced(&instance), Some(("a".into(), 1)));
    }

    #[test]
    fn after_a_fault_nothing_is_enforced_until_a_configuration_is_taken() {
        let mut instance = Instance::default();
        instance.offer(configuration("a", 1).as_slice()).unwrap();
        instance.fail();
        assert_eq!(enforced(&instance), None);
        assert_eq!(instance.offer(configuration("a", 0).as_slice()), Ok(Offer::Stale { newest: 1 }));
        assert_eq!(enforced(&instance), None);
        assert_eq!(instance.offer(configuration("a", 1).as_slice()), Ok(Offer::Enforced));
        assert_eq!(enforced(&instance), Some(("a".into(), 1)));
    }
}
