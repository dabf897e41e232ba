//! The flags of the scenarios in which messages flow.

use std::time::Duration;

use crate::Error;
use crate::subject::Subject;
use crate::wire::Qos;
use crate::workload::{Limit, Pacing, Shape, Workload};

/// How messages flow.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Flags {
    /// Connections on the many side
    #[arg(long, default_value_t = 100)]
    clients: u32,
    /// Members of the share group (shared)
    #[arg(long, value_name = "COUNT", default_value_t = Workload::GROUP_SIZE)]
    group_size: u32,
    /// Levels of a topic, 1 to 64 [default: 3 or 4, as the shape has it]
    #[arg(long, value_name = "COUNT")]
    topic_levels: Option<u8>,
    /// Quality of service of publications and subscriptions
    #[arg(long, value_enum, default_value = "0")]
    qos: Qos,
    /// Short User Properties of each message (MQTT 5.0)
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    user_properties: u16,
    /// Bytes of a payload
    #[arg(long, default_value_t = Workload::PAYLOAD)]
    payload: usize,
    /// Messages to publish, all publishers together [default: 100000]
    #[arg(long, conflicts_with = "seconds")]
    messages: Option<u64>,
    /// Publish for this long instead of a number of messages
    #[arg(long)]
    seconds: Option<f64>,
    /// Unacknowledged messages a publisher may have (QoS 1 and 2)
    #[arg(long, default_value_t = Workload::WINDOW)]
    window: u16,
    /// Subscribe without Clean Session, so that the broker has to keep what it accepts
    #[arg(long)]
    persistent: bool,
    /// Further subscriptions, made first, that match none of the messages: exact ones and such with
    /// + and #
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    filler_subscriptions: u64,
    /// Messages that leave a publisher in one write (closed loop)
    #[arg(long, default_value_t = Workload::BURST)]
    burst: u64,
    /// Messages published and not yet received by all, over all publishers (closed loop)
    #[arg(long, default_value_t = Workload::OUTSTANDING)]
    outstanding: u64,
    /// Messages a second, all publishers together: an open loop that measures latency from the
    /// moment each message was due. Without it the loop is closed: as fast as the broker delivers
    #[arg(long, conflicts_with_all = ["burst", "outstanding"])]
    rate: Option<f64>,
}

impl Flags {
    /// The workload that the flags describe.
    pub(super) fn workload(&self, shape: Shape, subject: &Subject) -> Result<Workload, Error> {
        Ok(Workload {
            shape,
            clients: self.clients,
            group_size: self.group_size,
            topic_levels: self.topic_levels,
            qos: self.qos,
            version: subject.version,
            keep_alive_seconds: subject.keep_alive_seconds,
            user_properties: self.user_properties,
            payload: self.payload,
            window: self.window,
            filler_subscriptions: self.filler_subscriptions,
            persistent: self.persistent,
            pacing: self.pacing(),
            limit: self.limit()?,
            patience: subject.patience,
        })
    }

    fn pacing(&self) -> Pacing {
        match self.rate {
            Some(rate) => Pacing::Open { rate },
            None => Pacing::Closed { outstanding: self.outstanding, burst: self.burst },
        }
    }

    fn limit(&self) -> Result<Limit, Error> {
        let Some(seconds) = self.seconds else {
            return Ok(Limit::Messages(self.messages.unwrap_or(100_000)));
        };
        Duration::try_from_secs_f64(seconds).map(Limit::Time).map_err(|_| {
            Error::Usage(format!("--seconds {seconds}: a number from 0, like 2 or 0.5"))
        })
    }
}
