//! The parameters of a query: each known by its name, at most once, with words for a wrong value.

use std::borrow::Cow;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use percent_encoding::percent_decode;

use super::problem::{Problem, shown};

/// What a route understands of its query.
pub(super) trait FromQuery: Sized {
    /// Takes what is there by name.
    fn read(fields: &mut Fields) -> Result<Self, Problem>;
}

/// A value in a query.
pub(super) trait Parameter: Sized {
    /// The value, or what is expected instead.
    fn parse(text: &str) -> Result<Self, Cow<'static, str>>;
}

/// The extractor: a wrong value, an unknown name or a name given twice refuses the request.
pub(super) struct Query<T>(pub(super) T);

impl<S: Sync, T: FromQuery> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut fields = Fields::parse(parts.uri.query().unwrap_or_default())?;
        let query = T::read(&mut fields)?;
        fields.end()?;
        Ok(Self(query))
    }
}

/// Names with values, until somebody takes them.
pub(super) struct Fields {
    given: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl Fields {
    fn parse(query: &str) -> Result<Self, Problem> {
        let mut given: Vec<(String, String)> = Vec::new();
        for field in query.split('&').filter(|field| !field.is_empty()) {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            if given.iter().any(|(other, _)| *other == name) {
                let name = shown(&name);
                return Err(Problem::bad_request(format!("The parameter `{name}` stands twice.")));
            }
            given.push((name, value));
        }
        Ok(Self { given, known: Vec::new() })
    }

    /// The value of this name, if it is there.
    pub(super) fn optional<T: Parameter>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, Problem> {
        self.known.push(name);
        let Some(place) = self.given.iter().position(|(given, _)| given == name) else {
            return Ok(None);
        };
        let (_, value) = self.given.swap_remove(place);
        T::parse(&value).map(Some).map_err(|expected| {
            let value = shown(&value);
            Problem::bad_request(format!(
                "The parameter `{name}` is `{value}`; {expected} is expected."
            ))
        })
    }

    /// The value of this name, which must be there.
    pub(super) fn required<T: Parameter>(&mut self, name: &'static str) -> Result<T, Problem> {
        self.optional(name)?.ok_or_else(|| {
            Problem::bad_request(format!("The parameter `{name}` is missing, and it is needed."))
        })
    }

    fn end(self) -> Result<(), Problem> {
        let Some((name, _)) = self.given.first() else { return Ok(()) };
        let known: Vec<String> = self.known.iter().map(|name| format!("`{name}`")).collect();
        let known = match known.as_slice() {
            [] => "it takes none".to_owned(),
            names => format!("it takes {}", names.join(", ")),
        };
        Err(Problem::bad_request(format!(
            "`{}` is no parameter of this request; {known}.",
            shown(name)
        )))
    }
}

fn decoded(text: &str) -> Result<String, Problem> {
    let spaced = text.replace('+', " ");
    match percent_decode(spaced.as_bytes()).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(Problem::bad_request(format!(
            "`{}` in the query is no UTF-8 once its percent signs are decoded.",
            shown(text)
        ))),
    }
}

/// A route that takes no parameters.
impl FromQuery for () {
    fn read(_: &mut Fields) -> Result<Self, Problem> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pair(Option<String>, u16);

    impl FromQuery for Pair {
        fn read(fields: &mut Fields) -> Result<Self, Problem> {
            Ok(Self(fields.optional("name")?, fields.required("count")?))
        }
    }

    impl Parameter for u16 {
        fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
            text.parse().map_err(|_| Cow::Borrowed("a small number"))
        }
    }

    fn read(query: &str) -> Result<(Option<String>, u16), Problem> {
        let mut fields = Fields::parse(query)?;
        let Pair(name, count) = Pair::read(&mut fields)?;
        fields.end()?;
        Ok((name, count))
    }

    #[test]
    fn values_are_decoded() {
        let name = |text: &str| Some(text.to_owned());
        assert_eq!(read("count=7"), Ok((None, 7)));
        assert_eq!(read("name=a%2Fb+c%2B&count=7"), Ok((name("a/b c+"), 7)));
        assert_eq!(read("&name=&&count=7&"), Ok((name(""), 7)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, detail) in [
            ("", "The parameter `count` is missing, and it is needed."),
            ("count=x", "The parameter `count` is `x`; a small number is expected."),
            ("count", "The parameter `count` is ``; a small number is expected."),
            ("count=1&count=1", "The parameter `count` stands twice."),
            (
                "count=1&a%0Ab=2",
                "`a\\nb` is no parameter of this request; it takes `name`, `count`.",
            ),
            ("count=%FF", "`%FF` in the query is no UTF-8 once its percent signs are decoded."),
        ] {
            assert_eq!(read(query), Err(Problem::bad_request(detail)), "{query}");
        }
    }
}
