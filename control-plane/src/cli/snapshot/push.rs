//! `gatepass snapshot push`: what CI has in a file becomes what is in force of a source.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::read;
use crate::cli::audit::Output;
use crate::cli::client::call::Call;
use crate::cli::client::confirm::ConfirmArgs;
use crate::cli::client::failure::Failure;
use crate::cli::client::table::{Table, plain};
use crate::cli::client::{Client, ServerArgs};
use crate::cli::output;

/// What `gatepass snapshot push` takes.
#[derive(Clone, Debug, Args)]
pub struct PushArgs {
    /// Which source it is of
    #[arg(long, env = "GATEPASS_SOURCE", value_name = "NAME")]
    source: String,
    /// The entries, as YAML or JSON; standard input if it is `-`
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only show what would change
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    #[command(flatten)]
    confirm: ConfirmArgs,
    /// Only if what is in force is still the revision of this ETag, such as '"7"' [default: that of the difference that was
    /// shown]
    #[arg(long, value_name = "ETAG")]
    if_match: Option<String>,
    /// A file without entries is meant
    #[arg(long)]
    allow_empty: bool,
    /// It is meant that more than half of the entries in force go
    #[arg(long)]
    allow_removals: bool,
    /// For whom it is printed: a table, or one object as REST gives it
    #[arg(long, value_enum, default_value = "table", value_name = "FORM")]
    output: Output,
    #[command(flatten)]
    server: ServerArgs,
}

/// Shows the difference, and does it if that is wanted. What is done is what was shown: if anybody was faster, nothing is.
pub(super) async fn execute(args: PushArgs) -> anyhow::Result<()> {
    let content = read(Some(&args.file))?;
    let client = args.server.connect()?;
    let call = |tag: Option<&str>| {
        let call = Call::put(&["sources", &args.source, "snapshot"]);
        let call = call.body(content_type(&args.file, &content), content.clone());
        tag.into_iter().fold(call, Call::if_match)
    };
    let answer = client.send(call(args.if_match.as_deref()).query("dry_run", "true")).await?;
    let difference = answer.json()?;
    if args.dry_run {
        return show(&answer, &difference, args.output);
    }
    if args.output == Output::Table {
        output::print(&table(&difference))?;
    }
    let count = |group: &str| difference[group]["count"].as_u64().unwrap_or(0);
    let (added, changed, removed) = (count("added"), count("changed"), count("removed"));
    let source = &args.source;
    if added + changed + removed > 0 {
        let what = format!("Push to {source}: {added} added, {changed} changed, {removed} removed");
        args.confirm.ask(&what)?;
    }
    let tag = match (&args.if_match, answer.etag()) {
        (Some(tag), _) => tag.as_str(),
        (None, Some(tag)) => tag,
        (None, None) => return Err(strange(&client, "the difference has no ETag").into()),
    };
    let mut push = call(Some(tag));
    for (name, is_meant) in [("allow_empty", args.allow_empty), ("allow_removals", args.allow_removals)] {
        push = if is_meant { push.query(name, "true") } else { push };
    }
    let done = client.send(push).await?;
    if args.output == Output::Json {
        return Ok(output::print(&done.text()?)?);
    }
    output::note(&format!("What is in force of {source} is revision {}.", plain(&done.json()?["revision"])));
    Ok(())
}

fn show(answer: &crate::cli::client::answer::Answer, difference: &Value, form: Output) -> anyhow::Result<()> {
    let text = match form {
        Output::Json => answer.text()?,
        Output::Table => table(difference),
    };
    Ok(output::print(&text)?)
}

fn strange(client: &Client, problem: &str) -> Failure {
    Failure::Strange { server: client.address().clone(), problem: problem.to_owned() }
}

/// By the name of the file, or by how it begins: JSON is an object.
fn content_type(file: &Path, content: &[u8]) -> &'static str {
    let extension = file.extension().and_then(|text| text.to_str()).unwrap_or_default().to_ascii_lowercase();
    let is_json = match extension.as_str() {
        "json" => true,
        "yaml" | "yml" => false,
        _ => content.trim_ascii_start().first() == Some(&b'{'),
    };
    if is_json { "application/json" } else { "application/yaml" }
}

/// The difference, a line for each entry that is named, and how many there are.
fn table(difference: &Value) -> String {
    let mut table = Table::new(&["CHANGE", "ENTRY", "USER", "WHAT"]);
    let mut more = String::new();
    let mut is_same = true;
    for (group, word) in [("added", "add"), ("changed", "change"), ("removed", "remove")] {
        let entries = difference[group]["entries"].as_array().cloned().unwrap_or_default();
        for entry in &entries {
            let fields = if entry["fields"].is_null() { String::new() } else { plain(&entry["fields"]) };
            table.row([word.to_owned(), plain(&entry["id"]), plain(&entry["user"]), fields]);
        }
        let count = difference[group]["count"].as_u64().unwrap_or(0);
        let unnamed = count.saturating_sub(entries.len() as u64);
        is_same &= count == 0;
        if unnamed > 0 {
            more.push_str(&format!("{unnamed} more to {word}.\n"));
        }
    }
    let unchanged = plain(&difference["unchanged"]);
    if is_same {
        return format!("Nothing changes: {unchanged} entries are in force.\n");
    }
    let needs = match plain(&difference["needs"]).as_str() {
        "-" => String::new(),
        needs => format!("This wants --{}.\n", needs.replace(", ", " and --").replace('_', "-")),
    };
    format!("{}{more}{unchanged} unchanged.\n{needs}", table.render())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_form_is_that_of_the_name_or_of_the_beginning() {
        for (file, content, expected) in [
            ("a.yaml", "{}", "application/yaml"),
            ("a.YML", "{}", "application/yaml"),
            ("a.json", "entries: []", "application/json"),
            ("-", " \n{\"entries\": []}", "application/json"),
            ("-", "entries: []", "application/yaml"),
            ("tokens", "# x\nentries: []", "application/yaml"),
        ] {
            assert_eq!(content_type(Path::new(file), content.as_bytes()), expected, "{file} {content}");
        }
    }

    #[test]
    fn a_difference_reads_as_a_table() {
        let difference = json!({
            "added": {"count": 102, "entries": [{"id": "a", "user": "ci-a"}, {"id": "b\u{1b}[2J", "user": "ci-b"}]},
            "changed": {"count": 1, "entries": [{"id": "c", "user": "ci-c", "fields": ["sha256", "scope"]}]},
            "removed": {"count": 0, "entries": []}, "unchanged": 7, "needs": ["allow_removals"],
        });
        let words = |text: &str| -> Vec<String> {
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
        };
        let expected = "CHANGE  ENTRY         USER  WHAT\n\
                        add     a             ci-a\n\
                        add     b\\u001b[2J   ci-b\n\
                        change  c             ci-c  sha256, scope\n\
                        100 more to add.\n7 unchanged.\nThis wants --allow-removals.\n";
        assert_eq!(words(&table(&difference)), words(expected));
        let none = json!({"count": 0, "entries": []});
        let same = json!({"added": none, "changed": none, "removed": none, "unchanged": 7, "needs": []});
        assert_eq!(table(&same), "Nothing changes: 7 entries are in force.\n");
    }
}
