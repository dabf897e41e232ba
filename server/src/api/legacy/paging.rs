//! Lists in pages, as they are asked for and as they are shown.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::Serialize;
use surewire_engine::answer::Page;
use surewire_engine::request::Start;

use super::Refused;

const SIZE: u64 = 20;
const MOST: u64 = 10_000;

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paging {
    number: u64,
    size: u64,
}

/// A page as it is shown.
#[derive(Serialize)]
pub(super) struct Envelope<T> {
    list: Vec<T>,
    page: u64,
    page_size: u64,
    current_count: usize,
    total_count: u64,
    total_page: u64,
}

impl Paging {
    /// What is no integer from 1 is the default, and more than the most counts as the most.
    fn new(pairs: &[(String, String)]) -> Self {
        let given = |name| {
            let value = pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value);
            value.and_then(|value| value.parse::<i64>().ok())
        };
        let positive = |name| given(name).filter(|n| *n >= 1).map(i64::unsigned_abs);
        let size = positive("per-page").unwrap_or(SIZE).min(MOST);
        Self { number: positive("page").unwrap_or(1), size }
    }

    /// Asks for the page, in as many steps as the engine needs for it.
    pub(super) async fn fetch<T, F>(
        self,
        ask: impl Fn(Start, usize) -> F,
    ) -> Result<Page<T>, Refused>
    where
        F: Future<Output = Result<Page<T>, Refused>>,
    {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let mut page = ask(Start::Page { number: self.number, size: self.size }, size).await?;
        while let (Some(next), missing @ 1..) = (page.next, size.saturating_sub(page.items.len())) {
            let more = ask(Start::After(next), missing).await?;
            page.items.extend(more.items);
            page.next = more.next;
        }
        Ok(page)
    }

    pub(super) fn show<T, U>(self, page: Page<T>, show: impl Fn(T) -> U) -> Envelope<U> {
        let list: Vec<U> = page.items.into_iter().map(show).collect();
        Envelope {
            page: if page.total == 0 { self.number } else { page.number },
            page_size: self.size,
            current_count: list.len(),
            total_count: page.total,
            total_page: page.total.div_ceil(self.size),
            list,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        Ok(Self::new(&pairs.map(|Query(pairs)| pairs).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surewire_engine::request::Cursor;

    fn paging(query: &str) -> (u64, u64) {
        let uri = format!("/clients?{query}").parse().unwrap();
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&uri).unwrap();
        let Paging { number, size } = Paging::new(&pairs);
        (number, size)
    }

    // contract: section 3, page and per-page
    #[test]
    fn what_is_no_number_of_a_page_is_the_default() {
        for (query, expected) in [
            ("", (1, 20)),
            ("page=3&per-page=7", (3, 7)),
            ("per-page=7&page=3&other=1", (3, 7)),
            ("page=0&per-page=0", (1, 20)),
            ("page=-1&per-page=-5", (1, 20)),
            ("page=&per-page=", (1, 20)),
            ("page=x&per-page=1.5", (1, 20)),
            ("page=1e3&per-page=0x10", (1, 20)),
            ("page=99999999999999999999&per-page=99999999999999999999", (1, 20)),
            ("page=9223372036854775807&per-page=10000", (i64::MAX.unsigned_abs(), 10_000)),
            ("per-page=10001", (1, 10_000)),
            ("page=2&page=3", (2, 20)),
            ("page=%32&per_page=5&Per-Page=5", (2, 20)),
        ] {
            assert_eq!(paging(query), expected, "{query}");
        }
    }

    // contract: section 3, page and per-page
    #[tokio::test]
    async fn a_page_that_comes_in_pieces_is_one_page() {
        let page = Paging { number: 2, size: 7 };
        let ask = async |start, limit: usize| {
            let (first, limit) = match start {
                Start::Page { number: 2, size: 7 } => (7, limit),
                Start::After(Cursor(at)) => (at, limit),
                other @ Start::Page { .. } => panic!("{other:?}"),
            };
            let items: Vec<u64> = (first..).take(limit.min(3)).collect();
            let next = items.last().map(|last| Cursor(last + 1));
            Ok(Page { items, total: 100, number: 2, next })
        };
        let fetched = page.fetch(ask).await.ok().unwrap();
        assert_eq!(fetched.items, [7, 8, 9, 10, 11, 12, 13]);
        let shown = serde_json::to_string(&page.show(fetched, |item| item)).unwrap();
        let expected = r#"{"list":[7,8,9,10,11,12,13],"page":2,"page_size":7,"current_count":7,"total_count":100,"total_page":15}"#;
        assert_eq!(shown, expected);
    }

    // contract: section 3, an empty result
    #[test]
    fn an_empty_list_echoes_the_page_that_was_asked_for() {
        let empty = Page::<u8> { items: Vec::new(), total: 0, number: 1, next: None };
        let shown = Paging { number: 9, size: 20 }.show(empty, |item| item);
        let expected = r#"{"list":[],"page":9,"page_size":20,"current_count":0,"total_count":0,"total_page":0}"#;
        assert_eq!(serde_json::to_string(&shown).unwrap(), expected);
    }
}
