//! The floods by name.

use surewire_load::transport::Transport;

use super::aim::{Aim, Deed};
use super::attack;

/// A way to ask too much of a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// CONNECTs of 60,000 bytes whose last byte never comes
    HalfConnects,
    /// clients that connect and leave, 5,000 a second
    Churn,
    /// TLS hand-shakes, whole ones and others that never end
    Handshakes,
    /// up to two million subscriptions
    Subscriptions,
    /// up to two million share groups, and messages for all of them
    ShareGroups,
    /// up to two million retained messages, and subscribers to all of them
    Retained,
    /// messages for persistent sessions whose clients are away
    OfflineQueues,
    /// QoS 2 by every identifier, and never a PUBREL
    NoPubrel,
    /// receivers at QoS 1 that never acknowledge
    NoPuback,
    /// receivers that never read
    SlowReaders,
    /// Wills of 60,000 bytes, some of 1 MiB, and clients that vanish
    Wills,
    /// packets full of User Properties
    Properties,
    /// wrong passwords at the management interface
    WrongPasswords,
    /// WebSocket messages that never end, in fragments
    Fragments,
}

impl Scenario {
    /// What carries the packets of everybody.
    #[must_use]
    pub const fn transport(self) -> Transport {
        match self {
            Self::Handshakes => Transport::Tls,
            Self::Fragments => Transport::Ws,
            Self::HalfConnects
            | Self::Churn
            | Self::Subscriptions
            | Self::ShareGroups
            | Self::Retained
            | Self::OfflineQueues
            | Self::NoPubrel
            | Self::NoPuback
            | Self::SlowReaders
            | Self::Wills
            | Self::Properties
            | Self::WrongPasswords => Transport::Tcp,
        }
    }

    /// What the flood counts.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::HalfConnects => "half CONNECTs",
            Self::Churn => "clients came and went",
            Self::Handshakes => "hand-shakes begun",
            Self::Subscriptions | Self::ShareGroups => "filters sent",
            Self::Retained => "retained messages sent",
            Self::OfflineQueues | Self::NoPuback | Self::SlowReaders => "messages sent",
            Self::NoPubrel => "PUBLISH of QoS 2 sent",
            Self::Wills => "clients with a Will accepted",
            Self::Properties => "packets of 1,000 properties sent",
            Self::WrongPasswords => "wrong passwords",
            Self::Fragments => "fragments sent",
        }
    }

    pub(super) fn flood(self, aim: &Aim<'_>) -> Deed {
        match self {
            Self::HalfConnects => attack::half_connects::flood(aim),
            Self::Churn => attack::churn::flood(aim),
            Self::Handshakes => attack::handshakes::flood(aim),
            Self::Subscriptions => attack::subscriptions::flood(aim),
            Self::ShareGroups => attack::subscriptions::flood_groups(aim),
            Self::Retained => attack::retained::flood(aim),
            Self::OfflineQueues => attack::queues::flood_offline(aim),
            Self::NoPubrel => attack::no_pubrel::flood(aim),
            Self::NoPuback => attack::queues::flood_unacknowledged(aim),
            Self::SlowReaders => attack::slow_readers::flood(aim),
            Self::Wills => attack::wills::flood(aim),
            Self::Properties => attack::properties::flood(aim),
            Self::WrongPasswords => attack::wrong_passwords::flood(aim),
            Self::Fragments => attack::fragments::flood(aim),
        }
    }
}
