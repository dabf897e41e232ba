//! A publisher and a subscriber whose connections break at any moment: what QoS 1 and 2 promise
//! holds all the same.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use surewire_engine::client::{Input, Options, Output, Token};
use surewire_engine::message::Content;
use surewire_engine::packet::{Packet, QoS};

use crate::desk::{Desk, content, persistent};
use crate::tiny_server::TinyServer;

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Step {
    Publish(QoS),
    /// The next packet of this client reaches the server.
    Up(usize),
    /// The next packet of the server reaches this client.
    Down(usize),
    /// The connection breaks, with all that is on its way.
    Cut(usize),
    Connect(usize),
    Wait(u64),
    /// The server loses the publisher's session.
    Forget,
}

const NAMES: [&str; 2] = ["pub", "sub"];

struct Peer {
    desk: Desk,
    open: bool,
    up: VecDeque<Packet>,
    down: VecDeque<Packet>,
}

struct World {
    server: TinyServer,
    peers: [Peer; 2],
    published: Vec<QoS>,
    outcomes: BTreeMap<Token, Vec<bool>>,
    delivered: Vec<Bytes>,
}

impl World {
    fn new() -> Self {
        let peer = || {
            let desk = Desk::new(Options { max_inflight: 3, ..persistent() });
            Peer { desk, open: false, up: VecDeque::new(), down: VecDeque::new() }
        };
        Self {
            server: TinyServer::default(),
            peers: [peer(), peer()],
            published: Vec::new(),
            outcomes: BTreeMap::new(),
            delivered: Vec::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Publish(qos) => self.publish(qos),
            Step::Up(i) => self.up(i),
            Step::Down(i) => self.down(i),
            Step::Cut(i) => self.cut(i),
            Step::Connect(i) => self.connect(i),
            Step::Wait(secs) => self.wait(Duration::from_secs(secs)),
            Step::Forget => self.forget(),
        }
    }

    /// The CONNACK that tells of it arrives: were it lost, the next one would say Session Present
    /// for the new session, and no client could tell it from the old one.
    fn forget(&mut self) {
        self.cut(0);
        self.server.forget(NAMES[0]);
        self.connect(0);
        self.up(0);
        self.down(0);
    }

    fn publish(&mut self, qos: QoS) {
        let n = self.published.len();
        self.published.push(qos);
        let content = Content { payload: Bytes::from(n.to_string()), ..content(qos, "") };
        let token = Token(u64::try_from(n).unwrap());
        let out = self.peers[0].desk.step(Input::Publish { token, content });
        self.perform(0, out);
    }

    fn up(&mut self, i: usize) {
        let Some(packet) = self.peers[i].up.pop_front() else { return };
        for (to, packet) in self.server.take(NAMES[i], packet) {
            self.peers[usize::from(to == NAMES[1])].down.push_back(packet);
        }
    }

    fn down(&mut self, i: usize) {
        let Some(packet) = self.peers[i].down.pop_front() else { return };
        let out = self.peers[i].desk.receive(packet);
        self.perform(i, out);
    }

    fn cut(&mut self, i: usize) {
        if self.peers[i].open {
            self.close(i);
            let out = self.peers[i].desk.step(Input::Lost);
            self.perform(i, out);
        }
    }

    fn close(&mut self, i: usize) {
        let peer = &mut self.peers[i];
        peer.open = false;
        peer.up.clear();
        peer.down.clear();
        self.server.closed(NAMES[i]);
    }

    fn connect(&mut self, i: usize) {
        if !std::mem::replace(&mut self.peers[i].open, true) {
            let out = self.peers[i].desk.step(Input::Opened);
            self.perform(i, out);
        }
    }

    fn wait(&mut self, by: Duration) {
        for i in 0..2 {
            let out = self.peers[i].desk.advance(by);
            self.perform(i, out);
        }
    }

    fn perform(&mut self, i: usize, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Send(packet) => self.peers[i].up.push_back(packet),
                Output::Close { .. } => self.close(i),
                Output::Message(content) => self.delivered.push(content.payload),
                Output::Acknowledged { token, .. } => {
                    self.outcomes.entry(token).or_default().push(true);
                }
                Output::Failed { token, .. } => {
                    self.outcomes.entry(token).or_default().push(false);
                }
                Output::Connected { .. }
                | Output::Subscribed { .. }
                | Output::Unsubscribed { .. } => {}
            }
        }
    }

    /// Connects both and lets everything arrive.
    fn settle(&mut self) {
        self.connect(0);
        self.connect(1);
        while self.peers.iter().any(|peer| !peer.up.is_empty() || !peer.down.is_empty()) {
            for i in [0, 1] {
                self.up(i);
                self.down(i);
            }
        }
    }

    /// How often each message was given to the subscriber.
    fn counts(&self) -> Vec<usize> {
        let count = |n: usize| self.delivered.iter().filter(|p| **p == n.to_string()).count();
        (0..self.published.len()).map(count).collect()
    }

    fn judge(&self) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.peers[0].desk.client.unacknowledged(), 0);
        for (n, (qos, count)) in self.published.iter().zip(self.counts()).enumerate() {
            let outcome = &self.outcomes[&Token(u64::try_from(n).unwrap())];
            prop_assert_eq!(outcome.len(), 1, "message {} has outcomes {:?}", n, outcome);
            match (qos, outcome[0]) {
                (QoS::ExactlyOnce, true) => prop_assert_eq!(count, 1, "message {}", n),
                (QoS::ExactlyOnce, false) => prop_assert!(count <= 1, "message {}: {}", n, count),
                (_, acknowledged) => {
                    prop_assert!(acknowledged && count >= 1, "message {}: {}", n, count);
                }
            }
        }
        self.judge_order(QoS::AtLeastOnce)?;
        self.judge_order(QoS::ExactlyOnce)
    }

    /// The first copies of one QoS come in the order of publishing.
    fn judge_order(&self, qos: QoS) -> Result<(), TestCaseError> {
        let mut last = None;
        let mut seen = std::collections::BTreeSet::new();
        for payload in &self.delivered {
            let n: usize = std::str::from_utf8(payload).unwrap().parse().unwrap();
            if self.published[n] == qos && seen.insert(n) {
                prop_assert!(last < Some(n), "{} after {:?}", n, last);
                last = Some(n);
            }
        }
        Ok(())
    }
}

fn steps(forget: u32) -> impl Strategy<Value = Vec<Step>> {
    let qos = prop_oneof![Just(QoS::AtLeastOnce), Just(QoS::ExactlyOnce)];
    let peer = || 0..2_usize;
    let step = prop_oneof![
        6 => qos.prop_map(Step::Publish),
        12 => peer().prop_map(Step::Up),
        12 => peer().prop_map(Step::Down),
        2 => peer().prop_map(Step::Cut),
        4 => peer().prop_map(Step::Connect),
        1 => (0..100_u64).prop_map(Step::Wait),
        forget => Just(Step::Forget),
    ];
    proptest::collection::vec(step, 1..250)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn sessions_keep_the_promises_of_qos_1_and_2(steps in steps(0)) {
        let mut world = World::new();
        steps.into_iter().for_each(|step| world.step(step));
        world.settle();
        world.judge()?;
        prop_assert!(world.outcomes.values().all(|outcome| outcome == &[true]));
    }

    #[test]
    fn a_server_that_forgets_costs_no_qos_1_and_doubles_no_qos_2(steps in steps(1)) {
        let mut world = World::new();
        steps.into_iter().for_each(|step| world.step(step));
        world.settle();
        world.judge()?;
    }
}
