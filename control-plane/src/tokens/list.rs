//! Tokens: list.

mod cursor;

use gatepass::names::check_user_name;
use serde::Serialize;
use utoipa::ToSchema;

use super::TokenView;
use crate::callers::Caller;
use crate::context::Context;
use crate::domain::authority::{self, Owner, Reach};
use crate::domain::listing::{Period, Preset, Sort, SortBy, TimeField};
use crate::domain::text;
use crate::domain::token::{State, Token};
use crate::error::Error;
use crate::schema;
use crate::store::{TokenFilter, Transaction};
use cursor::Cursor;

/// Most users, most creators and most states that a list is asked for.
pub const MAX_NAMES: usize = 50;

/// Which tokens a list is to hold. All conditions must hold.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ListWish {
    /// Only of these owners; all that the caller may see if empty.
    pub users: Vec<String>,
    /// Only made by one of these; by anybody if empty.
    pub creators: Vec<String>,
    /// Only those whose description holds this, in any case.
    pub description: Option<String>,
    /// Only those made then.
    pub created: Option<Period>,
    /// Only those used last then.
    pub last_used: Option<Period>,
    /// Only those that end then.
    pub expires: Option<Period>,
    /// Only in one of these states; in any if empty.
    pub states: Vec<State>,
    /// Only those that nobody has replaced by rotation, of owners whose tokens work.
    pub in_use: bool,
    /// The order; without it the one that suits the filter, see [`ListWish::order`].
    #[serde(skip)]
    pub sort: Option<Sort>,
    /// Where the page begins.
    #[serde(skip)]
    pub cursor: Option<String>,
    /// At most so many.
    #[serde(skip)]
    pub limit: usize,
}

/// One page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where the next page begins; null on the last page.
    #[schema(value_type = Option<schema::Cursor>, required)]
    pub next_cursor: Option<String>,
}

impl ListWish {
    /// The order: that of the time which the list is filtered by, what is nearest to now first. Newest first if there
    /// is none.
    pub fn order(&self) -> Sort {
        let by = |by, descending| Sort { by, descending };
        let default = match (self.expires, self.last_used, self.created) {
            (Some(Period::Preset(Preset::Expired)), _, _) => by(SortBy::Expires, true),
            (Some(_), _, _) => by(SortBy::Expires, false),
            (None, Some(_), _) => by(SortBy::LastUsed, true),
            (None, None, None) if self.states == [State::Expired] => by(SortBy::Expires, true),
            (None, None, _) => Sort::default(),
        };
        self.sort.unwrap_or(default)
    }

    fn check(&self) -> Result<(), Error> {
        let counts =
            [("user", self.users.len()), ("creator", self.creators.len()), ("state", self.states.len())];
        if let Some((field, _)) = counts.into_iter().find(|(_, count)| *count > MAX_NAMES) {
            return Err(Error::invalid(field, format!("is given more than {MAX_NAMES} times")));
        }
        for (field, names) in [("user", &self.users), ("creator", &self.creators)] {
            for name in names {
                check_user_name(name).map_err(|problem| Error::invalid(field, problem.to_string()))?;
            }
        }
        if let Some(part) = &self.description {
            text::check(part, &[]).map_err(|problem| Error::invalid("description", problem))?;
        }
        for (field, period) in
            [("created", self.created), ("last_used", self.last_used), ("expires", self.expires)]
        {
            if let Some(Period::Range(Some(from), Some(to))) = period
                && from >= to
            {
                return Err(Error::invalid(
                    format!("{field}_to"),
                    format!("must be later than {field}_from"),
                ));
            }
        }
        Ok(())
    }
}

/// Lists tokens: the caller's own, and for managers and admins those of others.
///
/// # Errors
/// The caller may not see a user's tokens, a field is wrong, or the cursor belongs to another list.
pub async fn list(context: &Context, caller: &Caller, wish: ListWish) -> Result<Page<TokenView>, Error> {
    let Found { tokens, next_cursor, now } = find(context, caller, wish).await?;
    Ok(Page { items: tokens.iter().map(|token| TokenView::new(token, now)).collect(), next_cursor })
}

/// A page of tokens.
pub(crate) struct Found {
    /// In the list's order.
    pub(crate) tokens: Vec<Token>,
    /// Where the next page begins.
    pub(crate) next_cursor: Option<String>,
    /// When they were looked for, in Unix seconds.
    pub(crate) now: i64,
}

/// Finds what [`list`] shows.
///
/// # Errors
/// As there.
pub(crate) async fn find(context: &Context, caller: &Caller, wish: ListWish) -> Result<Found, Error> {
    wish.check()?;
    let now = context.clock.now().as_second();
    let fingerprint = cursor::fingerprint(&wish);
    let cursor =
        wish.cursor.as_deref().map(|text| Cursor::read(text, &fingerprint, wish.order().by)).transpose()?;
    // Spans of time are those of the first page: a list does not move while it is read.
    let at = cursor.as_ref().map_or(now, |cursor| cursor.at);
    let mut tx = context.store.read().await?;
    let filter = TokenFilter {
        after: cursor.map(|cursor| cursor.position),
        ..filter(tx.as_mut(), caller, wish, at).await?
    };
    let page = tx.tokens(&filter).await?;
    let next_cursor = page.next.map(|position| Cursor { at, position }.write(&fingerprint));
    Ok(Found { tokens: page.tokens, next_cursor, now })
}

async fn filter(
    tx: &mut dyn Transaction,
    caller: &Caller,
    wish: ListWish,
    at: i64,
) -> Result<TokenFilter, Error> {
    let who = caller.principal();
    let keys = |field, period: Option<Period>| period.map(|period| period.keys(field, at));
    let mut filter = TokenFilter {
        sort: wish.order(),
        created: keys(TimeField::Created, wish.created),
        last_used: keys(TimeField::LastUsed, wish.last_used),
        expires: keys(TimeField::Expires, wish.expires),
        description: wish.description.as_deref().map(text::fold),
        creators: wish.creators,
        states: wish.states,
        in_use: wish.in_use,
        now: at,
        limit: wish.limit,
        ..TokenFilter::default()
    };
    match authority::reach(who) {
        Reach::Own => filter.owners.push(who.user_id),
        Reach::AllButAdmins => filter.no_admins_but = Some(who.user_id),
        Reach::All => {}
    }
    if !wish.users.is_empty() {
        filter.owners = owners(tx, caller, &wish.users).await?;
    }
    filter.creators.sort();
    filter.creators.dedup();
    filter.states.sort();
    filter.states.dedup();
    Ok(filter)
}

/// The ids of the users of these names, whose tokens the caller may see.
async fn owners(tx: &mut dyn Transaction, caller: &Caller, names: &[String]) -> Result<Vec<i64>, Error> {
    let who = caller.principal();
    if names.iter().any(|name| *name != caller.user.name) {
        authority::acts_for_others(who)?;
    }
    let mut owners = Vec::with_capacity(names.len());
    for name in names {
        if *name == caller.user.name {
            owners.push(who.user_id);
            continue;
        }
        let owner = tx.user(name).await?.ok_or(Error::NotFound("user"))?;
        authority::acts_for(who, Owner { user_id: owner.id, role: owner.role })?;
        owners.push(owner.id);
    }
    owners.sort_unstable();
    owners.dedup();
    Ok(owners)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_time_that_is_asked_for() {
        let preset = |preset| Some(Period::Preset(preset));
        for (wish, expected) in [
            (ListWish::default(), "-created"),
            (ListWish { created: preset(Preset::Today), ..ListWish::default() }, "-created"),
            (ListWish { last_used: preset(Preset::Never), ..ListWish::default() }, "-last_used"),
            (ListWish { expires: preset(Preset::Within7Days), ..ListWish::default() }, "expires"),
            (ListWish { expires: preset(Preset::Expired), ..ListWish::default() }, "-expires"),
            (ListWish { states: vec![State::Expired], ..ListWish::default() }, "-expires"),
            (ListWish { states: vec![State::Expired, State::Revoked], ..ListWish::default() }, "-created"),
            (
                ListWish {
                    expires: preset(Preset::Within7Days),
                    sort: "-user".parse().ok(),
                    ..ListWish::default()
                },
                "-user",
            ),
        ] {
            assert_eq!(wish.order(), expected.parse().unwrap(), "{wish:?}");
        }
    }
}
