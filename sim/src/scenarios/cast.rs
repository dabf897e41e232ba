//! The people that most stories have: readers and publishers of every version on several hosts.

use surewire_engine::packet::{QoS, Version};

use super::{millis, secs};
use crate::device::{Load, Role};
use crate::stage::Stage;
use crate::swarm::random::Random;
use crate::wire::Carrier;

pub(super) const VERSIONS: [Version; 3] = [Version::V3_1_1, Version::V5, Version::V5];

const MIX: [QoS; 5] =
    [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::ExactlyOnce];

/// How many there are, and how much they say.
pub(super) struct Cast<'a> {
    pub(super) hosts: &'a [&'a str],
    pub(super) readers: u64,
    pub(super) publishers: u64,
    /// Messages of each publisher, at most.
    pub(super) messages: u64,
    /// Seconds over which they are spread.
    pub(super) over: u64,
    /// Bytes of a payload; `None` is what the seed says.
    pub(super) bytes: Option<usize>,
    /// Bytes that clients send in one segment.
    pub(super) segment: usize,
    /// What carries them; `None` is what the seed says.
    pub(super) carrier: Option<Carrier>,
}

impl Default for Cast<'_> {
    fn default() -> Self {
        Self {
            hosts: &["town", "city"],
            readers: 4,
            publishers: 4,
            messages: 120,
            over: 60,
            bytes: None,
            segment: usize::MAX,
            carrier: None,
        }
    }
}

/// Readers begin at once, and publishers when all have subscribed.
pub(super) fn cast(stage: &mut Stage, cast: &Cast<'_>) {
    let mut random = stage.random.split();
    for number in 0..cast.readers {
        let mut role = person(&mut random, cast, &format!("reader-{number}"));
        let filter = random.pick(&["d/#", "d/+/0", "d/0/#"]).unwrap_or("d/#");
        let qos = random.pick(&[QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::ExactlyOnce]);
        // Everything, for one of them.
        let filter = if number == 0 { "d/#" } else { filter };
        role.filters = vec![(filter.to_owned(), qos.unwrap_or(QoS::ExactlyOnce))];
        stage.device(role);
    }
    for number in 0..cast.publishers {
        let mut role = person(&mut random, cast, &format!("publisher-{number}"));
        role.begins = secs(1);
        role.max_inflight = u16::try_from(random.between(1, 40)).unwrap_or(20);
        role.load = load(&mut random, number, cast);
        stage.device(role);
    }
}

/// What a publisher says, in bursts over the time that there is.
fn load(random: &mut Random, number: u64, cast: &Cast<'_>) -> Load {
    let count = random.between(cast.messages / 2, cast.messages).max(1);
    let together = random.between(1, 12);
    let bytes = random.pick(&[20, 100, 100, 1_000, 20_000]).unwrap_or(100);
    let bytes = cast.bytes.unwrap_or(bytes);
    Load {
        topics: (0..random.between(1, 3)).map(|nth| format!("d/{number}/{nth}")).collect(),
        qos: (0..random.between(1, 4)).map(|_| random.pick(&MIX).unwrap_or_default()).collect(),
        count: u32::try_from(count).unwrap_or(u32::MAX),
        begins: secs(3),
        every: millis((cast.over * 1_000 * together / count).max(1)),
        together: u32::try_from(together).unwrap_or(1),
        bytes,
    }
}

fn person(random: &mut Random, cast: &Cast<'_>, name: &str) -> Role {
    let mut role = Role::new(name, random.pick(cast.hosts).unwrap_or("town"));
    role.version = random.pick(&VERSIONS).unwrap_or(Version::V5);
    let carriers = [Carrier::Tcp, Carrier::Tcp, Carrier::WebSocket];
    let carrier = random.pick(&carriers).unwrap_or(Carrier::Tcp);
    role.carrier = cast.carrier.unwrap_or(carrier);
    role.segment = cast.segment;
    role
}
