//! The flags that `pub` and `sub` share: where to connect, and as whom.

use bytes::Bytes;
use bytestring::ByteString;
use clap::ArgAction;
use surewire_engine::client::Options;
use surewire_engine::packet::{Password, Properties, QoS, Version, Will};
use surewire_engine::topic::TopicName;
use surewire_load::cli::TransportArgs;

use super::failure::Failure;
use super::transport::Target;

/// A Will's payload is Binary Data with a length of two bytes (3.1.1 section 3.1.3.3).
const MAX_WILL_PAYLOAD: usize = 65_535;

/// Where to connect, and as whom.
#[derive(Clone, Debug, clap::Args)]
pub struct ConnectArgs {
    /// Host name or address of the broker
    #[arg(short = 'h', long, default_value = "localhost", help_heading = "Connection")]
    pub host: String,

    /// Port of the broker [default: 1883; with TLS 8883; with --ws 8080; with both 8443]
    #[arg(short, long, help_heading = "Connection")]
    pub port: Option<u16>,

    /// Client identifier [default: a random one]
    #[arg(short, long, value_name = "ID", help_heading = "Connection")]
    pub id: Option<String>,

    /// Keep the session at the broker after leaving: subscriptions and unfinished messages (needs
    /// --id)
    #[arg(short = 'c', long, requires = "id", help_heading = "Connection")]
    pub disable_clean_session: bool,

    /// Seconds of silence after which the connection is tested; 0 is never
    #[arg(short, long, value_name = "SECONDS", default_value_t = 60, help_heading = "Connection")]
    pub keepalive: u16,

    /// User name
    #[arg(short, long, value_name = "NAME", help_heading = "Connection")]
    pub username: Option<String>,

    /// Password (needs --username)
    #[arg(short = 'P', long = "pw", value_name = "PASSWORD", requires = "username")]
    #[arg(help_heading = "Connection")]
    pub password: Option<String>,

    /// Protocol version: mqttv31, mqttv311 or mqttv5
    #[arg(short = 'V', long, value_name = "VERSION", value_parser = version)]
    #[arg(default_value = "mqttv311", help_heading = "Connection")]
    pub protocol_version: Version,

    /// Messages of QoS 1 and 2 that may be under way at a time
    #[arg(short = 'M', long, value_name = "COUNT", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..), help_heading = "Connection")]
    pub max_inflight: u16,

    /// What carries the packets.
    #[command(flatten)]
    pub transport: TransportArgs,

    /// Topic of a will: a message the broker publishes if this client is lost
    #[arg(long, value_name = "TOPIC", value_parser = topic, help_heading = "Will")]
    pub will_topic: Option<TopicName>,

    /// Payload of the will [default: empty]
    #[arg(long, value_name = "TEXT", requires = "will_topic", help_heading = "Will")]
    pub will_payload: Option<String>,

    /// QoS of the will: 0, 1 or 2
    #[arg(long, value_name = "QOS", requires = "will_topic", value_parser = qos)]
    #[arg(default_value = "0", help_heading = "Will")]
    pub will_qos: QoS,

    /// Retain the will
    #[arg(long, requires = "will_topic", help_heading = "Will")]
    pub will_retain: bool,

    /// Print every packet to stderr
    #[arg(short, long)]
    pub debug: bool,

    /// Print this help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}

impl ConnectArgs {
    /// Where the transport goes.
    pub(super) fn target(&self) -> Target {
        let port = self.port.unwrap_or_else(|| self.transport.default_port());
        let (host, trust) = (self.host.clone(), self.transport.trust());
        Target { host, port, trust, websocket: self.transport.ws }
    }

    /// What the client is made with. `role` goes into a random Client Identifier.
    ///
    /// # Errors
    /// A will that is too large, or a system without randomness.
    pub(super) fn options(&self, role: &str) -> Result<Options, Failure> {
        let seed = getrandom::u64().map_err(|_| Failure::NoRandomness)?;
        let client_id = match &self.id {
            Some(id) => ByteString::from(id.as_str()),
            None => ByteString::from(format!("sw-{role}-{:08x}", seed >> 32)),
        };
        Ok(Options {
            version: self.protocol_version,
            clean_start: !self.disable_clean_session,
            keep_alive: self.keepalive,
            user_name: self.username.as_deref().map(ByteString::from),
            password: self.password.clone().map(|password| Password(Bytes::from(password))),
            will: self.will()?.map(Box::new),
            max_inflight: self.max_inflight,
            seed,
            ..Options::new(client_id)
        })
    }

    fn will(&self) -> Result<Option<Will>, Failure> {
        let Some(topic) = self.will_topic.clone() else { return Ok(None) };
        let payload = Bytes::from(self.will_payload.clone().unwrap_or_default());
        if payload.len() > MAX_WILL_PAYLOAD {
            return Err(Failure::WillTooLarge { bytes: payload.len() });
        }
        let (qos, retain) = (self.will_qos, self.will_retain);
        Ok(Some(Will { topic, payload, qos, retain, properties: Properties::NONE }))
    }
}

/// Parses a QoS for clap.
pub(super) fn qos(text: &str) -> Result<QoS, String> {
    let bits = text.parse().ok();
    bits.and_then(QoS::from_bits).ok_or_else(|| String::from("the QoS is 0, 1 or 2"))
}

/// Parses a topic to publish to for clap.
pub(super) fn topic(text: &str) -> Result<TopicName, String> {
    let why = "a topic to publish to is 1 to 65,535 bytes long and has neither `+` nor `#`";
    TopicName::new(ByteString::from(text)).ok_or_else(|| String::from(why))
}

fn version(text: &str) -> Result<Version, String> {
    match text {
        "mqttv31" | "31" | "3.1" => Ok(Version::V3_1),
        "mqttv311" | "311" | "3.1.1" => Ok(Version::V3_1_1),
        "mqttv5" | "5" | "5.0" => Ok(Version::V5),
        _ => Err(String::from("the version is mqttv31, mqttv311 or mqttv5")),
    }
}
