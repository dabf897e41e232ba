//! Subscriptions that wait for the first connection of clients nobody has seen yet.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::id::ClientId;
use crate::packet::SubscribeOptions;
use crate::topic::TopicFilter;

/// Clients that subscriptions may wait for (contract section 3.1).
pub(crate) const CLIENTS: usize = 10_000;

/// Subscriptions that may wait for one of them: it takes them in one step.
pub(crate) const FILTERS: usize = 1_000;

/// Filters by client. Nothing is routed to them.
#[derive(Debug, Default)]
pub(crate) struct Waiting(BTreeMap<ClientId, BTreeMap<TopicFilter, SubscribeOptions>>);

impl Waiting {
    /// Clients that are waited for.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Subscriptions that wait for the client.
    pub(crate) fn of(&self, client: &ClientId) -> usize {
        self.0.get(client).map_or(0, BTreeMap::len)
    }

    /// All of them.
    pub(crate) fn all(&self) -> &BTreeMap<ClientId, BTreeMap<TopicFilter, SubscribeOptions>> {
        &self.0
    }

    /// The first subscription behind `after`.
    pub(crate) fn first_after(
        &self,
        after: Option<&(ClientId, TopicFilter)>,
    ) -> Option<(&ClientId, &TopicFilter, SubscribeOptions)> {
        let Some((client, filter)) = after else { return self.first_behind(Bound::Unbounded) };
        let behind = (Bound::Excluded(filter), Bound::Unbounded);
        let own = self.0.get_key_value(client);
        let next = own.and_then(|(client, filters)| Some((client, filters.range(behind).next()?)));
        next.map(|(client, (filter, options))| (client, filter, *options))
            .or_else(|| self.first_behind(Bound::Excluded(client)))
    }

    fn first_behind(
        &self,
        client: Bound<&ClientId>,
    ) -> Option<(&ClientId, &TopicFilter, SubscribeOptions)> {
        let mut clients = self.0.range::<ClientId, _>((client, Bound::Unbounded));
        clients.find_map(|(client, filters)| {
            let (filter, options) = filters.first_key_value()?;
            Some((client, filter, *options))
        })
    }

    /// Whom subscriptions wait for.
    pub(crate) fn clients(&self) -> impl Iterator<Item = &ClientId> {
        self.0.keys()
    }

    pub(crate) fn contains(&self, client: &ClientId, filter: &TopicFilter) -> bool {
        self.0.get(client).is_some_and(|filters| filters.contains_key(filter))
    }

    pub(crate) fn add(&mut self, client: ClientId, filter: TopicFilter, options: SubscribeOptions) {
        self.0.entry(client).or_default().insert(filter, options);
    }

    /// Whether there was such a subscription.
    pub(crate) fn remove(&mut self, client: &ClientId, filter: &TopicFilter) -> bool {
        let Some(filters) = self.0.get_mut(client) else { return false };
        let removed = filters.remove(filter).is_some();
        if filters.is_empty() {
            self.0.remove(client);
        }
        removed
    }

    /// The client is there: it takes what waited for it.
    pub(crate) fn take(&mut self, client: &ClientId) -> BTreeMap<TopicFilter, SubscribeOptions> {
        self.0.remove(client).unwrap_or_default()
    }
}
