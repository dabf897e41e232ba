//! QoS 1 and 2 with the broker as the sender: MQTT 5.0 sections 4.3.2, 4.3.3, 4.4 and 4.9.
//!
//! One client with a stored session. It answers rightly, wrongly, twice, several messages at once
//! or not at all, loses its connection and comes back, with another Receive Maximum perhaps; the
//! store holds records back; the broker ends and starts from its log. After each step the client
//! must have seen exactly what the table says.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use surewire_engine::config::Config;
use surewire_engine::id::PacketId;
use surewire_engine::packet::{Ack, Connect, Packet, Publish, ReasonCode, Version};

use crate::support::{Bench, Client, NEVER, connect, connect5_with};

/// The broker's own limit of messages in flight.
const WINDOW: usize = 4;
/// One step of time, and how many of them until a message is sent again (3.x).
const TICK: Duration = Duration::from_secs(10);
const RETRY: u64 = 2;
/// An identifier that no message of so short a test gets.
const UNKNOWN: u16 = 60_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaiting {
    Puback,
    Pubrec,
    Pubcomp,
}

/// An acknowledgement; `failed` is a reason code of 0x80 or above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Answer {
    to: Awaiting,
    failed: bool,
}

#[derive(Clone, Debug)]
struct Exchange {
    message: u32,
    qos: u8,
    awaiting: Awaiting,
    /// Whether its PUBLISH has left, or may have before the broker ended.
    sent: bool,
    /// Whether the client has seen its identifier.
    known: bool,
    /// Whether it is to be sent again as soon as the client takes more.
    due: bool,
    /// The tick at which it was sent last.
    at: u64,
    /// Whether its PUBREC is durable.
    stored: bool,
}

/// What a session holds.
#[derive(Clone, Debug, Default)]
struct Held {
    inflight: Vec<Exchange>,
    backlog: Vec<(u32, u8)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    Connack,
    Publish { message: u32, qos: u8, dup: bool },
    Pubrel(u32),
    PubrelUnknown,
}

/// The reference: the broker as far as this client can tell.
#[derive(Clone, Debug)]
struct Broker {
    version: Version,
    online: bool,
    /// Messages that the client takes at a time.
    window: usize,
    held: Held,
    /// While the store holds records back: what is durable.
    durable: Option<Held>,
    /// Packets that wait for their records.
    at_gate: Vec<Leaving>,
    next_message: u32,
    now: u64,
    /// What the client sees by the last step, and whether that ends its connection.
    seen: Vec<Leaving>,
    closed: bool,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Somebody publishes at this QoS.
    Publish(u8),
    /// The client answers the exchange at this place.
    Answer(usize, Answer),
    /// It answers something that is not in flight.
    AnswerUnknown(Answer),
    /// It answers all that wait for this, in one write.
    AnswerAll(Awaiting),
    Lose,
    Connect {
        receive_maximum: usize,
    },
    /// The store holds back what is appended from here on.
    Hold,
    /// It catches up and holds nothing back any more.
    Sync,
    /// The broker ends, and starts from what is durable.
    Crash,
    Tick,
}

impl Broker {
    fn holds(&self) -> bool {
        self.durable.is_some()
    }

    /// What may be answered: the client knows the identifier, and has been let in.
    fn answerable(&self) -> Vec<usize> {
        if !self.is_let_in() {
            return Vec::new();
        }
        let known = |place: &usize| self.held.inflight[*place].known;
        (0..self.held.inflight.len()).filter(known).collect()
    }

    /// Whether the client has its CONNACK.
    fn is_let_in(&self) -> bool {
        self.online && !self.at_gate.contains(&Leaving::Connack)
    }

    /// Those that have been sent on this connection and wait for this.
    fn awaiting(&self, awaiting: Awaiting) -> Vec<usize> {
        let exchange = |place: &usize| &self.held.inflight[*place];
        let is = |place: &usize| exchange(place).awaiting == awaiting && !exchange(place).due;
        self.answerable().into_iter().filter(is).collect()
    }

    /// A packet leaves, or waits at the gate: behind a CONNACK, for its record, or behind another
    /// of its kind.
    fn leave(&mut self, packet: Leaving, durable: bool) {
        let is_pubrel =
            |packet: &Leaving| matches!(packet, Leaving::Pubrel(_) | Leaving::PubrelUnknown);
        let is_qos2 = |packet: &Leaving| matches!(packet, Leaving::Publish { qos: 2, .. });
        let behind = |earlier: &Leaving| {
            *earlier == Leaving::Connack
                || (is_pubrel(earlier) && is_pubrel(&packet))
                || (is_qos2(earlier) && is_qos2(&packet))
        };
        if durable && !self.at_gate.iter().any(behind) {
            self.has_left(packet);
        } else {
            self.at_gate.push(packet);
        }
    }

    fn has_left(&mut self, packet: Leaving) {
        if let Leaving::Publish { message, .. } = packet
            && let Some(exchange) = self.held.inflight.iter_mut().find(|e| e.message == message)
        {
            (exchange.sent, exchange.known) = (true, true);
        }
        self.seen.push(packet);
    }

    /// Sends again what is due, then the backlog, as far as the client takes it.
    fn fill(&mut self) {
        loop {
            let here = self.held.inflight.iter().filter(|exchange| !exchange.due).count();
            let open = here < self.window;
            let may_go = |e: &&mut Exchange| e.due && (open || e.awaiting == Awaiting::Pubcomp);
            let Some(exchange) = self.held.inflight.iter_mut().find(may_go) else { break };
            (exchange.due, exchange.at) = (false, self.now);
            let Exchange { message, qos, awaiting, sent: dup, stored, .. } = *exchange;
            if awaiting == Awaiting::Pubcomp {
                self.leave(Leaving::Pubrel(message), stored);
            } else {
                // Where its record is not durable, the CONNACK of this connection is not either.
                self.leave(Leaving::Publish { message, qos, dup }, true);
            }
        }
        if self.held.inflight.iter().any(|exchange| exchange.due) {
            return;
        }
        while self.held.inflight.len() < self.window && !self.held.backlog.is_empty() {
            let (message, qos) = self.held.backlog.remove(0);
            self.start(message, qos);
        }
    }

    fn start(&mut self, message: u32, qos: u8) {
        let awaiting = if qos == 2 { Awaiting::Pubrec } else { Awaiting::Puback };
        let (sent, known, due, at, stored) = (false, false, false, self.now, true);
        let exchange = Exchange { message, qos, awaiting, sent, known, due, at, stored };
        self.held.inflight.push(exchange);
        self.leave(Leaving::Publish { message, qos, dup: false }, qos == 1);
    }

    fn publish(&mut self, qos: u8) {
        let message = self.next_message;
        self.next_message += 1;
        let caught_up = self.held.backlog.is_empty() && self.held.inflight.iter().all(|e| !e.due);
        if self.online && caught_up && self.held.inflight.len() < self.window {
            self.start(message, qos);
        } else {
            self.held.backlog.push((message, qos));
        }
    }

    /// The table.
    fn answer(&mut self, message: u32, answer: Answer) {
        let now = self.now;
        let place = self.held.inflight.iter().position(|e| e.message == message).unwrap();
        let exchange = &mut self.held.inflight[place];
        match (exchange.awaiting, answer.to, answer.failed) {
            (Awaiting::Pubrec, Awaiting::Pubrec, false) => {
                exchange.awaiting = Awaiting::Pubcomp;
                (exchange.due, exchange.at, exchange.stored) = (false, now, false);
                self.leave(Leaving::Pubrel(message), false);
            }
            (Awaiting::Pubcomp, Awaiting::Pubrec, false) => {
                let stored = exchange.stored;
                self.leave(Leaving::Pubrel(message), stored);
            }
            (Awaiting::Puback, Awaiting::Puback, _)
            | (Awaiting::Pubrec, Awaiting::Pubrec, true)
            | (Awaiting::Pubcomp, Awaiting::Pubcomp, _) => {
                self.held.inflight.remove(place);
                self.fill();
            }
            (Awaiting::Pubrec, Awaiting::Pubcomp, _)
            | (Awaiting::Pubcomp, Awaiting::Pubrec, true) => {}
            (Awaiting::Puback, _, _) | (_, Awaiting::Puback, _) => {
                self.leave_client();
                self.closed = true;
            }
        }
    }

    fn leave_client(&mut self) {
        self.online = false;
        self.at_gate.clear();
        self.held.inflight.iter_mut().for_each(|exchange| exchange.due = false);
    }

    fn connect(&mut self, receive_maximum: usize) {
        self.online = true;
        self.window = receive_maximum.min(WINDOW);
        self.leave(Leaving::Connack, false);
        self.held.inflight.iter_mut().for_each(|exchange| exchange.due = true);
        self.fill();
    }

    /// What waits at the gate leaves.
    fn sync(&mut self) {
        self.held.inflight.iter_mut().for_each(|exchange| exchange.stored = true);
        for packet in std::mem::take(&mut self.at_gate) {
            self.has_left(packet);
        }
    }

    fn crash(&mut self) {
        self.leave_client();
        if let Some(durable) = self.durable.take() {
            self.held = durable;
        }
        // Whether they were sent is not known any more.
        self.held.inflight.iter_mut().for_each(|exchange| exchange.sent = true);
    }

    fn tick(&mut self) {
        self.now += 1;
        if !self.online || self.version == Version::V5 {
            return;
        }
        let now = self.now;
        for exchange in &mut self.held.inflight {
            exchange.due = exchange.at + RETRY <= now;
        }
        self.fill();
    }
}

impl ReferenceStateMachine for Broker {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        let broker = |version| Self {
            version,
            online: true,
            window: WINDOW,
            held: Held::default(),
            durable: None,
            at_gate: Vec::new(),
            next_message: 0,
            now: 0,
            seen: Vec::new(),
            closed: false,
        };
        crate::version().prop_map(broker).boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Step> {
        let mut steps = vec![
            (8, select(vec![1, 2]).prop_map(Step::Publish).boxed()),
            (1, Just(Step::Crash).boxed()),
        ];
        let v5 = state.version == Version::V5;
        let kind = select(vec![Awaiting::Puback, Awaiting::Pubrec, Awaiting::Pubcomp]);
        let any = (kind, prop::bool::weighted(0.3))
            .prop_map(move |(to, failed)| Answer { to, failed: failed && v5 });
        let answerable = state.answerable();
        if !answerable.is_empty() {
            let right = |place: usize| (place, state.held.inflight[place].awaiting);
            let right: Vec<_> = answerable.iter().copied().map(right).collect();
            let right = (select(right), prop::bool::weighted(0.1)).prop_map(
                move |((place, to), failed)| {
                    Step::Answer(place, Answer { to, failed: failed && v5 })
                },
            );
            steps.push((12, right.boxed()));
            let wild = (select(answerable), any.clone()).prop_map(|(at, a)| Step::Answer(at, a));
            steps.push((2, wild.boxed()));
        }
        for awaiting in [Awaiting::Puback, Awaiting::Pubrec, Awaiting::Pubcomp] {
            if state.awaiting(awaiting).len() > 1 {
                steps.push((2, Just(Step::AnswerAll(awaiting)).boxed()));
            }
        }
        if state.online {
            steps.push((1, Just(Step::Lose).boxed()));
            steps.push((1, any.prop_map(Step::AnswerUnknown).boxed()));
        } else {
            let receive_maximum = if v5 { 1..=WINDOW + 1 } else { WINDOW..=WINDOW };
            let connect =
                receive_maximum.prop_map(|receive_maximum| Step::Connect { receive_maximum });
            steps.push((8, connect.boxed()));
        }
        if state.holds() {
            steps.push((4, Just(Step::Sync).boxed()));
        } else {
            steps.push((1, Just(Step::Hold).boxed()));
            steps.push((2, Just(Step::Tick).boxed()));
        }
        Union::new_weighted(steps).boxed()
    }

    fn preconditions(state: &Self, step: &Step) -> bool {
        // Only 5.0 has reason codes and a Receive Maximum.
        let v5 = state.version == Version::V5;
        match step {
            Step::Publish(_) | Step::Crash => true,
            Step::Answer(place, answer) => {
                state.answerable().contains(place) && (!answer.failed || v5)
            }
            Step::AnswerUnknown(answer) => state.is_let_in() && (!answer.failed || v5),
            Step::AnswerAll(awaiting) => !state.awaiting(*awaiting).is_empty(),
            Step::Lose => state.online,
            Step::Connect { receive_maximum } => {
                !state.online && (*receive_maximum >= WINDOW || v5)
            }
            Step::Sync => state.holds(),
            Step::Hold | Step::Tick => !state.holds(),
        }
    }

    fn apply(mut state: Self, step: &Step) -> Self {
        state.seen.clear();
        state.closed = false;
        match step {
            Step::Publish(qos) => state.publish(*qos),
            Step::Answer(place, answer) => {
                state.answer(state.held.inflight[*place].message, *answer);
            }
            Step::AnswerUnknown(answer) => {
                if answer.to == Awaiting::Pubrec && !answer.failed {
                    state.leave(Leaving::PubrelUnknown, true);
                }
            }
            Step::AnswerAll(awaiting) => {
                let places = state.awaiting(*awaiting);
                let message = |place: usize| state.held.inflight[place].message;
                let messages: Vec<u32> = places.into_iter().map(message).collect();
                for message in messages {
                    state.answer(message, Answer { to: *awaiting, failed: false });
                }
            }
            Step::Lose => state.leave_client(),
            Step::Connect { receive_maximum } => state.connect(*receive_maximum),
            Step::Hold => state.durable = Some(state.held.clone()),
            Step::Sync => state.durable = None,
            Step::Crash => state.crash(),
            Step::Tick => state.tick(),
        }
        // Unless the store holds it back, what a step has recorded is durable right behind it.
        if !state.holds() {
            state.sync();
        }
        state
    }
}

/// The engine, its client and a publisher.
struct Run {
    /// The reference before the step at hand.
    before: Broker,
    bench: Bench,
    client: Client,
    publisher: Client,
    /// Messages by the identifiers they were seen with last, and the other way round.
    messages: BTreeMap<u16, u32>,
    ids: BTreeMap<u32, u16>,
}

fn connect_as(version: Version, receive_maximum: usize) -> Connect {
    if version == Version::V5 {
        let connect = connect5_with("c", |set| {
            set.session_expiry_interval = Some(NEVER);
            set.receive_maximum = u16::try_from(receive_maximum).ok();
        });
        return Connect { clean_start: false, ..connect };
    }
    Connect { version, clean_start: false, ..connect("c") }
}

fn packet(id: u16, answer: Answer) -> Packet {
    let code = if answer.failed { ReasonCode::UnspecifiedError } else { ReasonCode::Success };
    // The only failure that PUBCOMP knows.
    let code = match answer.to {
        Awaiting::Pubcomp if answer.failed => ReasonCode::PacketIdentifierNotFound,
        _ => code,
    };
    let ack = Ack { code, ..Ack::new(PacketId::new(id).unwrap()) };
    match answer.to {
        Awaiting::Puback => Packet::Puback(ack),
        Awaiting::Pubrec => Packet::Pubrec(ack),
        Awaiting::Pubcomp => Packet::Pubcomp(ack),
    }
}

impl Run {
    fn new(state: &Broker) -> Self {
        let bench = Bench::with(Config {
            max_inflight_messages: u16::try_from(WINDOW).unwrap(),
            max_msgqueue_messages: None,
            delivery_retry_interval: TICK * u32::try_from(RETRY).unwrap(),
            ..Config::default()
        });
        bench.clean_every(7);
        let client = bench.open(connect_as(state.version, WINDOW));
        client.expect_connack(false);
        client.subscribe("t", 2);
        let publisher = bench.connect("p");
        let (before, messages, ids) = (state.clone(), BTreeMap::new(), BTreeMap::new());
        Self { before, bench, client, publisher, messages, ids }
    }

    /// Does it, and returns what the client sees of it.
    fn step(&mut self, step: Step, state: &Broker) -> Vec<Leaving> {
        self.perform(step, state);
        self.before = state.clone();
        let came = self.client.take();
        came.iter().filter_map(|packet| self.see(packet, state)).collect()
    }

    fn perform(&mut self, step: Step, state: &Broker) {
        match step {
            Step::Publish(qos) => {
                let message = state.next_message - 1;
                self.publisher.publish("t", qos, &message.to_string());
            }
            Step::Answer(place, answer) => self.answer(&[place], answer),
            Step::AnswerUnknown(answer) => self.client.send(packet(UNKNOWN, answer)),
            Step::AnswerAll(to) => {
                self.answer(&self.before.awaiting(to), Answer { to, failed: false });
            }
            Step::Lose => self.client.lose(),
            Step::Connect { receive_maximum } => {
                self.client = self.bench.open(connect_as(state.version, receive_maximum));
            }
            Step::Hold => self.bench.hold_store(),
            Step::Sync => self.bench.release_store(),
            Step::Crash => {
                self.bench.crash(Duration::ZERO);
                self.publisher = self.bench.connect("p");
                let is_known = |message: &u32| {
                    let mut exchanges = state.held.inflight.iter();
                    exchanges.any(|exchange| exchange.message == *message)
                };
                self.ids.retain(|message, _| is_known(message));
            }
            Step::Tick => self.bench.advance(TICK),
        }
    }

    /// Answers these exchanges, as they were before this step, in one write.
    fn answer(&self, places: &[usize], answer: Answer) {
        let id = |place: &usize| self.ids[&self.before.held.inflight[*place].message];
        let packets: Vec<Packet> = places.iter().map(|at| packet(id(at), answer)).collect();
        self.client.send_all(&packets);
    }

    /// Identifiers are those of the exchange from its first packet to its last, and no other's.
    fn learn(&mut self, publish: &Publish, message: u32, state: &Broker) {
        let id = publish.packet_id.unwrap().get();
        if publish.dup
            && let Some(before) = self.ids.get(&message)
        {
            assert_eq!(*before, id, "message {message} has another identifier");
        }
        for other in state.held.inflight.iter().filter(|e| e.message != message && e.known) {
            assert_ne!(self.ids.get(&other.message), Some(&id), "message {}", other.message);
        }
        self.ids.insert(message, id);
        self.messages.insert(id, message);
    }

    fn see(&mut self, packet: &Packet, state: &Broker) -> Option<Leaving> {
        Some(match packet {
            Packet::Publish(publish) => {
                let message = std::str::from_utf8(&publish.payload).unwrap().parse().unwrap();
                self.learn(publish, message, state);
                Leaving::Publish { message, qos: publish.qos as u8, dup: publish.dup }
            }
            Packet::Pubrel(ack) if ack.packet_id.get() == UNKNOWN => Leaving::PubrelUnknown,
            Packet::Pubrel(ack) => Leaving::Pubrel(self.messages[&ack.packet_id.get()]),
            Packet::Connack(connack) => {
                assert!(connack.session_present || state.version == Version::V3_1);
                Leaving::Connack
            }
            // How a 5.0 client is told that its connection ends.
            Packet::Disconnect(_) if !self.client.is_open() => return None,
            other => panic!("not expected: {other:?}"),
        })
    }
}

struct Sender;

impl StateMachineTest for Sender {
    type SystemUnderTest = Run;
    type Reference = Broker;

    fn init_test(state: &Broker) -> Run {
        Run::new(state)
    }

    fn apply(mut run: Run, state: &Broker, step: Step) -> Run {
        let seen = run.step(step, state);
        assert_eq!(seen, state.seen);
        assert!(run.client.is_open() || !state.online, "closed");
        assert!(!run.client.is_open() || !state.closed, "still open");
        run
    }

    /// Nothing is left behind: the client comes back and answers everything.
    fn teardown(mut run: Run, mut state: Broker) {
        let mut then = |step: Step| {
            if Broker::preconditions(&state, &step) {
                state = Broker::apply(state.clone(), &step);
                assert_eq!(run.step(step, &state), state.seen);
            }
            state.held.inflight.len() + state.held.backlog.len()
        };
        then(Step::Sync);
        let mut left = then(Step::Connect { receive_maximum: WINDOW });
        while left > 0 {
            let before = left;
            for to in [Awaiting::Puback, Awaiting::Pubrec, Awaiting::Pubcomp] {
                left = then(Step::AnswerAll(to));
            }
            assert!(left < before, "{left} messages are stuck");
        }
    }
}

prop_state_machine! {
    #![proptest_config(crate::config())]

    #[test]
    fn a_client_sees_what_the_table_says(sequential 1..60 => Sender);
}
