//! `max_validity`, applied to tokens that there are.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use crate::change::Change;
use crate::domain::audit::Action;
use crate::domain::impact::Judge;
use crate::domain::settings::Settings;
use crate::domain::token::{State, Token};
use crate::error::Error;
use crate::store::{Position, StoreError, TokenFilter, Transaction};
use crate::tokens::{self, TokenRecord};

/// How many tokens are looked at at a time.
const PAGE: usize = 500;
/// The same, of what sources have pushed.
const ENTRIES: u32 = 500;

/// What the bound did to tokens that there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Cut {
    /// How many ended: they were older than the bound allows.
    pub ended: u64,
    /// How many end sooner than they would have.
    pub shortened: u64,
}

/// Cuts the validity of every token that has not ended to what `settings` allow, each with its own audit entry, in the change's one
/// transaction: all of them or none.
pub(super) async fn apply(change: &mut Change<'_>, settings: &Settings) -> Result<Cut, Error> {
    let (mut cut, nobody) = (Cut::default(), BTreeSet::new());
    let mut pages = Pages::new(change.at());
    while let Some(page) = pages.next(change.tx.as_mut()).await? {
        for token in page {
            let judge = Judge {
                old: settings,
                new: settings,
                now: change.at(),
                suspended: &nobody,
                resumed: &nobody,
            };
            let Some(end) = judge.effect(&token).cut_to else { continue };
            let count = if end <= change.at() { &mut cut.ended } else { &mut cut.shortened };
            *count = count.saturating_add(1);
            shorten(change, token, end).await?;
        }
        change.write_entries().await?;
    }
    Ok(cut)
}

/// Lets a token end sooner, with its audit entry.
pub(crate) async fn shorten(change: &mut Change<'_>, token: Token, end: i64) -> Result<(), Error> {
    let before = TokenRecord::new(&token, change.at());
    if !change.tx.shorten_token(&token.id, end).await? {
        return Err(StoreError::Unreadable("token row").into());
    }
    let after = Token { expires_at: Some(end), ..token };
    let record = TokenRecord::new(&after, change.at());
    change.record(Action::TokenUpdated, tokens::target(&after), &before, &record);
    change.filter_sees_it();
    Ok(())
}

/// The tokens that have not ended, disabled ones included, newest first, and behind them what sources have pushed, a page at a
/// time: a hundred thousand of them need not be in memory at once.
pub(super) struct Pages {
    now: i64,
    next: Next,
}

/// What comes next.
enum Next {
    /// Tokens behind this one.
    Tokens(Option<Position>),
    /// Entries of sources, behind the one of this id.
    Entries(Option<String>),
    /// Nothing.
    Done,
}

impl Pages {
    /// Those that have not ended at `now`, in Unix seconds.
    pub(super) fn new(now: i64) -> Self {
        Self { now, next: Next::Tokens(None) }
    }

    /// The next page, which may be empty; `None` behind the last.
    pub(super) async fn next(&mut self, tx: &mut dyn Transaction) -> Result<Option<Vec<Token>>, StoreError> {
        match std::mem::replace(&mut self.next, Next::Done) {
            Next::Tokens(after) => {
                let filter = TokenFilter {
                    states: vec![State::Active, State::Disabled],
                    now: self.now,
                    after,
                    limit: PAGE,
                    ..TokenFilter::default()
                };
                let page = tx.tokens(&filter).await?;
                self.next = page.next.map_or(Next::Entries(None), |next| Next::Tokens(Some(next)));
                Ok(Some(page.tokens))
            }
            Next::Entries(after) => {
                let mut page = tx.entries(None, after.as_deref(), ENTRIES).await?;
                if let Some(last) = page.last() {
                    self.next = Next::Entries(Some(last.id.clone()));
                }
                page.retain(|entry| !entry.is_expired(self.now));
                Ok(Some(page))
            }
            Next::Done => Ok(None),
        }
    }
}
