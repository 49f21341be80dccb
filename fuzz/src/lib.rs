//! What must hold of the filter's core whatever bytes it is given.
//!
//! Each target is a function that panics where a promise is broken. The oracles that it compares with are written
//! anew, without the crate's own parsers: a rule that both got wrong in the same way would be found by neither.

pub mod authorization;
pub mod compact;
pub mod configuration;
pub mod decision;
pub mod oracle;
pub mod path;
