//! The rules, without database, clock or HTTP.

pub mod address;
pub mod audit;
pub mod authority;
pub mod choice;
pub mod fleet;
pub mod grace;
pub mod groups;
pub mod impact;
pub mod listing;
pub mod malformed;
pub mod merge_patch;
pub mod narrowing;
pub mod notices;
pub mod rate;
pub mod session;
pub mod settings;
pub mod sign_in;
pub mod spreadsheet;
pub mod suspension;
pub mod terminal;
pub mod text;
pub mod time;
pub mod token;
pub mod usage;
pub mod user;
pub mod validity;
