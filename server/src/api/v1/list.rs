//! Lists in pieces: the engine gives some in each step, a request collects as many as were asked
//! for.

use std::time::Duration;

use serde::Serialize;
use surewire_engine::answer::{Answer, Page};
use surewire_engine::request::{Query, Start};
use tokio::time::Instant;
use utoipa::ToSchema;

use super::cursor::{self, Kind};
use super::problem::Problem;
use crate::api::Api;

/// How long a request looks for items. What it has by then is given, with where to go on: a search
/// that finds little in a large table must not keep the engine busy for one request.
pub(super) const LOOKS: Duration = Duration::from_secs(1);

/// A piece of a list.
#[derive(Serialize, ToSchema)]
pub(super) struct List<T> {
    /// What was found.
    pub(super) items: Vec<T>,
    /// Give it as `cursor` to go on; null at the end. With a filter there may be more although
    /// fewer than `limit` were given, even none.
    #[schema(required = true)]
    pub(super) next: Option<String>,
}

/// Collects up to `limit` items. `question` makes the query for a start and a number of items,
/// `page` takes the page out of its answer.
pub(super) async fn collect<T>(
    api: &Api,
    kind: Kind,
    mut start: Start,
    limit: usize,
    question: impl Fn(Start, usize) -> Query,
    page: impl Fn(Answer) -> Option<Page<T>>,
) -> Result<List<T>, Problem> {
    let began = Instant::now();
    let mut items = Vec::new();
    loop {
        let answer = api.query(question(start, limit - items.len())).await?;
        let mut page = page(answer).ok_or_else(Problem::mismatch)?;
        items.append(&mut page.items);
        let Some(next) = page.next else { return Ok(List { items, next: None }) };
        if items.len() >= limit || began.elapsed() > LOOKS {
            return Ok(List { items, next: Some(cursor::shown(kind, next)) });
        }
        start = Start::After(next);
        // Others get their turn between two steps.
        tokio::task::yield_now().await;
    }
}

impl<T> List<T> {
    pub(super) fn map<U>(self, convert: impl FnMut(T) -> U) -> List<U> {
        List { items: self.items.into_iter().map(convert).collect(), next: self.next }
    }
}
