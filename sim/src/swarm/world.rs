//! A whole world in virtual time: clients, their connections, the broker's process and its disk.

mod byes;
mod clients;
mod desk;
mod finale;
mod heal;
mod hostile;
mod network;
mod process;
mod recovery;
mod room;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use surewire_engine::client::Input;
use surewire_engine::config::Config;
use surewire_engine::time::Time;
use surewire_engine::topic::TopicName;

use super::actor::{Actor, Kept};
use super::coverage::Coverage;
use super::disk::Disk;
use super::link::Link;
use super::oracle::Oracle;
use super::plan::{Fault, Plan, What};
use super::random::Random;
use super::tap::Tap;
use super::trace::Trace;
use super::variety::{Part, Variety};
use process::{Process, Shadow};

/// Nanoseconds of a millisecond.
const MS: u64 = 1_000_000;

/// More happens in no world that comes to its end.
const ENOUGH: u64 = 500_000;

/// Something that is going to happen.
#[derive(Debug)]
pub(super) enum Happening {
    /// A client does something.
    Act,
    /// A connection reaches the broker.
    Accept(u64),
    ToBroker(u64, Vec<u8>),
    ToClient(u64, Vec<u8>),
    /// The end of a connection reaches one of its sides.
    BrokerLoses(u64),
    ClientLoses(u64),
    Dial(usize),
    ClientTimer(usize),
    /// A client that stayed away wants to be connected again.
    ComeBack(usize),
    /// Of one life of the process.
    EngineTimer(u64),
    DiskDone(u64),
    /// A full disk is asked for room again.
    Retry(u64),
    /// The process ends.
    End(u64),
    /// The process starts.
    Boot,
    /// Everything is to come right.
    Heal,
    /// Has it?
    Check,
    /// Nothing is to be left.
    ClearAway,
}

/// Everything there is.
#[derive(Debug)]
pub(crate) struct World {
    plan: Plan,
    now: u64,
    queue: BTreeMap<(u64, u64), Happening>,
    sequence: u64,
    random: Random,
    disk_random: Random,
    /// For messages that are sent at once.
    together_random: Random,
    streams: Streams,
    disk: Disk,
    process: Process,
    shadow: Shadow,
    /// What the broker is set up with in this life.
    config: Config,
    /// It was told to stop.
    stopping: bool,
    links: BTreeMap<u64, Link>,
    next_link: u64,
    actors: Vec<Actor>,
    acts: u64,
    faults: Vec<Fault>,
    /// The process does nothing until then.
    stalled_until: u64,
    full_until: u64,
    /// Since when memory is not short, if it is not.
    enough_since: Option<u64>,
    /// Whether the disk has no room at some time.
    fills_up: bool,
    slow: u64,
    slow_until_act: u64,
    healing: bool,
    /// What a new subscriber finds retained in the end.
    found: BTreeMap<String, u64>,
    finale: finale::Finale,
    /// Clients by the identifiers that the broker gave them.
    names: BTreeMap<String, usize>,
    attacks: BTreeMap<u64, hostile::Begun>,
    /// What the operator waits for.
    desk: BTreeMap<u64, desk::Asked>,
    next_request: u64,
    /// Orders that one answer was not enough for.
    unfinished: Vec<(Option<TopicName>, Vec<u64>)>,
    /// Clients whose session was ended by an order that was answered, and those that were accepted
    /// since theirs was given.
    ended_by_order: BTreeSet<String>,
    accepted_since_order: BTreeSet<String>,
    quiet_since: u64,
    deadline: u64,
    done: bool,
    tap: Tap,
    oracle: Oracle,
    coverage: Coverage,
    trace: Trace,
}

/// What the parts draw that not every world has.
#[derive(Debug)]
struct Streams {
    options: Random,
    properties: Random,
    byes: Random,
    hostile: Random,
    operator: Random,
    changes: Random,
    stops: Random,
    memory: Random,
}

impl Streams {
    fn new(seed: u64) -> Self {
        let of = |part| Variety::stream(seed, part);
        Self {
            options: of(Part::Options),
            properties: of(Part::Properties),
            byes: of(Part::Byes),
            hostile: of(Part::Hostile),
            operator: of(Part::Operator),
            changes: of(Part::Changes),
            stops: of(Part::Stops),
            memory: of(Part::Memory),
        }
    }
}

/// How a run went.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) violations: Vec<String>,
    pub(crate) coverage: Coverage,
    pub(crate) hash: u64,
    pub(crate) lines: Vec<String>,
}

/// Runs a plan to its end.
pub(crate) fn run(plan: Plan, shown: usize) -> Outcome {
    let mut world = World::new(plan, shown);
    world.live();
    let mut coverage = world.coverage;
    coverage.seeds = 1;
    coverage.acts = world.acts;
    coverage.aliases = world.tap.aliases;
    coverage.acknowledged = world.oracle.acknowledgements();
    let hash = world.trace.hash();
    Outcome { violations: world.oracle.violations, coverage, hash, lines: world.trace.into_lines() }
}

impl World {
    fn new(plan: Plan, shown: usize) -> Self {
        let mut random = Random::new(plan.seed ^ 0x5EED);
        let disk_random = random.split();
        let actors = plan.actors.iter().enumerate();
        let kept = Kept::exactly(plan.config.session_expiry_interval.map(nanos));
        let actors: Vec<Actor> =
            actors.map(|(index, role)| Actor::new(index, role.clone(), kept)).collect();
        let versions = plan.actors.iter().map(|role| role.version);
        // One more looks in the end at what is retained.
        let oracle = Oracle::new(versions.chain([plan.reader()]));
        let mut world = Self {
            now: 0,
            queue: BTreeMap::new(),
            sequence: 0,
            random,
            disk_random,
            together_random: Random::new(plan.seed ^ 0x7263_7468),
            streams: Streams::new(plan.seed),
            disk: Disk::default(),
            process: Process::default(),
            shadow: Shadow::default(),
            config: plan.config.clone(),
            stopping: false,
            links: BTreeMap::new(),
            next_link: 0,
            oracle,
            tap: Tap::default(),
            actors,
            acts: 0,
            faults: plan.faults.clone(),
            stalled_until: 0,
            full_until: 0,
            enough_since: None,
            fills_up: plan.fills_up(),
            slow: 1,
            slow_until_act: 0,
            healing: false,
            found: BTreeMap::new(),
            finale: finale::Finale::default(),
            names: BTreeMap::new(),
            attacks: BTreeMap::new(),
            desk: BTreeMap::new(),
            next_request: 0,
            unfinished: Vec::new(),
            ended_by_order: BTreeSet::new(),
            accepted_since_order: BTreeSet::new(),
            quiet_since: 0,
            deadline: u64::MAX,
            done: false,
            coverage: Coverage::default(),
            trace: Trace::new(shown),
            plan,
        };
        world.after(0, Happening::Boot);
        for index in 0..world.actors.len() {
            let delay = world.random.below(5 * MS);
            world.after(delay, Happening::Dial(index));
        }
        world.after(5 * MS, Happening::Act);
        world
    }

    fn live(&mut self) {
        while !self.done && self.oracle.violations.is_empty() {
            let Some(((at, sequence), happening)) = self.queue.pop_first() else {
                self.oracle.violation("I10: nothing will happen any more".to_owned());
                return;
            };
            self.now = self.now.max(at);
            if self.sequence > ENOUGH {
                self.oracle.violation("I10: it comes to no end".to_owned());
                return;
            }
            if self.now < self.stalled_until && happening.is_the_process() {
                self.queue.insert((self.stalled_until, sequence), happening);
                continue;
            }
            self.happen(happening);
        }
    }

    /// Something is going to happen so many nanoseconds from now.
    fn after(&mut self, delay: u64, happening: Happening) {
        self.at(self.now + delay, happening);
    }

    fn at(&mut self, when: u64, happening: Happening) {
        self.sequence += 1;
        self.queue.insert((when, self.sequence), happening);
    }

    /// A client's time.
    fn time(&self) -> Time {
        Time::from_secs(crate::EPOCH_SECS) + Duration::from_nanos(self.now)
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Act => self.act_and_go_on(),
            Happening::Accept(link) => self.accept(link),
            Happening::ToBroker(link, bytes) => self.broker_receives(link, &bytes),
            Happening::ToClient(link, bytes) => self.client_receives(link, &bytes),
            Happening::BrokerLoses(link) => self.broker_loses(link),
            Happening::ClientLoses(link) => self.client_loses(link),
            Happening::Dial(client) => self.dial(client),
            Happening::ClientTimer(client) => self.client_timer(client),
            Happening::ComeBack(client) => self.come_back(client),
            Happening::EngineTimer(life) => self.engine_timer(life),
            Happening::DiskDone(life) => self.disk_done(life),
            Happening::Retry(life) => self.retry(life),
            Happening::End(life) => self.end_now(life),
            Happening::Boot => self.boot(),
            Happening::Heal => self.heal(),
            Happening::Check => self.check(),
            Happening::ClearAway => self.clear_away(),
        }
    }

    fn act_and_go_on(&mut self) {
        if self.healing {
            return;
        }
        self.bring_faults();
        if self.acts >= self.plan.acts {
            return self.after(0, Happening::Heal);
        }
        self.acts += 1;
        self.act();
        let delay = self.random.below(self.plan.pace);
        self.after(delay, Happening::Act);
    }

    /// What goes wrong from here on.
    fn bring_faults(&mut self) {
        if self.acts >= self.slow_until_act {
            self.slow = 1;
        }
        while self.faults.first().is_some_and(|fault| fault.after <= self.acts) {
            let Fault { what, .. } = self.faults.remove(0);
            self.trace.note(self.now, format_args!("fault: {what:?}"), &[1]);
            match what {
                What::End { power, again, down, clock } => {
                    self.arm(power, again, down, clock);
                    self.stop_first();
                }
                What::DiskError => {
                    self.disk.fails = true;
                    self.coverage.disk_errors += 1;
                }
                What::Full(time) => {
                    self.full_until = self.now + nanos(time);
                    self.coverage.full += 1;
                }
                What::Slow { times, acts } => {
                    (self.slow, self.slow_until_act) = (times, self.acts + acts);
                }
                What::Stall(time) => self.stalled_until = self.now + nanos(time),
                What::Flip => self.process.flips = true,
                What::Misdirected => {
                    self.disk.misdirects = true;
                    self.process.damaged = true;
                    self.coverage.damage += 1;
                }
            }
        }
    }

    fn client_timer(&mut self, client: usize) {
        let now = self.time();
        let due = self.actors.get(client).and_then(|actor| actor.machine.next_timeout());
        if due.is_some_and(|due| due <= now) {
            self.client_hands_in(client, Input::Timeout);
        }
    }
}

impl Happening {
    /// Whether it is something that the broker's process does.
    fn is_the_process(&self) -> bool {
        match self {
            Self::Accept(_)
            | Self::ToBroker(..)
            | Self::BrokerLoses(_)
            | Self::EngineTimer(_)
            | Self::DiskDone(_)
            | Self::Retry(_) => true,
            Self::Act
            | Self::ToClient(..)
            | Self::ClientLoses(_)
            | Self::Dial(_)
            | Self::ClientTimer(_)
            | Self::ComeBack(_)
            | Self::End(_)
            | Self::Boot
            | Self::Heal
            | Self::Check
            | Self::ClearAway => false,
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
