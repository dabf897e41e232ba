//! What the engine is told about how to behave. The shell reads the file; these are the values.

use std::time::Duration;

use crate::packet::Version;
use crate::planted::Planted;

/// The engine's configuration. Defaults are those of the shipped `config.yaml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How old an unacknowledged QoS 1 or 2 message to a connected MQTT 3.x client gets before it
    /// is sent again; zero is never. 5.0 forbids it (section 4.4).
    pub delivery_retry_interval: Duration,
    /// Window of QoS 1 and 2 messages sent and not fully acknowledged: 1 to 65,535 a session.
    pub max_inflight_messages: u16,
    /// Whether QoS 0 messages wait for an offline session.
    pub queue_qos0_messages: bool,
    /// Messages of the backlog behind the window; `None` is unlimited by count.
    pub max_msgqueue_messages: Option<usize>,
    /// Bytes of the backlog behind the window.
    pub max_queued_bytes: usize,
    /// What happens when the backlog is full.
    pub queue_full_policy: QueueFullPolicy,
    /// Connections at once.
    pub max_connections: usize,
    /// QoS 1 and 2 messages of a client that we have not answered yet with PUBACK or PUBREC; 5.0
    /// clients are told.
    pub receive_maximum: u16,
    /// What happens to a client that exceeds it.
    pub receive_maximum_policy: ReceiveMaximumPolicy,
    /// Bytes of a whole packet that 5.0 clients are told they may send. That it holds is the
    /// shell's to see to, by the limits that it decodes with.
    pub max_packet_size: u32,
    /// Topic Aliases of a connection, each way; 0 is none (5.0).
    pub topic_alias_maximum: u16,
    /// Bytes of output that a connection may leave unwritten, at least one packet.
    pub max_unsent_bytes: u64,
    /// A connection over `max_unsent_bytes` of which nothing is written for this long is closed.
    pub stall_timeout: Duration,
    /// Levels of a Topic Name or Filter.
    pub max_topic_levels: usize,
    /// Bytes of a Topic Name or Filter.
    pub max_topic_length: usize,
    /// Bytes of a Client Identifier.
    pub max_client_id_length: usize,
    /// Subscriptions of one session.
    pub max_subscriptions_per_client: usize,
    /// Share groups that one session may be in: a message for all of them is brought to it as often.
    pub max_share_groups_per_client: usize,
    /// Filters in one SUBSCRIBE.
    pub max_filters_per_subscribe: usize,
    /// Retained messages in all.
    pub max_retained_messages: usize,
    /// Bytes of retained messages in all.
    pub max_retained_bytes: usize,
    /// Longest Keep Alive in seconds; longer ones, and 0, are cut to it. `None` is no cap.
    pub max_keepalive: Option<u16>,
    /// A client is gone after this many thousandths of its Keep Alive; the standard's 1.5 is 1,500.
    pub keepalive_multiplier_milli: u32,
    /// After how long a persistent session of a 3.x client ends; `None` is never.
    pub session_expiry_interval: Option<Duration>,
    /// The longest Session Expiry Interval that a 5.0 client gets, in seconds; `None` is no cap.
    pub max_session_expiry_interval: Option<u32>,
    /// Whether a payload that is said to be UTF-8 is refused if it is not (5.0).
    pub check_payload_format: bool,
    /// Methods of enhanced authentication that there is somebody to ask for (5.0).
    pub authentication_methods: Vec<String>,
    /// How long such an exchange may take before the client is accepted.
    pub authentication_timeout: Duration,
    /// Where 5.0 clients are sent when the broker stops, by Server Reference.
    pub server_reference: Option<String>,
    /// What a 5.0 client that asks for Response Information is told, with its Client Identifier
    /// behind it.
    pub response_information: Option<String>,
    /// How much bulk work is done in one step.
    pub budgets: Budgets,
    /// What is wrong on purpose: nothing outside of simulations.
    pub planted: Planted,
}

/// How much of each kind of bulk work is done in one step, at least 1 each; the rest follows in
/// steps of its own. What comes of it in the end does not depend on them. The defaults are chosen so
/// that a step stays short, and only simulations have a reason to use others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// Timers that go off.
    pub timers: usize,
    /// Connections that a stop closes.
    pub stopped: usize,
    /// Sessions that are seen to after a restart.
    pub restored: usize,
    /// Subscriptions of ended sessions that are taken apart.
    pub subscriptions: usize,
    /// Messages that expire.
    pub expired: usize,
    /// Messages of a backlog that are dropped because they cannot be sent.
    pub unsendable: usize,
    /// Retained messages that are looked at for new subscriptions. Those that are sent count twice.
    pub replayed: usize,
    /// Of these, how many are found at once.
    pub replayed_at_once: usize,
    /// Retained messages that are looked at to be removed by an order.
    pub cleared: usize,
    /// Members of a share group that are asked how busy they are.
    pub members: usize,
    /// Messages that are looked at to be handed on when a member of a share group leaves.
    pub handed_on: usize,
    /// Backlogs that are looked at, and connections that are read on, because of memory.
    pub shed: usize,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            timers: 256,
            stopped: 256,
            restored: 64,
            // Some 0.1 ms.
            subscriptions: 512,
            expired: 256,
            unsendable: 256,
            replayed: 400,
            replayed_at_once: 32,
            cleared: 256,
            members: 16,
            handed_on: 1_000,
            shed: 512,
        }
    }
}

/// What happens when one more message comes and the backlog is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum QueueFullPolicy {
    /// The oldest QoS 0 message goes; else a new QoS 0 message; else the oldest.
    #[default]
    DropOldest,
    /// The new message goes.
    DropNewest,
    /// The new message goes and the client is disconnected.
    Disconnect,
}

/// What happens to a client that has more unanswered QoS 1 and 2 messages than `receive_maximum`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ReceiveMaximumPolicy {
    /// 5.0 clients, which were told, are disconnected; of others nothing more is read.
    #[default]
    ByVersion,
    /// It is disconnected.
    Strict,
    /// Nothing more is read from it until it is answered.
    Backpressure,
}

impl ReceiveMaximumPolicy {
    /// Whether a client of this version is disconnected.
    #[must_use]
    pub fn is_strict(self, version: Version) -> bool {
        match self {
            Self::ByVersion => version == Version::V5,
            Self::Strict => true,
            Self::Backpressure => false,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            delivery_retry_interval: Duration::from_secs(20),
            max_inflight_messages: 20,
            queue_qos0_messages: true,
            max_msgqueue_messages: Some(20),
            max_queued_bytes: 64 << 20,
            queue_full_policy: QueueFullPolicy::DropOldest,
            max_connections: 1_000_000,
            receive_maximum: 256,
            receive_maximum_policy: ReceiveMaximumPolicy::ByVersion,
            max_packet_size: 2 << 20,
            topic_alias_maximum: 64,
            max_unsent_bytes: 1 << 20,
            stall_timeout: Duration::from_secs(60),
            max_topic_levels: 128,
            max_topic_length: 65_535,
            max_client_id_length: 65_535,
            max_subscriptions_per_client: 100_000,
            max_share_groups_per_client: 1_000,
            max_filters_per_subscribe: 10_000,
            max_retained_messages: 10_000_000,
            max_retained_bytes: 4 << 30,
            max_keepalive: None,
            keepalive_multiplier_milli: 1_500,
            session_expiry_interval: None,
            max_session_expiry_interval: None,
            check_payload_format: false,
            authentication_methods: Vec::new(),
            authentication_timeout: Duration::from_secs(10),
            server_reference: None,
            response_information: None,
            budgets: Budgets::default(),
            planted: Planted::NONE,
        }
    }
}
