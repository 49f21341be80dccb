//! How lists are read: along an index or from few tokens, never by looking at all of them.

use sqlx::pool::PoolConnection;

use super::super::fixture::{DIGEST_OF_N, EXPLAIN, Place, begins_at_a_place, reads_all, session, sorts_all};
use super::*;
use crate::domain::listing::{KeyRange, NEVER_ENDS, Sort};
use crate::domain::token::State;
use crate::store::Store as _;

/// More than [`FEW`].
const TOKENS: i64 = 4000;
const NOW: i64 = 2000;

/// Tokens of ten users; three descriptions hold "needle", all hold "common".
async fn place() -> Place {
    let place = Place::new().await;
    let store = place.open().await;
    let sql = format!(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10)
         INSERT INTO users (name, name_key, role, active, created_at)
         SELECT 'u' || n, 'u' || n, CASE n WHEN 3 THEN 'admin' ELSE 'user' END, TRUE, 0 FROM n ORDER BY n;
         WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {TOKENS})
         INSERT INTO tokens (id, sha256, user_id, creator, description, description_key, created_at, expires_at,
                             allowed_ips, prefix, hint, control_plane, disabled_at, disabled_by, revoked_at)
         SELECT 't' || n, {DIGEST_OF_N}, 1 + n % 10, 'u' || (n % 3), 'x',
                'common ' || CASE n % 1500 WHEN 7 THEN 'needle' ELSE 'straw' END || n, n / 4,
                CASE n % 4 WHEN 0 THEN NULL ELSE 1500 + n % 900 END, '[]', 'gp_', 'abcd', FALSE,
                CASE n % 50 WHEN 0 THEN 1 END, CASE n % 50 WHEN 0 THEN 'u1' END, CASE n % 9 WHEN 0 THEN 1 END
         FROM n ORDER BY n;
         UPDATE token_uses SET used_at = number / 2 WHERE number % 3 > 0;"
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&store.pool).await.unwrap();
    store.close().await;
    place
}

/// A session with that database.
async fn database() -> (Place, PoolConnection<Db>) {
    let place = place().await;
    let db = session(&place.open().await).await;
    (place, db)
}

fn filters() -> Vec<TokenFilter> {
    let all = TokenFilter { now: NOW, limit: 60, ..TokenFilter::default() };
    let keys = |from, to| Some(KeyRange { from, to });
    let mut filters = vec![
        all.clone(),
        TokenFilter { owners: vec![4], ..all.clone() },
        TokenFilter { owners: vec![4, 5, 6], ..all.clone() },
        TokenFilter { no_admins_but: Some(4), ..all.clone() },
        TokenFilter { creators: vec!["u1".to_owned()], ..all.clone() },
        TokenFilter { creators: vec!["u1".to_owned(), "u2".to_owned()], ..all.clone() },
        TokenFilter { description: Some("needle".to_owned()), ..all.clone() },
        TokenFilter { description: Some("common".to_owned()), ..all.clone() },
        TokenFilter { description: Some("w7".to_owned()), ..all.clone() },
        TokenFilter { created: keys(Some(900), None), ..all.clone() },
        TokenFilter { created: keys(Some(100), Some(120)), ..all.clone() },
        TokenFilter { last_used: keys(Some(1900), None), ..all.clone() },
        TokenFilter { last_used: keys(None, Some(1)), ..all.clone() },
        TokenFilter { expires: keys(Some(NOW + 1), Some(NOW + 100)), ..all.clone() },
        TokenFilter { expires: keys(None, Some(NOW + 1)), ..all.clone() },
        TokenFilter { expires: keys(Some(NEVER_ENDS), None), ..all.clone() },
        TokenFilter { states: vec![State::Active, State::Disabled], ..all.clone() },
        TokenFilter {
            owners: vec![4],
            states: vec![State::Active],
            description: Some("straw".to_owned()),
            ..all.clone()
        },
    ];
    filters.extend(State::ALL.map(|state| TokenFilter { states: vec![state], ..all.clone() }));
    let sorted = |filter: TokenFilter| {
        SortBy::ALL.into_iter().flat_map(move |by| {
            let filter = filter.clone();
            [false, true].map(|descending| TokenFilter { sort: Sort { by, descending }, ..filter.clone() })
        })
    };
    filters.into_iter().flat_map(sorted).collect()
}

fn sources(filter: &TokenFilter) -> Vec<Source> {
    let indexed = filter.description.as_ref().is_some_and(|text| DIALECT.candidates(text).is_some());
    Source::all(filter, indexed)
}

/// How a statement would be carried out.
async fn plan(db: &mut Connection, mut statement: Statement<'_>) -> Vec<String> {
    let (explain, column) = EXPLAIN;
    statement.sql.insert_str(0, explain);
    let rows = query(statement).fetch_all(db).await.unwrap();
    rows.iter().map(|row| row.get(column)).collect()
}

fn reads_all_of_one(plan: &[String]) -> bool {
    plan.iter().any(|step| reads_all(step))
}

fn sorts(plan: &[String]) -> bool {
    plan.iter().any(|step| sorts_all(step))
}

#[tokio::test]
async fn no_list_looks_at_all_tokens_or_sorts_them_all() {
    let (_place, mut db) = database().await;
    for mut filter in filters() {
        for deep in [false, true] {
            if deep {
                filter.after = some_position(&filter);
            }
            for part in Part::of(&filter) {
                let along = plan(&mut db, page(DIALECT, COLUMNS, &filter, None, *part, 51)).await;
                assert!(!reads_all_of_one(&along), "{filter:?} {along:#?}");
                assert!(!sorts(&along), "{filter:?} {along:#?}");
            }
            for source in sources(&filter) {
                let counted = plan(&mut db, count(DIALECT, &filter, source)).await;
                assert!(
                    !reads_all_of_one(&counted) && !sorts(&counted),
                    "{source:?} {filter:?} {counted:#?}"
                );
                for part in Part::of(&filter) {
                    let few = page(DIALECT, COLUMNS, &filter, Some(source), *part, 51);
                    let few = plan(&mut db, few).await;
                    assert!(!reads_all_of_one(&few), "{source:?} {filter:?} {few:#?}");
                }
            }
        }
    }
}

/// A place is found by the index, not by reading what comes before it.
#[tokio::test]
async fn a_later_page_begins_at_its_place() {
    let (_place, mut db) = database().await;
    for by in SortBy::ALL {
        let mut filter = TokenFilter { sort: Sort { by, descending: true }, ..TokenFilter::default() };
        filter.after = some_position(&filter);
        for part in Part::of(&filter) {
            let steps = plan(&mut db, page(DIALECT, COLUMNS, &filter, None, *part, 51)).await;
            assert!(begins_at_a_place(&steps), "{by:?} {part:?} {steps:#?}");
        }
    }
}

fn some_position(filter: &TokenFilter) -> Option<Position> {
    let key = match filter.sort.by {
        SortBy::User | SortBy::Description => SortKey::Text("u4".to_owned()),
        SortBy::Created | SortBy::LastUsed | SortBy::Expires => SortKey::Number(500),
    };
    Some(Position { key, created_at: 500, number: 2000 })
}

#[tokio::test]
async fn every_way_to_read_a_list_gives_the_same() {
    let (_place, mut db) = database().await;
    for filter in filters() {
        let along = page(DIALECT, "t.id", &filter, None, Part::Whole, 5000);
        let along = ids(query(along).fetch_all(&mut *db).await.unwrap());
        for source in sources(&filter) {
            let few = page(DIALECT, "t.id", &filter, Some(source), Part::Whole, 5000);
            let few = ids(query(few).fetch_all(&mut *db).await.unwrap());
            assert_eq!(along, few, "{source:?} {filter:?}");
        }
        let mut pages = Vec::new();
        let mut filter = TokenFilter { limit: 35, ..filter };
        for _ in 0..3 {
            let page = read(&mut db, &filter).await.unwrap();
            pages.extend(page.tokens.into_iter().map(|token| token.id));
            filter.after = page.next;
            if filter.after.is_none() {
                break;
            }
        }
        assert_eq!(along[..along.len().min(105)], pages, "{filter:?}");
    }
}

fn ids(rows: Vec<Row>) -> Vec<String> {
    rows.iter().map(|row| row.get("id")).collect()
}

#[tokio::test]
async fn a_list_is_read_from_the_condition_that_holds_least_if_it_holds_few() {
    let (_place, mut db) = database().await;
    let with = |filter: TokenFilter| TokenFilter { now: NOW, limit: 50, ..filter };
    let describes =
        |text: &str| with(TokenFilter { description: Some(text.to_owned()), ..TokenFilter::default() });
    for (filter, expected) in [
        (with(TokenFilter::default()), None),
        (describes("needle"), Some(Source::Description)),
        (describes("common"), None),
        (describes("ne"), None),
        (TokenFilter { owners: vec![4], ..describes("needle") }, Some(Source::Description)),
        (TokenFilter { owners: vec![4], ..describes("common") }, None),
        (TokenFilter { owners: vec![4, 5], ..describes("common") }, Some(Source::Owners)),
        (TokenFilter { states: vec![State::Disabled], ..describes("common") }, None),
        (
            TokenFilter {
                states: vec![State::Disabled],
                sort: Sort { by: SortBy::User, descending: false },
                ..describes("common")
            },
            Some(Source::Disabled),
        ),
    ] {
        assert_eq!(source(&mut db, &filter).await.unwrap(), expected, "{filter:?}");
    }
}

#[tokio::test]
async fn quotes_and_operators_are_text() {
    let (_place, mut db) = database().await;
    for text in [
        "\"",
        "a\"b",
        "AND",
        "a OR b",
        "(x)",
        "x*",
        "-abc",
        "a:b",
        "'; DROP",
        "^abc",
        "NEAR(a b)",
        "\u{301}ab",
    ] {
        let filter = TokenFilter { description: Some(text.to_owned()), limit: 5, ..TokenFilter::default() };
        assert_eq!(read(&mut db, &filter).await.unwrap().tokens, [], "{text}");
    }
}

#[tokio::test]
async fn descriptions_of_an_older_schema_become_searchable() {
    let place = place().await;
    let store = place.open().await;
    let older = "UPDATE tokens SET description = 'Straße', description_key = '' WHERE number IN (5, 6)";
    sqlx::raw_sql(older).execute(&store.pool).await.unwrap();
    store.close().await;
    let mut db = session(&place.open().await).await;
    let filter = TokenFilter { description: Some("strasse".to_owned()), limit: 5, ..TokenFilter::default() };
    let found: Vec<_> =
        read(&mut db, &filter).await.unwrap().tokens.into_iter().map(|token| token.id).collect();
    assert_eq!(found, ["t6", "t5"]);
}

#[tokio::test]
async fn tokens_and_uses_of_an_older_schema_are_kept() {
    let place = Place::new().await;
    let rows = format!(
        "INSERT INTO users (name, name_key, role, active, created_at) VALUES ('Fred', 'fred', 'user', TRUE, 0);
         WITH n (n) AS (VALUES (1))
         INSERT INTO tokens SELECT 'b', {DIGEST_OF_N}, users.id, 'ann', 'Later', 9, NULL, 'ci', '[\"10.0.0.1\"]', 'gp_',
                                   'abcd', TRUE, NULL, NULL FROM users, n;
         WITH n (n) AS (VALUES (2))
         INSERT INTO tokens SELECT 'a', {DIGEST_OF_N}, users.id, 'ann', 'Sooner', 8, 50, NULL, '[]', 'gp_',
                                   'abce', FALSE, 20, 'ann' FROM users, n;
         INSERT INTO token_uses VALUES ('b', 15, '10.0.0.1', 'curl');"
    );
    place.of_old(4, &rows).await;
    let mut db = session(&place.open().await).await;
    let filter = TokenFilter { limit: 5, ..TokenFilter::default() };
    let tokens = read(&mut db, &filter).await.unwrap().tokens;
    let [later, sooner] = tokens.as_slice() else { panic!("{tokens:?}") };
    assert_eq!((later.id.as_str(), later.owner.as_str(), later.control_plane), ("b", "Fred", true));
    assert_eq!(
        (later.scope.as_deref(), later.allowed_ips.to_strings()),
        (Some("ci"), vec!["10.0.0.1".to_owned()])
    );
    assert_eq!(later.last_used.as_ref().map(|last| last.at), Some(15));
    assert_eq!((sooner.id.as_str(), sooner.expires_at, sooner.revoked_at), ("a", Some(50), Some(20)));
    assert_eq!((sooner.revoked_by.as_deref(), &sooner.last_used), (Some("ann"), &None));
}
