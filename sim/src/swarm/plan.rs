//! What a seed stands for: who takes part, what they do, how the broker is set up, what goes wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use surewire_engine::config::{Config, QueueFullPolicy};
use surewire_engine::packet::{QoS, SubscribeOptions, Version};
use surewire_engine::planted::Planted;

use super::random::Random;
use super::variety::{self, Part, Variety};

/// Everything that a run is made of.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) config: Config,
    pub(crate) segment_len: u64,
    /// Records up to so many bytes share a batch.
    pub(crate) batch: usize,
    pub(crate) actors: Vec<Role>,
    /// How many things clients do before everything is to come right.
    pub(crate) acts: u64,
    /// Nanoseconds from one act to the next, at most.
    pub(crate) pace: u64,
    /// Nanoseconds that bytes are on their way, at most.
    pub(crate) latency: u64,
    /// Nanoseconds until a client that lost its connection wants the next, at most.
    pub(crate) redial: u64,
    /// Nanoseconds that a sync takes, at most.
    pub(crate) sync: u64,
    /// One in so many messages is retained, in so many topics; one in so many of these removes what
    /// is retained.
    pub(crate) retained: u64,
    pub(crate) retained_topics: u64,
    pub(crate) removals: u64,
    /// Messages that a client sends at once, at most.
    pub(crate) together: u64,
    /// Bytes of a payload, at most.
    pub(crate) payload: u64,
    /// Whether packets arrive in pieces.
    pub(crate) pieces: bool,
    /// How many events pass from one check of the engine's invariants to the next.
    pub(crate) check_every: u64,
    pub(crate) faults: Vec<Fault>,
    /// What it has that not every world has.
    pub(crate) variety: Variety,
}

/// How one client is, for the whole run.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    pub(crate) version: Version,
    pub(crate) persistent: bool,
    pub(crate) keep_alive: u16,
    pub(crate) max_inflight: u16,
    /// What it subscribes to at first.
    pub(crate) filters: Vec<(String, QoS)>,
    /// What it subscribes to and unsubscribes from.
    pub(crate) toggles: Vec<(String, QoS)>,
    /// How it subscribes to some of these.
    pub(crate) options: BTreeMap<String, SubscribeOptions>,
    /// Whether its subscriptions have identifiers.
    pub(crate) identified: bool,
    /// One in so many acts of this client is about its connection; the rest publish.
    pub(crate) restlessness: u64,
    pub(crate) publishes: bool,
    /// Whether it leaves a Will.
    pub(crate) will: Option<QoS>,
    /// How it uses what only 5.0 has.
    pub(crate) terms: Terms,
}

/// What a client of 5.0 asks for. Older ones ask for nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Terms {
    /// Seconds for which its session is kept; `None` is for ever.
    pub(crate) session_expiry: Option<u32>,
    /// 0 is the standard's.
    pub(crate) receive_maximum: u16,
    /// Each way.
    pub(crate) topic_aliases: u16,
    /// Whether some of its messages expire, soon.
    pub(crate) expires: bool,
    /// Seconds that its Will waits.
    pub(crate) will_delay: u32,
    /// Bytes of a packet that it takes.
    pub(crate) packet_size: Option<u32>,
    /// Whether it wants no Reason Strings.
    pub(crate) no_reasons: bool,
    /// Whether the broker is to give it a Client Identifier.
    pub(crate) assigned: bool,
    /// Whether its messages have properties.
    pub(crate) properties: bool,
}

impl Role {
    /// How it subscribes to the filter.
    pub(crate) fn options(&self, filter: &str, qos: QoS) -> SubscribeOptions {
        let plain = SubscribeOptions { qos, ..SubscribeOptions::default() };
        self.options.get(filter).copied().unwrap_or(plain)
    }
}

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// After so many acts.
    pub(crate) after: u64,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// The process ends at its next disk operation, with the power or alone.
    End {
        power: bool,
        /// It ends again after so many operations of each following recovery.
        again: Vec<u64>,
        down: Duration,
        /// How far the wall clock is put forward (or back) meanwhile, in milliseconds.
        clock: i64,
    },
    /// The next write or sync fails.
    DiskError,
    /// There is no room for so long.
    Full(Duration),
    /// Syncs are this much slower for so many acts.
    Slow { times: u64, acts: u64 },
    /// The process stands still.
    Stall(Duration),
    /// A bit turns round while the power is off.
    Flip,
    /// A write goes to a wrong place.
    Misdirected,
}

/// Parts of a plan, as the command line names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cuts {
    /// Only these faults, by their place.
    pub faults: Option<Vec<usize>>,
    /// Only so many acts.
    pub acts: Option<u64>,
    /// Without these parts.
    pub without: Vec<Part>,
    /// What is wrong in the broker on purpose.
    pub planted: Planted,
}

impl Plan {
    /// What `seed` stands for.
    pub(crate) fn draw(seed: u64, cuts: &Cuts) -> Self {
        let mut random = Random::new(seed);
        let acts = random.between(100, 500);
        let mut plan = Self {
            seed,
            config: Config { planted: cuts.planted, ..config(&mut random.split()) },
            segment_len: 512 << random.below(5),
            batch: 1 << random.below(16),
            actors: Vec::new(),
            acts,
            pace: 10_000 << random.below(10),
            latency: 10_000 << random.below(10),
            redial: 500_000 << random.below(7),
            sync: 50_000 << random.below(7),
            retained: random.between(1, 6),
            retained_topics: random.between(1, 6),
            removals: random.between(2, 3),
            payload: 1 << random.between(3, 9),
            pieces: random.one_in(4),
            together: together(seed),
            check_every: random.between(8, 64),
            faults: faults(&mut random.split(), acts),
            variety: Variety::default(),
        };
        let mut drawn = random.split();
        for index in 0..drawn.between(3, 7) {
            plan.actors.push(role(&mut drawn, index));
        }
        if let Some(expiry) = plan.config.session_expiry_interval {
            let seconds = u32::try_from(expiry.as_secs()).ok();
            plan.actors.iter_mut().for_each(|role| role.terms.session_expiry = seconds);
            plan.take_time();
        }
        variety::vary(&mut plan, cuts);
        if let Some(kept) = &cuts.faults {
            let mut place = 0..;
            plan.faults.retain(|_| place.next().is_some_and(|place| kept.contains(&place)));
        }
        plan.acts = cuts.acts.unwrap_or(plan.acts);
        plan
    }

    /// What the client speaks that looks in the end at what is retained.
    pub(crate) fn reader(&self) -> Version {
        if self.variety.is_any() { Version::V5 } else { Version::V3_1_1 }
    }

    /// Whether the disk or memory may have no room at some time.
    pub(crate) fn fills_up(&self) -> bool {
        self.variety.has(Part::Memory)
            || self.faults.iter().any(|fault| matches!(fault.what, What::Full(_)))
    }

    /// Goes on for longer than a session waits for its client, and lets no clock jump and no process
    /// stand still: a session that ends for that is nobody's fault. A client of 3.1 would not be told
    /// that its session is gone.
    fn take_time(&mut self) {
        for role in self.actors.iter_mut().filter(|role| role.version == Version::V3_1) {
            role.version = Version::V3_1_1;
        }
        self.pace = self.pace.max(1 << 21) * 16;
        self.faults.retain(|fault| !matches!(fault.what, What::Stall(_)));
        for fault in &mut self.faults {
            if let What::End { clock, down, .. } = &mut fault.what {
                *clock = 0;
                *down *= 20;
            }
        }
    }
}

fn config(random: &mut Random) -> Config {
    let limit = random.one_in(3).then(|| random.index(12) + 1);
    let expiry = random.one_in(3).then(|| Duration::from_secs(random.between(1, 3)));
    // Not `Disconnect`: two clients whose messages fill each other's small queues can disconnect each
    // other for ever, before either is told that its messages are safe.
    let policies = [QueueFullPolicy::DropOldest, QueueFullPolicy::DropNewest];
    Config {
        delivery_retry_interval: Duration::from_secs(random.pick(&[0, 1, 20]).unwrap_or(0)),
        max_inflight_messages: random.pick(&[1, 2, 5, 20]).unwrap_or(20),
        queue_qos0_messages: random.one_in(2),
        max_msgqueue_messages: limit,
        queue_full_policy: random.pick(&policies).unwrap_or_default(),
        max_unsent_bytes: 1 << random.between(8, 20),
        stall_timeout: Duration::from_secs(random.between(2, 60)),
        session_expiry_interval: expiry,
        receive_maximum: random.pick(&[256, 256, 3]).unwrap_or(256),
        topic_alias_maximum: random.pick(&[64, 2]).unwrap_or(64),
        ..Config::default()
    }
}

fn role(random: &mut Random, index: u64) -> Role {
    let qos = |random: &mut Random| random.pick(&[QoS::AtLeastOnce, QoS::ExactlyOnce]);
    let any = |random: &mut Random| {
        random.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::ExactlyOnce])
    };
    // A member of a share group has nothing else, so that each message reaches it one way only.
    let shared = random.one_in(5);
    let (mut filters, mut toggles) = (Vec::new(), Vec::new());
    if shared {
        filters.push(("$share/g/t/#", qos(random)));
    } else {
        for filter in ["t/#", "t/0", "t/+", "r/#", "w/#"] {
            if random.one_in(3) {
                filters.push((filter, any(random)));
            }
        }
        for filter in ["t/1", "t/2", "r/+", "+/1", "t/+/x"] {
            if random.one_in(4) {
                toggles.push((filter, any(random)));
            }
        }
    }
    let named = |list: Vec<(&str, Option<QoS>)>| {
        list.into_iter().map(|(filter, qos)| (filter.to_owned(), qos.unwrap_or_default())).collect()
    };
    let versions = [Version::V3_1, Version::V3_1_1, Version::V5, Version::V5];
    let version = random.pick(&versions).unwrap_or(Version::V5);
    Role {
        version,
        persistent: index == 0 || !random.one_in(5),
        keep_alive: random.pick(&[0, 0, 1, 5, 60]).unwrap_or(0),
        max_inflight: random.pick(&[1, 5, 20]).unwrap_or(20),
        filters: named(filters),
        toggles: named(toggles),
        options: BTreeMap::new(),
        identified: false,
        restlessness: random.between(3, 12),
        publishes: index == 0 || !random.one_in(4),
        will: random.one_in(4).then_some(QoS::ExactlyOnce),
        terms: if version == Version::V5 { terms(random) } else { Terms::default() },
    }
}

fn terms(random: &mut Random) -> Terms {
    Terms {
        session_expiry: None,
        receive_maximum: random.pick(&[0, 0, 1, 3]).unwrap_or(0),
        topic_aliases: random.pick(&[0, 1, 2, 20]).unwrap_or(0),
        expires: random.one_in(3),
        will_delay: random.pick(&[0, 0, 1, 5]).unwrap_or(0),
        ..Terms::default()
    }
}

fn faults(random: &mut Random, acts: u64) -> Vec<Fault> {
    let mut faults = Vec::new();
    for _ in 0..random.between(3, 9) {
        faults.push(Fault { after: random.below(acts), what: end(random) });
    }
    // What nobody does again afterwards is what shows most.
    if random.one_in(2) {
        faults.push(Fault { after: acts, what: end(random) });
    }
    let what = match random.below(16) {
        0 => vec![What::Flip, end(random)],
        1 => vec![What::Misdirected, end(random)],
        2..=4 => vec![What::DiskError],
        5..=7 => vec![What::Full(Duration::from_millis(random.between(1, 5_000)))],
        8..=11 => vec![What::Slow { times: random.between(2, 1_000), acts: random.below(50) }],
        12 => vec![What::Stall(Duration::from_millis(random.between(1, 60_000)))],
        _ => Vec::new(),
    };
    let after = random.below(acts);
    faults.extend(what.into_iter().map(|what| Fault { after, what }));
    faults.sort_by_key(|fault| fault.after);
    faults
}

fn end(random: &mut Random) -> What {
    let again = (0..random.below(3)).map(|_| random.below(6)).collect();
    let clock = match random.below(6) {
        0 => -(i64::try_from(random.below(400 * 86_400_000)).unwrap_or(0)),
        1 => i64::try_from(random.below(400 * 86_400_000)).unwrap_or(0),
        _ => 0,
    };
    let down = Duration::from_millis(random.below(100));
    let again = if random.one_in(2) { again } else { Vec::new() };
    What::End { power: !random.one_in(4), again, down, clock }
}

/// From a stream of its own: it came later, and seeds that are known for something else are not to
/// mean anything else.
fn together(seed: u64) -> u64 {
    let mut random = Random::new(seed ^ 0x7063_7468);
    if random.one_in(2) { random.between(2, 40) } else { 1 }
}

/// The expanded options, one a line.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {:?}", self.config)?;
        writeln!(
            f,
            "  segments of {} bytes, batches to {}, {} acts at most {} ns apart, latency {} ns, dial again \
             after {} ns, sync {} ns, payloads to {} bytes, in pieces: {}, \
             retained 1 in {} in {} topics, removed 1 in {}, {} together",
            self.segment_len,
            self.batch,
            self.acts,
            self.pace,
            self.latency,
            self.redial,
            self.sync,
            self.payload,
            self.pieces,
            self.retained,
            self.retained_topics,
            self.removals,
            self.together
        )?;
        writeln!(f, "  {:?}", self.variety)?;
        for (index, role) in self.actors.iter().enumerate() {
            writeln!(f, "  c{index}: {role:?}")?;
        }
        for (place, fault) in self.faults.iter().enumerate() {
            writeln!(f, "  fault {place} after {} acts: {:?}", fault.after, fault.what)?;
        }
        Ok(())
    }
}
