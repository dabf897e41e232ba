//! Instructions that decoder, engine and encoder spend on a message: the same on a busy machine as
//! on an idle one, so a change of a few per cent is seen.
//!
//! ```text
//! cargo bench -p surewire-engine --bench instructions                  shows them
//! cargo bench -p surewire-engine --bench instructions -- --assert      fails where one is above
//! cargo bench -p surewire-engine --bench instructions -- --write       keeps them
//! ```
//!
//! Needs valgrind. What is kept is in `instructions.txt` beside this file. A path is run with some
//! messages and with more of them; the difference is what a message costs, and what a start takes
//! is in neither.
#![expect(clippy::print_stdout, reason = "the result on stdout is what the tool is for")]

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, ExitCode};

use bytes::Bytes;
use clap::Parser;
use surewire_engine::Engine;
use surewire_engine::action::{Action, Outgoing};
use surewire_engine::codec::{self, Limits, Numbers};
use surewire_engine::config::Config;
use surewire_engine::event::{Event, Peer};
use surewire_engine::id::{ConnId, PacketId};
use surewire_engine::packet::{
    Ack, Connect, Packet, Properties, QoS, Subscribe, SubscribeFilter, SubscribeOptions, Version,
};
use surewire_engine::time::Time;

/// What is kept, a line each: path, instructions.
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.txt");

/// A path may cost so much of what is kept, in per cent.
const ALLOWED: u64 = 105;

/// Deliveries of the shorter run and of the longer one.
const RUNS: [u64; 2] = [20_000, 40_000];

const PAYLOAD: usize = 64;

const LIMITS: Limits =
    Limits { max_packet_size: 1 << 20, max_user_properties: 1_000, reject_control_chars: false };

/// One way that messages take: publishers, subscribers, and at which QoS.
#[derive(Debug)]
struct Path {
    name: &'static str,
    publishers: u32,
    /// Those of each publisher's topic.
    subscribers: u32,
    /// Whether all publishers have one topic.
    one_topic: bool,
    qos: QoS,
    /// Packets that come in one read.
    burst: usize,
    /// What all clients speak.
    version: Version,
}

const PATHS: [Path; 7] = [
    Path::new("fanin0", [100, 1], true, QoS::AtMostOnce),
    Path::new("fanout0", [1, 500], true, QoS::AtMostOnce),
    Path { burst: 1, ..Path::new("single0", [100, 1], true, QoS::AtMostOnce) },
    Path::new("pairs1", [100, 1], false, QoS::AtLeastOnce),
    Path::new("pairs2", [100, 1], false, QoS::ExactlyOnce),
    Path { version: Version::V5, ..Path::new("v5fanin0", [100, 1], true, QoS::AtMostOnce) },
    Path { version: Version::V5, ..Path::new("v5pairs1", [100, 1], false, QoS::AtLeastOnce) },
];

impl Path {
    const fn new(name: &'static str, clients: [u32; 2], one_topic: bool, qos: QoS) -> Self {
        let [publishers, subscribers] = clients;
        let version = Version::V3_1_1;
        Self { name, publishers, subscribers, one_topic, qos, burst: 16, version }
    }
}

/// Counts the instructions of the engine's main paths.
#[derive(Debug, Parser)]
struct Flags {
    /// Exit with 1 if a path costs more than 5 % above what is kept
    #[arg(long)]
    assert: bool,
    /// Keep what is found
    #[arg(long)]
    write: bool,
    /// What runs below valgrind
    #[arg(long, hide = true, requires = "deliveries")]
    path: Option<String>,
    #[arg(long, hide = true)]
    deliveries: Option<u64>,
    /// Said by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    if let (Some(name), Some(deliveries)) = (&flags.path, flags.deliveries) {
        let path = PATHS.iter().find(|path| path.name == name).expect("a path of that name");
        World::new(path).run(deliveries);
        return ExitCode::SUCCESS;
    }
    match compare(&flags) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("instructions: {why}");
            ExitCode::from(2)
        }
    }
}

/// Prints the table; whether it is as it should be.
fn compare(flags: &Flags) -> Result<bool, String> {
    let kept = std::fs::read_to_string(KEPT).unwrap_or_default();
    let kept = |name: &str| {
        let line = kept.lines().filter_map(|line| line.split_once(' ')).find(|(n, _)| *n == name);
        line.and_then(|(_, number)| number.parse::<u64>().ok())
    };
    let (mut lines, mut good) = (String::new(), true);
    println!("{:<8} {:>12} {:>8} {:>7}", "path", "instructions", "kept", "of it");
    for path in &PATHS {
        let [few, many] = [count(path, RUNS[0])?, count(path, RUNS[1])?];
        let each = (many - few) / (RUNS[1] - RUNS[0]);
        lines += &format!("{} {each}\n", path.name);
        let before = kept(path.name);
        let part = before.map(|before| each * 100 / before.max(1));
        let show = |number: Option<u64>| number.map_or_else(|| "-".into(), |n| n.to_string());
        println!("{:<8} {each:>12} {:>8} {:>6}%", path.name, show(before), show(part));
        if flags.assert && part.is_none_or(|part| part > ALLOWED) {
            eprintln!("instructions: {} costs more than {ALLOWED} % of what is kept", path.name);
            good = false;
        }
    }
    if flags.write {
        std::fs::write(KEPT, lines).map_err(|error| format!("writing {KEPT}: {error}"))?;
    }
    Ok(good)
}

/// All instructions of a run.
fn count(path: &Path, deliveries: u64) -> Result<u64, String> {
    let program = std::env::current_exe().map_err(|error| format!("where is this: {error}"))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["--path", path.name, "--deliveries", &deliveries.to_string()])
        .output()
        .map_err(|error| format!("valgrind does not start: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected : "));
    let number = collected.and_then(|(_, number)| number.trim().parse().ok());
    number.filter(|_| output.status.success()).ok_or_else(|| format!("valgrind says:\n{said}"))
}

/// The engine and its clients, without a shell.
struct World {
    engine: Engine,
    now: Time,
    actions: Vec<Action>,
    /// What a client will answer.
    answers: VecDeque<(ConnId, Vec<u8>)>,
    /// Bytes to a client.
    out: Vec<u8>,
    /// Bytes to each connection that its transport is to take, by slot.
    untaken: Vec<u64>,
    /// Connections to which there are any.
    written: Vec<ConnId>,
    /// What each publisher sends in one go.
    bursts: Vec<(ConnId, Vec<u8>)>,
    delivered: u64,
    version: Version,
}

impl World {
    fn new(path: &Path) -> Self {
        let mut world = Self {
            engine: Engine::new(Config::default(), [7; 32]),
            now: Time::from_secs(1_700_000_000),
            actions: Vec::new(),
            answers: VecDeque::new(),
            out: Vec::new(),
            untaken: Vec::new(),
            written: Vec::new(),
            bursts: Vec::new(),
            delivered: 0,
            version: path.version,
        };
        let mut slot = 0;
        for publisher in 0..path.publishers {
            let topic = if path.one_topic { 0 } else { publisher };
            let topic = format!("plant/{topic:03}/line/3/temperature");
            let burst = burst(path, &topic);
            let conn = world.connect(&mut slot);
            world.bursts.push((conn, burst));
            let all_there = path.one_topic && publisher > 0;
            for _ in 0..if all_there { 0 } else { path.subscribers } {
                let conn = world.connect(&mut slot);
                world.subscribe(conn, &topic, path.qos);
            }
        }
        world
    }

    fn run(&mut self, deliveries: u64) {
        for publisher in (0..self.bursts.len()).cycle() {
            if self.delivered >= deliveries {
                return;
            }
            let Some((conn, burst)) = self.bursts.get(publisher) else { return };
            self.read(*conn, Bytes::copy_from_slice(burst));
        }
    }

    /// As the shell reads: packets are views of what came.
    fn read(&mut self, conn: ConnId, mut bytes: Bytes) {
        self.take(conn, &mut bytes);
        // A client answers what came in one read with one write.
        while let Some((conn, mut bytes)) = self.answers.pop_front() {
            while let Some(more) = self.next_answer_of(conn) {
                bytes.extend(more);
            }
            self.take(conn, &mut Bytes::from(bytes));
        }
        while let Some(conn) = self.written.pop() {
            let Some(untaken) = self.untaken.get_mut(conn.slot as usize) else { return };
            let bytes = std::mem::take(untaken);
            self.event(Event::Written { conn, bytes });
        }
    }

    /// The next answer, if it is of the same client.
    fn next_answer_of(&mut self, conn: ConnId) -> Option<Vec<u8>> {
        let same = self.answers.front().is_some_and(|(next, _)| *next == conn);
        if same { self.answers.pop_front().map(|(_, bytes)| bytes) } else { None }
    }

    fn take(&mut self, conn: ConnId, bytes: &mut Bytes) {
        let version = self.version;
        let take = |bytes: &mut Bytes| codec::take_packets(version, bytes, &LIMITS);
        while let Some(packets) = take(bytes).expect("packets") {
            self.event(Event::received(conn, packets));
        }
    }

    fn event(&mut self, event: Event) {
        self.engine.handle(self.now, event, &mut self.actions);
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            let Action::Send { conn, outgoing } = action else { continue };
            self.out.clear();
            outgoing.encode(self.version, &mut self.out);
            if let Some(untaken) = self.untaken.get_mut(conn.slot as usize) {
                if *untaken == 0 {
                    self.written.push(conn);
                }
                *untaken += self.out.len() as u64;
            }
            self.answer(conn, &outgoing);
        }
        self.actions = actions;
    }

    fn answer(&mut self, conn: ConnId, outgoing: &Outgoing) {
        let mut answers = Vec::new();
        match outgoing {
            Outgoing::Publish(delivery) => {
                self.delivered += 1;
                answers.extend(delivery.packet_id.map(|id| publish_ack(delivery.qos, id)));
            }
            Outgoing::Run(run, numbers) => {
                self.delivered += u64::from(run.count());
                if let Some(Numbers { qos, first }) = *numbers {
                    let ids = std::iter::successors(Some(first), |id| Some(id.next()));
                    let count = run.count() as usize;
                    answers.extend(ids.take(count).map(|id| publish_ack(qos, id)));
                }
            }
            Outgoing::Packet(packet) => answers.extend(further_ack(packet)),
            Outgoing::Acks(acks) => {
                answers.extend(acks.packets().filter_map(|packet| further_ack(&packet)));
            }
        }
        if !answers.is_empty() {
            let mut bytes = Vec::new();
            for answer in &answers {
                codec::encode(self.version, answer, &mut bytes);
            }
            self.answers.push_back((conn, bytes));
        }
    }

    fn connect(&mut self, slot: &mut u32) -> ConnId {
        let conn = ConnId { slot: *slot, generation: 0 };
        *slot += 1;
        self.untaken.push(0);
        let peer = Peer { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), anonymous: true };
        let connect = Connect {
            version: self.version,
            clean_start: true,
            keep_alive: 60,
            client_id: format!("client-{}", conn.slot).into(),
            will: None,
            user_name: None,
            password: None,
            properties: Properties::NONE,
        };
        self.event(Event::Opened { conn, peer, first: Ok(Box::new(connect)) });
        conn
    }

    fn subscribe(&mut self, conn: ConnId, filter: &str, qos: QoS) {
        let options = SubscribeOptions { qos, ..SubscribeOptions::default() };
        let filters = vec![SubscribeFilter { filter: filter.into(), options }];
        let packet_id = PacketId::FIRST;
        let subscribe = Subscribe { packet_id, filters, properties: Properties::NONE };
        self.event(Event::Received { conn, packet: Packet::Subscribe(Box::new(subscribe)) });
    }
}

/// What a client answers to a PUBLISH.
fn publish_ack(qos: QoS, id: PacketId) -> Packet {
    let once = qos == QoS::ExactlyOnce;
    if once { Packet::Pubrec(Ack::new(id)) } else { Packet::Puback(Ack::new(id)) }
}

/// What a client answers to an acknowledgement.
fn further_ack(packet: &Packet) -> Option<Packet> {
    if let Packet::Pubrec(ack) = packet {
        Some(Packet::Pubrel(Ack::new(ack.packet_id)))
    } else if let Packet::Pubrel(ack) = packet {
        Some(Packet::Pubcomp(Ack::new(ack.packet_id)))
    } else {
        None
    }
}

/// PUBLISH after PUBLISH, as a client writes them.
fn burst(path: &Path, topic: &str) -> Vec<u8> {
    let qos = path.qos;
    let no_properties = if path.version == Version::V5 { &[0][..] } else { &[] };
    let mut bytes = Vec::new();
    for id in 1..=path.burst {
        let id = u16::try_from(id).expect("a small number").to_be_bytes();
        let id = if qos == QoS::AtMostOnce { &[][..] } else { &id };
        let len = 2 + topic.len() + id.len() + no_properties.len() + PAYLOAD;
        let len = u8::try_from(len).expect("a short packet");
        bytes.extend_from_slice(&[0x30 | (qos as u8) << 1, len]);
        bytes.extend_from_slice(&u16::try_from(topic.len()).expect("a short topic").to_be_bytes());
        bytes.extend_from_slice(topic.as_bytes());
        bytes.extend_from_slice(id);
        bytes.extend_from_slice(no_properties);
        bytes.extend_from_slice(&[b'x'; PAYLOAD]);
    }
    bytes
}
