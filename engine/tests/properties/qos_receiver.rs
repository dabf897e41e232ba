//! QoS 1 and 2 with the broker as the receiver: MQTT 5.0 sections 4.3.2 and 4.3.3.
//!
//! One client publishes under few identifiers, repeats itself and releases what was never sent;
//! it loses its connection and comes back, the store holds records back, the broker ends and
//! starts from its log. After each step the client must have been answered exactly as the table
//! says, and in the end a subscriber that was away must get each message that was accepted once.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use surewire_engine::config::Config;
use surewire_engine::packet::{Connect, Packet, ReasonCode, Version};

use crate::support::{Bench, Client, NEVER, SECOND, connect, connect5, pubrel, resume5};

/// The identifiers that are used.
const IDS: std::ops::RangeInclusive<u16> = 1..=3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    Connack {
        session_present: bool,
    },
    Puback(u16),
    Pubrec(u16),
    /// `known` is whether there was anything to release.
    Pubcomp {
        id: u16,
        known: bool,
    },
}

/// What is there of the client's session, and of what it published.
#[derive(Clone, Debug, Default)]
struct Held {
    /// Whether a session of the client outlives its connection.
    persistent: bool,
    /// QoS 2 identifiers between their first PUBLISH and their PUBREL.
    received: BTreeSet<u16>,
    /// Messages that the subscriber is still to get, with their QoS.
    messages: Vec<(u32, u8)>,
}

/// The reference: the broker as far as this client and the subscriber can tell.
#[derive(Clone, Debug)]
struct Broker {
    version: Version,
    online: bool,
    held: Held,
    /// While the store holds records back: what is durable.
    durable: Option<Held>,
    /// Whether a record of the session waits there.
    touched: bool,
    /// Answers that wait for their records; they leave in order.
    at_gate: Vec<Reply>,
    next_message: u32,
    /// What the client is answered in the last step.
    seen: Vec<Reply>,
    /// What a connected subscriber of QoS 0 gets in it.
    passed_on: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Publish {
        qos: u8,
        id: u16,
        dup: bool,
    },
    Release(u16),
    Lose,
    Connect {
        persistent: bool,
    },
    /// The store holds back what is appended from here on.
    Hold,
    /// It catches up and holds nothing back any more.
    Sync,
    /// The broker ends, and starts from what is durable.
    Crash,
}

impl Broker {
    fn holds(&self) -> bool {
        self.durable.is_some()
    }

    /// An answer that promises what the session's latest record says.
    fn reply(&mut self, reply: Reply) {
        if self.touched || !self.at_gate.is_empty() {
            self.at_gate.push(reply);
        } else {
            self.seen.push(reply);
        }
    }

    fn publish(&mut self, qos: u8, id: u16) {
        let message = self.next_message;
        self.next_message += 1;
        // A repetition at QoS 1 is a new message, at QoS 2 it is none.
        if qos == 1 || self.held.received.insert(id) {
            self.held.messages.push((message, qos));
            self.passed_on.push(message);
            self.touched = self.holds();
        }
        self.reply(if qos == 1 { Reply::Puback(id) } else { Reply::Pubrec(id) });
    }

    fn release(&mut self, id: u16) {
        let known = self.held.received.remove(&id);
        if known && self.held.persistent {
            self.touched = self.holds();
        }
        self.reply(Reply::Pubcomp { id, known: known || self.version != Version::V5 });
    }

    fn leave_client(&mut self) {
        self.online = false;
        self.at_gate.clear();
        if !self.held.persistent {
            self.held.received.clear();
        }
    }

    fn connect(&mut self, persistent: bool) {
        self.online = true;
        let session_present = persistent && self.held.persistent;
        if !session_present {
            self.held.received.clear();
        }
        self.held.persistent = persistent;
        self.touched = self.holds();
        let session_present = session_present && self.version != Version::V3_1;
        self.reply(Reply::Connack { session_present });
    }

    fn crash(&mut self) {
        self.leave_client();
        self.touched = false;
        if let Some(durable) = self.durable.take() {
            self.held = durable;
            if !self.held.persistent {
                self.held.received.clear();
            }
        }
    }
}

impl ReferenceStateMachine for Broker {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        let broker = |version| Self {
            version,
            online: false,
            held: Held::default(),
            durable: None,
            touched: false,
            at_gate: Vec::new(),
            next_message: 0,
            seen: Vec::new(),
            passed_on: Vec::new(),
        };
        crate::version().prop_map(broker).boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Step> {
        let mut steps = vec![(1, Just(Step::Crash).boxed())];
        if state.online {
            let publish = (select(vec![1, 2, 2]), IDS, any::<bool>())
                .prop_map(|(qos, id, dup)| Step::Publish { qos, id, dup });
            steps.push((12, publish.boxed()));
            steps.push((6, IDS.prop_map(Step::Release).boxed()));
            steps.push((1, Just(Step::Lose).boxed()));
        } else {
            let persistent = prop::bool::weighted(0.7);
            let persistent = persistent.prop_map(|persistent| Step::Connect { persistent });
            let stored = Just(Step::Connect { persistent: true });
            steps.push((8, if state.holds() { stored.boxed() } else { persistent.boxed() }));
        }
        let (weight, step) = if state.holds() { (4, Step::Sync) } else { (2, Step::Hold) };
        steps.push((weight, Just(step).boxed()));
        Union::new_weighted(steps).boxed()
    }

    fn preconditions(state: &Self, step: &Step) -> bool {
        match step {
            Step::Publish { .. } | Step::Release(_) | Step::Lose => state.online,
            // What a session leaves behind that ends at the gate has a test in `behaviour/gate.rs`.
            Step::Connect { persistent } => !state.online && (*persistent || !state.holds()),
            Step::Hold => !state.holds(),
            Step::Sync => state.holds(),
            Step::Crash => true,
        }
    }

    fn apply(mut state: Self, step: &Step) -> Self {
        state.seen.clear();
        state.passed_on.clear();
        match step {
            Step::Publish { qos, id, .. } => state.publish(*qos, *id),
            Step::Release(id) => state.release(*id),
            Step::Lose => state.leave_client(),
            Step::Connect { persistent } => state.connect(*persistent),
            Step::Hold => state.durable = Some(state.held.clone()),
            Step::Sync => {
                (state.durable, state.touched) = (None, false);
                state.seen = std::mem::take(&mut state.at_gate);
            }
            Step::Crash => state.crash(),
        }
        state
    }
}

/// The engine, the client, and a subscriber of QoS 0 that is always there.
struct Run {
    bench: Bench,
    client: Client,
    watcher: Client,
}

fn watcher(bench: &Bench) -> Client {
    let watcher = bench.connect("watcher");
    watcher.subscribe("t", 0);
    watcher
}

fn connect_as(version: Version, persistent: bool) -> Connect {
    match version {
        Version::V5 if persistent => resume5("c", NEVER),
        Version::V5 => connect5("c"),
        _ => Connect { version, clean_start: !persistent, ..connect("c") },
    }
}

fn reply(packet: &Packet) -> Reply {
    match packet {
        Packet::Connack(connack) => Reply::Connack { session_present: connack.session_present },
        Packet::Puback(ack) => Reply::Puback(ack.packet_id.get()),
        Packet::Pubrec(ack) => Reply::Pubrec(ack.packet_id.get()),
        Packet::Pubcomp(ack) => {
            let known = ack.code != ReasonCode::PacketIdentifierNotFound;
            Reply::Pubcomp { id: ack.packet_id.get(), known }
        }
        other => panic!("not expected: {other:?}"),
    }
}

struct Receiver;

impl StateMachineTest for Receiver {
    type SystemUnderTest = Run;
    type Reference = Broker;

    fn init_test(_: &Broker) -> Run {
        let bench = Bench::with(Config { max_msgqueue_messages: None, ..Config::default() });
        bench.clean_every(7);
        let subscriber = bench.connect_persistent("away", false);
        subscriber.subscribe("t", 2);
        subscriber.disconnect();
        let (client, watcher) = (bench.dial(), watcher(&bench));
        Run { bench, client, watcher }
    }

    fn apply(mut run: Run, state: &Broker, step: Step) -> Run {
        match step {
            Step::Publish { qos, id, dup } => {
                let payload = (state.next_message - 1).to_string();
                run.client.publish_as("t", qos, false, &payload, id, dup);
            }
            Step::Release(id) => run.client.send(pubrel(id)),
            Step::Lose => run.client.lose(),
            Step::Connect { persistent } => {
                run.client = run.bench.open(connect_as(state.version, persistent));
            }
            Step::Hold => run.bench.hold_store(),
            Step::Sync => run.bench.release_store(),
            Step::Crash => {
                run.bench.crash(SECOND);
                run.watcher = watcher(&run.bench);
            }
        }
        let seen: Vec<Reply> = run.client.take().iter().map(reply).collect();
        assert_eq!(seen, state.seen);
        let expected = state.passed_on.iter().map(|message| format!("t={message} q0"));
        assert_eq!(run.watcher.messages(), expected.collect::<Vec<_>>());
        run
    }

    fn teardown(run: Run, state: Broker) {
        run.bench.release_store();
        let subscriber = run.bench.connect_persistent("away", true);
        let expected =
            state.held.messages.iter().map(|(message, qos)| format!("t={message} q{qos}"));
        assert_eq!(subscriber.ack_all(), expected.collect::<Vec<_>>());
    }
}

prop_state_machine! {
    #![proptest_config(crate::config())]

    #[test]
    fn a_client_is_answered_as_the_table_says_and_each_message_arrives_once(
        sequential 1..60 => Receiver
    );
}
