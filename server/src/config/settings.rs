//! Every key: its type, default, limits and reason, in one table.
//!
//! To add a key, add a field here and its line to `config.yaml`; the reader, the JSON schema, the
//! environment variables and `surewire check` follow.

use std::collections::BTreeMap;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;

use super::cross;
use super::key::{
    Key, Kind, Preset, clamped_integer, decimal, duration, integer, integer_or_zero, seconds_or,
    seconds_or_zero, size,
};
use super::reader::{Field, Given, Reader, Section, join};
use super::section::section;
use super::values::{
    ByteSize, Durability, ListenAddress, LogFormat, LogLevel, MemoryLimit, Multiplier, Protocol,
    QueueFullPolicy, ReceiveMaximumPolicy, Secret, TimeSpan,
};
use Preset::{NotGiven, Required, Text};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
/// Beyond every machine, and far enough from the end of 64 bits to be added up.
const MOST_BYTES: u64 = 1 << 60;
const MOST: u64 = u32::MAX as u64;
const HOUR_MS: u64 = 3_600_000;

section! {
    /// The whole configuration, with defaults in place of what is not given.
    Config checked by cross::config {
        /// Seconds after which an unacknowledged QoS 1 or 2 message is sent again to a connected
        /// MQTT 3.1 or 3.1.1 client; `None` (0 in the file) is never. Never done for MQTT 5.
        delivery_retry_interval: Option<NonZeroU32> =
            Text("20"), integer_or_zero(MOST, "seconds", "never");
        /// Window of QoS 1 and 2 messages sent to a session and not yet fully acknowledged. An
        /// MQTT 5 client may narrow it by its Receive Maximum. 0 in the file is 65535.
        max_inflight_messages: NonZeroU16 =
            Text("20"), clamped_integer(65_535, "messages", "65535");
        /// Whether an offline persistent session keeps messages whose effective QoS is 0.
        queue_qos0_messages: bool = Text("true"), Kind::Bool;
        /// Messages that wait behind a session's window; `None` (0 in the file) is no limit by
        /// count, `max_queued_bytes` still holds.
        max_msgqueue_messages: Option<NonZeroU32> =
            Text("20"), integer_or_zero(MOST, "messages", "no limit by count");
        /// Files that the program's own profiles go to.
        profile: Profile = NotGiven, Kind::Section(Profile::KEYS);
        /// Whether every packet in and out is logged in words. Never a password, never a payload.
        logging: bool = Text("false"), Kind::Bool;
        /// How often the topics below `$SYS`, which tell how the broker does, are brought up to
        /// date; `None` (`off` or 0 in the file) is never.
        sys_interval: Option<TimeSpan> = Text("10s"), seconds_or_zero("off", 1, 86_400);
        /// How the program's log looks.
        log: Log = NotGiven, Kind::Section(Log::KEYS);
        /// The REST interface and the dashboard.
        http_server: HttpServer = NotGiven, Kind::Section(HttpServer::KEYS);
        /// Where clients connect; at least one.
        listener: Vec<Listener> =
            Text("[{protocol: mqtt, addr: ':1883'}]"), Kind::List(Listener::KEYS);
        /// Whether clients may connect without being authenticated. A listener may say otherwise.
        allow_anonymous: bool = Text("true"), Kind::Bool;
        /// What an acknowledged message survives: a power cut, the end of the process, or nothing.
        durability: Durability = Text("power"), Kind::Choice(Durability::WORDS);
        /// Where sessions, their messages and retained messages are kept. Relative to the working
        /// directory; made if it is not there.
        data_dir: PathBuf = Text("data"), Kind::Path;
        /// Threads that serve connections; `None` (0 in the file) is one per core.
        workers: Option<NonZeroU32> = Text("0"), integer_or_zero(1024, "threads", "one per core");
        /// The most memory the broker takes. At 80 % of it no new session is made, at 90 % queued
        /// QoS 0 messages go and unfinished packets of more than 64 KiB are not read on, at 95 %
        /// publishers are not read.
        memory_limit: MemoryLimit = Text("75%"), Kind::Memory { min: ByteSize::new(16 * MIB) };
        /// Connections at a time. Lowered to what the limit of open files allows, less 128.
        max_connections: u32 = Text("1000000"), integer(1, MOST, "connections");
        /// From accept to the end of CONNECT, TLS and WebSocket hand-shakes included.
        connect_timeout: TimeSpan = Text("10s"), duration(100, HOUR_MS);
        /// Idle time after which the system asks whether a connection's other end is still there;
        /// `None` (`off` in the file) is never.
        tcp_keepalive: Option<TimeSpan> = Text("60s"), seconds_or("off", 1, 32_767);
        /// The longest keep alive a client may have. MQTT 5 clients are told the cap, and those of
        /// 3.1 and 3.1.1 are held to it. `None` (`none` in the file) is no cap.
        max_keepalive: Option<TimeSpan> = Text("none"), seconds_or("none", 1, 65_535);
        /// A client is taken for gone after its keep alive times this without a packet.
        keepalive_multiplier: Multiplier = Text("1.5"), decimal(1_000, 10_000);
        /// How long the session of a disconnected 3.1 or 3.1.1 client with clean session 0 is
        /// kept; `None` (`never` in the file) does not expire.
        session_expiry_interval: Option<TimeSpan> = Text("never"), seconds_or("never", 1, MOST - 1);
        /// The longest Session Expiry Interval an MQTT 5 client gets; 0 ends every session with
        /// its connection, `None` (`none` in the file) is no cap.
        max_session_expiry_interval: Option<TimeSpan> = Text("none"), seconds_or("none", 0, MOST - 1);
        /// The largest packet, both ways. Before CONNECT is accepted it is 64 KiB at most.
        max_packet_size: ByteSize = Text("2MiB"), size(128, 268_435_460);
        /// QoS 1 and 2 messages of one publisher that the broker has not answered yet with PUBACK
        /// or PUBREC.
        receive_maximum: u16 = Text("256"), integer(1, 65_535, "messages");
        /// What happens to a publisher that exceeds `receive_maximum`. Where it is disconnected, a
        /// QoS 2 message counts until its PUBREL, as MQTT 5 has it.
        receive_maximum_policy: ReceiveMaximumPolicy =
            Text("default"), Kind::Choice(ReceiveMaximumPolicy::WORDS);
        /// Topic aliases per connection and direction. 0 turns them off.
        topic_alias_maximum: u16 = Text("64"), integer(0, 65_535, "aliases");
        /// Whether an MQTT 5 message that says its payload is UTF-8 is refused if it is not.
        check_payload_format: bool = Text("false"), Kind::Bool;
        /// Where MQTT 5 clients are sent when the broker stops, such as `other.example:1883`.
        server_reference: Option<String> = NotGiven, Kind::Text(1_000);
        /// What an MQTT 5 client that asks for Response Information is told, followed by its client
        /// identifier: by custom the beginning of the topics that it is to be answered on.
        response_information: Option<String> = NotGiven, Kind::Text(1_000);
        /// Levels of a topic name or filter.
        max_topic_levels: u16 = Text("128"), integer(1, 65_535, "levels");
        /// Bytes of a topic name or filter.
        max_topic_length: u16 = Text("65535"), integer(1, 65_535, "bytes");
        /// Bytes of a client identifier. The standard asks for 23 at least.
        max_client_id_length: u16 = Text("65535"), integer(23, 65_535, "bytes");
        /// User properties in one packet.
        max_user_properties: u32 = Text("1000"), integer(0, MOST, "properties");
        /// Whether U+0001..U+001F and U+007F..U+009F in names are refused. U+0000 always is.
        reject_control_chars: bool = Text("false"), Kind::Bool;
        /// Subscriptions of one session.
        max_subscriptions_per_client: u32 = Text("100000"), integer(1, MOST, "subscriptions");
        /// Share groups that one session may be in: it is brought a message for all of them as often.
        max_share_groups_per_client: u32 = Text("1000"), integer(1, MOST, "share groups");
        /// Topic filters in one SUBSCRIBE or UNSUBSCRIBE.
        max_filters_per_subscribe: u32 = Text("10000"), integer(1, MOST, "filters");
        /// Bytes that wait in one session, besides `max_msgqueue_messages`.
        max_queued_bytes: ByteSize = Text("64MiB"), size(KIB, MOST_BYTES);
        /// What gives way when a session's backlog is full.
        queue_full_policy: QueueFullPolicy =
            Text("drop_oldest"), Kind::Choice(QueueFullPolicy::WORDS);
        /// Bytes written for a connection that its other end has not taken; at least one packet
        /// fits. Beyond it QoS 0 is dropped and QoS 1 and 2 wait.
        max_unsent_bytes: ByteSize = Text("1MiB"), size(KIB, MOST_BYTES);
        /// The store of retained messages.
        retained: Retained = NotGiven, Kind::Section(Retained::KEYS);
    }
}

section! {
    /// Files that the program's own profiles go to, in the format that `go tool pprof` reads.
    Profile checked by cross::profile {
        /// CPU profile over the life of the process. Relative to the working directory.
        cpu: Option<PathBuf> = NotGiven, Kind::Path;
        /// Heap profile written at stop. Relative to the working directory.
        mem: Option<PathBuf> = NotGiven, Kind::Path;
    }
}

section! {
    /// How the program's log looks.
    Log checked by cross::nothing {
        /// The least severe lines that are shown.
        level: LogLevel = Text("info"), Kind::Choice(LogLevel::WORDS);
        /// For people or for machines.
        format: LogFormat = Text("text"), Kind::Choice(LogFormat::WORDS);
    }
}

section! {
    /// The REST interface and the dashboard.
    HttpServer checked by cross::http_server {
        /// Where it listens; `None` turns it off. Needs at least one `user`.
        addr: Option<ListenAddress> = NotGiven, Kind::Address;
        /// User names and passwords of HTTP Basic authentication.
        user: BTreeMap<String, Secret> = NotGiven, Kind::Accounts;
        /// Whether `/metrics` is there for everybody who reaches the address, account or not.
        metrics_open: bool = Text("false"), Kind::Bool;
    }
}

section! {
    /// One place where clients connect.
    Listener checked by cross::listener {
        /// What is spoken there.
        protocol: Protocol = Required, Kind::Choice(Protocol::WORDS);
        /// Where it listens.
        addr: ListenAddress = Required, Kind::Address;
        /// Certificate chain, PEM. Together with `keyfile` it turns TLS on.
        certfile: Option<PathBuf> = NotGiven, Kind::Path;
        /// Private key of the certificate, PEM.
        keyfile: Option<PathBuf> = NotGiven, Kind::Path;
        /// Overrides the global `allow_anonymous` for this listener.
        allow_anonymous: Option<bool> = NotGiven, Kind::Bool;
        /// Whether connections begin with a PROXY protocol header. Only `false` is supported.
        proxy_protocol: bool = Text("false"), Kind::Bool;
    }
}

section! {
    /// Limits of the store of retained messages. Beyond them a retained message is refused.
    Retained checked by cross::nothing {
        /// Messages.
        max_messages: u32 = Text("10000000"), integer(0, MOST, "messages");
        /// Bytes of all together.
        max_bytes: ByteSize = Text("4GiB"), size(0, MOST_BYTES);
    }
}

impl Listener {
    /// Certificate chain and private key, if this listener speaks TLS.
    #[must_use]
    pub fn tls(&self) -> Option<(&PathBuf, &PathBuf)> {
        self.certfile.as_ref().zip(self.keyfile.as_ref())
    }
}

impl Config {
    /// Whether clients may connect to `listener` without being authenticated.
    #[must_use]
    pub fn allows_anonymous(&self, listener: &Listener) -> bool {
        listener.allow_anonymous.unwrap_or(self.allow_anonymous)
    }
}
