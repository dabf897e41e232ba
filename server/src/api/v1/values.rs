//! The values that queries and paths are made of.

use std::borrow::Cow;

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use bytestring::ByteString;
use surewire_engine::id::ClientId;
use surewire_engine::packet::QoS;
use surewire_engine::topic::{TopicFilter, TopicName};
use utoipa::IntoParams;

use super::problem::Problem;
use super::query::Parameter;

/// Items of a list that are given at once.
#[derive(Clone, Copy)]
pub(super) struct Limit(pub(super) usize);

impl Default for Limit {
    fn default() -> Self {
        Self(100)
    }
}

impl Parameter for Limit {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        whole(text, 1..=1_000).map(Self).ok_or(Cow::Borrowed("a whole number from 1 to 1000"))
    }
}

impl Parameter for QoS {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        let bits = whole(text, 0..=2).and_then(|bits| u8::try_from(bits).ok());
        bits.and_then(Self::from_bits).ok_or(Cow::Borrowed("0, 1 or 2"))
    }
}

/// A number in digits and nothing else: no sign, no space.
pub(super) fn whole(text: &str, range: std::ops::RangeInclusive<usize>) -> Option<usize> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok())??;
    range.contains(&number).then_some(number)
}

impl Parameter for String {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        Ok(text.to_owned())
    }
}

impl Parameter for ClientId {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        Self::new(text).ok_or(Cow::Borrowed("a client id, which is not empty,"))
    }
}

impl Parameter for TopicName {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        Self::new(ByteString::from(text)).ok_or(Cow::Borrowed(NO_TOPIC))
    }
}

/// What a topic must be.
pub(super) const NO_TOPIC: &str =
    "a topic of 1 to 65,535 bytes without the wildcards + and # and without U+0000";

impl Parameter for TopicFilter {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        Self::parse(ByteString::from(text))
            .map_err(|error| Cow::Owned(format!("it {error}, and a topic filter")))
    }
}

/// The client of a path, as it is described.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "`ClientPath` reads it")]
pub(super) struct ClientParam {
    /// Its client id, percent-encoded.
    #[param(min_length = 1, example = "sensor-7")]
    client_id: String,
}

/// The client of a path. Only a text that is one reaches a handler.
pub(super) struct ClientPath(pub(super) ClientId);

impl<S: Send + Sync> FromRequestParts<S> for ClientPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| ill_formed(&rejection))?;
        let client = ClientId::new(&text).ok_or_else(|| Problem::bad_request(EMPTY))?;
        Ok(Self(client))
    }
}

const EMPTY: &str = "The client id in the path is empty; there is no client without one.";

fn ill_formed(rejection: &PathRejection) -> Problem {
    Problem::bad_request(format!("The client id in the path cannot be read: {rejection}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_in_their_range() {
        for (text, number) in [
            ("1", Some(1)),
            ("1000", Some(1_000)),
            ("007", Some(7)),
            ("0", None),
            ("1001", None),
            ("+1", None),
            (" 1", None),
            ("1.0", None),
            ("", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(whole(text, 1..=1_000), number, "{text:?}");
        }
    }
}
