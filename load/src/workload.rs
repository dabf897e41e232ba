//! What to send, through how many connections, how fast and how much.

use std::time::Duration;

use crate::Error;
use crate::stamp::Stamp;
use crate::topics;
use crate::wire::{Qos, Version};

/// Who talks to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// N publishers to one subscriber
    Fanin,
    /// one publisher to N subscribers
    Fanout,
    /// N publishers, each to a subscriber of its own
    Pairs,
    /// N publishers, each to a subscriber of its own that has a filter with + or #
    Wildcard,
    /// N publishers to the members of one share group
    Shared,
}

impl Shape {
    /// Every shape.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 5] =
        [Self::Fanin, Self::Fanout, Self::Pairs, Self::Wildcard, Self::Shared];
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
    /// Members of the share group; only in [`Shape::Shared`].
    pub group_size: u32,
    /// Levels of a topic, 1 to 64; `None` leaves it to the shape.
    pub topic_levels: Option<u8>,
    /// Of the publications and of the subscriptions.
    pub qos: Qos,
    /// What all connections speak.
    pub version: Version,
    /// Keep Alive of all connections in seconds; 0 turns it off. Nobody sends a PINGREQ for it, so
    /// a run with one must end before half as much again is over.
    pub keep_alive_seconds: u16,
    /// Short User Properties of each message; only in 5.0.
    pub user_properties: u16,
    /// Bytes of a payload, at least [`Stamp::LEN`].
    pub payload: usize,
    /// Unacknowledged messages a publisher may have at QoS 1 and 2.
    pub window: u16,
    /// Subscriptions that match nothing and are made before the measurement.
    pub filler_subscriptions: u64,
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
    /// The members of a share group when nothing else is asked for.
    pub const GROUP_SIZE: u32 = 4;
    /// The most levels that a topic may be given.
    pub const MAX_TOPIC_LEVELS: u8 = 64;
    /// The patience when nothing else is asked for.
    pub const PATIENCE: Duration = Duration::from_secs(10);

    /// This shape with everything else as it is when nothing else is asked for: 100,000 messages
    /// of QoS 0 in 3.1.1, closed loop.
    #[must_use]
    pub const fn new(shape: Shape, clients: u32) -> Self {
        Self {
            shape,
            clients,
            group_size: Self::GROUP_SIZE,
            topic_levels: None,
            qos: Qos::AtMostOnce,
            version: Version::V3_1_1,
            keep_alive_seconds: 0,
            user_properties: 0,
            payload: Self::PAYLOAD,
            window: Self::WINDOW,
            filler_subscriptions: 0,
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
            Shape::Fanin | Shape::Pairs | Shape::Wildcard | Shape::Shared => self.clients,
            Shape::Fanout => 1,
        }
    }

    /// Number of subscribing connections.
    #[must_use]
    pub const fn subscribers(&self) -> u32 {
        match self.shape {
            Shape::Fanout | Shape::Pairs | Shape::Wildcard => self.clients,
            Shape::Shared => self.group_size,
            Shape::Fanin => 1,
        }
    }

    /// Deliveries that one publication causes.
    #[must_use]
    pub fn deliveries_each(&self) -> u64 {
        match self.shape {
            Shape::Fanout => u64::from(self.clients),
            Shape::Fanin | Shape::Pairs | Shape::Wildcard | Shape::Shared => 1,
        }
    }

    /// Where publisher `number` publishes.
    #[must_use]
    pub fn topic(&self, number: u32) -> String {
        topics::topic(self, number)
    }

    /// What subscriber `number` asks for.
    #[must_use]
    pub fn filter(&self, number: u32) -> String {
        topics::filter(self, number)
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
        match self.mistakes().into_iter().flatten().next() {
            Some(mistake) => Err(Error::Usage(mistake)),
            None => Ok(()),
        }
    }

    /// What is wrong with each group of figures.
    fn mistakes(&self) -> [Option<String>; 5] {
        [
            self.mistake_in_counts(),
            self.mistake_in_topics(),
            self.mistake_in_messages(),
            self.mistake_in_properties(),
            self.mistake_in_pacing(),
        ]
    }

    fn mistake_in_counts(&self) -> Option<String> {
        if self.clients == 0 {
            return Some("--clients 0: there must be at least one".into());
        }
        if self.group_size == 0 {
            return Some("--group-size 0: a share group has at least one member".into());
        }
        (self.limit == Limit::Messages(0) || self.limit == Limit::Time(Duration::ZERO))
            .then(|| "nothing to send: --messages or --seconds must be above 0".into())
    }

    fn mistake_in_topics(&self) -> Option<String> {
        let levels = self.topic_levels?;
        if levels == 0 || levels > Self::MAX_TOPIC_LEVELS {
            let most = Self::MAX_TOPIC_LEVELS;
            return Some(format!("--topic-levels {levels}: a topic has 1 to {most} here"));
        }
        let least = topics::LEAST_WILDCARD_LEVELS;
        (self.shape == Shape::Wildcard && levels < least)
            .then(|| format!("--topic-levels {levels}: wildcard needs {least} or more"))
    }

    fn mistake_in_messages(&self) -> Option<String> {
        let window =
            (self.window == 0).then(|| "--window 0: nothing could be sent; 1 or more".into());
        Stamp::mistake_in_payload(self.payload).or(window)
    }

    fn mistake_in_properties(&self) -> Option<String> {
        let count = self.user_properties;
        (count > 0 && self.version != Version::V5)
            .then(|| format!("--user-properties {count}: only MQTT 5.0 has them; add --protocol 5"))
    }

    fn mistake_in_pacing(&self) -> Option<String> {
        match self.pacing {
            Pacing::Closed { outstanding, burst } if burst == 0 || outstanding < burst => {
                Some(format!(
                    "--outstanding {outstanding} with --burst {burst}: a burst has at least one \
                     message and must fit into what may be outstanding"
                ))
            }
            Pacing::Open { rate } if !(rate > 0.0 && rate <= 1e9) => {
                Some(format!("--rate {rate}: more than 0 and at most 1e9 messages a second"))
            }
            Pacing::Closed { .. } | Pacing::Open { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_names_its_flag() {
        let usual = Workload::new(Shape::Wildcard, 10);
        usual.check().unwrap();
        let open = Pacing::Open { rate: 0.0 };
        for (flag, workload) in [
            ("--clients", Workload { clients: 0, ..usual }),
            ("--group-size", Workload { group_size: 0, ..usual }),
            ("--topic-levels 65", Workload { topic_levels: Some(65), ..usual }),
            ("--topic-levels 3", Workload { topic_levels: Some(3), ..usual }),
            ("--payload", Workload { payload: Stamp::LEN - 1, ..usual }),
            ("--user-properties", Workload { user_properties: 1, ..usual }),
            ("--messages", Workload { limit: Limit::Messages(0), ..usual }),
            ("--window", Workload { window: 0, ..usual }),
            ("--rate", Workload { pacing: open, ..usual }),
            ("--burst", Workload { pacing: Pacing::Closed { outstanding: 1, burst: 2 }, ..usual }),
        ] {
            let refused = workload.check().unwrap_err().to_string();
            assert!(refused.contains(flag), "{refused}");
        }
    }

    #[test]
    fn a_window_above_what_the_broker_takes_is_refused() {
        let workload = Workload { qos: Qos::AtLeastOnce, ..Workload::new(Shape::Pairs, 1) };
        workload.check_window(Workload::WINDOW).unwrap();
        assert!(workload.check_window(Workload::WINDOW - 1).is_err());
        Workload { qos: Qos::AtMostOnce, ..workload }.check_window(1).unwrap();
    }
}
