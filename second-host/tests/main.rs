//! What the filter decides, in the order in which its contract says it.

mod configurations;
mod faults;
mod headers;
mod host_calls;
mod house;
mod interface;
mod memory;
mod replies;
mod rows_1_to_3;
mod rows_4_to_9;
mod tokens;
