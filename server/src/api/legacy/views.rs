//! What is shown of clients, sessions and subscriptions. The order of the fields is the order of
//! the keys.

use jiff::tz::TimeZone;
use serde::Serialize;
use surewire_engine::answer::{ClientView, SessionView, SubscriptionView};

use crate::api::time::{NEVER, shown};

#[derive(Serialize)]
pub(super) struct Client {
    client_id: String,
    username: String,
    remote_addr: String,
    clean_session: bool,
    keep_alive: u16,
    connected_at: String,
}

#[derive(Serialize)]
pub(super) struct Session {
    client_id: String,
    status: &'static str,
    remote_addr: String,
    clean_session: bool,
    subscriptions: u64,
    max_inflight: u16,
    inflight_len: u64,
    /// 0 is no limit by count, as in the configuration.
    max_msg_queue: u64,
    msg_queue_len: u64,
    msg_queue_dropped: u64,
    connected_at: String,
    offline_at: String,
}

#[derive(Serialize)]
pub(super) struct Subscription {
    client_id: String,
    qos: u8,
    name: String,
    at: String,
}

impl Client {
    pub(super) fn new(view: &ClientView, zone: &TimeZone) -> Self {
        Self {
            client_id: view.client.as_str().to_owned(),
            username: view.user_name.as_deref().unwrap_or_default().to_owned(),
            remote_addr: view.address.to_string(),
            clean_session: view.ends_with_connection,
            keep_alive: view.keep_alive,
            connected_at: shown(view.connected_at, zone),
        }
    }
}

impl Session {
    pub(super) fn new(view: &SessionView, zone: &TimeZone) -> Self {
        Self {
            client_id: view.client.as_str().to_owned(),
            status: if view.online { "online" } else { "offline" },
            remote_addr: view.address.to_string(),
            clean_session: view.ends_with_connection,
            subscriptions: view.subscriptions,
            max_inflight: view.inflight_limit,
            inflight_len: view.inflight,
            max_msg_queue: view.queue_limit.unwrap_or(0),
            msg_queue_len: view.queued,
            msg_queue_dropped: view.dropped,
            connected_at: shown(view.connected_at, zone),
            offline_at: view.left_at.map_or_else(|| NEVER.to_owned(), |at| shown(at, zone)),
        }
    }
}

impl Subscription {
    pub(super) fn new(view: &SubscriptionView, zone: &TimeZone) -> Self {
        Self {
            client_id: view.client.as_str().to_owned(),
            qos: view.options.qos as u8,
            name: view.filter.as_str().to_owned(),
            at: shown(view.at, zone),
        }
    }
}
