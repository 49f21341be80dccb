//! The rules, without database, clock or HTTP.

pub mod address;
pub mod audit;
pub mod authority;
pub mod choice;
pub mod fleet;
pub mod malformed;
pub mod settings;
pub mod text;
pub mod time;
pub mod token;
pub mod usage;
pub mod user;
pub mod validity;
