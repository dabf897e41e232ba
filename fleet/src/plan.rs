//! What a run is made of.

use std::time::Duration;

use surewire_engine::codec::Limits;
use surewire_engine::config::Config;
use surewire_engine::packet::{QoS, Version};

use crate::pattern::Pattern;

/// A fleet, its broker, and what goes wrong.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Draws everything that is left open.
    pub seed: u64,
    /// How long the run lasts, in virtual time.
    pub length: Duration,
    /// The broker.
    pub broker: Broker,
    /// Ways to it.
    pub links: Vec<Link>,
    /// Clients.
    pub groups: Vec<Group>,
    /// What goes wrong, and when.
    pub outages: Vec<Outage>,
}

/// The broker and its machine.
#[derive(Clone, Debug)]
pub struct Broker {
    /// What the engine is told.
    pub config: Config,
    /// What the decoder allows.
    pub limits: Limits,
    /// What an acknowledged message survives.
    pub durability: Durability,
    /// How long the disk takes for a sync.
    pub sync: Duration,
    /// Bytes that the log may take; `None` is no limit.
    pub disk: Option<u64>,
}

/// What an acknowledged message survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// A power cut.
    Power,
    /// The end of the process.
    Process,
    /// Nothing: nothing is stored.
    Nothing,
}

/// A kind of way between clients and the broker. Each client has one of its own.
#[derive(Clone, Debug)]
pub struct Link {
    /// As outages call it.
    pub name: String,
    /// How long bytes take, each way.
    pub latency: Duration,
    /// How much longer they may take.
    pub jitter: Duration,
    /// Bytes a second, each way; `None` is no limit.
    pub bandwidth: Option<u64>,
    /// When it carries nothing for a while.
    pub dropouts: Option<Dropouts>,
}

/// Times in which a link carries nothing and nobody is told. A connection lives on, if it is over
/// before either side loses its patience.
#[derive(Clone, Copy, Debug)]
pub struct Dropouts {
    /// From the end of one to the next, on average, at random for each client.
    pub every: Duration,
    /// How long one lasts on average: from half of it to one and a half.
    pub last: Duration,
}

/// Clients that are alike.
#[derive(Clone, Debug)]
pub struct Group {
    /// As outages call it. A client is called by it and its number: `sensors-1`.
    pub name: String,
    /// How many.
    pub clients: u32,
    /// Place of their link in [`Plan::links`].
    pub link: usize,
    /// What they speak.
    pub version: Version,
    /// Whether the session ends with the connection.
    pub clean_session: bool,
    /// What a 5.0 client asks its session to outlive the connection by, in seconds; `None` is for
    /// ever.
    pub session_expiry: Option<u32>,
    /// In seconds; 0 is off.
    pub keep_alive: u16,
    /// They connect within this time of the beginning, evenly.
    pub start_over: Duration,
    /// Shortest and longest time to the next attempt, doubled from one to the next and spread.
    pub reconnect: (Duration, Duration),
    /// QoS 1 and 2 messages that a client keeps while it cannot send them.
    pub queue: usize,
    /// What they publish.
    pub publish: Vec<Publish>,
    /// What they subscribe to when they connect without a session.
    pub subscribe: Vec<Subscribe>,
}

/// Messages that each client of a group publishes.
#[derive(Clone, Debug)]
pub struct Publish {
    /// Where.
    pub topic: Pattern,
    /// How far apart.
    pub every: Duration,
    /// When within that time.
    pub timing: Timing,
    /// How many at once.
    pub burst: u32,
    /// Bytes of the smallest and of the largest, 8 at least: evenly between them.
    pub payload: (u32, u32),
    /// At which QoS.
    pub qos: QoS,
    /// Whether they are retained.
    pub retain: bool,
    /// Message Expiry Interval in seconds (5.0).
    pub expiry: Option<u32>,
}

/// How a client's messages lie in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// As a clock has it, each client at a moment of its own.
    Regular,
    /// At random.
    Random,
    /// All clients at once.
    Together,
}

/// A subscription of each client of a group.
#[derive(Clone, Debug)]
pub struct Subscribe {
    /// To what.
    pub filter: Pattern,
    /// At most at which QoS.
    pub qos: QoS,
}

/// Something that is not there for a while.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    /// What.
    pub what: Gone,
    /// From when on.
    pub at: Duration,
    /// For how long.
    pub lasts: Duration,
    /// Within which time of its end the clients of a group are back, evenly.
    pub return_over: Duration,
}

/// What is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// The broker.
    Broker(End),
    /// All links of a kind, by its place.
    Link(usize),
    /// The clients of a group, by its place, without power: nobody is told, and what they had not
    /// sent is lost.
    Group(usize),
}

/// How the broker ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As it should: it says good-bye and keeps what it promised.
    Stop,
    /// The process is gone, and the system closes its connections.
    Crash,
    /// The machine has no power: nobody is told, and what was not synced is lost.
    Power,
}
