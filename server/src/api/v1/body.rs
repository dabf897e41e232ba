//! Bodies of JSON, both ways.

use std::fmt;
use std::marker::PhantomData;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::error::Category;

use super::problem::{Problem, shown};

/// An answer. It tells of this moment, so nobody keeps it.
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let head = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
        match serde_json::to_vec(&self.0) {
            Ok(body) => (head, body).into_response(),
            Err(_) => Problem::mismatch().into_response(),
        }
    }
}

/// What a request brings.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        check_media_type(request.headers())?;
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|refused| Problem::new(refused.status(), too_long(refused.status())))?;
        parsed(&bytes).map(Self)
    }
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or("something else"));
    let kind = given.map(|given| given.split(';').next().unwrap_or_default().trim());
    if kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    let found = given.map_or_else(|| "missing".to_owned(), |given| format!("`{}`", shown(given)));
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        format!("The header Content-Type is {found}; `application/json` is expected."),
    ))
}

fn too_long(status: StatusCode) -> &'static str {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        "The body of the request is larger than what is taken here."
    } else {
        "The body of the request did not come completely."
    }
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let Object(value) = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        refused(&path, error.inner())
    })?;
    reader.end().map_err(|error| refused(".", &error))?;
    Ok(value)
}

fn refused(path: &str, error: &serde_json::Error) -> Problem {
    // What is wrong with the text itself comes with its line and column.
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => {
            Problem::bad_request(format!("The body is no JSON: {error}."))
        }
        Category::Data if path == "." => Problem::unprocessable(format!("The body: {error}.")),
        Category::Data => {
            Problem::unprocessable(format!("The body, at `{}`: {error}.", shown(path)))
        }
    }
}

/// What is an object in JSON and nothing else: derived code also takes a list of a struct's fields
/// for the struct.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields(PhantomData)).map(Self)
    }
}

struct Fields<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(fields))
    }
}

impl<T: Serialize> Serialize for Object<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Pair {
        names: Vec<String>,
        count: u8,
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let detail = |text: &str| {
            parsed::<Pair>(text.as_bytes()).map_err(|problem| {
                let body = serde_json::to_value(format!("{problem:?}")).unwrap();
                body.as_str().unwrap().to_owned()
            })
        };
        assert_eq!(
            detail(r#"{"names":["a"],"count":1}"#),
            Ok(Pair { names: vec!["a".to_owned()], count: 1 })
        );
        for (text, expected) in [
            ("", "The body is no JSON: EOF while parsing a value at line 1 column 0."),
            ("{\n,}", "The body is no JSON: key must be a string at line 2 column 1."),
            (r#"{"names":[],"count":1} x"#, "The body is no JSON: trailing characters"),
            (r#"{"names":["a",2],"count":1}"#, "The body, at `names[1]`: invalid type"),
            (r#"{"names":[],"count":256}"#, "The body, at `count`: invalid value"),
            (r#"{"names":[]}"#, "The body: missing field `count` at line 1 column 12."),
            (r#"[["a"],1]"#, "The body: invalid type: sequence, expected an object"),
            (r#"{"nams":[]}"#, "unknown field `nams`, expected `names` or `count`"),
        ] {
            let problem = detail(text).unwrap_err();
            assert!(problem.contains(expected), "{text}: {problem}");
        }
    }
}
