//! The management interface: HTTP around questions to the engine.

mod time;
mod v1;
mod words;

use std::net::SocketAddr;
use std::sync::Arc;

use surewire_engine::answer::Answer;
use surewire_engine::request::{Command, Query, Request};
use surewire_engine::time::Time;

use crate::core::Poisoned;
use crate::shared::Shared;

/// What every route is given.
#[derive(Clone)]
pub(crate) struct Api(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    listeners: Vec<BoundListener>,
    started_at: Time,
}

/// A listener as it really is.
#[derive(Clone, Debug)]
pub(crate) struct BoundListener {
    /// `mqtt`, `mqtts`, `ws`, `wss` or `http`.
    pub(crate) scheme: &'static str,
    /// Where it listens; the real port.
    pub(crate) address: SocketAddr,
    /// Whether clients come in that nobody has authenticated; `None` for HTTP.
    pub(crate) anonymous: Option<bool>,
}

impl Api {
    pub(crate) fn new(shared: Arc<Shared>, listeners: Vec<BoundListener>) -> Self {
        let started_at = shared.core.now();
        Self(Arc::new(Inner { shared, listeners, started_at }))
    }

    /// Asks the engine a question.
    pub(crate) async fn query(&self, query: Query) -> Result<Answer, Poisoned> {
        self.0.shared.core.ask(Request::Query(query)).await
    }

    /// Gives the engine an order; the answer comes when what it did is durable.
    pub(crate) async fn command(&self, command: Command) -> Result<Answer, Poisoned> {
        self.0.shared.core.ask(Request::Command(command)).await
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    pub(crate) fn settings(&self) -> &crate::settings::Settings {
        &self.0.shared.settings
    }
    pub(crate) fn warnings(&self) -> &[crate::config::Warning] {
        &[]
    }
    pub(crate) fn zone(&self) -> &jiff::tz::TimeZone {
        static UTC: jiff::tz::TimeZone = jiff::tz::TimeZone::UTC;
        &UTC
    }
    pub(crate) fn now(&self) -> Time {
        self.0.shared.core.now()
    }
    pub(crate) fn is_stopping(&self) -> bool {
        false
    }
    pub(crate) fn listeners(&self) -> &[BoundListener] {
        &self.0.listeners
    }

    pub(crate) fn started_at(&self) -> Time {
        self.0.started_at
    }
}
