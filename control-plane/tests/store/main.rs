//! What every database must do, whichever it is, and what only one with several servers can be asked for.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic, and so may its helpers")]

mod changes;
mod contract;
mod outbox;
mod overview;
mod people;
mod postgres;
#[allow(dead_code, reason = "each of the binaries that share it uses a part")]
#[path = "../support/postgres.rs"]
mod server;
mod sources;
mod suspensions;
mod token_lists;
