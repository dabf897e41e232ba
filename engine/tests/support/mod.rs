//! A bench for the engine: scripted clients in virtual time, microseconds each.
//!
//! Everything goes through the codec, both ways, so what a test sees is what a socket would. After
//! every event the engine checks all its invariants.
//!
//! ```ignore
//! let bench = Bench::new();
//! let (a, b) = (bench.connect("a"), bench.connect("b"));
//! a.subscribe("x/#", 1);
//! b.publish("x/1", 1, "hello");
//! assert_eq!(a.messages(), ["x/1=hello q1"]);
//! bench.advance(30 * SECOND);
//! ```

#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test binary uses its part")]
#![allow(clippy::needless_pass_by_value, reason = "packets read best when made in place")]

mod client;
pub mod raw;
pub mod requests;
mod v5;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use surewire_engine::action::Action;
use surewire_engine::answer::Answer;
use surewire_engine::codec::{self, Limits};
use surewire_engine::config::Config;
use surewire_engine::counters::Counters;
use surewire_engine::event::{Event, Lost, Peer, Verdict};
use surewire_engine::id::{ConnId, Lsn};
use surewire_engine::log::record::Record;
use surewire_engine::log::salvage::Rebuild;
use surewire_engine::log::{self, image::Image};
use surewire_engine::notice::{CloseReason, Notice};
use surewire_engine::packet::{Connect, Packet, Properties, Version};
use surewire_engine::request::{Command, Query, Request, RequestId};
use surewire_engine::time::Time;
use surewire_engine::violation::Violation;
use surewire_engine::{Engine, engine::Sizes};

pub use client::{Client, describe, puback, pubcomp, pubrec, pubrel, show, will};
pub use v5::{NEVER, connect5, connect5_with, messages_among, options, props, resume5, will5};

/// One second of virtual time.
pub const SECOND: Duration = Duration::from_secs(1);

/// What every bench connection decodes with.
pub const LIMITS: Limits =
    Limits { max_packet_size: 2 << 20, max_user_properties: 1_000, reject_control_chars: false };

/// An engine with its surroundings: a clock, a store and any number of clients.
#[derive(Clone)]
pub struct Bench(Rc<RefCell<World>>);

struct World {
    engine: Engine,
    now: Time,
    next_slot: u32,
    wires: BTreeMap<ConnId, Wire>,
    /// Records appended and not yet durable are held by a test that wants to.
    store_holds: bool,
    appended: Lsn,
    records: Vec<Record>,
    /// What all records so far stand for, and those of them that are durable.
    image: Image,
    durable: Image,
    /// Records that are not durable yet.
    undurable: Vec<(Lsn, Record)>,
    /// Durable records that were not trimmed.
    log: Vec<(Lsn, Record)>,
    /// How many events pass from one wish to clean the log to the next.
    clean_every: u64,
    /// How often the log was trimmed.
    trimmed: u64,
    config: Config,
    notices: Vec<Notice>,
    /// What a method of authentication is asked.
    asked_methods: Vec<(ConnId, String, Option<String>, bool)>,
    asked: u64,
    answers: BTreeMap<RequestId, Answer>,
    next_packet_id: u16,
    /// How many events pass from one check of the invariants to the next.
    check_every: u64,
    events: u64,
    /// The most packets that one event has sent.
    largest_step: usize,
}

/// One connection as the client's end sees it.
#[derive(Default)]
struct Wire {
    version: Option<Version>,
    terms: v5::Terms,
    /// Everything the server sent, as bytes.
    sent: Vec<u8>,
    /// The same, decoded; taken by the test.
    inbox: Vec<Packet>,
    /// Bytes of an incomplete packet towards the server.
    partial: Vec<u8>,
    opened: bool,
    /// Whether the server ended it, and why.
    closed: Option<CloseReason>,
    /// Whether the server reads; what it did not read waits.
    paused: bool,
    unread: Vec<Packet>,
    /// Whether the client's transport takes no more.
    stuck: bool,
    untaken: u64,
    /// Whether the engine waits to hear what was taken.
    report: bool,
}

impl Bench {
    /// An engine with the default configuration.
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    /// An engine with this configuration.
    pub fn with(config: Config) -> Self {
        Self(Rc::new(RefCell::new(World {
            engine: Engine::new(config.clone(), [7; 32]),
            now: Time::from_secs(1_700_000_000),
            next_slot: 0,
            wires: BTreeMap::new(),
            store_holds: false,
            appended: Lsn::NONE,
            records: Vec::new(),
            image: Image::default(),
            durable: Image::default(),
            undurable: Vec::new(),
            log: Vec::new(),
            clean_every: u64::MAX,
            trimmed: 0,
            config,
            notices: Vec::new(),
            asked_methods: Vec::new(),
            asked: 0,
            answers: BTreeMap::new(),
            next_packet_id: 0,
            check_every: 1,
            events: 0,
            largest_step: 0,
        })))
    }

    /// A 3.1.1 client with a clean session and no keep alive, accepted.
    pub fn connect(&self, id: &str) -> Client {
        let client = self.open(connect(id));
        client.expect_connack(false);
        client
    }

    /// The same with Clean Session 0, accepted; `present` is the Session Present to expect.
    pub fn connect_persistent(&self, id: &str, present: bool) -> Client {
        let client = self.open(Connect { clean_start: false, ..connect(id) });
        client.expect_connack(present);
        client
    }

    /// Opens a connection and sends this CONNECT; the answer is in the client's inbox.
    pub fn open(&self, connect: Connect) -> Client {
        let client = self.dial();
        client.set_version(connect.version);
        client.send(Packet::Connect(Box::new(connect)));
        client
    }

    /// Opens a connection and sends nothing.
    pub fn dial(&self) -> Client {
        self.dial_as(true)
    }

    /// The same; `anonymous` tells whether the listener lets unknown clients in.
    pub fn dial_as(&self, anonymous: bool) -> Client {
        let mut world = self.0.borrow_mut();
        let conn = ConnId { slot: world.next_slot, generation: 0 };
        world.next_slot += 1;
        world.wires.insert(conn, Wire::default());
        Client::new(self.clone(), conn, anonymous)
    }

    /// Lets time pass, handling every deadline at its time.
    pub fn advance(&self, by: Duration) {
        let end = self.now() + by;
        loop {
            let due = self.0.borrow().engine.next_timeout().filter(|due| *due <= end);
            let Some(due) = due else { break };
            {
                let mut world = self.0.borrow_mut();
                world.now = world.now.max(due);
            }
            // Told by another worker than the client's, which has nothing to add.
            self.step(Event::Timeout);
            while self.report_written(|wire| wire.report) {}
        }
        self.0.borrow_mut().now = end;
    }

    /// Lets time pass in which the process does nothing at all, then handles what is due.
    pub fn stall(&self, by: Duration) {
        let end = self.now() + by;
        self.0.borrow_mut().now = end;
    }

    /// When the engine wants to be called next.
    pub fn next_timeout(&self) -> Option<Time> {
        self.0.borrow().engine.next_timeout()
    }

    /// Handles what is due now.
    pub fn settle(&self) {
        self.advance(Duration::ZERO);
    }

    pub fn now(&self) -> Time {
        self.0.borrow().now
    }

    /// From here on records become durable only by [`Bench::sync`].
    pub fn hold_store(&self) {
        self.0.borrow_mut().store_holds = true;
    }

    /// Records become durable by themselves again, those that were held at once.
    pub fn release_store(&self) {
        self.0.borrow_mut().store_holds = false;
        self.sync();
    }

    /// Everything appended so far becomes durable.
    pub fn sync(&self) {
        let upto = self.0.borrow().appended;
        self.event(Event::Durable { upto });
    }

    /// The broker stops.
    pub fn stop(&self) {
        self.event(Event::Stop);
        self.settle();
    }

    /// The broker ends at once, as by a power cut, and starts again `downtime` later with what was
    /// durable. Its clients are cut off.
    pub fn crash(&self, downtime: Duration) {
        self.crash_unsettled(downtime);
        self.settle();
    }

    /// The same, and nothing that is due after the restart has been handled yet.
    pub fn crash_unsettled(&self, downtime: Duration) {
        let mut world = self.0.borrow_mut();
        let lost = world.undurable.len() as u64;
        world.undurable.clear();
        world.appended = Lsn(world.appended.0 - lost);
        world.check_salvage();
        let (config, image, last) = (world.config.clone(), world.durable.clone(), world.appended);
        world.image = world.durable.clone();
        world.engine = Engine::restore(config, [8; 32], image, last, world.now);
        world.engine.check();
        assert_eq!(world.image, world.engine.image(), "restored is what was durable");
        for wire in world.wires.values_mut() {
            wire.closed.get_or_insert(CloseReason::Stopping);
        }
        world.now = world.now + downtime;
        world.store_holds = false;
    }

    /// What the method of authentication was asked last of this client: its name, what the client
    /// sent, and whether an exchange begins.
    pub fn asked(&self, client: &Client) -> Option<(String, Option<String>, bool)> {
        let (conn, method, data, first) = self.0.borrow_mut().asked_methods.pop()?;
        assert_eq!(conn, client.conn());
        Some((method, data, first))
    }

    /// The method's verdict.
    pub fn verdict(&self, client: &Client, verdict: Verdict) {
        self.event(Event::Authenticated { conn: client.conn(), verdict });
    }

    /// The notices since the last call.
    pub fn notices(&self) -> Vec<Notice> {
        std::mem::take(&mut self.0.borrow_mut().notices)
    }

    /// The records since the last call.
    pub fn records(&self) -> Vec<Record> {
        std::mem::take(&mut self.0.borrow_mut().records)
    }

    /// Hands in a request; its answer is for [`Bench::answer`].
    pub fn ask(&self, request: Request) -> RequestId {
        let id = {
            let mut world = self.0.borrow_mut();
            world.asked += 1;
            RequestId(world.asked)
        };
        self.event(Event::Request { id, request: Box::new(request) });
        id
    }

    /// The answer, if it has come.
    pub fn answer(&self, id: RequestId) -> Option<Answer> {
        self.0.borrow_mut().answers.remove(&id)
    }

    /// What the engine answers to a question.
    pub fn query(&self, query: Query) -> Answer {
        let id = self.ask(Request::Query(query));
        self.answer(id).expect("a query is answered at once")
    }

    /// What the engine answers to an order, whose records are durable at once.
    pub fn command(&self, command: Command) -> Answer {
        let id = self.ask(Request::Command(command));
        self.answer(id).expect("answered as soon as it is durable")
    }

    pub fn sizes(&self) -> Sizes {
        self.0.borrow().engine.sizes()
    }

    pub fn counters(&self) -> Counters {
        *self.0.borrow().engine.counters()
    }

    /// The topics of the retained messages as a fresh subscriber to `filter` gets them, sorted.
    pub fn retained(&self, filter: &str) -> Vec<String> {
        let client = self.connect("retained-reader");
        client.subscribe(filter, 2);
        self.settle();
        let mut messages = client.messages();
        messages.sort();
        client.disconnect();
        messages
    }

    /// Checks the invariants only after every so many events: a check looks at everything there is.
    pub fn check_every(&self, events: u64) {
        self.0.borrow_mut().check_every = events;
    }

    /// Wishes for a clean log after every so many events.
    pub fn clean_every(&self, events: u64) {
        self.0.borrow_mut().clean_every = events;
    }

    /// Cleans the log, and nothing else happens meanwhile.
    pub fn clean(&self) {
        let before = self.trimmed();
        while self.trimmed() == before {
            self.event(Event::Clean { step: 250, owed: 0 });
        }
    }

    /// How often the log was trimmed.
    pub fn trimmed(&self) -> u64 {
        self.0.borrow().trimmed
    }

    /// The most packets and notices that one event has brought since the last call.
    pub fn largest_step(&self) -> usize {
        std::mem::take(&mut self.0.borrow_mut().largest_step)
    }

    /// How many events the engine has handled.
    pub fn steps(&self) -> u64 {
        self.0.borrow().events
    }

    pub fn next_packet_id(&self) -> u16 {
        let mut world = self.0.borrow_mut();
        world.next_packet_id = world.next_packet_id % 65_535 + 1;
        world.next_packet_id
    }

    /// Hands one event to the engine and does what it asks for. As a shell would, it tells of
    /// written bytes late: with the next event, unless the engine asked for them.
    pub fn event(&self, event: Event) {
        self.report_written(|_| true);
        self.step(event);
        while self.report_written(|wire| wire.report) {}
    }

    /// Tells the engine of everything that was written, as the next event would.
    pub fn report(&self) {
        self.report_written(|_| true);
    }

    fn step(&self, event: Event) {
        let mut world = self.0.borrow_mut();
        let mut actions = Vec::new();
        let now = world.now;
        let before = world.appended;
        // Cleaning asks for timeouts itself.
        let is_internal =
            matches!(event, Event::Durable { .. } | Event::Clean { .. } | Event::Timeout);
        if let Event::Durable { upto } = event {
            world.are_durable(upto);
        }
        world.engine.handle(now, event, &mut actions);
        let tells = |action: &&Action| matches!(action, Action::Send { .. } | Action::Notice(_));
        world.largest_step = world.largest_step.max(actions.iter().filter(tells).count());
        for action in actions {
            world.perform(action);
        }
        world.events += 1;
        if world.events.is_multiple_of(world.check_every) {
            world.engine.check();
            assert_eq!(world.image, world.engine.image(), "what the log says, and what is");
        }
        let cleans = !is_internal && world.events.is_multiple_of(world.clean_every);
        let upto = world.appended;
        let durable = (!world.store_holds && upto > before).then_some(upto);
        drop(world);
        if let Some(upto) = durable {
            self.step(Event::Durable { upto });
        }
        if cleans {
            self.step(Event::Clean { step: 50, owed: 150 });
        }
    }

    /// Tells the engine what the transports took on these wires; whether there was anything.
    fn report_written(&self, due: impl Fn(&Wire) -> bool) -> bool {
        let taken: Vec<(ConnId, u64)> = {
            let mut world = self.0.borrow_mut();
            let wires = world.wires.iter_mut().filter(|(_, wire)| !wire.stuck && due(wire));
            let taken = wires.map(|(conn, wire)| {
                wire.report = false;
                (*conn, std::mem::take(&mut wire.untaken))
            });
            taken.filter(|(_, bytes)| *bytes > 0).collect()
        };
        for (conn, bytes) in &taken {
            self.step(Event::Written { conn: *conn, bytes: *bytes });
        }
        !taken.is_empty()
    }

    fn with_wire<T>(&self, conn: ConnId, f: impl FnOnce(&mut Wire) -> T) -> T {
        f(self.0.borrow_mut().wires.get_mut(&conn).unwrap())
    }
}

impl World {
    fn are_durable(&mut self, upto: Lsn) {
        let still = self.undurable.partition_point(|(lsn, _)| *lsn <= upto);
        for (lsn, record) in self.undurable.drain(..still) {
            self.durable.apply(lsn, record.clone());
            self.log.push((lsn, record));
        }
    }

    /// What is left of the log stands for all of it.
    fn trim(&mut self, before: Lsn) {
        self.trimmed += 1;
        self.log.retain(|(lsn, _)| *lsn >= before);
        let mut rest = Image::default();
        for (lsn, record) in self.log.clone() {
            rest.apply(lsn, record);
        }
        assert_eq!(rest, self.durable, "the log without its cleaned part");
        self.check_salvage();
    }

    /// What is durable can be written as a log of its own, and what is left of the log when a part
    /// of it is lost is something that a broker can be.
    fn check_salvage(&self) {
        let mut again = Image::default();
        self.durable.records(Lsn(1), |lsn, record| again.apply(lsn, record));
        assert_eq!(again, self.durable, "written anew as a whole");
        let all = self.log.len();
        for (from, to) in [(0, 0), (0, all / 2), (all / 3, all / 2), (all / 2, all / 2 + 1)] {
            let mut rebuild = Rebuild::default();
            for (place, (lsn, record)) in self.log.iter().enumerate() {
                if !(from..to).contains(&place) {
                    rebuild.apply(*lsn, record.clone());
                }
            }
            let (image, unfit) = rebuild.finish();
            if from == to {
                assert_eq!((&image, unfit.is_nothing()), (&self.durable, true), "{unfit:?}");
            }
            Engine::restore(unlimited(), [9; 32], image, self.appended, self.now).check();
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Send { conn, outgoing } => {
                let wire = self.wires.get_mut(&conn).expect("sent to a connection that exists");
                assert!(wire.closed.is_none(), "sent after close");
                let version = wire.version.unwrap_or(Version::V3_1_1);
                let mut bytes = Vec::new();
                outgoing.encode(version, &mut bytes);
                assert_eq!(bytes.len(), outgoing.encoded_len(version), "encoded_len");
                wire.untaken += bytes.len() as u64;
                wire.sent.extend_from_slice(&bytes);
                let mut bytes = Bytes::from(bytes);
                while let Ok(Some(len)) = codec::frame_len(&bytes, usize::MAX) {
                    let packet = codec::decode(version, bytes.split_to(len), &LIMITS);
                    let packet = packet.expect("what we send decodes");
                    wire.terms.came(&packet, len);
                    wire.inbox.push(packet);
                }
            }
            Action::Authenticate { conn, method, data, first } => {
                let data = data.map(|data| String::from_utf8(data).unwrap());
                self.asked_methods.push((conn, method, data, first));
            }
            Action::Report { conn } => self.wires.get_mut(&conn).unwrap().report = true,
            Action::Read { conn, on } => self.wires.get_mut(&conn).unwrap().paused = !on,
            Action::Close { conn, reason } => {
                let wire = self.wires.get_mut(&conn).expect("closed a connection that exists");
                assert!(wire.closed.is_none(), "closed twice");
                wire.closed = Some(reason);
            }
            Action::Append { lsn, record, .. } => {
                assert_eq!(lsn, self.appended.next(), "log positions are dense");
                self.appended = lsn;
                assert_eq!(through_bytes(&record), record, "stored and read");
                self.image.apply(lsn, record.clone());
                self.undurable.push((lsn, record.clone()));
                self.records.push(record);
            }
            Action::Trim { before, .. } => self.trim(before),
            Action::Answer { id, answer } => {
                assert!(self.answers.insert(id, answer).is_none(), "answered twice");
            }
            Action::Notice(notice) => self.notices.push(notice),
        }
    }
}

/// What an engine is told that is only to hold what is there.
fn unlimited() -> Config {
    Config {
        max_inflight_messages: u16::MAX,
        max_msgqueue_messages: None,
        max_queued_bytes: usize::MAX,
        ..Config::default()
    }
}

/// The record as it is read from the bytes that store it. Half a record is none.
fn through_bytes(record: &Record) -> Record {
    let mut bytes = Vec::new();
    log::encode(record, &mut bytes);
    assert!(log::decode(&bytes[..bytes.len() / 2]).is_err(), "half of {record:?}");
    log::decode(&bytes).unwrap_or_else(|error| panic!("{record:?}: {error}"))
}

/// A 3.1.1 CONNECT with Clean Session 1 and nothing else.
pub fn connect(id: &str) -> Connect {
    Connect {
        version: Version::V3_1_1,
        clean_start: true,
        keep_alive: 0,
        client_id: id.into(),
        will: None,
        user_name: None,
        password: None,
        properties: Properties::NONE,
    }
}

/// Packet identifiers of a list of packets, for tests about their reuse.
pub fn ids(packets: &[Packet]) -> BTreeSet<u16> {
    let id = |packet: &Packet| match packet {
        Packet::Publish(publish) => publish.packet_id.map(|id| id.get()),
        _ => None,
    };
    packets.iter().filter_map(id).collect()
}

/// How a test client lost its connection.
pub const GONE: Lost = Lost::ByPeer;

/// The peer of every bench connection.
pub fn peer(anonymous: bool) -> Peer {
    Peer { address: "192.0.2.1:50000".parse().unwrap(), anonymous }
}

/// What the server made of bytes.
pub type Parsed = Result<Packet, Violation>;
