//! Clients that break the protocol: each has a connection of its own, and nobody else is to notice.

use surewire_engine::action::Outgoing;
use surewire_engine::config::ReceiveMaximumPolicy;
use surewire_engine::packet::{Packet, ReasonCode, Version};

use super::{Happening, MS, World};
use crate::swarm::attacks::{ATTACKS, Attack, connect, flood};
use crate::swarm::link::Link;
use crate::swarm::variety::Part;

/// So soon a connection that breaks the protocol is closed.
const PROMPT: u64 = 1_000 * MS;

/// Whose links these are: nobody's.
pub(super) const NOBODY: usize = usize::MAX;

/// An attack that was begun.
#[derive(Debug)]
pub(super) struct Begun {
    attack: Attack,
    version: Version,
    begun: u64,
    /// Whether there are circumstances in which the connection stays.
    may_stay: bool,
    accepted: bool,
    /// The code of the DISCONNECT that it was sent.
    told: Option<u8>,
}

impl World {
    /// A client connects and does something wrong.
    pub(super) fn attack(&mut self) {
        if !self.process.is_up() {
            return;
        }
        let which = self.streams.hostile.index(ATTACKS.len() + 2);
        let five = self.streams.hostile.one_in(2);
        let floods = Attack { name: "too many messages", bytes: &[], code: 0x93, old: false };
        let attack = ATTACKS.get(which).copied().unwrap_or(floods);
        let version = if five || !attack.old { Version::V5 } else { Version::V3_1_1 };
        self.next_link += 1;
        let link = self.next_link;
        let mut bytes = connect(version, &format!("h{link}"));
        let is_flood = attack.bytes.is_empty();
        if is_flood {
            bytes.extend(flood(self.config.receive_maximum.saturating_add(1)));
        }
        bytes.extend(attack.bytes);
        // Where there is no room nothing of a flood is taken.
        let may_stay = is_flood && self.fills_up;
        if is_flood && self.config.receive_maximum_policy == ReceiveMaximumPolicy::Backpressure {
            return;
        }
        self.trace.note(
            self.now,
            format_args!("link {link}: {} by {version:?}", attack.name),
            &[9],
        );
        self.coverage.attacks += 1;
        let begun = self.now;
        let attack = Begun { attack, version, begun, may_stay, accepted: false, told: None };
        self.attacks.insert(link, attack);
        let mut there = Link::new(NOBODY);
        let at = self.now + self.streams.hostile.below(self.plan.latency);
        there.to_broker_at = at;
        self.links.insert(link, there);
        self.at(at, Happening::Accept(link));
        self.hostile_writes(link, bytes);
    }

    /// In pieces where the world's packets come in pieces, from a stream of its own.
    fn hostile_writes(&mut self, link: u64, mut bytes: Vec<u8>) {
        while !bytes.is_empty() {
            let most = if self.plan.pieces { bytes.len().min(200) } else { bytes.len() };
            let len = if self.plan.pieces { self.streams.hostile.index(most) + 1 } else { most };
            let rest = bytes.split_off(len);
            let at = self.now + self.streams.hostile.below(self.plan.latency);
            let Some(there) = self.links.get_mut(&link) else { return };
            there.to_broker_at = there.to_broker_at.max(at);
            let at = there.to_broker_at;
            self.at(at, Happening::ToBroker(link, bytes));
            bytes = rest;
        }
    }

    /// The broker writes to a connection.
    pub(super) fn hostile_hears(&mut self, link: u64, outgoing: &Outgoing) {
        let Some(begun) = self.attacks.get_mut(&link) else { return };
        match outgoing {
            Outgoing::Packet(Packet::Connack(ack)) => {
                begun.accepted = ack.code == ReasonCode::Success;
            }
            Outgoing::Packet(Packet::Disconnect(disconnect)) => {
                begun.told = Some(disconnect.code.byte());
            }
            Outgoing::Packet(_) | Outgoing::Publish(_) | Outgoing::Run(..) | Outgoing::Acks(_) => {}
        }
    }

    /// The broker closes a connection: I11 for hostile ones.
    pub(super) fn hostile_closed(&mut self, link: u64) {
        let Some(begun) = self.attacks.remove(&link) else { return };
        if let Some(there) = self.links.get_mut(&link) {
            there.client_end = false;
        }
        // It was refused, or the broker stops.
        if !begun.accepted || self.stopping {
            return;
        }
        let right = (begun.version == Version::V5).then_some(begun.attack.code);
        let silent = begun.told == Some(ReasonCode::KeepAliveTimeout.byte());
        if begun.told != right && !(begun.may_stay && silent) {
            let (name, told) = (begun.attack.name, begun.told);
            let what = format!("I11: {name}: told {told:02x?} and not {right:02x?}");
            self.oracle.violation(what);
        }
    }

    /// The process ended, and all its connections.
    pub(super) fn attacks_are_over(&mut self) {
        self.attacks.clear();
    }

    /// I10: whoever breaks the protocol is closed. Whether a connection is still there that may be.
    pub(super) fn judge_attacks(&mut self) -> bool {
        // A process that does nothing closes nothing.
        if !self.attacks.is_empty() && self.now <= self.stalled_until + PROMPT {
            return true;
        }
        let open: Vec<u64> = self.attacks.keys().copied().collect();
        let mut stay = false;
        for link in open {
            let Some(begun) = self.attacks.remove(&link) else { continue };
            if !begun.may_stay && self.now > begun.begun + PROMPT {
                let what = format!("I10: {} is not closed", begun.attack.name);
                self.oracle.violation(what);
            }
            let at = self.now;
            self.at(at, Happening::BrokerLoses(link));
            stay = true;
        }
        stay
    }

    /// Does something that not every world does; whether it did.
    pub(super) fn act_oddly(&mut self) -> bool {
        let variety = &self.plan.variety;
        let (hostile, operator) = (variety.has(Part::Hostile), variety.has(Part::Operator));
        if hostile && self.streams.hostile.one_in(12) {
            self.attack();
            return true;
        }
        if self.plan.variety.has(Part::Memory) && self.streams.memory.one_in(30) {
            self.shorten_memory();
            return true;
        }
        if operator && self.streams.operator.one_in(8) {
            self.order();
            return true;
        }
        false
    }
}
