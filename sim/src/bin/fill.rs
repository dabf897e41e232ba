//! Fills a data directory with sessions, as a broker that they all came to would have left it.
//!
//! `cargo run --release -p surewire-sim --bin fill -- DIRECTORY [--sessions N] [--subscriptions K]`
//!
//! The real engine makes the records, the real log writes them and is never cleaned; only the
//! clients are missing.

#![expect(clippy::print_stdout, reason = "a command that prints what it has done")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use surewire_engine::Engine;
use surewire_engine::action::Action;
use surewire_engine::config::Config;
use surewire_engine::event::{Event, Lost, Peer};
use surewire_engine::id::{ConnId, PacketId};
use surewire_engine::log::disk::{DiskError, Op, Reply};
use surewire_engine::log::pending::Pending;
use surewire_engine::log::recovery::{Recovery, Step};
use surewire_engine::log::writer::{Log, Options, Progress, Sync};
use surewire_engine::packet::{
    Connect, Packet, Properties, QoS, Subscribe, SubscribeFilter, SubscribeOptions, Version,
};
use surewire_engine::planted::Planted;
use surewire_engine::time::Time;
use surewire_server::environment::{Disk, Environment, RealEnvironment};
use surewire_sim::EPOCH_SECS;

/// Bytes of records in a batch, as in the server.
const BATCH: usize = 4 << 20;
/// Bytes of a file of the log, as in the server.
const SEGMENT_LEN: u64 = 16 << 20;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(directory) = arguments.next() else {
        println!("fill: name a directory");
        return ExitCode::FAILURE;
    };
    let rest: Vec<String> = arguments.collect();
    let number = |name: &str, preset: u32| {
        let place = rest.iter().position(|argument| argument == name);
        let value = place.and_then(|place| rest.get(place + 1));
        value.and_then(|text| text.parse().ok()).unwrap_or(preset)
    };
    let (sessions, each) = (number("--sessions", 1_000_000), number("--subscriptions", 10));
    let began = Instant::now();
    match fill(Path::new(&directory), sessions, each) {
        Ok(bytes) => {
            let (took, mib) = (began.elapsed().as_secs_f64(), bytes >> 20);
            println!("{sessions} sessions with {each} subscriptions, {mib} MiB, in {took:.1} s");
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("fill: {directory}: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The bytes of the log.
fn fill(directory: &Path, sessions: u32, each: u32) -> Result<u64, String> {
    let mut filling = Filling::open(directory)?;
    // The first come twice: so much is outdated that the next broker has to clean.
    for n in (0..sessions).chain(0..sessions / 8) {
        filling.session(n, each)?;
    }
    filling.commit()?;
    Ok(filling.log.bytes())
}

struct Filling {
    engine: Engine,
    log: Log,
    disk: Box<dyn Disk>,
    runtime: tokio::runtime::Runtime,
    now: Time,
    pending: Pending,
    actions: Vec<Action>,
    connections: u32,
}

impl Filling {
    fn open(directory: &Path) -> Result<Self, String> {
        let environment = RealEnvironment::new();
        let mut disk = environment.open_disk(directory).map_err(|error| error.to_string())?;
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let (sync, planted) = (Sync::Always, Planted::NONE);
        let options = Options { segment_len: SEGMENT_LEN, sync, nonce: 1, planted };
        let mut recovery = Recovery::new(options);
        let log = loop {
            match recovery.next() {
                Step::Do(op) => {
                    let reply = runtime.block_on(disk.perform(op));
                    recovery.done(reply);
                }
                Step::Batch(_) => return Err("it is not empty".to_owned()),
                Step::Finished(log, _) => break *log,
                Step::Failed(error) => return Err(error.to_string()),
            }
        };
        let config = Config { max_connections: 2_000_000, ..Config::default() };
        Ok(Self {
            engine: Engine::new(config, [7; 32]),
            log,
            disk,
            runtime,
            now: Time::from_secs(EPOCH_SECS),
            pending: Pending::default(),
            actions: Vec::new(),
            connections: 0,
        })
    }

    /// A client comes, subscribes and leaves.
    fn session(&mut self, n: u32, each: u32) -> Result<(), String> {
        self.now = self.now + Duration::from_micros(100);
        self.connections += 1;
        let conn = ConnId { slot: 0, generation: self.connections };
        let peer = Peer { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), anonymous: true };
        let connect = Connect {
            version: Version::V3_1_1,
            clean_start: false,
            keep_alive: 0,
            client_id: format!("device-{n:08}").into(),
            will: None,
            user_name: None,
            password: None,
            properties: Properties::NONE,
        };
        let options = SubscribeOptions { qos: QoS::AtLeastOnce, ..SubscribeOptions::default() };
        let filter = |k| SubscribeFilter {
            filter: format!("site/{}/device/{n}/+/{k}", n % 100).into(),
            options,
        };
        let filters = (0..each).map(filter).collect();
        let (packet_id, properties) = (PacketId::FIRST, Properties::NONE);
        let subscribe = Box::new(Subscribe { packet_id, filters, properties });
        self.event(Event::Opened { conn, peer, first: Ok(Box::new(connect)) });
        self.event(Event::Received { conn, packet: Packet::Subscribe(subscribe) });
        // There are no retained messages; that is seen before the client leaves.
        while self.engine.next_timeout().is_some_and(|due| due <= self.now) {
            self.event(Event::Timeout);
        }
        self.event(Event::Closed { conn, why: Lost::ByPeer });
        if self.pending.bytes.len() > BATCH { self.commit() } else { Ok(()) }
    }

    fn event(&mut self, event: Event) {
        self.engine.handle(self.now, event, &mut self.actions);
        for action in self.actions.drain(..) {
            if let Action::Append { lsn, record, anew, frees } = action {
                self.pending.time = self.now;
                self.pending.take(lsn, &record, anew, frees);
            }
        }
    }

    /// Makes everything so far durable.
    fn commit(&mut self) -> Result<(), String> {
        self.log.append(std::mem::take(&mut self.pending));
        while let Some(op) = self.log.next() {
            let reply = self.perform(op);
            let progress = self.log.done(reply).map_err(|error| error.to_string())?;
            if let Progress::Durable(upto) = progress {
                self.event(Event::Durable { upto });
            }
        }
        Ok(())
    }

    fn perform(&mut self, op: Op) -> Result<Reply, DiskError> {
        self.runtime.block_on(self.disk.perform(op))
    }
}
