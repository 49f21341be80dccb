//! Lists that come in pages.

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::Client;
use super::call::Call;
use super::failure::Failure;
use crate::cli::output;
use crate::domain::terminal::harmless_json;

/// Most items of a page.
const PAGE: u32 = 200;
/// How many are shown when nothing is said.
const DEFAULT: u32 = 50;

/// How much of a list.
#[derive(Clone, Debug, Args)]
pub struct PageArgs {
    /// How many at most
    #[arg(long, default_value_t = DEFAULT, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// All of them
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
    /// Go on where a list ended: its `next_cursor`
    #[arg(long, value_name = "CURSOR")]
    pub cursor: Option<String>,
}

/// A list, or a part of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct List {
    items: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
}

impl List {
    /// Asks for as many pages as are wanted.
    ///
    /// # Errors
    /// A page cannot be had.
    pub async fn of(client: &Client, call: &Call, args: &PageArgs) -> Result<Self, Failure> {
        let mut list = Self { next_cursor: args.cursor.clone(), ..Self::default() };
        let mut left = if args.all { u32::MAX } else { args.limit };
        loop {
            let page = Self::page(client, call, left.min(PAGE), list.next_cursor.as_deref()).await?;
            let found = u32::try_from(page.items.len()).unwrap_or(u32::MAX);
            let is_stuck = page.next_cursor.is_some() && (found == 0 || page.next_cursor == list.next_cursor);
            list.items.extend(page.items);
            list.next_cursor = page.next_cursor;
            if is_stuck {
                let problem = "its list does not go on".to_owned();
                return Err(Failure::Strange { server: client.address().clone(), problem });
            }
            left = if args.all { u32::MAX } else { left.saturating_sub(found) };
            if left == 0 || list.next_cursor.is_none() {
                return Ok(list);
            }
        }
    }

    /// Asks for one page, of at most `limit` items.
    ///
    /// # Errors
    /// It cannot be had.
    pub async fn page(
        client: &Client,
        call: &Call,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Self, Failure> {
        let call = call.clone().query("limit", limit.to_string()).queries("cursor", cursor);
        client.send(call).await?.read()
    }

    /// The items.
    ///
    /// # Errors
    /// One is no JSON, which cannot be: it has been read as such.
    pub fn items(&self) -> Result<Vec<Value>, serde_json::Error> {
        self.items.iter().map(|item| serde_json::from_str(item.get())).collect()
    }

    /// Each item as it came.
    pub fn raw(&self) -> impl Iterator<Item = &str> {
        self.items.iter().map(|item| item.get())
    }

    /// Where the next page begins; `None` after the last one.
    pub fn next_cursor(&self) -> Option<&str> {
        self.next_cursor.as_deref()
    }

    /// One object, as REST gives a page, with each item as it came.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn text(&self) -> Result<String, serde_json::Error> {
        Ok(harmless_json(&serde_json::to_string(self)?) + "\n")
    }

    /// Tells a person that there is more.
    pub fn note_more(&self) {
        if self.next_cursor.is_some() {
            output::note("There are more: --limit COUNT or --all shows them.");
        }
    }
}
