//! The command line as a client of a server.

mod audit;
mod completions;
mod contexts;
mod fake;
mod network;
mod pages;
mod people;
mod push;
mod settings;
mod site;
mod snapshots;
mod sources;
mod tokens;
