//! What is asked.

use std::net::IpAddr;

use gatepass::address;
use gatepass::names::{check_token_id, check_user_name};
use gatepass::token::{self, Prefix};
use serde::Deserialize;
use utoipa::ToSchema;

use super::gate::Asked;
use crate::domain::settings::Settings;
use crate::domain::time::{self, InvalidTime};
use crate::error::Error;
use crate::schema;

/// Longest method, in bytes; as long as one in a scope may be.
pub const MAX_METHOD: usize = gatepass::policy::MAX_METHOD;
/// Longest path with its query, in bytes.
pub const MAX_PATH: usize = 4096;
/// Longest address as it is written, in bytes.
const MAX_ADDRESS: usize = 64;

/// What is asked: about one token, or about a user and all that the user might send. Never with a secret.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"user": "fred", "address": "10.0.0.5", "method": "GET", "path": "/rest/api/2/myself"})))]
pub struct Question {
    /// The token's public id, never the token. Without it, `user` is asked about.
    #[serde(default)]
    #[schema(value_type = Option<schema::TokenId>)]
    pub token: Option<String>,
    /// Whose tokens; without it and `token` one's own.
    #[serde(default)]
    #[schema(value_type = Option<schema::UserName>)]
    pub user: Option<String>,
    /// The user name that the client sends with the token by Basic; without it, the token comes by Bearer.
    #[serde(default)]
    #[schema(value_type = Option<schema::UserName>)]
    pub basic_user: Option<String>,
    /// Where the request comes from, as the proxy sees it: `source` in the access log.
    #[schema(value_type = schema::Ip)]
    pub address: String,
    /// The request's method; `GET` without it.
    #[serde(default)]
    #[schema(value_type = Option<schema::RequestMethod>)]
    pub method: Option<String>,
    /// The request's path, perhaps with a query; without scheme and host.
    #[schema(value_type = schema::RequestPath)]
    pub path: String,
    /// When; now without it.
    #[serde(default)]
    #[schema(value_type = Option<schema::Time>)]
    pub at: Option<String>,
}

impl Question {
    /// The request that it is about; `now` is Unix time in seconds.
    ///
    /// # Errors
    /// The first field that is wrong. No value is repeated: it may be a secret that got into the wrong place.
    pub(super) fn asked(&self, settings: &Settings, now: i64) -> Result<Asked, Error> {
        self.refuse_secrets(&settings.prefixes())?;
        if self.token.is_some() && self.user.is_some() {
            return Err(Error::invalid("user", "is not given together with token"));
        }
        if let Some(id) = &self.token {
            check_token_id(id).map_err(|problem| Error::invalid("token", problem))?;
        }
        for (field, name) in [("user", &self.user), ("basic_user", &self.basic_user)] {
            if let Some(name) = name {
                check_user_name(name).map_err(|problem| Error::invalid(field, problem))?;
            }
        }
        Ok(Asked { address: self.address()?, method: self.method()?, path: self.path()?, at: self.at(now)? })
    }

    fn refuse_secrets(&self, prefixes: &[Prefix]) -> Result<(), Error> {
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        let texts = [
            ("token", optional(&self.token)),
            ("user", optional(&self.user)),
            ("basic_user", optional(&self.basic_user)),
            ("address", self.address.clone()),
            ("method", optional(&self.method)),
            ("path", self.path.clone()),
        ];
        let holding = texts.iter().find(|(_, text)| token::occurs_in(text.as_bytes(), prefixes));
        let problem =
            "must not hold a token: ask with the token's id, and revoke a token that was shown around";
        holding.map_or(Ok(()), |(field, _)| Err(Error::invalid(*field, problem)))
    }

    fn address(&self) -> Result<IpAddr, Error> {
        let plain = self.address.len() <= MAX_ADDRESS;
        let address = address::parse_source(self.address.trim().as_bytes()).filter(|_| plain);
        address.ok_or_else(|| Error::invalid("address", "must be an IPv4 or IPv6 address, such as 10.0.0.5"))
    }

    fn method(&self) -> Result<String, Error> {
        let method = self.method.as_deref().unwrap_or("GET");
        let known = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if (1..=MAX_METHOD).contains(&method.len()) && method.bytes().all(known) {
            return Ok(method.to_owned());
        }
        let problem = format!("must be a method of 1 to {MAX_METHOD} letters, such as GET");
        Err(Error::invalid("method", problem))
    }

    fn path(&self) -> Result<String, Error> {
        let plain = !self.path.chars().any(char::is_control);
        if self.path.starts_with('/') && self.path.len() <= MAX_PATH && plain {
            return Ok(self.path.clone());
        }
        let problem = format!(
            "must begin with '/', without scheme and host, and have at most {MAX_PATH} bytes and no control character"
        );
        Err(Error::invalid("path", problem))
    }

    fn at(&self, now: i64) -> Result<i64, Error> {
        let Some(text) = &self.at else { return Ok(now) };
        let problem = |error| match error {
            InvalidTime::Malformed => "must be a time of RFC 3339, such as 2027-01-31T00:00:00Z",
            InvalidTime::TooFar => "must be before the last day of the year 9999",
        };
        let at = time::parse(text).map_err(|error| Error::invalid("at", problem(error)))?;
        if at < 0 {
            return Err(Error::invalid("at", "must not be before 1970"));
        }
        Ok(at)
    }
}
