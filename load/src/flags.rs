//! The load generator's command line.

use std::net::SocketAddr;
use std::time::Duration;

use crate::wire::{Qos, Version};
use crate::workload::{Limit, Pacing, Shape, Workload};

/// Sends messages through a broker, checks that each arrives once and in order, and says how
/// fast that was and what it cost.
#[derive(Debug, Clone, clap::Parser)]
#[command(after_help = "Examples:
  load fanin --clients 100 --pid $(pidof mosquitto)
  load pairs --qos 1 --messages 200000 --json
  load fanout --clients 500 --rate 100 --seconds 5     (open loop: prints latencies)")]
pub struct Flags {
    /// Who talks to whom
    #[arg(value_enum)]
    pub shape: Shape,
    /// Address of the broker
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:1883")]
    pub broker: SocketAddr,
    /// Process number of the broker, to count its CPU time
    #[arg(long)]
    pub pid: Option<u32>,
    /// Connections on the many side
    #[arg(long, default_value_t = 100)]
    pub clients: u32,
    /// Members of the share group (shared)
    #[arg(long, value_name = "COUNT", default_value_t = Workload::GROUP_SIZE)]
    pub group_size: u32,
    /// Levels of a topic, 1 to 64 [default: 3 or 4, as the shape has it]
    #[arg(long, value_name = "COUNT")]
    pub topic_levels: Option<u8>,
    /// Quality of service of publications and subscriptions
    #[arg(long, value_enum, default_value = "0")]
    pub qos: Qos,
    /// Version of MQTT that all connections speak
    #[arg(long, value_enum, value_name = "VERSION", default_value = "3.1.1")]
    pub protocol: Version,
    /// Short User Properties of each message (MQTT 5.0)
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub user_properties: u16,
    /// Bytes of a payload
    #[arg(long, default_value_t = Workload::PAYLOAD)]
    pub payload: usize,
    /// Messages to publish, all publishers together [default: 100000]
    #[arg(long, conflicts_with = "seconds")]
    pub messages: Option<u64>,
    /// Publish for this long instead of a number of messages
    #[arg(long)]
    pub seconds: Option<f64>,
    /// Unacknowledged messages a publisher may have (QoS 1 and 2)
    #[arg(long, default_value_t = Workload::WINDOW)]
    pub window: u16,
    /// Subscribe without Clean Session, so that the broker has to keep what it accepts
    #[arg(long)]
    pub persistent: bool,
    /// Further subscriptions, made first, that match none of the messages: exact ones and such with
    /// + and #
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub filler_subscriptions: u64,
    /// Messages that leave a publisher in one write (closed loop)
    #[arg(long, default_value_t = Workload::BURST)]
    pub burst: u64,
    /// Messages published and not yet received by all, over all publishers (closed loop)
    #[arg(long, default_value_t = Workload::OUTSTANDING)]
    pub outstanding: u64,
    /// Messages a second, all publishers together: an open loop that measures latency from the
    /// moment each message was due. Without it the loop is closed: as fast as the broker delivers
    #[arg(long, conflicts_with_all = ["burst", "outstanding"])]
    pub rate: Option<f64>,
    /// Seconds without any progress after which the rest counts as lost
    #[arg(long, default_value_t = Workload::PATIENCE.as_secs())]
    pub patience: u64,
    /// Bind the generator to this core
    #[arg(long)]
    pub core: Option<usize>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

impl Flags {
    /// The workload that the flags describe.
    ///
    /// # Errors
    /// [`crate::Error::Usage`] for a time that is none.
    pub fn workload(&self) -> Result<Workload, crate::Error> {
        Ok(Workload {
            shape: self.shape,
            clients: self.clients,
            group_size: self.group_size,
            topic_levels: self.topic_levels,
            qos: self.qos,
            version: self.protocol,
            user_properties: self.user_properties,
            payload: self.payload,
            window: self.window,
            filler_subscriptions: self.filler_subscriptions,
            persistent: self.persistent,
            pacing: self.pacing(),
            limit: self.limit()?,
            patience: Duration::from_secs(self.patience),
        })
    }

    fn pacing(&self) -> Pacing {
        match self.rate {
            Some(rate) => Pacing::Open { rate },
            None => Pacing::Closed { outstanding: self.outstanding, burst: self.burst },
        }
    }

    fn limit(&self) -> Result<Limit, crate::Error> {
        let Some(seconds) = self.seconds else {
            return Ok(Limit::Messages(self.messages.unwrap_or(100_000)));
        };
        Duration::try_from_secs_f64(seconds).map(Limit::Time).map_err(|_| {
            crate::Error::Usage(format!("--seconds {seconds}: a number from 0, like 2 or 0.5"))
        })
    }
}
