//! From the configuration to what this machine can do of it.

use std::num::NonZeroU32;
use std::time::Duration;

use jiff::tz::TimeZone;
use surewire_engine::codec::Limits;
use surewire_engine::config::{
    Budgets, Config as EngineConfig, QueueFullPolicy as EnginePolicy,
    ReceiveMaximumPolicy as EngineReceiveMaximumPolicy,
};
use surewire_engine::planted::Planted;

use super::{AT_ONCE, Carrier, DISK_SHARE, HttpSettings, ListenerSettings, Settings, TlsFiles};
use crate::config::{
    ByteSize, Config, HttpServer, Listener, MemoryLimit, Protocol, QueueFullPolicy,
    ReceiveMaximumPolicy, TimeSpan,
};

/// File descriptors that are not for connections: listeners, log, runtimes, and a reserve.
const RESERVED_FILES: u64 = 128;

/// An output that nothing is taken from for so long is closed.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// What the machine allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Threads that run at a time.
    pub cores: usize,
    /// File descriptors that the process may have; `None` is no limit.
    pub files: Option<u64>,
    /// Bytes of memory that the process may have; `None` is not known.
    pub memory: Option<u64>,
}

impl Settings {
    /// The configuration with what it leaves to the machine filled in. Times are in UTC.
    #[must_use]
    pub fn resolve(config: &Config, machine: Machine) -> Self {
        Self {
            engine: engine(config, machine),
            listeners: config.listener.iter().map(|one| listener(config, one)).collect(),
            workers: config.workers.map_or(machine.cores.max(1), count),
            connect_timeout: config.connect_timeout.get(),
            tcp_keepalive: config.tcp_keepalive.map(TimeSpan::get),
            limits: Limits {
                max_packet_size: bytes(config.max_packet_size),
                max_user_properties: widened(config.max_user_properties),
                reject_control_chars: config.reject_control_chars,
            },
            log_packets: config.logging,
            sys_interval: config.sys_interval.map(TimeSpan::get),
            http: http(&config.http_server),
            time_zone: TimeZone::UTC,
            durability: config.durability,
            data_dir: config.data_dir.clone(),
            memory_limit: memory_limit(config, machine),
            warnings: Vec::new(),
            at_once: AT_ONCE,
            disk_share: DISK_SHARE,
            planted: Default::default(),
        }
    }
}

fn http(server: &HttpServer) -> Option<HttpSettings> {
    let address = server.addr.clone()?;
    let (accounts, metrics_open) = (server.user.clone(), server.metrics_open);
    Some(HttpSettings { address, accounts, metrics_open })
}

fn engine(config: &Config, machine: Machine) -> EngineConfig {
    EngineConfig {
        delivery_retry_interval: Duration::from_secs(
            config.delivery_retry_interval.map_or(0, |seconds| seconds.get().into()),
        ),
        max_inflight_messages: config.max_inflight_messages.get(),
        queue_qos0_messages: config.queue_qos0_messages,
        max_msgqueue_messages: config.max_msgqueue_messages.map(count),
        max_queued_bytes: bytes(config.max_queued_bytes),
        queue_full_policy: policy(config.queue_full_policy),
        max_connections: max_connections(config, machine),
        receive_maximum: config.receive_maximum,
        receive_maximum_policy: publishers(config.receive_maximum_policy),
        max_packet_size: u32::try_from(config.max_packet_size.get()).unwrap_or(u32::MAX),
        topic_alias_maximum: config.topic_alias_maximum,
        max_unsent_bytes: config.max_unsent_bytes.get(),
        stall_timeout: STALL_TIMEOUT,
        max_topic_levels: config.max_topic_levels.into(),
        max_topic_length: config.max_topic_length.into(),
        max_client_id_length: config.max_client_id_length.into(),
        max_subscriptions_per_client: widened(config.max_subscriptions_per_client),
        max_share_groups_per_client: widened(config.max_share_groups_per_client),
        max_filters_per_subscribe: widened(config.max_filters_per_subscribe),
        max_retained_messages: widened(config.retained.max_messages),
        max_retained_bytes: bytes(config.retained.max_bytes),
        max_keepalive: config.max_keepalive.map(whole_seconds),
        keepalive_multiplier_milli: config.keepalive_multiplier.thousandths(),
        session_expiry_interval: session_expiry(config),
        max_session_expiry_interval: config
            .max_session_expiry_interval
            .map(|most| u32::try_from(most.as_secs()).unwrap_or(u32::MAX)),
        check_payload_format: config.check_payload_format,
        // None is built in yet.
        authentication_methods: Vec::new(),
        authentication_timeout: config.connect_timeout.get(),
        server_reference: config.server_reference.clone(),
        response_information: config.response_information.clone(),
        budgets: Budgets::default(),
        planted: Planted::NONE,
    }
}

/// 3.x clients ask for no time of their own: theirs is the configured one, within the maximum.
fn session_expiry(config: &Config) -> Option<Duration> {
    let asked = config.session_expiry_interval.map(TimeSpan::get);
    let most = config.max_session_expiry_interval.map(TimeSpan::get);
    match (asked, most) {
        (Some(asked), Some(most)) => Some(asked.min(most)),
        (asked, most) => asked.or(most),
    }
}

fn listener(config: &Config, listener: &Listener) -> ListenerSettings {
    ListenerSettings {
        protocol: match listener.protocol {
            Protocol::Mqtt => Carrier::Stream,
            Protocol::Websocket => Carrier::WebSocket,
        },
        address: listener.addr.clone(),
        tls: listener.tls().map(|(certificate, key)| TlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
        }),
        allow_anonymous: config.allows_anonymous(listener),
    }
}

fn max_connections(config: &Config, machine: Machine) -> usize {
    let possible = machine.files.map(|files| files.saturating_sub(RESERVED_FILES).max(1));
    let possible =
        possible.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    widened(config.max_connections).min(possible)
}

/// A size counts whatever the machine has; a share only where that is known.
fn memory_limit(config: &Config, machine: Machine) -> Option<u64> {
    match (config.memory_limit, machine.memory) {
        (MemoryLimit::Percent(_), None) => None,
        (limit, available) => Some(limit.bytes_of(available.unwrap_or_default())),
    }
}

fn policy(policy: QueueFullPolicy) -> EnginePolicy {
    match policy {
        QueueFullPolicy::DropOldest => EnginePolicy::DropOldest,
        QueueFullPolicy::DropNewest => EnginePolicy::DropNewest,
        QueueFullPolicy::Disconnect => EnginePolicy::Disconnect,
    }
}

fn publishers(policy: ReceiveMaximumPolicy) -> EngineReceiveMaximumPolicy {
    match policy {
        ReceiveMaximumPolicy::Default => EngineReceiveMaximumPolicy::ByVersion,
        ReceiveMaximumPolicy::Strict => EngineReceiveMaximumPolicy::Strict,
        ReceiveMaximumPolicy::Backpressure => EngineReceiveMaximumPolicy::Backpressure,
    }
}

fn whole_seconds(span: TimeSpan) -> u16 {
    u16::try_from(span.as_secs()).unwrap_or(u16::MAX)
}

fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.get()).unwrap_or(usize::MAX)
}

fn count(number: NonZeroU32) -> usize {
    widened(number.get())
}

fn widened(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: Machine = Machine { cores: 3, files: Some(1_024), memory: Some(1_000) };

    // contract: section 8
    #[test]
    fn the_defaults_are_the_engines_own_but_for_the_file_limit() {
        let settings = Settings::resolve(&Config::default(), MACHINE);
        let expected = EngineConfig { max_connections: 1_024 - 128, ..EngineConfig::default() };
        assert_eq!(settings.engine, expected);
        assert_eq!(settings.workers, 3);
        assert_eq!(settings.memory_limit, Some(750));
        assert_eq!(settings.connect_timeout, Duration::from_secs(10));
        assert_eq!(settings.limits.max_packet_size, 2 << 20);
    }

    // contract: section 8
    #[test]
    fn a_session_of_a_3_x_client_expires_at_the_earlier_of_both_times() {
        for (text, seconds) in [
            ("", None),
            ("session_expiry_interval: 1h", Some(3_600)),
            ("max_session_expiry_interval: 10s", Some(10)),
            ("session_expiry_interval: 1h\nmax_session_expiry_interval: 10s", Some(10)),
            ("session_expiry_interval: 5s\nmax_session_expiry_interval: 10s", Some(5)),
        ] {
            let no_variables: [(&str, &str); 0] = [];
            let loaded = Config::parse(text.as_bytes(), no_variables).unwrap();
            let expiry = Settings::resolve(&loaded.config, MACHINE).engine.session_expiry_interval;
            assert_eq!(expiry, seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn without_a_file_limit_the_configured_number_holds() {
        let settings =
            Settings::resolve(&Config::default(), Machine { cores: 1, files: None, memory: None });
        assert_eq!(settings.engine.max_connections, 1_000_000);
    }
}
