//! What to send, through how many connections, how fast and how much.

use std::time::Duration;

use crate::Error;
use crate::stamp::Stamp;
use crate::wire::{Qos, Version};

/// Who talks to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// N publishers to one subscriber
    Fanin,
    /// one publisher to N subscribers
    Fanout,
    /// N publishers, each to a subscriber of its own
    Pairs,
}

/// What decides when the next message is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pacing {
    /// Closed loop: as fast as the broker delivers, never dropping for want of room.
    Closed {
        /// Messages published and not yet received.
        outstanding: u64,
        /// Messages that leave a publisher in one write.
        burst: u64,
    },
    /// Open loop: by the clock, whether or not the broker keeps up.
    Open {
        /// Messages a second, all publishers together.
        rate: f64,
    },
}

/// When a run has sent enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// This many messages, all publishers together.
    Messages(u64),
    /// As many as fit into this time.
    Time(Duration),
}

/// A whole run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Workload {
    /// Who talks to whom.
    pub shape: Shape,
    /// Connections on the many side.
    pub clients: u32,
    /// Of the publications and of the subscriptions.
    pub qos: Qos,
    /// What all connections speak.
    pub version: Version,
    /// Short User Properties of each message; only in 5.0.
    pub user_properties: u16,
    /// Bytes of a payload, at least [`Stamp::LEN`].
    pub payload: usize,
    /// Unacknowledged messages a publisher may have at QoS 1 and 2.
    pub window: u16,
    /// Whether the subscribers' sessions outlive their connections.
    pub persistent: bool,
    /// When the next message leaves.
    pub pacing: Pacing,
    /// When it is enough.
    pub limit: Limit,
    /// After this long with neither a delivery nor an acknowledgement, the rest counts as lost.
    pub patience: Duration,
}

impl Workload {
    /// The payload when nothing else is asked for, in bytes.
    pub const PAYLOAD: usize = 64;
    /// The window when nothing else is asked for.
    pub const WINDOW: u16 = 20;
    /// The pipelining depth when nothing else is asked for.
    pub const BURST: u64 = 16;
    /// The bound of a closed loop when nothing else is asked for. Small enough that no broker
    /// has a reason to drop QoS 0 for one subscriber.
    pub const OUTSTANDING: u64 = 5_000;
    /// The patience when nothing else is asked for.
    pub const PATIENCE: Duration = Duration::from_secs(10);

    /// This shape with everything else as it is when nothing else is asked for: 100,000 messages
    /// of QoS 0 in 3.1.1, closed loop.
    #[must_use]
    pub const fn new(shape: Shape, clients: u32) -> Self {
        Self {
            shape,
            clients,
            qos: Qos::AtMostOnce,
            version: Version::V3_1_1,
            user_properties: 0,
            payload: Self::PAYLOAD,
            window: Self::WINDOW,
            persistent: false,
            pacing: Pacing::Closed { outstanding: Self::OUTSTANDING, burst: Self::BURST },
            limit: Limit::Messages(100_000),
            patience: Self::PATIENCE,
        }
    }

    /// Number of publishing connections.
    #[must_use]
    pub const fn publishers(&self) -> u32 {
        match self.shape {
            Shape::Fanin | Shape::Pairs => self.clients,
            Shape::Fanout => 1,
        }
    }

    /// Number of subscribing connections.
    #[must_use]
    pub const fn subscribers(&self) -> u32 {
        match self.shape {
            Shape::Fanout | Shape::Pairs => self.clients,
            Shape::Fanin => 1,
        }
    }

    /// Deliveries that one publication causes.
    #[must_use]
    pub fn deliveries_each(&self) -> u64 {
        match self.shape {
            Shape::Fanout => u64::from(self.clients),
            Shape::Fanin | Shape::Pairs => 1,
        }
    }

    /// Where publisher `number` publishes, and what its subscribers ask for.
    #[must_use]
    pub fn topic(&self, number: u32) -> String {
        let run = std::process::id();
        match self.shape {
            Shape::Fanin => format!("load/{run}/in"),
            Shape::Fanout => format!("load/{run}/out"),
            Shape::Pairs => format!("load/{run}/pair/{number}"),
        }
    }

    /// Checks that the broker takes as many messages as a publisher may send.
    pub(crate) fn check_window(&self, receive_maximum: u16) -> Result<(), Error> {
        if self.qos == Qos::AtMostOnce || self.window <= receive_maximum {
            return Ok(());
        }
        Err(Error::Usage(format!(
            "--window {}: the broker's Receive Maximum is {receive_maximum}; ask for at most that",
            self.window
        )))
    }

    /// Checks that the figures make sense together.
    ///
    /// # Errors
    /// [`Error::Usage`], naming the flag and the cure.
    pub fn check(&self) -> Result<(), Error> {
        let refuse = |text: String| Err(Error::Usage(text));
        if self.clients == 0 {
            return refuse("--clients 0: there must be at least one".into());
        }
        if self.payload < Stamp::LEN || self.payload > 1 << 27 {
            let least = Stamp::LEN;
            return refuse(format!(
                "--payload {}: from {least} bytes, which the stamp takes, to 128 MiB",
                self.payload
            ));
        }
        if self.user_properties > 0 && self.version != Version::V5 {
            return refuse(format!(
                "--user-properties {}: only MQTT 5.0 has them; add --protocol 5",
                self.user_properties
            ));
        }
        if self.limit == Limit::Messages(0) || self.limit == Limit::Time(Duration::ZERO) {
            return refuse("nothing to send: --messages or --seconds must be above 0".into());
        }
        if self.window == 0 {
            return refuse("--window 0: nothing could be sent; 1 or more".into());
        }
        match self.pacing {
            Pacing::Closed { outstanding, burst } if burst == 0 || outstanding < burst => {
                refuse(format!(
                    "--outstanding {outstanding} with --burst {burst}: a burst has at least one \
                     message and must fit into what may be outstanding"
                ))
            }
            Pacing::Open { rate } if !(rate > 0.0 && rate <= 1e9) => {
                refuse(format!("--rate {rate}: more than 0 and at most 1e9 messages a second"))
            }
            Pacing::Closed { .. } | Pacing::Open { .. } => Ok(()),
        }
    }
}
