//! The command line as a client of a server.

mod contexts;
mod fake;
mod network;
mod pages;
mod site;
mod tokens;
