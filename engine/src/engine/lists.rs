//! What there is, as lists and views. Each list gives what one step may cost and a cursor to go on.

use std::net::SocketAddr;

use crate::answer::{ClientView, Page, RetainedPage, SessionView, SubscriptionView};
use crate::arrivals::{Arrival, Arrivals};
use crate::engine::Engine;
use crate::id::ClientId;
use crate::message::Content;
use crate::request::{Cursor, Start, SubscriptionsOf};
use crate::retained::{self, Found};
use crate::session::{Lifetime, Presence, Session};
use crate::time::Time;
use crate::topic::{TopicFilter, TopicName};

/// Items looked at in one step: some 0.2 ms.
const LOOKS: usize = 500;

impl Engine {
    pub(super) fn list_clients(
        &self,
        start: Start,
        limit: usize,
        containing: Option<&str>,
    ) -> Page<ClientView> {
        let wanted = Wanted::new(containing);
        page(&self.clients, start, limit, |slot| {
            let view = self.client_view(self.sessions.get(slot)?)?;
            let name = view.user_name.as_deref();
            wanted.matches(view.client.as_str(), name, view.address).then_some(view)
        })
    }

    pub(super) fn view_of_client(&self, client: &ClientId) -> Option<ClientView> {
        self.client_view(self.session_by_client(client)?)
    }

    pub(super) fn list_sessions(
        &self,
        start: Start,
        limit: usize,
        containing: Option<&str>,
        online: Option<bool>,
    ) -> Page<SessionView> {
        let wanted = Wanted::new(containing);
        page(&self.arrived, start, limit, |slot| {
            let session = self.sessions.get(slot)?;
            let is_online = session.connection().is_some();
            let due = online.is_none_or(|online| online == is_online)
                && wanted.matches(session.client.as_str(), None, session.address);
            due.then(|| self.session_view(session))
        })
    }

    pub(super) fn view_of_session(&self, client: &ClientId) -> Option<SessionView> {
        self.session_by_client(client).map(|session| self.session_view(session))
    }

    pub(super) fn list_subscriptions(
        &self,
        of: SubscriptionsOf,
        start: Start,
        limit: usize,
    ) -> Page<SubscriptionView> {
        let view = |slot| self.subscription_view(slot);
        match of {
            SubscriptionsOf::Everyone => page(self.subscriptions.arrivals(), start, limit, view),
            SubscriptionsOf::Client(client) => match self.session_by_client(&client) {
                Some(session) => page(&session.subscriptions, start, limit, view),
                None => page(&Arrivals::default(), start, limit, view),
            },
            SubscriptionsOf::Filter(filter) => {
                let list = self.subscriptions.list_for_filter(&filter);
                page_of_lists(list.as_slice(), start, limit, view)
            }
            SubscriptionsOf::Topic(topic) => {
                let lists = self.subscriptions.lists_for_topic(topic.as_str());
                page_of_lists(&lists, start, limit, view)
            }
        }
    }

    pub(super) fn list_retained(
        &self,
        filter: TopicFilter,
        after: Option<TopicName>,
        limit: usize,
    ) -> RetainedPage {
        let mut cursor = retained::Cursor::behind(filter, after);
        let mut budget = LOOKS;
        let mut items = Vec::new();
        while items.len() < limit {
            match self.retained.next(&mut cursor, &mut budget) {
                Found::Message(message) => items.push(Content::clone(&message)),
                Found::NotYet => break,
                Found::End => return RetainedPage { items, next: None },
            }
        }
        RetainedPage { items, next: cursor.after().cloned() }
    }

    fn client_view(&self, session: &Session) -> Option<ClientView> {
        let connection = self.connections.get(session.connection()?)?;
        Some(ClientView {
            client: session.client.clone(),
            user_name: connection.user_name.clone(),
            address: session.address,
            version: connection.version,
            ends_with_connection: session.ends_with_connection(),
            keep_alive: connection.keep_alive,
            connected_at: session.connected_at,
            heard_at: connection.heard,
            unsent: connection.unsent,
            reading: !connection.paused,
        })
    }

    fn session_view(&self, session: &Session) -> SessionView {
        let outbox = session.outbox.as_deref();
        let queue = outbox.map(|outbox| &outbox.queue);
        let expiry = match session.lifetime {
            Lifetime::Connection => Some(0),
            Lifetime::Beyond(expiry) => expiry,
        };
        SessionView {
            client: session.client.clone(),
            online: session.connection().is_some(),
            address: session.address,
            ends_with_connection: session.ends_with_connection(),
            expiry,
            subscriptions: session.subscriptions.len() as u64,
            inflight: outbox.map_or(0, |outbox| outbox.inflight.len()) as u64,
            inflight_limit: session.window,
            queued: queue.map_or(0, |queue| queue.len()) as u64,
            queued_bytes: queue.map_or(0, |queue| queue.bytes()) as u64,
            queue_limit: self.config.max_msgqueue_messages.map(|most| most as u64),
            dropped: session.dropped,
            unreleased: session.received.len() as u64,
            has_will: session.will.is_some(),
            replaying: session.replays.is_some(),
            connected_at: session.connected_at,
            left_at: Some(session.left_at).filter(|left| *left != Time::ZERO),
        }
    }

    /// `None` for one of a session that has ended and is being taken apart.
    fn subscription_view(&self, slot: u32) -> Option<SubscriptionView> {
        let subscription = self.subscriptions.get(slot)?;
        let session = self.sessions.get(subscription.session)?;
        let live = session.presence != Presence::Ended;
        live.then_some(SubscriptionView {
            client: session.client.clone(),
            filter: self.subscriptions.filter(slot)?,
            options: subscription.options,
            identifier: subscription.identifier(),
            at: subscription.at,
        })
    }
}

/// A piece of a list by arrival; the cursor is the time of the last item looked at.
fn page<T>(
    list: &Arrivals,
    start: Start,
    limit: usize,
    view: impl Fn(u32) -> Option<T>,
) -> Page<T> {
    let total = list.len();
    let (number, skipped) = resolve(start, total);
    let rest: Box<dyn Iterator<Item = Arrival>> = match start {
        Start::Page { .. } => Box::new(list.skip(skipped)),
        Start::After(Cursor(nanos)) => Box::new(list.after(Time::from_nanos(nanos))),
    };
    let rest = rest.map(|arrival| (Cursor(arrival.at.as_nanos()), arrival.slot));
    collect(rest, total, number, limit, view)
}

/// A piece of lists in no order; the cursor is the number of items passed.
fn page_of_lists<T>(
    lists: &[&[u32]],
    start: Start,
    limit: usize,
    view: impl Fn(u32) -> Option<T>,
) -> Page<T> {
    let total = lists.iter().map(|list| list.len()).sum();
    let (number, skipped) = resolve(start, total);
    let mut to_skip = skipped;
    let rest = lists.iter().flat_map(move |list| {
        let passed = to_skip.min(list.len());
        to_skip -= passed;
        list.get(passed..).unwrap_or_default().iter().copied()
    });
    let passed = skipped as u64;
    let rest = rest.enumerate().map(|(n, slot)| (Cursor(passed + n as u64 + 1), slot));
    collect(rest, total, number, limit, view)
}

/// The number of the page that is given, and how many items are before it.
fn resolve(start: Start, total: usize) -> (u64, usize) {
    match start {
        Start::Page { number, .. } if total == 0 => (number, 0),
        Start::Page { number, size } => {
            let last = (total as u64).div_ceil(size.max(1));
            let number = number.clamp(1, last.max(1));
            let skipped = (number - 1).saturating_mul(size);
            (number, usize::try_from(skipped).unwrap_or(usize::MAX))
        }
        // A cursor comes from outside: it may be beyond every list.
        Start::After(Cursor(passed)) => {
            (0, usize::try_from(passed).map_or(total, |n| n.min(total)))
        }
    }
}

fn collect<T>(
    rest: impl Iterator<Item = (Cursor, u32)>,
    total: usize,
    number: u64,
    limit: usize,
    view: impl Fn(u32) -> Option<T>,
) -> Page<T> {
    let mut page = Page { items: Vec::new(), total: total as u64, number, next: None };
    let mut last = None;
    for (looks, (cursor, slot)) in rest.enumerate() {
        if page.items.len() >= limit || looks == LOOKS {
            page.next = last;
            break;
        }
        last = Some(cursor);
        page.items.extend(view(slot));
    }
    page
}

/// Bytes of a name that are looked at: a step must not cost what 500 names of 64 KiB do.
const LOOKED_AT: usize = 256;

fn beginning(text: &str) -> &str {
    let mut end = LOOKED_AT.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// What a listed client must contain.
struct Wanted(Option<String>);

impl Wanted {
    fn new(text: Option<&str>) -> Self {
        Self(text.filter(|text| !text.is_empty()).map(str::to_lowercase))
    }

    fn matches(&self, client: &str, user_name: Option<&str>, address: SocketAddr) -> bool {
        let Some(wanted) = &self.0 else { return true };
        let contains = |text: &str| beginning(text).to_lowercase().contains(wanted.as_str());
        contains(client) || user_name.is_some_and(contains) || contains(&address.to_string())
    }
}
