//! Every limit in force, by its name in `config.yaml`.

use std::time::Duration;

use serde::Serialize;
use surewire_engine::codec::Limits as Wire;
use surewire_engine::config::{Config, QueueFullPolicy, ReceiveMaximumPolicy};
use utoipa::ToSchema;

use crate::settings::Settings;

/// The limits in force, by the names of their keys in `config.yaml`, which explains each. Times are
/// in seconds, sizes in bytes, null is no limit.
#[derive(Serialize, ToSchema)]
pub(super) struct Limits {
    max_connections: usize,
    connect_timeout: f64,
    #[schema(required = true)]
    tcp_keepalive: Option<f64>,
    #[schema(required = true)]
    max_keepalive: Option<u16>,
    keepalive_multiplier: f64,
    #[schema(required = true)]
    session_expiry_interval: Option<f64>,
    #[schema(required = true)]
    max_session_expiry_interval: Option<u32>,
    max_subscriptions_per_client: usize,
    max_share_groups_per_client: usize,
    max_filters_per_subscribe: usize,
    max_inflight_messages: u16,
    #[schema(required = true)]
    max_msgqueue_messages: Option<usize>,
    max_queued_bytes: usize,
    queue_qos0_messages: bool,
    queue_full_policy: &'static str,
    /// 0 is never.
    delivery_retry_interval: f64,
    max_unsent_bytes: u64,
    /// How long a client may take nothing of a full output. No key: it is always this.
    stall_timeout: f64,
    max_packet_size: usize,
    receive_maximum: u16,
    /// `default` is `strict` for MQTT 5 and `backpressure` for 3.x.
    receive_maximum_policy: &'static str,
    topic_alias_maximum: u16,
    check_payload_format: bool,
    max_topic_levels: usize,
    max_topic_length: usize,
    max_client_id_length: usize,
    max_user_properties: usize,
    reject_control_chars: bool,
    #[serde(rename = "retained.max_messages")]
    retained_max_messages: usize,
    #[serde(rename = "retained.max_bytes")]
    retained_max_bytes: usize,
    workers: usize,
}

// Everything is taken apart without `..`: a limit that is added must find its place here.
impl From<&Settings> for Limits {
    fn from(settings: &Settings) -> Self {
        let Config {
            delivery_retry_interval,
            max_inflight_messages,
            queue_qos0_messages,
            max_msgqueue_messages,
            max_queued_bytes,
            queue_full_policy,
            max_connections,
            receive_maximum,
            receive_maximum_policy,
            max_packet_size: _, // The codec's own is shown.
            topic_alias_maximum,
            max_unsent_bytes,
            stall_timeout,
            max_topic_levels,
            max_topic_length,
            max_client_id_length,
            max_subscriptions_per_client,
            max_share_groups_per_client,
            max_filters_per_subscribe,
            max_retained_messages,
            max_retained_bytes,
            max_keepalive,
            keepalive_multiplier_milli,
            session_expiry_interval,
            max_session_expiry_interval,
            check_payload_format,
            authentication_methods: _, // No limits from here on.
            authentication_timeout: _,
            server_reference: _,
            response_information: _,
            budgets: _,
            planted: _,
        } = settings.engine;
        let Wire { max_packet_size, max_user_properties, reject_control_chars } = settings.limits;
        Self {
            max_connections,
            connect_timeout: settings.connect_timeout.as_secs_f64(),
            tcp_keepalive: settings.tcp_keepalive.as_ref().map(Duration::as_secs_f64),
            max_keepalive,
            keepalive_multiplier: f64::from(keepalive_multiplier_milli) / 1_000.0,
            session_expiry_interval: session_expiry_interval.as_ref().map(Duration::as_secs_f64),
            max_session_expiry_interval,
            max_subscriptions_per_client,
            max_share_groups_per_client,
            max_filters_per_subscribe,
            max_inflight_messages,
            max_msgqueue_messages,
            max_queued_bytes,
            queue_qos0_messages,
            queue_full_policy: full_queue(queue_full_policy),
            delivery_retry_interval: delivery_retry_interval.as_secs_f64(),
            max_unsent_bytes,
            stall_timeout: stall_timeout.as_secs_f64(),
            max_packet_size,
            receive_maximum,
            receive_maximum_policy: publishers(receive_maximum_policy),
            topic_alias_maximum,
            check_payload_format,
            max_topic_levels,
            max_topic_length,
            max_client_id_length,
            max_user_properties,
            reject_control_chars,
            retained_max_messages: max_retained_messages,
            retained_max_bytes: max_retained_bytes,
            workers: settings.workers,
        }
    }
}

fn full_queue(policy: QueueFullPolicy) -> &'static str {
    match policy {
        QueueFullPolicy::DropOldest => "drop_oldest",
        QueueFullPolicy::DropNewest => "drop_newest",
        QueueFullPolicy::Disconnect => "disconnect",
    }
}

fn publishers(policy: ReceiveMaximumPolicy) -> &'static str {
    match policy {
        ReceiveMaximumPolicy::ByVersion => "default",
        ReceiveMaximumPolicy::Strict => "strict",
        ReceiveMaximumPolicy::Backpressure => "backpressure",
    }
}
