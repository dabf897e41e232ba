//! Acknowledged means durable, and in order: no packet leaves before the record of what it promises
//! is durable, and each client is answered in the order in which it asked.
//!
//! The store makes records durable a few at a time. What each packet promises is looked up in the
//! records themselves, not in the gate.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;
use surewire_engine::config::Config;
use surewire_engine::event::Event;
use surewire_engine::id::{Lsn, PacketId};
use surewire_engine::log::record::{Record, Seq, SessionKey, Target};
use surewire_engine::packet::{Connect, Packet, Publish, QoS};

use crate::support::{Bench, Client, NEVER, connect, puback, pubcomp, pubrec, pubrel, resume5};

const FILTERS: [&str; 3] = ["t", "+", "u"];
const TOPICS: [&str; 2] = ["t", "u"];

#[derive(Clone, Copy, Debug)]
enum Step {
    Subscribe {
        client: usize,
        filter: usize,
        qos: u8,
    },
    Unsubscribe {
        client: usize,
        filter: usize,
    },
    Publish {
        client: usize,
        topic: usize,
        qos: u8,
    },
    /// Answers the oldest packet that the client has not answered yet.
    Answer {
        client: usize,
    },
    Lose {
        client: usize,
    },
    Connect {
        client: usize,
    },
    /// So many more records are durable.
    Durable(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let client = || 0..2_usize;
    prop_oneof![
        3 => (client(), 0..FILTERS.len(), 0..3_u8)
            .prop_map(|(client, filter, qos)| Step::Subscribe { client, filter, qos }),
        1 => (client(), 0..FILTERS.len())
            .prop_map(|(client, filter)| Step::Unsubscribe { client, filter }),
        8 => (client(), 0..TOPICS.len(), 1..3_u8)
            .prop_map(|(client, topic, qos)| Step::Publish { client, topic, qos }),
        8 => client().prop_map(|client| Step::Answer { client }),
        1 => client().prop_map(|client| Step::Lose { client }),
        3 => client().prop_map(|client| Step::Connect { client }),
        6 => (1..5_u64).prop_map(Step::Durable),
    ]
}

/// The answer to something that a client asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Connack,
    Suback(u16),
    Unsuback(u16),
    Puback(u16),
    Pubrec(u16),
    Pubcomp(u16),
}

/// What a client knows, and is owed.
#[derive(Default)]
struct Peer {
    connection: Option<Client>,
    /// What it asked on this connection, with the record that the answer promises.
    asked: VecDeque<(Answer, Lsn)>,
    unanswered: VecDeque<Packet>,
    /// The last new message of each QoS.
    last: [u32; 3],
    /// Where its identifiers for messages, and its PUBRECs, were recorded.
    identified: BTreeMap<PacketId, Lsn>,
    released: BTreeMap<PacketId, Lsn>,
    ids: BTreeMap<Seq, PacketId>,
}

struct Run {
    bench: Bench,
    peers: [Peer; 2],
    keys: BTreeMap<SessionKey, usize>,
    appended: Lsn,
    durable: Lsn,
    messages: u32,
}

impl Run {
    fn new() -> Self {
        let bench = Bench::with(Config {
            max_msgqueue_messages: None,
            max_inflight_messages: 3,
            ..Config::default()
        });
        bench.hold_store();
        let (peers, keys) = ([Peer::default(), Peer::default()], BTreeMap::new());
        Self { bench, peers, keys, appended: Lsn::NONE, durable: Lsn::NONE, messages: 0 }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Subscribe { client, filter, qos } => self.ask(client, |connection| {
                let id = connection.fresh_id();
                connection.subscribe_as(id, &[(FILTERS[filter], qos)]);
                Answer::Suback(id)
            }),
            Step::Unsubscribe { client, filter } => self.ask(client, |connection| {
                let id = connection.fresh_id();
                connection.unsubscribe_as(id, &[FILTERS[filter]]);
                Answer::Unsuback(id)
            }),
            Step::Publish { client, topic, qos } => {
                self.messages += 1;
                let payload = self.messages.to_string();
                self.ask(client, |connection| {
                    match connection.publish(TOPICS[topic], qos, &payload) {
                        id if qos == 1 => Answer::Puback(id),
                        id => Answer::Pubrec(id),
                    }
                });
            }
            Step::Answer { client } => self.answer(client),
            Step::Lose { client } => {
                let peer = &mut self.peers[client];
                peer.asked.clear();
                peer.unanswered.clear();
                if let Some(connection) = peer.connection.take() {
                    connection.lose();
                }
            }
            Step::Connect { client } if self.peers[client].connection.is_none() => {
                let connect = if client == 0 { resume5("a", NEVER) } else { persistent("b") };
                self.peers[client].connection = Some(self.bench.open(connect));
                self.ask(client, |_| Answer::Connack);
            }
            Step::Connect { .. } => {}
            Step::Durable(more) => {
                self.durable = Lsn((self.durable.0 + more).min(self.appended.0));
                self.bench.event(Event::Durable { upto: self.durable });
            }
        }
        self.read_records();
        (0..self.peers.len()).for_each(|client| self.look(client));
    }

    /// A client asks for something; the last record of that step is what the answer promises.
    fn ask(&mut self, client: usize, ask: impl FnOnce(&Client) -> Answer) {
        let Some(connection) = &self.peers[client].connection else { return };
        let answer = ask(connection);
        let before = self.appended;
        let records = self.read_records();
        let promise = records.iter().rposition(|record| promises(record, answer));
        let promise = promise.map_or(Lsn::NONE, |at| Lsn(before.0 + at as u64 + 1));
        self.peers[client].asked.push_back((answer, promise));
    }

    fn answer(&mut self, client: usize) {
        let Some(packet) = self.peers[client].unanswered.pop_front() else { return };
        let send = |packet| self.peers[client].connection.as_ref().unwrap().send(packet);
        match packet {
            Packet::Publish(Publish { qos: QoS::AtLeastOnce, packet_id: Some(id), .. }) => {
                send(puback(id.get()));
            }
            Packet::Publish(Publish { packet_id: Some(id), .. }) => send(pubrec(id.get())),
            Packet::Pubrel(ack) => send(pubcomp(ack.packet_id.get())),
            Packet::Pubrec(ack) => {
                let id = ack.packet_id.get();
                self.ask(client, |connection| {
                    connection.send(pubrel(id));
                    Answer::Pubcomp(id)
                });
            }
            other => panic!("nothing to answer: {other:?}"),
        }
    }

    /// Notes what the new records say about what clients are sent.
    fn read_records(&mut self) -> Vec<Record> {
        let records = self.bench.records();
        for record in &records {
            self.appended = self.appended.next();
            let at = self.appended;
            match record {
                Record::SessionBegan { session, client, .. } => {
                    self.keys.insert(*session, usize::from(client.as_str() == "b"));
                }
                Record::Published { to, .. } => {
                    for target in to {
                        let Target::Session { session, seq, packet_id: Some(id), .. } = target
                        else {
                            continue;
                        };
                        self.peers[self.keys[session]].identified(*seq, *id, at);
                    }
                }
                Record::Advanced { session, released, sent, .. } => {
                    let peer = &mut self.peers[self.keys[session]];
                    sent.iter().for_each(|(seq, id)| peer.identified(*seq, *id, at));
                    if let Some(seq) = released {
                        peer.released.insert(peer.ids[seq], at);
                    }
                }
                _ => {}
            }
        }
        records
    }

    /// Holds what a client sees to what is durable.
    fn look(&mut self, client: usize) {
        let (peer, durable) = (&mut self.peers[client], self.durable);
        let Some(connection) = &peer.connection else { return };
        assert!(connection.is_open());
        for packet in connection.take() {
            if let Some(answer) = answer_of(&packet) {
                let (asked, promise) = peer.asked.pop_front().expect("an answer to a question");
                assert_eq!(answer, asked, "answers are in order");
                assert!(promise <= durable, "{answer:?} promises {promise:?}, not {durable:?}");
            }
            match &packet {
                Packet::Publish(publish) => {
                    assert_ne!(peer.asked.front().map(|(first, _)| *first), Some(Answer::Connack));
                    peer.is_new_or_again(publish);
                    if let (QoS::ExactlyOnce, Some(id)) = (publish.qos, publish.packet_id) {
                        assert!(peer.identified[&id] <= durable, "{publish:?}");
                    }
                }
                Packet::Pubrel(ack) => assert!(peer.released[&ack.packet_id] <= durable, "{ack:?}"),
                _ => {}
            }
            let asks = matches!(&packet, Packet::Pubrel(_) | Packet::Pubrec(_))
                || matches!(&packet, Packet::Publish(publish) if publish.packet_id.is_some());
            peer.unanswered.extend(asks.then_some(packet));
        }
    }

    /// Once everything is durable every question is answered.
    fn finish(mut self) {
        self.step(Step::Durable(u64::MAX / 2));
        for peer in &self.peers {
            assert!(peer.asked.is_empty(), "not answered: {:?}", peer.asked);
        }
    }
}

impl Peer {
    fn identified(&mut self, seq: Seq, id: PacketId, at: Lsn) {
        self.ids.insert(seq, id);
        self.identified.insert(id, at);
    }

    /// Messages of one QoS come in the order in which they were published.
    fn is_new_or_again(&mut self, publish: &Publish) {
        if publish.dup {
            return;
        }
        let number: u32 = std::str::from_utf8(&publish.payload).unwrap().parse().unwrap();
        let last = &mut self.last[publish.qos as usize];
        assert!(number > *last, "{number} behind {last}");
        *last = number;
    }
}

fn persistent(id: &str) -> Connect {
    Connect { clean_start: false, ..connect(id) }
}

fn answer_of(packet: &Packet) -> Option<Answer> {
    Some(match packet {
        Packet::Connack(_) => Answer::Connack,
        Packet::Suback(ack) => Answer::Suback(ack.packet_id.get()),
        Packet::Unsuback(ack) => Answer::Unsuback(ack.packet_id.get()),
        Packet::Puback(ack) => Answer::Puback(ack.packet_id.get()),
        Packet::Pubrec(ack) => Answer::Pubrec(ack.packet_id.get()),
        Packet::Pubcomp(ack) => Answer::Pubcomp(ack.packet_id.get()),
        _ => return None,
    })
}

/// Whether the answer says that this is so.
fn promises(record: &Record, answer: Answer) -> bool {
    match answer {
        Answer::Connack => {
            matches!(record, Record::SessionBegan { .. } | Record::SessionResumed { .. })
        }
        Answer::Suback(_) => matches!(record, Record::Subscribed { .. }),
        Answer::Unsuback(_) => matches!(record, Record::Unsubscribed { .. }),
        Answer::Puback(_) | Answer::Pubrec(_) => {
            matches!(record, Record::Published { .. } | Record::Received { .. })
        }
        Answer::Pubcomp(_) => matches!(record, Record::ReceivedDone { .. }),
    }
}

proptest! {
    #![proptest_config(crate::config())]

    #[test]
    fn nothing_leaves_before_what_it_promises_is_durable(
        steps in prop::collection::vec(step(), 1..100),
    ) {
        let mut run = Run::new();
        for client in 0..2 {
            run.step(Step::Connect { client });
        }
        for step in steps {
            run.step(step);
        }
        run.finish();
    }
}
