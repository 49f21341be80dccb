//! What a form or a query says: names and values, each name perhaps several times.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Serialize;
use url::form_urlencoded;

use crate::api::Api;
use crate::error::Error;
use crate::http::problem::Problem;

/// Names and values, in the order in which they came.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `application/x-www-form-urlencoded`. Nothing that is kept or looked for holds a NUL.
    pub(super) fn read(encoded: &[u8]) -> Result<Self, Problem> {
        let fields: Vec<_> = form_urlencoded::parse(encoded).into_owned().collect();
        match fields.iter().find(|(name, value)| name.contains('\0') || value.contains('\0')) {
            Some((name, _)) => {
                let name = name.replace('\0', "");
                Err(Error::invalid(name, "must not hold a NUL character").into())
            }
            None => Ok(Self(fields)),
        }
    }

    /// The value of `name`, without the blanks around it; empty where there is none. Of several it is the first.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The value of `name` as it is.
    pub(crate) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(given, _)| given == name).map_or("", |(_, value)| value)
    }

    /// The value of `name`, unless it is empty.
    pub(crate) fn given(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// All values of `name`, in order, as they are.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// All values of `name` that are not empty, without the blanks around them.
    pub(crate) fn chosen(&self, name: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(given, _)| given == name).map(|(_, value)| value.trim());
        values.filter(|value| !value.is_empty()).map(str::to_owned).collect()
    }

    /// Whether a box of this name is ticked.
    pub(crate) fn ticked(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }
}

/// The query.
impl FromRequestParts<Api> for Fields {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        Self::read(parts.uri.query().unwrap_or_default().as_bytes())
    }
}

/// A query that says this.
pub(crate) fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_come_several_times_and_empty_values_say_nothing() {
        let fields = Fields::read(b"user=fred&user=+&user=ann&description=+a%20b+&box=on").unwrap();
        assert_eq!(fields.text("user"), "fred");
        assert_eq!(fields.all("user").collect::<Vec<_>>(), ["fred", " ", "ann"]);
        assert_eq!(fields.chosen("user"), ["fred", "ann"]);
        assert_eq!((fields.text("description"), fields.raw("description")), ("a b", " a b "));
        assert_eq!((fields.given("user"), fields.given("none")), (Some("fred".to_owned()), None));
        assert!(fields.ticked("box") && !fields.ticked("none"));
        assert!(Fields::read(b"a=b%00c").is_err() && Fields::read(b"a%00=b").is_err());
    }
}
