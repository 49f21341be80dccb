//! The overview.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::OVERVIEW;
use super::plot::{Pile, Plot, WIDTH, grouped};
use crate::api::Api;
use crate::domain::traffic::{Span, is_allowed};
use crate::http::problem::Problem;
use crate::overview::{self, Requests, Tokens};
use crate::web::fields::Fields;
use crate::web::frame::{Frame, page};
use crate::web::moment::Moment;
use crate::web::visitor::Visitor;
use crate::web::words;

/// How many refusals have a colour of their own; the rest have one together.
const COLOURS: usize = 6;

#[derive(Template)]
#[template(path = "admin/overview.html")]
struct OverviewPage {
    frame: Frame,
    at: Moment,
    tokens: Vec<Count>,
    traffic: Option<Traffic>,
    spans: Vec<Choice>,
    width: u64,
    is_admin: bool,
}

/// A number that is shown large.
struct Count {
    label: &'static str,
    number: String,
    help: &'static str,
    class: &'static str,
    /// What shows them in the token manager.
    filter: &'static str,
}

struct Choice {
    name: &'static str,
    label: &'static str,
    is_here: bool,
}

/// Requests over time.
struct Traffic {
    label: &'static str,
    is_empty: bool,
    allowed: String,
    refused: String,
    all: Plot,
    refusals: Plot,
    has_refusals: bool,
    legend: Vec<(usize, String)>,
    decisions: Vec<Decision>,
    steps: Vec<Row>,
    from: Option<Moment>,
    until: Moment,
}

/// A decision, with how often it was taken.
struct Decision {
    name: String,
    meaning: &'static str,
    number: String,
}

/// A step that is not empty.
struct Row {
    at: Moment,
    allowed: String,
    refused: String,
    codes: String,
}

/// `GET /overview`
pub(super) async fn show(
    State(api): State<Api>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Problem> {
    let span = Span::from_name(fields.text("requests")).unwrap_or_default();
    let view = overview::show(&api.context, &visitor.caller, span).await?;
    let now = api.context.clock.now().as_second();
    let choice = |one: Span| Choice { name: one.name(), label: words::span(one), is_here: one == span };
    let shown = OverviewPage {
        frame: Frame::new(&visitor, OVERVIEW, "Overview"),
        at: Moment::read(&view.at, now),
        tokens: counts(view.tokens),
        is_admin: view.requests.is_some(),
        traffic: view.requests.map(|requests| Traffic::of(span, &requests, now)),
        spans: Span::ALL.into_iter().map(choice).collect(),
        width: WIDTH,
    };
    page(StatusCode::OK, &shown)
}

fn counts(tokens: Tokens) -> Vec<Count> {
    let count =
        |label, number, help, class, filter| Count { label, number: grouped(number), help, class, filter };
    vec![
        count("Active", tokens.active, "They open the gate.", "good", "state=active"),
        count(
            "End in 7 days",
            tokens.expiring_within_7_days,
            "Among the active.",
            "warn",
            "state=active&expires=within_7_days&sort=expires",
        ),
        count(
            "End in 30 days",
            tokens.expiring_within_30_days,
            "Those included.",
            "warn",
            "state=active&expires=within_30_days&sort=expires",
        ),
        count("Never used", tokens.never_used, "Perhaps not needed.", "", "state=active&last_used=never"),
        count("Disabled", tokens.disabled, "For the time being.", "", "state=disabled"),
        count("Expired", tokens.expired, "Their time is over.", "", "state=expired"),
        count("Deleted", tokens.revoked, "For good.", "", "state=revoked"),
    ]
}

impl Traffic {
    fn of(span: Span, requests: &Requests, now: i64) -> Self {
        let refused: Vec<(&String, u64)> = by_size(&requests.decisions);
        let place = |name: &String| refused.iter().position(|(known, _)| *known == name).unwrap_or(COLOURS);
        let mut all = Vec::new();
        let mut refusals = Vec::new();
        let mut steps = Vec::new();
        for step in &requests.steps {
            let at = Moment::read(&step.at, now);
            let (good, bad): (Vec<_>, Vec<_>) = step.decisions.iter().partition(|(name, _)| is_allowed(name));
            let sum =
                |part: &[(&String, &u64)]| part.iter().fold(0_u64, |sum, (_, n)| sum.saturating_add(**n));
            let (allowed, bad_sum) = (sum(&good), sum(&bad));
            let parts = vec![(0, "let through".to_owned(), allowed), (1, "refused".to_owned(), bad_sum)];
            all.push(Pile { label: at.exact(), parts });
            let mut parts: Vec<_> =
                bad.iter().map(|(name, n)| (place(name).min(COLOURS), code(name).to_owned(), **n)).collect();
            parts.sort_by_key(|(series, ..)| *series);
            refusals.push(Pile { label: at.exact(), parts });
            if allowed > 0 || bad_sum > 0 {
                let codes: Vec<_> =
                    bad.iter().map(|(name, n)| format!("{} {}", code(name), grouped(**n))).collect();
                let (allowed, refused) = (grouped(allowed), grouped(bad_sum));
                steps.push(Row { at, allowed, refused, codes: codes.join(", ") });
            }
        }
        steps.reverse();
        let named = refused.iter().take(COLOURS).enumerate();
        let mut legend: Vec<(usize, String)> =
            named.map(|(number, (name, _))| (number, code(name).to_owned())).collect();
        legend.extend((refused.len() > COLOURS).then(|| (COLOURS, "others".to_owned())));
        let decision = |(name, count): (&String, &u64)| Decision {
            meaning: words::decision(name),
            name: name.clone(),
            number: grouped(*count),
        };
        Self {
            label: words::span(span),
            is_empty: requests.decisions.is_empty(),
            allowed: grouped(requests.allowed),
            refused: grouped(requests.refused),
            all: Plot::of(&all),
            refusals: Plot::of(&refusals),
            has_refusals: requests.refused > 0,
            legend,
            decisions: requests.decisions.iter().map(decision).collect(),
            steps,
            from: requests.steps.first().map(|step| Moment::read(&step.at, now)),
            until: Moment::new(now, now),
        }
    }
}

/// Refusals, the most frequent first.
fn by_size(decisions: &BTreeMap<String, u64>) -> Vec<(&String, u64)> {
    let mut refused: Vec<_> =
        decisions.iter().filter(|(name, _)| !is_allowed(name)).map(|(name, count)| (name, *count)).collect();
    refused.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    refused
}

fn code(decision: &str) -> &str {
    decision.split_once('.').map_or(decision, |(_, code)| code)
}
