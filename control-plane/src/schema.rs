//! What values look like to readers of the OpenAPI document, where their Rust type says less: a name is more than a
//! string. The limits are those that the code keeps.

use gatepass::headers::MAX_HEADER_NAME;
use gatepass::names::{MAX_ID, MAX_USER_NAME};
use gatepass::path::MAX_CONFIGURED_PATH;
use gatepass::policy::{MAX_METHOD, MAX_METHODS, MAX_PATHS, MAX_RULES, MAX_SCOPES, MAX_TOKEN_HEADERS};
use gatepass::token::{MAX_PREFIX_LEN, MAX_PREFIXES};
use serde_json::{Value, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::address::{MAX_ENTRY, MAX_GLOBAL_ENTRIES, MAX_TOKEN_ENTRIES};
use crate::domain::audit::Action;
use crate::domain::grace::MAX_TEXT as MAX_GRACE_TEXT;
use crate::domain::groups;
use crate::domain::listing::{Preset, SortBy, TimeField};
use crate::domain::notices::STAGES;
use crate::domain::settings::{APPLY_BOUND, MAX_TOKENS_PER_USER, Settings, SettingsPatch};
use crate::domain::source;
use crate::domain::suspension::{MAX_DAYS, MIN_DAYS};
use crate::domain::text::MAX_TEXT;
use crate::domain::traffic::Span;
use crate::domain::webhook::{DeliveryState, Event, MAX_URL};
use crate::password;
use crate::tokens::MAX_NAMES;

/// What stands in a document until [`kinds`] takes its place: utoipa's types do not know all of JSON Schema.
fn placeholder() -> RefOr<Schema> {
    RefOr::T(Schema::default())
}

/// The schema of a type.
pub(crate) fn of<T: PartialSchema>() -> RefOr<Schema> {
    T::schema()
}

/// What `Idempotency-Key` does.
pub(crate) const IDEMPOTENCY_KEY: &str = "Sent again with the same key within 24 hours, the request is not done again: the reply is \
    that of the first, without the secret, and `idempotency-replayed: true`";
/// What `If-Match` does.
pub(crate) const IF_MATCH: &str = "The `ETag` of what was read, to be told when somebody was faster";

/// One line a kind of value, with its name in the document.
macro_rules! kinds {
    ($($(#[$doc:meta])+ $name:ident => $schema:expr;)+) => {$(
        $(#[$doc])+
        pub(crate) enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                placeholder()
            }
        }

        impl ToSchema for $name {}
    )+

        /// All of them as JSON Schema, by their names.
        pub(crate) fn kinds() -> Vec<(&'static str, Value)> {
            vec![$((stringify!($name), $schema)),+, ("SettingsPatch", patch_of_settings())]
        }
    };
}

/// No control character (Unicode Cc) anywhere.
const TEXT: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";
/// As `gatepass::names::check_user_name` wants it.
const USER_NAME: &str = "^[^\\s\\u0000-\\u001f\\u007f-\\u009f:]([^\\u0000-\\u001f\\u007f-\\u009f:]*[^\\s\\u0000-\\u001f\\u007f-\\u009f:])?$";

/// A user's name, or with a colon, which no name has, who is no user.
const ACTOR: &str = "^([^\\s\\u0000-\\u001f\\u007f-\\u009f:]([^\\u0000-\\u001f\\u007f-\\u009f:]*[^\\s\\u0000-\\u001f\\u007f-\\u009f:])?|server:[a-z-]+|source:[a-z0-9][a-z0-9_-]*)$";
/// As long as a name: what stands for who is no user is shorter.
const MAX_ACTOR: usize = MAX_USER_NAME;

kinds! {
    /// Any JSON value.
    Anything => json!({});
    /// A description, display name or mail address.
    Text => json!({
        "type": "string", "minLength": 1, "maxLength": MAX_TEXT, "pattern": TEXT, "examples": ["nightly report"],
        "description": "No control characters and no token: it is kept in clear",
    });
    /// The name of a person.
    UserName => json!({
        "type": "string", "minLength": 1, "maxLength": MAX_USER_NAME, "pattern": USER_NAME, "examples": ["fred"],
        "description": "No control character, colon or outer space; unique in any case, never changed and never given twice",
    });
    /// Who did something.
    Actor => json!({
        "type": "string", "minLength": 1, "maxLength": MAX_ACTOR, "pattern": ACTOR, "examples": ["fred"],
        "description": "A user's name; or what is none: `first-start`, `data-folder`, `server:…` (the server itself) or `source:NAME` (a source)",
    });
    /// The groups that a person is in.
    GroupNames => group_names();
    /// What people are looked for by.
    SearchText => json!({"type": "string", "minLength": 1, "maxLength": MAX_TEXT, "pattern": TEXT});
    /// A password that somebody chooses.
    NewPasswordText => json!({"type": "string", "format": "password", "minLength": password::MIN_LEN, "maxLength": password::MAX_LEN, "pattern": TEXT});
    /// A password that somebody shows.
    PasswordText => json!({"type": "string", "format": "password", "maxLength": password::MAX_TRIED});
    /// A path of this server, perhaps with a query.
    LocalPlace => json!({"type": "string", "maxLength": crate::oidc::MAX_NEXT, "pattern": r"^/(?!/)[!-\[\]-~]*$"});
    /// Members of an object that differ.
    Members => json!({"type": "object"});
    /// What a provider of identities sends.
    ProvidersText => json!({"type": "string", "maxLength": crate::api::MAX_OIDC_TEXT});
    /// A page of HTML.
    Page => json!({"type": "string"});
    /// Users from a file.
    UserFile => user_file();
    /// Users from a file.
    CsvFile => json!({
        "type": "string", "maxLength": crate::api::MAX_FILE, "examples": ["name,role,groups\nfred,user,dev;ops\n"],
        "description": "CSV with a header (RFC 4180); columns: name, role, active, display_name, email, groups (separated by semicolons)",
    });
    /// A token's public id.
    TokenId => json!({
        "type": "string", "minLength": 1, "maxLength": MAX_ID, "pattern": "^[A-Za-z0-9._-]+$",
        "examples": ["01JD0ZQ8M2E5C9X7V3T1R6P4WY"], "description": "Public; sorts by the time of creation",
    });
    /// The name of a source.
    SourceName => json!({
        "type": "string", "minLength": 1, "maxLength": source::MAX_NAME, "pattern": "^[a-z0-9][a-z0-9_-]*$", "examples": ["team-a"],
    });
    /// Whom entries may name.
    SourceUsers => json!({
        "type": "array", "maxItems": source::MAX_USERS, "items": {"$ref": "#/components/schemas/UserName"}, "examples": [["ci-deploy"]],
    });
    /// What the names begin with that entries may name.
    UserPrefix => json!({
        "type": "string", "minLength": source::MIN_PREFIX, "maxLength": MAX_USER_NAME - 1, "examples": ["ci-a-"],
        "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f:][^\\u0000-\\u001f\\u007f-\\u009f:]*$",
        "description": "As a user name begins; compared exactly",
    });
    /// How many entries a source may have.
    SourceEntries => json!({"type": "integer", "minimum": 1, "maximum": source::MAX_ENTRIES});
    /// An entry's own id.
    EntryId => json!({
        "type": "string", "minLength": 1, "maxLength": source::MAX_ENTRY_ID, "pattern": "^[A-Za-z0-9._-]+$", "examples": ["deploy"],
    });
    /// A digest.
    Sha256 => json!({"type": "string", "minLength": 64, "maxLength": 64, "pattern": "^[0-9a-f]{64}$"});
    /// What proxies answer, whatever else holds.
    StatedRefusalCode => json!({"type": "string", "enum": ["token_disabled", "user_inactive", "use_not_allowed"]});
    /// What has to be said for a push to be done.
    PushNeeds => json!({"type": "array", "items": {"enum": ["allow_empty", "allow_removals"]}});
    /// What is pushed.
    SourceDocument => source_document();
    /// What is pushed, as YAML.
    SourceYaml => json!({
        "type": "string", "maxLength": crate::api::MAX_DOCUMENT,
        "examples": ["entries:\n  - id: deploy\n    sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n    user: ci-a-deploy\n"],
        "description": "The same as YAML 1.2, one document without anchors and aliases",
    });
    /// The name of a scope.
    ScopeName => json!({
        "type": "string", "minLength": 1, "maxLength": MAX_ID, "pattern": "^[a-z0-9_-]+$", "examples": ["read_only"],
        "description": "The name of one of the settings' scopes",
    });
    /// A time as it is shown.
    Time => json!({
        "type": "string", "format": "date-time", "maxLength": 64, "examples": ["2027-01-31T00:00:00Z"],
        "description": "RFC 3339, in UTC",
    });
    /// What a new token may ask for.
    ValidFor => json!({
        "type": "string", "maxLength": 64, "pattern": "^(P6M|P1Y|P2Y|never|P[0-9]+D)$", "examples": ["P6M", "P30D"],
        "description": "`P6M`, `P1Y`, `P2Y` or `never`; with the setting `custom_validity` also days, such as `P30D`",
    });
    /// An IP address.
    Ip => json!({"type": "string", "maxLength": 64, "examples": ["10.1.2.3"], "description": "IPv4 or IPv6"});
    /// A request's method.
    RequestMethod => json!({
        "type": "string", "minLength": 1, "maxLength": crate::explain::MAX_METHOD, "pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
        "examples": ["GET"],
    });
    /// A request's path.
    RequestPath => json!({
        "type": "string", "minLength": 1, "maxLength": crate::explain::MAX_PATH, "examples": ["/rest/api/2/myself"],
        "pattern": "^/[^\\u0000-\\u001f\\u007f-\\u009f]*$", "description": "With its query, without scheme and host",
    });
    /// A list of addresses as it is shown.
    Cidrs => json!({
        "type": "array", "maxItems": MAX_GLOBAL_ENTRIES, "items": {"type": "string", "maxLength": 64},
        "examples": [["10.1.0.0/16", "2001:db8::7"]], "description": "Addresses and CIDRs; empty admits every address",
    });
    /// A list of addresses as it may be written for a token.
    TokenIps => json!({
        "type": "array", "maxItems": MAX_TOKEN_ENTRIES, "items": entry(), "examples": [["10.1.0.0/16", "10.2.0.1-10.2.0.9"]],
        "description": "Addresses, CIDRs and ranges `a-b`, which are stored as CIDRs; after that at most as many",
    });
    /// A list of addresses as it may be written for everyone.
    GlobalIps => json!({
        "type": "array", "maxItems": MAX_GLOBAL_ENTRIES, "items": entry(), "examples": [["10.0.0.0/8"]],
        "description": "Addresses, CIDRs and ranges `a-b`, which are stored as CIDRs; after that at most as many; empty \
                        admits every address",
    });
    /// How long an old secret goes on working.
    Grace => json!({
        "type": "string", "maxLength": MAX_GRACE_TEXT, "examples": ["PT1H", "P7D"],
        "pattern": "^P([0-9]+W)?([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9]+S)?)?$",
        "description": "ISO 8601, in weeks, days, hours, minutes and seconds, at most 7 days; `PT0S` is none",
    });
    /// Names of people, of which any may be meant.
    UserNames => json!({
        "type": "array", "minItems": 1, "maxItems": MAX_NAMES, "items": {"$ref": "#/components/schemas/UserName"},
    });
    /// A part of a description.
    DescriptionPart => json!({
        "type": "string", "minLength": 1, "maxLength": MAX_TEXT, "pattern": TEXT, "examples": ["nightly"],
        "description": "No control characters. Compared under Unicode case folding; from 3 characters on there is an index",
    });
    /// States, of which any may be meant.
    TokenStates => json!({
        "type": "array", "minItems": 1, "maxItems": MAX_NAMES, "items": {"$ref": "#/components/schemas/TokenState"},
    });
    /// Spans of time for what was made.
    CreatedPreset => presets(TimeField::Created);
    /// Spans of time for what was used.
    LastUsedPreset => presets(TimeField::LastUsed);
    /// Spans of time for what ends.
    ExpiresPreset => presets(TimeField::Expires);
    /// Orders of tokens.
    TokenOrder => json!({
        "type": "string", "enum": SortBy::ALL.iter().flat_map(|by| [by.name().to_owned(), format!("-{}", by.name())]).collect::<Vec<_>>(),
        "description": "Behind `-` descending. What was never used is the earliest, what never ends the latest; equals stand in \
                        the order of creation",
    });
    /// How soon a token ends.
    NoticeStage => json!({"type": "integer", "enum": STAGES, "description": "Days"});
    /// Spans of time in which requests are counted.
    TrafficSpan => json!({
        "type": "string", "enum": Span::ALL.iter().map(|span| span.name()).collect::<Vec<_>>(), "default": Span::default().name(),
        "description": "By steps of a minute, a quarter of an hour, 3, 12 and 24 hours; the last step is under way",
    });
    /// Where posts go.
    WebhookUrl => json!({
        "type": "string", "minLength": 8, "maxLength": MAX_URL, "pattern": "^https?://[!-~]+$",
        "examples": ["https://hooks.example.com/gatepass"],
        "description": "https; http for this machine alone. No user name, password or fragment",
    });
    /// A webhook's or a message's public id.
    WebhookId => json!({"type": "string", "minLength": 1, "maxLength": MAX_ID, "pattern": "^[A-Za-z0-9]+$", "examples": ["01JD0ZQ8M2E5C9X7V3T1R6P4WY"]});
    /// What is posted.
    WebhookEvent => json!({"type": "string", "enum": Event::ALL.map(Event::as_str)});
    /// What has become of a post.
    DeliveryStateName => json!({"type": "string", "enum": DeliveryState::ALL.map(DeliveryState::as_str)});
    /// How many items a page has.
    Limit => json!({"type": "integer", "minimum": 1, "maximum": 200, "default": 50});
    /// Where a page begins.
    Cursor => json!({
        "type": "string", "minLength": 1, "maxLength": crate::api::MAX_CURSOR, "pattern": "^[A-Za-z0-9_-]+$",
        "description": "The `next_cursor` of the page before; opaque",
    });
    /// What an `Idempotency-Key` is.
    IdempotencyKey => json!({"type": "string", "minLength": 1, "maxLength": 257, "examples": ["\"8e03978e-40d5-43e8-bc93-6894a57f9324\""],
                             "pattern": "^(\"[!#-+\\--\\[\\]-~]{1,255}\"|[!#-+\\--\\[\\]-~]{1,255})$"});
    /// What `If-Match` is.
    IfMatch => json!({"type": "string", "maxLength": crate::api::MAX_TAGS, "examples": ["\"17\""]});
    /// What `If-None-Match` is.
    IfNoneMatch => json!({"type": "string", "maxLength": crate::api::MAX_TAGS});
    /// What the audit is asked for.
    AuditText => json!({"type": "string", "minLength": 1, "maxLength": crate::api::MAX_AUDIT_TEXT});
    /// What the audit knows to have happened.
    ActionName => json!({"type": "string", "enum": Action::ALL.iter().map(|action| action.as_str()).collect::<Vec<_>>()});
    /// How the audit is exported.
    AuditFormat => json!({"type": "string", "enum": ["json", "csv", "jsonl"]});
    /// The scopes of the settings.
    Scopes => scopes();
    /// The names of the identity headers.
    IdentityHeaders => json!({
        "type": "object", "properties": {"user": header_name(), "token_id": header_name()},
        "required": ["user", "token_id"], "additionalProperties": false,
        "description": "Headers that tell the service who was verified",
    });
    /// What happens to a request that the filter does not itself authenticate.
    Mode => json!({"type": "string", "enum": ["refuse", "forward"]});
    /// The bound on validity.
    MaxValidity => json!({"type": "string", "enum": ["P6M", "P1Y", "P2Y", "never"]});
    /// Prefixes of paths.
    Paths => json!({"type": "array", "minItems": 1, "maxItems": MAX_PATHS, "items": path()});
    /// Names of headers.
    HeaderNames => json!({"type": "array", "maxItems": MAX_TOKEN_HEADERS, "uniqueItems": true, "items": header_name()});
    /// What tokens begin with.
    Prefixes => json!({
        "type": "array", "minItems": 1, "maxItems": MAX_PREFIXES, "uniqueItems": true,
        "items": {"type": "string", "minLength": 1, "maxLength": MAX_PREFIX_LEN, "pattern": "^[A-Za-z0-9_-]+$"},
    });
    /// `suspend_after_days`.
    SuspendAfterDays => json!({
        "type": "integer", "minimum": MIN_DAYS, "maximum": MAX_DAYS,
        "description": "After how many times 24 hours without a sign-in somebody's tokens stop until the next one",
    });
    /// `max_tokens_per_user`.
    TokensPerUser => json!({"type": "integer", "minimum": 1, "maximum": MAX_TOKENS_PER_USER});
    /// The plugin configuration.
    PluginConfiguration => json!({
        "type": "object", "required": ["version", "revision", "tokens"],
        "description": "The plugin configuration, version 1, as docs/plugin-configuration.md describes it",
        "properties": {
            "version": {"const": 1}, "epoch": {"type": "string"}, "revision": {"type": "string", "pattern": "^[0-9]{1,20}$"},
            "settings": {"type": "object"}, "scopes": {"type": "object"}, "report": {"type": "object"},
            "tokens": {"type": "array", "items": {
                "type": "object", "required": ["id", "sha256", "user"],
                "properties": {
                    "id": {"type": "string"}, "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"}, "user": {"type": "string"},
                    "expires_at": {"type": "integer"}, "scope": {"type": "string"},
                    "allowed_ips": {"type": "array", "items": {"type": "string"}},
                    "refuse": {"enum": ["token_disabled", "user_inactive", "use_not_allowed"]},
                },
            }},
        },
    });
}

fn source_document() -> Value {
    let named = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let or_null = |name: &str| json!({"anyOf": [named(name), {"type": "null"}]});
    let end = json!({
        "anyOf": [named("Time"), {"const": "never"}, {"type": "null"}],
        "description": "Within `max_validity` from when the digest was pushed first; without it the longest that is allowed, at \
                        most a year, and for a digest that is in force its end",
    });
    let entry = json!({
        "type": "object", "required": ["id", "sha256", "user"], "additionalProperties": false,
        "description": "`name` may stand for `id`",
        "properties": {
            "id": named("EntryId"), "sha256": named("Sha256"), "user": named("UserName"), "description": or_null("Text"),
            "expires_at": end, "scope": or_null("ScopeName"), "allowed_ips": named("TokenIps"),
            "disabled": {"type": "boolean", "default": false},
        },
    });
    json!({
        "type": "object", "required": ["entries"], "additionalProperties": false,
        "properties": {
            "version": {"const": 1}, "source": named("SourceName"),
            "entries": {"type": "array", "maxItems": source::MAX_ENTRIES, "items": entry},
        },
    })
}

fn group_names() -> Value {
    let name = json!({"type": "string", "minLength": 1, "maxLength": groups::MAX_NAME, "pattern": "^[^;\\s\\u0000-\\u001f\\u007f-\\u009f]([^;\\u0000-\\u001f\\u007f-\\u009f]*[^;\\s\\u0000-\\u001f\\u007f-\\u009f])?$"});
    json!({"type": "array", "maxItems": groups::MAX_GROUPS, "items": name, "examples": [["dev", "ops"]]})
}

fn user_file() -> Value {
    let named = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let or_null = json!({"anyOf": [named("Text"), {"type": "null"}]});
    let user = json!({
        "type": "object", "required": ["name"], "additionalProperties": false,
        "description": "What is missing stays as it is; who is new needs a role",
        "properties": {
            "name": named("UserName"), "role": named("Role"), "active": {"type": "boolean"},
            "display_name": or_null, "email": or_null, "groups": named("GroupNames"),
        },
    });
    let users = json!({"type": "array", "maxItems": crate::users::import::MAX_ROWS, "items": user});
    json!({"type": "object", "required": ["users"], "additionalProperties": false, "properties": {"users": users}})
}

fn presets(field: TimeField) -> Value {
    let names: Vec<_> = Preset::of(field).iter().map(|preset| preset.name()).collect();
    json!({"type": "string", "enum": names, "description": "`today` since midnight UTC, the others by spans of 24 hours"})
}

fn entry() -> Value {
    json!({
        "type": "string", "minLength": 2, "maxLength": MAX_ENTRY,
        "pattern": "^[0-9A-Fa-f:.]+(/[0-9]{1,3}|\\s*-\\s*[0-9A-Fa-f:.]+)?$",
    })
}

fn header_name() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": MAX_HEADER_NAME, "pattern": "^[a-z0-9!#$%&'*+.^_`|~-]+$"})
}

fn path() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": MAX_CONFIGURED_PATH, "pattern": "^/[!-~]*$", "description": "A canonical prefix that ends at a segment"})
}

fn scopes() -> Value {
    json!({
        "type": "object", "maxProperties": MAX_SCOPES, "propertyNames": {"minLength": 1, "maxLength": MAX_ID, "pattern": "^[a-z0-9_-]+$"},
        "additionalProperties": rules(),
        "description": "Named scopes. A scope admits a request when any of its rules does",
    })
}

fn rules() -> Value {
    let method =
        json!({"type": "string", "minLength": 1, "maxLength": MAX_METHOD, "pattern": "^[A-Z0-9_-]+$"});
    let methods = json!({"type": "array", "minItems": 1, "maxItems": MAX_METHODS, "items": method});
    let properties = json!({"methods": methods, "paths": {"$ref": "#/components/schemas/Paths"}});
    let rule = json!({
        "type": "object", "required": ["methods"], "additionalProperties": false, "properties": properties,
        "description": "Admits these methods; below these prefixes, or without `paths` everywhere",
    });
    json!({"type": "array", "minItems": 1, "maxItems": MAX_RULES, "items": rule})
}

impl PartialSchema for SettingsPatch {
    fn schema() -> RefOr<Schema> {
        placeholder()
    }
}

impl ToSchema for SettingsPatch {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        <Settings as ToSchema>::schemas(schemas);
    }
}

/// A JSON merge patch of the settings (RFC 7396): every member may be left out, and be `null` for its default.
fn patch_of_settings() -> Value {
    let mut all = serde_json::to_value(of::<Settings>()).unwrap_or_default();
    for property in all["properties"].as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
        let meaning = property.as_object_mut().and_then(|property| {
            property.remove("default");
            property.remove("description")
        });
        *property = json!({"anyOf": [property.clone(), {"type": "null"}]});
        if let Some(meaning) = meaning {
            property["description"] = meaning;
        }
    }
    let name = json!({"anyOf": [header_name(), {"type": "null"}]});
    let names = json!({"user": name, "token_id": name});
    all["properties"]["identity_headers"]["anyOf"][0] =
        json!({"type": "object", "additionalProperties": false, "properties": names});
    let mut scopes = scopes();
    scopes["additionalProperties"] = json!({"anyOf": [rules(), {"type": "null"}]});
    all["properties"]["scopes"]["anyOf"][0] = scopes;
    all["properties"][APPLY_BOUND] = json!({
        "type": "boolean", "default": false,
        "description": "No setting: whether tokens that there are get the bound, too",
    });
    all["description"] =
        "What is to change; what is not given stays, and `null` is the default, or takes a scope away".into();
    if let Some(all) = all.as_object_mut() {
        all.remove("required");
        all.insert("additionalProperties".to_owned(), false.into());
    }
    all
}
