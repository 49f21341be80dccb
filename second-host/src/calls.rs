//! What the module called, in order.

use std::sync::{Arc, Mutex, PoisonError};

/// A list of calls that the parts of the host share.
#[derive(Clone, Default)]
pub struct Calls(Arc<Mutex<Vec<String>>>);

impl Calls {
    /// A call was made, whoever answers it.
    pub fn entered(&self, function: &str) {
        self.change(|calls| calls.push(function.to_owned()));
    }

    /// What a call was about. Where calls are not traced this is the first that is known of it.
    pub fn about(&self, function: &str, what: &str) {
        self.change(|calls| {
            match calls.last_mut() {
                Some(last) if last == function => {}
                _ => calls.push(function.to_owned()),
            }
            if let Some(last) = calls.last_mut() {
                *last = format!("{last} {what}");
            }
        });
    }

    /// Takes the list; what comes after begins a new one.
    pub fn take(&self) -> Vec<String> {
        self.change(std::mem::take)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<String>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
