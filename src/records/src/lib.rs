//! The records of tokens: reading them, checking them, and refusing an id that stands twice.
//!
//! A worker does this for each of a million tokens when it starts. It is a package of its own so that it can be built
//! for speed; the rest of the filter is built for size (`docs/decisions/0006-built-for-size.md`). Nothing here is
//! generic, for what is generic is built where it is used.

pub mod ascii;
mod check;
mod count;
mod ids;
mod record;

pub use check::{Fault, Highest, check};
pub use count::{Counts, count};
pub use ids::{Point, Product, number_of};
pub use record::{Place, RECORD, Record, lead, text};
