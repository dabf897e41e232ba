//! What stories are played on: a broker, hosts with clients, and faults at their times.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use surewire_engine::packet::Version;
use surewire_server::config::{Config, Durability};
use surewire_server::environment::LocalFuture;
use surewire_server::settings::{Machine as Computer, Settings};
use tokio::sync::Notify;
use turmoil::Sim;

use crate::Trace;
use crate::client::Client;
use crate::device::{Device, Role};
use crate::environment::Machine;
use crate::history::History;
use crate::http::Operator;
use crate::network::simulation_with;
use crate::swarm::random::Random;
use crate::wire::{Carrier, Wire};

/// The broker's configuration, unless a story changes it.
const FILE: &str = "listener: [{protocol: mqtt, addr: ':1883'}, {protocol: websocket, addr: ':8083'}]\n\
    http_server: {addr: ':9090', user: {admin: s3cret}}";

/// How long everything is watched after it came right: what comes too often comes late.
const AFTERMATH: Duration = Duration::from_secs(3);

/// How an act of a story ended.
pub(crate) type Outcome = Result<(), Box<dyn Error>>;

/// Something that happens to the broker's machine or to the network.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Nothing passes between the host and the broker, and what is on its way is lost.
    Partition(String),
    /// Nothing passes from the one to the other.
    OneWay { from: String, to: String },
    /// The link is whole again. What was lost stays lost.
    Repair(String),
    /// Everything is held on its way.
    Hold(String),
    /// What was held arrives.
    Release(String),
    /// The process is killed. The system closes its sockets, and what it wrote stays.
    Kill,
    /// Nobody hears anything more of the broker, and its disk loses what it may.
    PowerCut,
    /// A new process on the same disk.
    Boot,
    /// The broker is asked to stop.
    Stop,
    /// Whether the disk has room for another file is no longer so.
    Full(bool),
}

/// A story before it is played.
pub(crate) struct Stage {
    pub(crate) random: Random,
    pub(crate) settings: Settings,
    pub(crate) history: History,
    trace: Trace,
    seed: u64,
    /// Bytes that the broker sends in one segment.
    pub(crate) segment: usize,
    /// Segments that a stream takes and nobody reads.
    pub(crate) window: usize,
    /// How long it may take, in simulated time.
    pub(crate) limit: Duration,
    roles: Vec<Role>,
    acts: Vec<(String, LocalFuture<'static, ()>)>,
    faults: Vec<(Duration, Fault)>,
    acts_left: Rc<Cell<usize>>,
}

/// What came of it.
#[derive(Debug)]
pub struct Run {
    /// What must not have happened.
    pub violations: Vec<String>,
    /// The same for the same seed, in every process.
    pub hash: u64,
    /// The last of what clients saw.
    pub trace: Trace,
    /// What it came across.
    pub counts: BTreeMap<&'static str, u64>,
    /// How long it took in simulated time.
    pub simulated: Duration,
}

/// Where an act finds what it needs.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) name: String,
    pub(crate) trace: Trace,
    pub(crate) history: History,
}

impl Scene {
    /// A connection of a client called as the act is.
    pub(crate) async fn dial(&self, version: Version) -> io::Result<Client> {
        self.dial_over(version, Carrier::Tcp, usize::MAX).await
    }

    /// A connection that sends at most so many bytes in one segment.
    pub(crate) async fn dial_over(
        &self,
        version: Version,
        carrier: Carrier,
        segment: usize,
    ) -> io::Result<Client> {
        let wire = Wire::dial(carrier, segment).await?;
        Ok(Client::over(wire, &self.name, version, &self.trace))
    }

    pub(crate) async fn operator(&self) -> io::Result<Operator> {
        Operator::dial(&self.name, &self.trace).await
    }
}

/// Ends an act with `words` unless `is_so`.
pub(crate) fn ensure(is_so: bool, words: impl FnOnce() -> String) -> Outcome {
    if is_so { Ok(()) } else { Err(words().into()) }
}

/// Bytes that a turn of the broker writes before others get theirs: from one connection to all.
const AT_ONCE: [usize; 3] = [1, 16 * 1024, 1 << 20];

/// Bytes of records that may wait for the disk before clients that bring more wait too: from none.
const DISK_SHARE: [usize; 3] = [0, 1_024, 4 << 20];

impl Stage {
    /// An empty stage: two to four workers, everything on the disk, no limit to queues.
    pub(crate) fn new(seed: u64, trace: Trace) -> Self {
        let mut random = Random::new(seed);
        let workers = usize::try_from(random.between(2, 4)).unwrap_or(2);
        // Never drawn from the stream of the rest, whose worlds would be others.
        let mut unseen = Random::new(!seed);
        let at_once = unseen.pick(&AT_ONCE).unwrap_or(1);
        let disk_share = unseen.pick(&DISK_SHARE).unwrap_or(0);
        let settings = Settings { at_once, disk_share, ..settings() };
        let settings = Settings { workers, durability: Durability::Power, ..settings };
        Self {
            random,
            settings,
            history: History::default(),
            trace,
            seed,
            segment: usize::MAX,
            window: 4_096,
            limit: Duration::from_secs(300),
            roles: Vec::new(),
            acts: Vec::new(),
            faults: Vec::new(),
            acts_left: Rc::default(),
        }
    }

    /// A client that is there from its time on.
    pub(crate) fn device(&mut self, role: Role) {
        self.roles.push(role);
    }

    /// Something that one client does, by the hand of the story.
    pub(crate) fn act<A>(&mut self, host: &str, name: &str, act: A)
    where
        A: AsyncFnOnce(Scene) -> Outcome + 'static,
    {
        let (trace, history) = (self.trace.clone(), self.history.clone());
        let (scene, left) = (Scene { name: name.to_owned(), trace, history }, &self.acts_left);
        let left = Rc::clone(left);
        left.set(left.get() + 1);
        let act = Box::pin(async move {
            let (name, history) = (scene.name.clone(), scene.history.clone());
            if let Err(error) = act(scene).await {
                history.violate(&format!("{name}: {error}"));
            }
            left.set(left.get() - 1);
        });
        self.acts.push((host.to_owned(), act));
    }

    /// At its time, `fault`.
    pub(crate) fn at(&mut self, when: Duration, fault: Fault) {
        self.faults.push((when, fault));
    }

    /// Nothing passes between a host and the broker for a while.
    pub(crate) fn partition(&mut self, host: &str, from: Duration, until: Duration) {
        self.at(from, Fault::Partition(host.to_owned()));
        self.at(until, Fault::Repair(host.to_owned()));
        self.history.disturb(Some(host), from, until);
    }

    /// Everything between a host and the broker is held for a while.
    pub(crate) fn hold(&mut self, host: &str, from: Duration, until: Duration) {
        self.at(from, Fault::Hold(host.to_owned()));
        self.at(until, Fault::Release(host.to_owned()));
        self.history.disturb(Some(host), from, until);
    }

    /// The broker ends, by `how`, and comes back.
    pub(crate) fn down(&mut self, how: Fault, from: Duration, until: Duration) {
        self.at(from, how);
        self.at(until, Fault::Boot);
        self.history.disturb(None, from, until + Duration::from_secs(1));
    }

    /// Plays it to its end.
    pub(crate) fn play(mut self) -> Run {
        let machine = Machine::new(self.random.next(), self.segment);
        let stop = Rc::new(Notify::new());
        // Most worlds are coarse and fast, some as fine as the clock.
        let tick = Duration::from_millis(self.random.pick(&[1, 5, 5]).unwrap_or(1));
        let mut sim = simulation_with(self.seed, self.limit * 2, self.window, tick);
        self.raise_broker(&mut sim, &machine, &stop);
        let (hosts, publishers_left) = self.fill_hosts(&mut sim);
        self.faults.sort_by_key(|(when, _)| *when);
        let mut faults = std::mem::take(&mut self.faults).into_iter().peekable();
        let mut calm_since: Option<Duration> = None;
        let mut looked = Duration::ZERO;
        while !self.history.has_violations() {
            while let Some((_, fault)) = faults.next_if(|(when, _)| *when <= sim.elapsed()) {
                self.trace.happens(sim.elapsed(), &format!("{fault:?}"));
                apply(&mut sim, &machine, &stop, &hosts, &fault);
            }
            if let Err(error) = sim.step() {
                self.history.violate(&format!("the broker failed: {error}"));
            }
            let elapsed = sim.elapsed();
            if elapsed < looked + Duration::from_millis(250) {
                continue;
            }
            looked = elapsed;
            let open = self.open(faults.len(), publishers_left.get());
            match (open, calm_since) {
                (Some(what), _) if elapsed > self.limit => {
                    self.history.violate(&format!("{what}, when all had to be over"));
                }
                (Some(_), _) => calm_since = None,
                (None, None) => calm_since = Some(elapsed),
                (None, Some(since)) if elapsed > since + AFTERMATH => break,
                (None, Some(_)) => {}
            }
        }
        Run {
            violations: self.history.violations(),
            hash: self.trace.hash(),
            counts: self.history.counts(),
            simulated: sim.elapsed(),
            trace: self.trace,
        }
    }

    /// What is still to happen, if anything is.
    fn open(&self, faults: usize, publishers: usize) -> Option<String> {
        let acts = self.acts_left.get();
        if faults > 0 || acts > 0 {
            return Some(format!("{acts} acts and {faults} faults are still to end"));
        }
        self.history.missing(publishers)
    }

    fn raise_broker(&self, sim: &mut Sim<'static>, machine: &Machine, stop: &Rc<Notify>) {
        let (settings, machine, stop) = (self.settings.clone(), machine.clone(), Rc::clone(stop));
        let history = self.history.clone();
        sim.host("broker", move || {
            let (settings, stop) = (settings.clone(), Rc::clone(&stop));
            let (machine, history) = (machine.clone(), history.clone());
            async move {
                let environment = machine.start();
                surewire_server::run(settings, &environment, stop.notified()).await?;
                history.count("stops");
                Ok(())
            }
        });
    }

    /// Puts everybody on their hosts. Their names, and how many publishers are not done.
    fn fill_hosts(&mut self, sim: &mut Sim<'static>) -> (Vec<String>, Rc<Cell<usize>>) {
        let mut tasks: BTreeMap<String, Vec<LocalFuture<'static, ()>>> = BTreeMap::new();
        let left = Rc::new(Cell::new(0));
        for role in std::mem::take(&mut self.roles) {
            let (host, seed) = (role.host.clone(), self.random.next());
            let device = Device::new(role, seed, &self.history, &self.trace, Rc::clone(&left));
            tasks.entry(host).or_default().push(Box::pin(device.live()));
        }
        for (host, act) in std::mem::take(&mut self.acts) {
            tasks.entry(host).or_default().push(act);
        }
        let hosts = tasks.keys().cloned().collect();
        for (host, tasks) in tasks {
            sim.client(host, async move {
                tasks.into_iter().for_each(|task| drop(tokio::task::spawn_local(task)));
                std::future::pending().await
            });
        }
        (hosts, left)
    }
}

impl Fault {
    /// Whose link to the broker it is about.
    fn host(&self) -> Option<&String> {
        match self {
            Self::Partition(host) | Self::Repair(host) | Self::Hold(host) | Self::Release(host) => {
                Some(host)
            }
            Self::OneWay { from, to } => Some(if from == "broker" { to } else { from }),
            Self::Kill | Self::PowerCut | Self::Boot | Self::Stop | Self::Full(_) => None,
        }
    }
}

/// Does what the time has come for.
fn apply(
    sim: &mut Sim<'static>,
    machine: &Machine,
    stop: &Notify,
    hosts: &[String],
    fault: &Fault,
) {
    if fault.host().is_some_and(|host| !hosts.contains(host)) {
        // Nobody lives there, so there is no such link.
        return;
    }
    match fault {
        Fault::Partition(host) => sim.partition(host.as_str(), "broker"),
        Fault::OneWay { from, to } => sim.partition_oneway(from.as_str(), to.as_str()),
        Fault::Repair(host) => sim.repair(host.as_str(), "broker"),
        Fault::Hold(host) => sim.hold(host.as_str(), "broker"),
        Fault::Release(host) => sim.release(host.as_str(), "broker"),
        Fault::Kill => sim.crash("broker"),
        Fault::PowerCut => {
            // The simulated process ends in order and says good-bye; nobody may hear it.
            hosts.iter().for_each(|host| sim.partition(host.as_str(), "broker"));
            sim.crash("broker");
            machine.disk.cut_power();
            hosts.iter().for_each(|host| sim.repair(host.as_str(), "broker"));
        }
        Fault::Boot => sim.bounce("broker"),
        Fault::Stop => stop.notify_one(),
        Fault::Full(full) => machine.disk.set_full(*full),
    }
}

fn settings() -> Settings {
    let no_variables: [(&str, &str); 0] = [];
    let loaded = Config::parse(FILE.as_bytes(), no_variables).expect("the file above is right");
    let mut settings =
        Settings::resolve(&loaded.config, Computer { cores: 2, files: None, memory: None });
    settings.engine.max_msgqueue_messages = None;
    settings
}
