//! What a change of settings would do, in sentences.

use serde_json::Value;

use crate::settings::{Group, Preview};
use crate::web::admin::plot::grouped;
use crate::web::words;

/// Most users who are named.
const MOST_NAMES: usize = 5;

/// What a change would do.
pub(super) struct Consequences {
    /// Settings that would differ, with what they are and would be.
    pub(super) changes: Vec<(String, String, String)>,
    /// What would follow, the worst first.
    pub(super) told: Vec<Told>,
    /// What of it cannot be undone, if anything: sent back with the form, it says that this was seen.
    pub(super) for_good: Option<String>,
}

/// One sentence.
pub(super) struct Told {
    /// `bad`, `warn` or `good`, for the page's style.
    pub(super) class: &'static str,
    pub(super) sentence: String,
    /// Whom it concerns most.
    pub(super) users: String,
}

impl Consequences {
    /// What is wrong, so that nothing would be.
    pub(super) fn wrong(sentence: String) -> Self {
        let told = Told { class: "bad", sentence, users: String::new() };
        Self { changes: Vec::new(), told: vec![told], for_good: None }
    }

    /// What is foretold.
    pub(super) fn of(preview: &Preview) -> Self {
        let mut told: Vec<Told> = Vec::new();
        let mut say = |class, sentence: String| told.push(Told { class, sentence, users: String::new() });
        for refusal in &preview.refusals {
            say("bad", format!("This cannot be saved: {}", words::sentence(&refusal.detail)));
        }
        if let (Some(ip), Some(_)) = (preview.your_address.ip, preview.your_address.refused_by) {
            say(
                "warn",
                format!("Your own address {ip} would be refused at the gate. These pages stay open to you."),
            );
        }
        if preview.passwords_cut_off {
            say("warn", "Requests with a password are refused from then on.".to_owned());
        }
        if preview.passwords_let_through {
            say("warn", "Passwords go on to the service, which checks them.".to_owned());
        }
        for scope in &preview.scopes_removed {
            say("warn", format!("The scope {scope} is gone."));
        }
        for change in &preview.paths_protected {
            say("", format!("{}{} wants a token from then on.", change.path, but(&change.except)));
        }
        for change in &preview.paths_unprotected {
            say("warn", format!("{}{} is open to everybody from then on.", change.path, but(&change.except)));
        }
        let beyond = preview.tokens_beyond_max_validity;
        let cut = preview.tokens_ended.tokens.saturating_add(preview.tokens_shortened.tokens);
        if beyond > cut {
            let kept =
                format!("{} live longer than the longest validity. They keep their end.", tokens(beyond));
            say("", kept);
        }
        told.extend(groups(preview));
        let for_good =
            (cut > 0).then(|| format!("{}-{}", preview.tokens_ended.tokens, preview.tokens_shortened.tokens));
        Self { changes: changes(&preview.before, &preview.after), told, for_good }
    }
}

fn groups(preview: &Preview) -> impl Iterator<Item = Told> {
    [
        ("warn", "Ends", "at once", &preview.tokens_ended),
        ("warn", "Shortens the life of", "", &preview.tokens_shortened),
        ("warn", "Stops", "until their owners may use tokens again", &preview.tokens_cut_off),
        ("warn", "Suspends", "until their owners sign in", &preview.tokens_suspended),
        ("warn", "Refuses", "where they were used last", &preview.tokens_used_from_outside),
        ("good", "Opens the gate again to", "", &preview.tokens_working_again),
    ]
    .into_iter()
    .filter(|(.., group)| group.tokens > 0)
    .map(|(class, verb, how, group)| {
        let how = if how.is_empty() { String::new() } else { format!(" {how}") };
        let sentence = format!("{verb} {} of {}{how}.", tokens(group.tokens), users(group.users));
        Told { class, sentence, users: names(group) }
    })
}

fn tokens(count: u64) -> String {
    if count == 1 { "1 token".to_owned() } else { format!("{} tokens", grouped(count)) }
}

fn users(count: u64) -> String {
    if count == 1 { "1 user".to_owned() } else { format!("{} users", grouped(count)) }
}

fn names(group: &Group) -> String {
    let shown = group.by_user.iter().take(MOST_NAMES);
    let mut names: Vec<String> = shown.map(|of| format!("{} ({})", of.user, grouped(of.tokens))).collect();
    let shown = u64::try_from(names.len()).unwrap_or(u64::MAX);
    let more = group.users.saturating_sub(shown);
    names.extend((more > 0).then(|| format!("and {} more", grouped(more))));
    names.join(", ")
}

fn but(except: &[String]) -> String {
    if except.is_empty() { String::new() } else { format!(" (but for {})", except.join(", ")) }
}

fn changes(before: &Value, after: &Value) -> Vec<(String, String, String)> {
    let changed = |(name, value): (&String, &Value)| {
        (name.clone(), value_text(value), after.get(name).map(value_text).unwrap_or_default())
    };
    before.as_object().into_iter().flatten().map(changed).collect()
}

/// A setting's value as people read it: what has members of its own stays as it is sent.
fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "on".to_owned(),
        Value::Bool(false) => "off".to_owned(),
        Value::Null => "none".to_owned(),
        Value::Array(all) if all.is_empty() => "none".to_owned(),
        Value::Array(all) => all.iter().map(value_text).collect::<Vec<_>>().join(", "),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_would_change_is_told_in_words() {
        let (before, after) = (
            json!({"allowed_ips": [], "a": true, "b": null}),
            json!({"allowed_ips": ["10.0.0.0/8", "::1"], "a": false, "b": 7}),
        );
        let told = changes(&before, &after);
        let find =
            |name: &str| told.iter().find(|(of, ..)| of == name).map(|(_, was, is)| format!("{was} → {is}"));
        assert_eq!(find("allowed_ips").as_deref(), Some("none → 10.0.0.0/8, ::1"));
        assert_eq!((find("a").as_deref(), find("b").as_deref()), (Some("on → off"), Some("none → 7")));
    }
}
