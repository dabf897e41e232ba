//! Everything there is, and what happens to it in virtual time.
//!
//! `device` is a client with its application, `clients` what they do; `network` carries bytes;
//! `process` is the broker: the engine and its log, `store` how the log reaches the disk; `outages`
//! are what the plan says goes wrong, `sampling` looks at the state now and then.

mod clients;
mod device;
mod network;
mod outages;
mod process;
mod sampling;
mod store;

use std::collections::VecDeque;
use std::time::Duration;

use surewire_engine::action::Action;
use surewire_engine::answer::Answer;
use surewire_engine::client::Output;
use surewire_engine::event::Event;
use surewire_engine::id::ConnId;
use surewire_engine::time::Time;

use crate::disk::Disk;
use crate::meter::Meter;
use crate::pipe::Chunk;
use crate::plan::Plan;
use crate::random::Random;
use crate::report::Report;
use crate::schedule::Schedule;
use device::Device;
use network::{Conns, Way};
use process::Machine;

/// When every run begins, in seconds since the Unix epoch: the first of January 2026.
const EPOCH_SECS: u64 = 1_767_225_600;

/// Points of the curves.
const SAMPLES: u64 = 240;

/// Streams of random numbers: those of clients follow.
const NETWORK: u64 = 0;
const BROKER: u64 = 1;
const CLIENTS: u64 = 2;

/// Why a run does not come to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The broker does not read back its own log.
    #[error("the broker could not read its log again: {0}")]
    Recovery(String),
    /// The log failed.
    #[error("the log failed: {0}")]
    Log(String),
}

/// Something that is going to happen.
#[derive(Debug)]
enum Happening {
    /// A client wants a connection, gets one, or does not. Of one stretch of having power.
    Dial {
        client: u32,
        epoch: u32,
    },
    Dialed {
        client: u32,
        epoch: u32,
    },
    DialFails {
        client: u32,
        epoch: u32,
    },
    /// One of the messages that the client's group publishes is due.
    Publish {
        client: u32,
        entry: u16,
        epoch: u32,
    },
    ClientTimer(u32),
    Arrives(ConnId, Way, Chunk),
    LineFree(ConnId, Way),
    /// Of one life of the broker.
    EngineTimer {
        life: u32,
    },
    DiskDone {
        life: u32,
    },
    /// A full disk is asked for room again.
    Retry {
        life: u32,
    },
    /// A stop has taken long enough.
    Stopped {
        life: u32,
    },
    /// A client's link stops carrying anything, and carries again.
    DropoutBegins(u32),
    DropoutEnds(u32),
    /// By its place in the plan.
    OutageBegins(usize),
    OutageEnds(usize),
    Sample,
}

/// Everything there is.
struct World<'a> {
    plan: &'a Plan,
    /// Nanoseconds since the beginning.
    now: u64,
    schedule: Schedule<Happening>,
    devices: Vec<Device>,
    conns: Conns,
    machine: Machine,
    network: Random,
    meter: Meter,
    /// What the engine is to be told in this moment, and from whom there is more to read.
    pending: VecDeque<Event>,
    readable: Vec<ConnId>,
    /// Connections that the broker has written to in this step.
    touched: Vec<ConnId>,
    actions: Vec<Action>,
    outputs: Vec<Output>,
    answer: Option<Answer>,
    failure: Option<RunError>,
}

/// Runs a plan to its end. `progress` is told now and then how much of the time has passed, in
/// thousandths.
///
/// # Errors
/// Only if the broker itself is at fault.
pub fn run(plan: &Plan, mut progress: impl FnMut(u64)) -> Result<Report, RunError> {
    let end = nanos(plan.length);
    let mut world = World::new(plan);
    let mut told = 0;
    while let Some((at, happening)) = world.schedule.pop_before(end) {
        world.now = at;
        world.meter.happenings += 1;
        world.happen(happening);
        if let Some(failure) = world.failure {
            return Err(failure);
        }
        let share = u64::try_from(u128::from(at) * 1_000 / u128::from(end.max(1))).unwrap_or(0);
        if share > told {
            told = share;
            progress(share);
        }
    }
    world.now = end;
    Ok(world.finish())
}

impl<'a> World<'a> {
    fn new(plan: &'a Plan) -> Self {
        let mut world = Self {
            plan,
            now: 0,
            schedule: Schedule::new(),
            devices: Vec::new(),
            conns: Conns::default(),
            machine: Machine::new(Disk::new(plan.broker.disk), Random::new(plan.seed, BROKER)),
            network: Random::new(plan.seed, NETWORK),
            meter: Meter::new(plan),
            pending: VecDeque::new(),
            readable: Vec::new(),
            touched: Vec::new(),
            actions: Vec::new(),
            outputs: Vec::new(),
            answer: None,
            failure: None,
        };
        world.boot();
        world.make_devices();
        world.plan_outages();
        for number in 1..SAMPLES {
            let at = u128::from(nanos(plan.length)) * u128::from(number) / u128::from(SAMPLES);
            world.schedule.set(u64::try_from(at).unwrap_or(u64::MAX), Happening::Sample);
        }
        world
    }

    /// The time as the broker and its clients have it.
    fn time(&self) -> Time {
        time(self.now)
    }

    /// Something happens so many nanoseconds from now.
    fn after(&mut self, delay: u64, what: Happening) {
        self.schedule.set(self.now.saturating_add(delay), what);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Dial { client, epoch } => self.dial(client, epoch),
            Happening::Dialed { client, epoch } => self.dialed(client, epoch),
            Happening::DialFails { client, epoch } => self.dial_fails(client, epoch),
            Happening::Publish { client, entry, epoch } => self.publish(client, entry, epoch),
            Happening::ClientTimer(client) => self.client_timer(client),
            Happening::Arrives(conn, Way::Up, chunk) => self.broker_receives(conn, chunk),
            Happening::Arrives(conn, Way::Down, chunk) => self.client_receives(conn, chunk),
            Happening::LineFree(conn, way) => self.line_is_free(conn, way),
            Happening::EngineTimer { life } => self.engine_timer(life),
            Happening::DiskDone { life } => self.disk_done(life),
            Happening::Retry { life } => self.retry(life),
            Happening::Stopped { life } => self.stopped(life),
            Happening::DropoutBegins(client) => self.dropout_begins(client),
            Happening::DropoutEnds(client) => self.dropout_ends(client),
            Happening::OutageBegins(place) => self.outage_begins(place),
            Happening::OutageEnds(place) => self.outage_ends(place),
            Happening::Sample => self.sample(),
        }
        self.settle();
    }

    fn finish(mut self) -> Report {
        self.sample();
        self.end_count();
        for device in &self.devices {
            let pending = device.machine.unacknowledged() as u64;
            self.meter.group(device.group).pending += pending;
        }
        self.meter.report()
    }
}

fn time(nanos: u64) -> Time {
    Time::from_secs(EPOCH_SECS) + Duration::from_nanos(nanos)
}

/// A virtual time as the place of a time of the engine's; the beginning for what is before it.
fn since_start(time: Time) -> u64 {
    nanos(time - Time::from_secs(EPOCH_SECS))
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
