//! The gate: holds a packet back until what it promises is durable.
//!
//! Each connection has its own. Packets wait for their record in lanes that keep the order the
//! standard asks for and let everything else pass:
//!
//! | lane | packets | order |
//! |---|---|---|
//! | barrier | CONNACK, SUBACK, UNSUBACK | nothing overtakes one, and it overtakes nothing |
//! | answers | PUBACK, PUBREC, PUBREL, PUBCOMP | first in, first out |
//! | exactly once | PUBLISH of QoS 2 | first in, first out |
//! | free | PUBLISH of QoS 0 and 1, PINGRESP, DISCONNECT | pass, unless a barrier waits |

use std::collections::VecDeque;

use crate::action::Outgoing;
use crate::id::Lsn;
use crate::packet::{Packet, QoS};

/// What waits on one connection, in the order it was sent. Owns nothing while nothing waits.
#[derive(Debug, Default)]
#[expect(clippy::box_collection, reason = "8 bytes instead of 32 in every idle connection")]
pub(crate) struct Gate(Option<Box<VecDeque<Held>>>);

/// A packet, and the record it waits for.
#[derive(Debug)]
struct Held {
    after: Lsn,
    lane: Lane,
    outgoing: Outgoing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    Barrier,
    Answers,
    ExactlyOnce,
    Free,
}

/// Which lanes something that stays blocks for what is behind it.
#[derive(Default)]
struct Blocked {
    all: bool,
    answers: bool,
    exactly_once: bool,
    any: bool,
}

impl Gate {
    /// Gives the packet back if it may go now, and holds it otherwise.
    pub(crate) fn offer(
        &mut self,
        mut outgoing: Outgoing,
        after: Lsn,
        durable: Lsn,
    ) -> Option<Outgoing> {
        if self.0.is_none() && after <= durable {
            return Some(outgoing);
        }
        let lane = Lane::of(&outgoing);
        if after <= durable && !self.blocked().blocks(lane) {
            return Some(outgoing);
        }
        if let Outgoing::Publish(delivery) = &mut outgoing {
            delivery.message.keep();
        }
        self.0.get_or_insert_default().push_back(Held { after, lane, outgoing });
        None
    }

    /// Takes out what may go now that records up to `durable` are on disk, in order.
    pub(crate) fn release(&mut self, durable: Lsn) -> Vec<Outgoing> {
        let Some(held) = self.0.take() else { return Vec::new() };
        let mut blocked = Blocked::default();
        let (mut free, mut stay) = (Vec::new(), VecDeque::new());
        for item in *held {
            if item.after <= durable && !blocked.blocks(item.lane) {
                free.push(item.outgoing);
            } else {
                blocked.add(item.lane);
                stay.push_back(item);
            }
        }
        self.0 = (!stay.is_empty()).then(|| Box::new(stay));
        free
    }

    /// How many packets wait.
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |held| held.len())
    }

    /// Whether a packet waits that nothing may overtake.
    pub(crate) fn has_barrier(&self) -> bool {
        self.0.iter().flat_map(|held| held.iter()).any(|item| item.lane == Lane::Barrier)
    }

    /// Whether the connection's CONNACK waits.
    pub(crate) fn holds_connack(&self) -> bool {
        let is_connack =
            |item: &Held| matches!(item.outgoing, Outgoing::Packet(Packet::Connack(_)));
        self.0.iter().flat_map(|held| held.front()).any(is_connack)
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// What waits, as it ends with its connection.
    pub(crate) fn into_held(self) -> impl Iterator<Item = Outgoing> {
        self.0.into_iter().flat_map(|held| *held).map(|held| held.outgoing)
    }

    /// Checks what must always hold: something that waits has a reason to.
    pub(crate) fn check(&self, durable: Lsn) {
        let Some(held) = &self.0 else { return };
        assert!(held.front().is_some_and(|first| first.after > durable), "the gate forgot to open");
    }

    fn blocked(&self) -> Blocked {
        let mut blocked = Blocked::default();
        for item in self.0.iter().flat_map(|held| held.iter()) {
            blocked.add(item.lane);
        }
        blocked
    }
}

impl Lane {
    fn of(outgoing: &Outgoing) -> Self {
        match outgoing {
            Outgoing::Publish(delivery) if delivery.qos == QoS::ExactlyOnce => Self::ExactlyOnce,
            Outgoing::Publish(_) | Outgoing::Run(..) => Self::Free,
            Outgoing::Acks(_) => Self::Answers,
            Outgoing::Packet(packet) => match packet {
                Packet::Connack(_) | Packet::Suback(_) | Packet::Unsuback(_) => Self::Barrier,
                Packet::Puback(_) | Packet::Pubrec(_) | Packet::Pubrel(_) | Packet::Pubcomp(_) => {
                    Self::Answers
                }
                Packet::Connect(_)
                | Packet::Publish(_)
                | Packet::Subscribe(_)
                | Packet::Unsubscribe(_)
                | Packet::Pingreq
                | Packet::Pingresp
                | Packet::Disconnect(_)
                | Packet::Auth(_) => Self::Free,
            },
        }
    }
}

impl Blocked {
    fn blocks(&self, lane: Lane) -> bool {
        self.all
            || match lane {
                Lane::Barrier => self.any,
                Lane::Answers => self.answers,
                Lane::ExactlyOnce => self.exactly_once,
                Lane::Free => false,
            }
    }

    fn add(&mut self, lane: Lane) {
        self.any = true;
        match lane {
            Lane::Barrier => self.all = true,
            Lane::Answers => self.answers = true,
            Lane::ExactlyOnce => self.exactly_once = true,
            Lane::Free => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{Delivery, TopicAlias};
    use crate::id::PacketId;
    use crate::identifiers::Identifiers;
    use crate::message::Message;
    use crate::packet::{Ack, Connack, Properties, ReasonCode, Suback};
    use proptest::prelude::*;

    /// A packet by a short name: `c` CONNACK, `s` SUBACK, `a` PUBACK, `l` PUBREL, `2`, `1`, `0` PUBLISH, `p`
    /// PINGRESP.
    fn packet(name: char) -> Outgoing {
        let packet_id = PacketId::FIRST;
        let publish = |qos| {
            let message = Message::Kept(crate::queue::tests::entry(0, qos).message);
            Outgoing::Publish(Delivery {
                message,
                qos,
                dup: false,
                retain: false,
                packet_id: None,
                expiry: None,
                identifiers: Identifiers::NONE,
                alias: TopicAlias::None,
            })
        };
        match name {
            'c' => Outgoing::Packet(Packet::Connack(Connack {
                session_present: false,
                code: ReasonCode::Success,
                properties: Properties::NONE,
            })),
            's' => Outgoing::Packet(Packet::Suback(Box::new(Suback {
                packet_id,
                codes: [ReasonCode::Success].into_iter().collect(),
                properties: Properties::NONE,
            }))),
            'a' => Outgoing::Packet(Packet::Puback(Ack::new(packet_id))),
            'l' => Outgoing::Packet(Packet::Pubrel(Ack::new(packet_id))),
            'p' => Outgoing::Packet(Packet::Pingresp),
            qos => publish(QoS::from_bits(qos.to_digit(10).unwrap().try_into().unwrap()).unwrap()),
        }
    }

    fn name(outgoing: &Outgoing) -> char {
        match outgoing {
            Outgoing::Publish(delivery) => char::from(b'0' + delivery.qos as u8),
            Outgoing::Packet(Packet::Connack(_)) => 'c',
            Outgoing::Packet(Packet::Suback(_)) => 's',
            Outgoing::Packet(Packet::Puback(_)) => 'a',
            Outgoing::Packet(Packet::Pubrel(_)) => 'l',
            Outgoing::Packet(_) | Outgoing::Run(..) | Outgoing::Acks(_) => 'p',
        }
    }

    /// Sends the packets, each waiting for the record of its number; returns what leaves at once
    /// and what leaves as each record becomes durable.
    fn run(sends: &[(char, u64)]) -> String {
        let mut gate = Gate::default();
        let mut seen = String::new();
        for (packet_name, after) in sends {
            let sent = gate.offer(packet(*packet_name), Lsn(*after), Lsn::NONE);
            seen.extend(sent.iter().map(name));
        }
        for durable in 1..=3 {
            gate.check(Lsn(durable - 1));
            seen.push('|');
            seen.extend(gate.release(Lsn(durable)).iter().map(name));
        }
        assert!(gate.is_empty());
        seen
    }

    #[test]
    fn lanes_keep_their_order_and_let_others_pass() {
        for (sends, seen) in [
            (vec![('a', 0), ('0', 0), ('p', 0)], "a0p|||"),
            (vec![('a', 1), ('0', 0), ('1', 0), ('p', 0)], "01p|a||"),
            (vec![('a', 2), ('l', 0), ('2', 1)], "|2|al|"),
            (vec![('2', 2), ('2', 1), ('a', 0)], "a||22|"),
            (vec![('s', 2), ('0', 0), ('a', 1), ('2', 3)], "||s0a|2"),
            (vec![('a', 2), ('s', 1), ('p', 0)], "||asp|"),
            (vec![('s', 1), ('s', 3), ('1', 0)], "|s||s1"),
        ] {
            assert_eq!(run(&sends), seen, "{sends:?}");
        }
    }

    /// Whether a packet must not leave before an earlier one, as the table above has it.
    fn stays_behind(earlier: char, later: char) -> bool {
        let barrier = |name| matches!(name, 'c' | 's');
        let answer = |name| matches!(name, 'a' | 'l');
        let exactly_once = |name| name == '2';
        barrier(earlier)
            || barrier(later)
            || (answer(earlier) && answer(later))
            || (exactly_once(earlier) && exactly_once(later))
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// A packet, and the number of its record counted from the last durable one: 0 has none.
        Send(char, u64),
        /// So many more records are durable.
        Durable(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let name = prop::sample::select(vec!['c', 's', 'a', 'l', '0', '1', '2', 'p']);
        prop_oneof![
            4 => (name, 0..6_u64).prop_map(|(name, after)| Step::Send(name, after)),
            1 => (1..4_u64).prop_map(Step::Durable),
        ]
    }

    proptest! {
        /// The reference: a list. A packet leaves as soon as its record is durable and nothing
        /// that it must stay behind is still in the list.
        #[test]
        fn packets_leave_as_soon_as_they_may_and_never_before(
            steps in prop::collection::vec(step(), 0..60),
        ) {
            let (mut gate, mut list, mut durable) = (Gate::default(), Vec::new(), 0);
            for step in steps {
                let left: String = match step {
                    Step::Send(name, after) => {
                        list.push((name, durable + after));
                        let offered = gate.offer(packet(name), Lsn(durable + after), Lsn(durable));
                        offered.iter().map(self::name).collect()
                    }
                    Step::Durable(more) => {
                        durable += more;
                        gate.release(Lsn(durable)).iter().map(name).collect()
                    }
                };
                let (mut stay, mut expected) = (Vec::new(), String::new());
                for (name, after) in list {
                    let blocked = stay.iter().any(|(earlier, _)| stays_behind(*earlier, name));
                    if after <= durable && !blocked {
                        expected.push(name);
                    } else {
                        stay.push((name, after));
                    }
                }
                list = stay;
                prop_assert_eq!(left, expected, "{:?} stay", list);
                prop_assert_eq!((gate.len(), gate.is_empty()), (list.len(), list.is_empty()));
                let barrier = list.iter().any(|(name, _)| matches!(name, 'c' | 's'));
                prop_assert_eq!(gate.has_barrier(), barrier);
                let connack = list.first().is_some_and(|(name, _)| *name == 'c');
                prop_assert_eq!(gate.holds_connack(), connack);
                gate.check(Lsn(durable));
            }
            let held: String = gate.into_held().map(|outgoing| name(&outgoing)).collect();
            prop_assert_eq!(held, list.iter().map(|(name, _)| *name).collect::<String>());
        }
    }
}
