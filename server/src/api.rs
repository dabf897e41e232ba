//! The management interface: HTTP around questions to the engine.
//!
//! [`router`] puts the routes together; `guard` and `origin` decide who may use them, `access`
//! watches over every request. `legacy` is the interface that tools already know (contract section
//! 3), and never changes; `v1` is everything there is, with its own description. `words` says the
//! engine's reasons to people.

mod access;
mod body;
mod credentials;
mod dashboard;
mod form;
mod guard;
mod health;
mod legacy;
mod metrics;
mod origin;
mod router;
pub(crate) mod time;
mod v1;
pub(crate) mod words;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::tz::TimeZone;
use surewire_engine::answer::Answer;
use surewire_engine::request::{Command, Query, Request};
use surewire_engine::time::Time;

use crate::config::Warning;
use crate::core::Poisoned;
use crate::settings::Settings;
use crate::shared::Shared;

use credentials::Credentials;
use metrics::Answered;

pub(crate) use router::router;

/// What every route is given.
#[derive(Clone)]
pub(crate) struct Api(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    listeners: Vec<BoundListener>,
    credentials: Credentials,
    started_at: Time,
    /// Of all requests so far.
    answered: Answered,
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
    /// `secret` is 32 bytes that nobody can guess.
    pub(crate) fn new(
        shared: Arc<Shared>,
        listeners: Vec<BoundListener>,
        secret: &[u8; 32],
    ) -> Self {
        let accounts = shared.settings.http.iter().flat_map(|http| &http.accounts);
        let credentials = Credentials::new(secret, accounts);
        let started_at = shared.core.now();
        let answered = Answered::default();
        Self(Arc::new(Inner { shared, listeners, credentials, started_at, answered }))
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

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.shared.settings
    }

    /// What the operator should know about the configuration.
    pub(crate) fn warnings(&self) -> &[Warning] {
        &self.settings().warnings
    }

    /// Where times are shown as they are on the clock there.
    pub(crate) fn zone(&self) -> &TimeZone {
        &self.settings().time_zone
    }

    pub(crate) fn now(&self) -> Time {
        self.0.shared.core.now()
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.0.shared.stopping.load(Ordering::Relaxed)
    }

    pub(crate) fn listeners(&self) -> &[BoundListener] {
        &self.0.listeners
    }

    pub(crate) fn started_at(&self) -> Time {
        self.0.started_at
    }

    fn credentials(&self) -> &Credentials {
        &self.0.credentials
    }
}
