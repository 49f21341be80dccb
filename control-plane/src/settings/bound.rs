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

/// The tokens that have not ended, disabled ones included, newest first, a page at a time: a hundred thousand of them need not be in memory at once.
pub(super) struct Pages {
    now: i64,
    after: Option<Position>,
    done: bool,
}

impl Pages {
    /// Those that have not ended at `now`, in Unix seconds.
    pub(super) fn new(now: i64) -> Self {
        Self { now, after: None, done: false }
    }

    /// The next page; `None` behind the last.
    pub(super) async fn next(&mut self, tx: &mut dyn Transaction) -> Result<Option<Vec<Token>>, StoreError> {
        if self.done {
            return Ok(None);
        }
        let filter = TokenFilter {
            states: vec![State::Active, State::Disabled],
            now: self.now,
            after: self.after.take(),
            limit: PAGE,
            ..TokenFilter::default()
        };
        let page = tx.tokens(&filter).await?;
        self.done = page.next.is_none();
        self.after = page.next;
        Ok(Some(page.tokens).filter(|tokens| !tokens.is_empty()))
    }
}
