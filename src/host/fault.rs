//! Faults on purpose, for the end-to-end tests only: what a worker does that cannot apply a configuration which the
//! canary has accepted. Never part of a released module.
//!
//! The epoch of the pushed configuration names the fault. A canary is a fresh VM, so the first configuration of a
//! VM is always taken as it is, and the fault strikes from the second on.

use std::cell::Cell;

use super::{Gate, abi};

thread_local! {
    static CONFIGURED: Cell<bool> = const { Cell::new(false) };
}

/// The answer of `on_configure` if a fault strikes; `None` to go on as always.
pub(super) fn inject(gate: &Gate, size: usize) -> Option<bool> {
    if !CONFIGURED.replace(true) {
        return None;
    }
    let json = abi::configuration(0, size).ok()?;
    let names = |fault: &str| {
        let text = format!("\"{fault}\"");
        json.windows(text.len()).any(|window| window == text.as_bytes())
    };
    if names("fault-trap") {
        std::process::abort();
    }
    if names("fault-apply") {
        gate.instance.borrow_mut().fail();
        return Some(true);
    }
    names("fault-false").then_some(false)
}
