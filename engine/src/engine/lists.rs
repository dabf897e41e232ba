//! Lists and views of clients, sessions, subscriptions and retained messages.
use crate::answer::{ClientView, Page, RetainedPage, SessionView, SubscriptionView};
use crate::engine::Engine;
use crate::id::ClientId;
use crate::request::{Start, SubscriptionsOf};
use crate::topic::{TopicFilter, TopicName};

impl Engine {
    pub(super) fn list_clients(&self, _: Start, _: usize, _: Option<&str>) -> Page<ClientView> {
        Page { items: vec![], total: 0, number: 1, next: None }
    }
    pub(super) fn view_of_client(&self, _: &ClientId) -> Option<ClientView> {
        None
    }
    pub(super) fn list_sessions(
        &self,
        _: Start,
        _: usize,
        _: Option<&str>,
        _: Option<bool>,
    ) -> Page<SessionView> {
        Page { items: vec![], total: 0, number: 1, next: None }
    }
    pub(super) fn view_of_session(&self, _: &ClientId) -> Option<SessionView> {
        None
    }
    pub(super) fn list_subscriptions(
        &self,
        _: SubscriptionsOf,
        _: Start,
        _: usize,
    ) -> Page<SubscriptionView> {
        Page { items: vec![], total: 0, number: 1, next: None }
    }
    pub(super) fn list_retained(
        &self,
        _: TopicFilter,
        _: Option<TopicName>,
        _: usize,
    ) -> RetainedPage {
        RetainedPage { items: vec![], next: None }
    }
}
