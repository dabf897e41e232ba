//! What two of three worlds have beside the plain ones: the rest of MQTT 5.0, clients that break the
//! protocol, an operator, another configuration after each restart, and smaller steps inside the
//! engine.
//!
//! Every part draws from streams of its own, so that seeds which are known for something else mean
//! what they meant, and a failure can be looked at without the parts that it does not need.

use std::time::Duration;

use surewire_engine::config::{Budgets, Config, QueueFullPolicy, ReceiveMaximumPolicy};
use surewire_engine::packet::{RetainHandling, SubscribeOptions, Version};

use super::plan::{Cuts, Plan, Role, What};
use super::random::Random;

/// Tells these streams from others of the seed; the first regressions are plain worlds with it.
const SALT: u64 = 0x7661_729F;

macro_rules! parts {
    ($($(#[$doc:meta])* $part:ident = $name:literal;)*) => {
        /// Something that not every world has.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Part {
            $($(#[$doc])* $part,)*
        }

        impl Part {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$part,)*];

            /// What it is called on the command line.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$part => $name,)*
                }
            }
        }
    };
}

parts! {
    /// Subscription Options, Subscription Identifiers, members that leave their share group.
    Options = "options";
    /// Properties that are forwarded.
    Properties = "properties";
    /// Maximum Packet Size, Request Problem Information, identifiers that the broker assigns.
    Terms = "terms";
    /// DISCONNECT with a Will or another Session Expiry Interval, and clients that fall silent.
    Byes = "byes";
    /// Clients that break the protocol.
    Hostile = "hostile";
    /// Requests of the management interface.
    Operator = "operator";
    /// The policy to disconnect a client whose queue is full.
    Disconnect = "disconnect";
    /// Another configuration after each restart.
    Changes = "changes";
    /// Smaller steps inside the engine.
    Budgets = "budgets";
    /// Orderly stops of the broker.
    Stops = "stops";
    /// Memory that gets short.
    Memory = "memory";
}

/// What a world has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Variety {
    parts: Vec<Part>,
}

/// A stream for one part of a world.
fn stream(seed: u64, part: Part) -> Random {
    Random::new(seed ^ SALT ^ ((part as u64 + 1) << 40))
}

impl Variety {
    /// Whether there is anything beside the plain.
    pub(crate) fn is_any(&self) -> bool {
        !self.parts.is_empty()
    }

    pub(crate) fn has(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    /// What the world draws for the part while it lives.
    pub(crate) fn stream(seed: u64, part: Part) -> Random {
        stream(seed, part).split()
    }
}

/// Makes the plan a varied one, if its seed says so.
pub(crate) fn vary(plan: &mut Plan, cuts: &Cuts) {
    let mut random = Random::new(plan.seed ^ SALT);
    if random.one_in(3) {
        return;
    }
    for part in Part::ALL {
        let often = if *part == Part::Disconnect { 8 } else { 2 };
        if random.one_in(often) && !cuts.without.contains(part) {
            plan.variety.parts.push(*part);
        }
    }
    let seed = plan.seed;
    let for_part = |part: Part| stream(seed, part);
    for part in plan.variety.parts.clone() {
        let mut random = for_part(part);
        // The world's own.
        random.next();
        match part {
            Part::Options => plan.actors.iter_mut().for_each(|role| options(&mut random, role)),
            Part::Properties => {
                for role in plan.actors.iter_mut().filter(|role| role.version == Version::V5) {
                    role.terms.properties = random.one_in(2);
                }
            }
            Part::Terms => plan.actors.iter_mut().for_each(|role| terms(&mut random, role)),
            Part::Byes => byes(&mut random, plan),
            Part::Disconnect => disconnect(plan),
            Part::Changes => {
                plan.config = changed(&mut random, &plan.config);
                plan.actors.iter_mut().for_each(keep_in_touch);
            }
            Part::Budgets => plan.config.budgets = budgets(&mut random),
            Part::Hostile | Part::Operator | Part::Stops | Part::Memory => {}
        }
    }
}

fn options(random: &mut Random, role: &mut Role) {
    if role.filters.iter().any(|(filter, _)| filter.starts_with("$share/")) {
        // Half of the members leave their group now and then.
        if random.one_in(2) {
            role.toggles = role.filters.clone();
        }
        if random.one_in(3) {
            let other = |(filter, _): &mut (String, _)| *filter = "$share/k/t/+".to_owned();
            role.filters.iter_mut().chain(&mut role.toggles).for_each(other);
        }
    }
    if role.version != Version::V5 {
        return;
    }
    role.identified = random.one_in(2);
    let handling = [RetainHandling::Always, RetainHandling::IfNew, RetainHandling::Never];
    for (filter, qos) in role.filters.iter().chain(&role.toggles) {
        let options = SubscribeOptions {
            qos: *qos,
            no_local: random.one_in(3) && !filter.starts_with("$share/"),
            retain_as_published: random.one_in(3),
            retain_handling: random.pick(&handling).unwrap_or_default(),
        };
        role.options.entry(filter.clone()).or_insert(options);
    }
}

fn terms(random: &mut Random, role: &mut Role) {
    if role.version != Version::V5 {
        return;
    }
    let sizes = [None, None, Some(64), Some(100), Some(300)];
    role.terms.packet_size = random.pick(&sizes).unwrap_or(None);
    role.terms.no_reasons = random.one_in(2);
    role.terms.assigned = random.one_in(3);
}

/// Some restarts take so long that sessions expire meanwhile.
fn byes(random: &mut Random, plan: &mut Plan) {
    if plan.config.session_expiry_interval.is_none() {
        return;
    }
    for fault in &mut plan.faults {
        if let What::End { down, .. } = &mut fault.what
            && random.one_in(6)
        {
            *down = Duration::from_secs(random.between(40, 100));
        }
    }
}

/// One client publishes and nobody leaves a Will: two clients whose messages fill each other's small
/// queues could disconnect each other for ever.
fn disconnect(plan: &mut Plan) {
    plan.config.queue_full_policy = QueueFullPolicy::Disconnect;
    for (index, role) in plan.actors.iter_mut().enumerate() {
        role.publishes = index == 0;
        role.will = None;
    }
}

fn budgets(random: &mut Random) -> Budgets {
    let mut few = || {
        let most = [1, 1, 3, 20];
        let most = random.pick(&most).unwrap_or(1);
        random.index(most) + 1
    };
    Budgets {
        timers: few(),
        stopped: few(),
        restored: few(),
        subscriptions: few(),
        expired: few(),
        unsendable: few(),
        replayed: few(),
        replayed_at_once: few(),
        cleared: few(),
        members: few(),
        handed_on: few(),
        shed: few(),
    }
}

/// A client before 5.0 is not told when the broker wants to hear from it more often.
fn keep_in_touch(role: &mut Role) {
    if role.version != Version::V5 {
        role.keep_alive = 1;
    }
}

/// Another configuration for the next life of the process. Sessions live as long as before, and the
/// policy to disconnect comes or goes in no world.
pub(crate) fn changed(random: &mut Random, before: &Config) -> Config {
    let limit = random.one_in(3).then(|| random.index(12) + 1);
    let policies = [QueueFullPolicy::DropOldest, QueueFullPolicy::DropNewest];
    let policy = random.pick(&policies).unwrap_or_default();
    // Not `Strict`: a client before 5.0 is not told what it is cut off for, and does it again.
    let reading = [ReceiveMaximumPolicy::ByVersion, ReceiveMaximumPolicy::Backpressure];
    let keep_alive = random.pick(&[None, Some(1), Some(5), Some(60)]);
    let bytes = random.pick(&[64 << 20, 64 << 20, 4_000, 1_000]);
    let stays = before.queue_full_policy == QueueFullPolicy::Disconnect;
    Config {
        max_inflight_messages: random.pick(&[1, 2, 5, 20]).unwrap_or(20),
        queue_qos0_messages: random.one_in(2),
        max_msgqueue_messages: limit,
        max_queued_bytes: bytes.unwrap_or(64 << 20),
        queue_full_policy: if stays { before.queue_full_policy } else { policy },
        max_unsent_bytes: 1 << random.between(8, 20),
        stall_timeout: Duration::from_secs(random.between(2, 60)),
        receive_maximum: random.pick(&[256, 20, 3]).unwrap_or(256),
        receive_maximum_policy: random.pick(&reading).unwrap_or_default(),
        topic_alias_maximum: random.pick(&[64, 2, 0]).unwrap_or(64),
        max_keepalive: keep_alive.unwrap_or(None),
        check_payload_format: random.one_in(2),
        delivery_retry_interval: Duration::from_secs(random.pick(&[0, 1, 20]).unwrap_or(0)),
        ..before.clone()
    }
}
