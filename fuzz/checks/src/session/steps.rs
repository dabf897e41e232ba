//! What can happen next.

use std::time::Duration;

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use surewire_engine::codec;
use surewire_engine::event::{Event, Lost, Storage, Verdict};
use surewire_engine::id::PacketId;
use surewire_engine::packet::{
    Disconnect, Packet, Properties, PropertySet, Publish, QoS, ReasonCode, Subscribe, Unsubscribe,
    Version,
};
use surewire_engine::topic::TopicName;

use super::client::Wire;
use super::draw;
use super::person::{MAGIC, Sending, payload};
use super::world::{SLOTS, World};
use crate::choice::{below, bytes, one_in, one_of};
use crate::packets;

/// Rounds of answers until everybody has said everything.
const MOST_ROUNDS: usize = 2_000;

impl World {
    /// One thing happens.
    pub(super) fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let what = below(u, 32)?;
        let slot = below(u, SLOTS)?;
        match what {
            0..3 => self.open(slot, u)?,
            3..8 => self.publish(slot, u)?,
            8..11 => self.subscribe(slot, u)?,
            11 => self.unsubscribe(slot, u)?,
            12..17 => {
                self.answer(slot, 1 + below(u, 8)?);
            }
            17 => self.say(slot, &[Packet::Pingreq]),
            18 if self.has_hostile => self.say_anything(slot, u)?,
            19 if self.has_hostile => self.send_bytes(slot, u)?,
            18 | 19 => {
                self.answer(slot, usize::MAX);
            }
            20 => self.disconnect(slot, u)?,
            21 => self.cut(slot, one_of(u, &[Lost::ByPeer, Lost::Failed, Lost::Panicked])?),
            22 => {
                let millis = one_of(u, &[0, 10, 1_000, 5_000, 21_000, 100_000, 1_000_000])?;
                self.advance(Duration::from_millis(millis));
            }
            23 => self.stick(slot),
            24 => self.take(slot, 1),
            25 => self.hold(u)?,
            26 => {
                let (step, owed) = (one_of(u, &[50, 250, 10_000])?, one_of(u, &[0, 150])?);
                self.event(Event::Clean { step, owed });
            }
            27 => {
                let storage = one_of(u, &[Storage::Takes, Storage::Full, Storage::Behind])?;
                self.event(Event::Storage(storage));
            }
            28 => self.ask(draw::request(u)?),
            29 => self.judge(below(u, 3)?),
            30 => self.crash(),
            _ => self.stop(),
        }
        (0..SLOTS).for_each(|slot| {
            self.read(slot);
        });
        Ok(())
    }

    fn open(&mut self, slot: usize, u: &mut Unstructured<'_>) -> Result<()> {
        let connect = draw::connect(u)?;
        // Where somebody is already, somebody else comes beside it.
        let free = |slot: &usize| self.wires[*slot].is_none();
        let slot = [slot].into_iter().chain(0..SLOTS).find(free).unwrap_or(slot);
        self.dial(slot);
        let version = connect.version;
        self.feed(slot, &encoded(version, &[Packet::Connect(Box::new(connect))]));
        Ok(())
    }

    /// The connection, if its client knows that it is accepted, and by which session.
    fn ready(&mut self, slot: usize) -> Option<&mut Wire> {
        let wire = self.wires[slot].as_mut().filter(|wire| wire.ready)?;
        let person = self.people.get(&wire.client)?;
        (person.epoch == wire.epoch).then_some(wire)
    }

    fn say(&mut self, slot: usize, packets: &[Packet]) {
        let Some(wire) = self.ready(slot) else { return };
        let bytes = encoded(wire.version, packets);
        self.feed(slot, &bytes);
    }

    /// One message, or several that are alike in one read.
    fn publish(&mut self, slot: usize, u: &mut Unstructured<'_>) -> Result<()> {
        let (topic, qos, retain) = (draw::topic(u)?, draw::qos(u)?, one_in(u, 4)?);
        let (count, padding) = (one_of(u, &[1, 1, 1, 2, 5])?, one_of(u, &[0, 1, 30, 300, 17_000])?);
        let set = draw::message_properties(u)?;
        let alias = one_of(u, &[None, None, None, Some(1), Some(2), Some(3)])?;
        let by_alias = one_in(u, 2)? && alias.is_some() && qos == QoS::AtMostOnce;
        let Some(version) = self.ready(slot).map(|wire| wire.version) else { return Ok(()) };
        let mut packets = Vec::new();
        for _ in 0..count {
            let is_v5 = version == Version::V5;
            let properties = if is_v5 { Properties::from(set.clone()) } else { Properties::NONE };
            let Some(publish) = self.message(slot, &topic, qos, retain, padding, properties) else {
                break;
            };
            let mut publish = publish;
            if is_v5 {
                publish.properties.edit(|set| set.topic_alias = alias);
                publish.topic = publish.topic.filter(|_| !by_alias);
            }
            packets.push(Packet::Publish(publish));
        }
        self.say(slot, &packets);
        Ok(())
    }

    /// The client's next message; `None` if too many are not answered.
    fn message(
        &mut self,
        slot: usize,
        topic: &TopicName,
        qos: QoS,
        retain: bool,
        padding: usize,
        properties: Properties,
    ) -> Option<Publish> {
        self.number += 1;
        let number = self.number;
        let client = self.ready(slot)?.client.clone();
        let person = self.people.get_mut(&client)?;
        let packet_id = if qos == QoS::AtMostOnce {
            None
        } else {
            let free = (1..=20).find(|id| !person.sending.contains_key(id))?;
            Some(PacketId::new(free)?)
        };
        let publish = Publish {
            dup: false,
            qos,
            retain,
            topic: Some(topic.clone()),
            packet_id,
            properties,
            payload: payload(number, padding),
        };
        if let Some(id) = packet_id {
            person.sending.insert(id.get(), Sending::Published(publish.clone()));
        }
        Some(publish)
    }

    fn subscribe(&mut self, slot: usize, u: &mut Unstructured<'_>) -> Result<()> {
        let Some(version) = self.ready(slot).map(|wire| wire.version) else { return Ok(()) };
        let filters = draw::filters(u, version)?;
        let identifier = one_of(u, &[None, Some(1), Some(300)])?;
        let identifier = identifier.filter(|_| version == Version::V5);
        let set = PropertySet {
            subscription_identifiers: identifier.into_iter().collect(),
            ..PropertySet::NONE
        };
        let packet_id = PacketId::new(21 + u.arbitrary::<u16>()? % 4).expect("above 0");
        let subscribe = Subscribe { packet_id, filters, properties: set.into() };
        self.say(slot, &[Packet::Subscribe(Box::new(subscribe))]);
        Ok(())
    }

    fn unsubscribe(&mut self, slot: usize, u: &mut Unstructured<'_>) -> Result<()> {
        let filters = draw::filters(u, Version::V3_1_1)?;
        let filters = filters.into_iter().map(|one| one.filter).collect();
        let packet_id = PacketId::new(25).expect("above 0");
        let properties = Properties::NONE;
        self.say(
            slot,
            &[Packet::Unsubscribe(Box::new(Unsubscribe { packet_id, filters, properties }))],
        );
        Ok(())
    }

    /// The client sends what it owes, so many packets in one read; whether it owed anything.
    fn answer(&mut self, slot: usize, most: usize) -> bool {
        let Some(wire) = self.ready(slot) else { return false };
        let count = most.min(wire.answers.len());
        let packets: Vec<Packet> = wire.answers.drain(..count).collect();
        self.say(slot, &packets);
        count > 0
    }

    /// Any packet that there is, whether it fits or not.
    fn say_anything(&mut self, slot: usize, u: &mut Unstructured<'_>) -> Result<()> {
        let version = self.wires[slot].as_ref().map_or(Version::V5, |wire| wire.version);
        let packet = packets::any(u, version)?;
        self.send_hostile(slot, &encoded(version, &[packet]));
        Ok(())
    }

    /// Any bytes.
    fn send_bytes(&mut self, slot: usize, u: &mut Unstructured<'_>) -> Result<()> {
        let bytes = bytes(u, 200)?.to_vec();
        self.send_hostile(slot, &bytes);
        Ok(())
    }

    fn send_hostile(&mut self, slot: usize, bytes: &[u8]) {
        // It would be taken for a right client's message.
        if bytes.windows(MAGIC.len()).any(|part| part == MAGIC) {
            return;
        }
        if self.wires[slot].is_none() {
            self.dial(slot);
        }
        if let Some(wire) = &mut self.wires[slot] {
            wire.hostile = true;
        }
        self.feed(slot, bytes);
    }

    fn disconnect(&mut self, slot: usize, u: &mut Unstructured<'_>) -> Result<()> {
        let code = one_of(u, &[0x00, 0x04, 0x80])?;
        let session_expiry_interval = one_of(u, &[None, None, Some(0), Some(40)])?;
        let Some(wire) = self.ready(slot) else { return Ok(()) };
        let set = PropertySet { session_expiry_interval, ..PropertySet::NONE };
        let disconnect = match wire.version {
            Version::V5 => Disconnect {
                code: ReasonCode::from_byte(code).expect("a code of the standard"),
                properties: set.into(),
            },
            _ => Disconnect { code: ReasonCode::Success, properties: Properties::NONE },
        };
        self.say(slot, &[Packet::Disconnect(disconnect)]);
        Ok(())
    }

    /// The client takes nothing any more, or again.
    fn stick(&mut self, slot: usize) {
        if let Some(wire) = &mut self.wires[slot] {
            wire.stuck = !wire.stuck;
        }
        self.take(slot, usize::MAX);
    }

    /// The log takes longer, or gets on.
    fn hold(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let count = one_of(u, &[0, 1, 2, usize::MAX])?;
        if self.holds && count == 0 {
            self.holds = false;
        } else {
            self.holds = true;
            self.sync(count);
        }
        Ok(())
    }

    /// A method of authentication has decided about the client that asked first.
    fn judge(&mut self, verdict: usize) {
        if self.unjudged.is_empty() {
            return;
        }
        let conn = self.unjudged.remove(0);
        let verdict = match verdict {
            0 => Verdict::Accepted(None),
            1 => Verdict::Continue(Bytes::from_static(b"?")),
            _ => Verdict::Refused,
        };
        self.event(Event::Authenticated { conn, verdict });
    }

    /// The broker stops as it should, and starts again.
    fn stop(&mut self) {
        self.event(Event::Stop);
        self.sync(usize::MAX);
        self.advance(Duration::ZERO);
        self.sync(usize::MAX);
        let left = self.wires.iter().flatten().filter(|wire| wire.opened && !wire.closed);
        assert_eq!(left.count(), 0, "connections that a stop leaves");
        self.crash();
    }

    /// Everything is well again: nothing is left to be done, and nobody waits for an answer.
    pub(super) fn finish(mut self) {
        self.holds = false;
        self.wires.iter_mut().flatten().for_each(|wire| wire.stuck = false);
        self.event(Event::Storage(Storage::Takes));
        while !self.unjudged.is_empty() {
            self.judge(2);
        }
        let mut rounds = 0;
        while self.goes_on() {
            rounds += 1;
            assert!(rounds < MOST_ROUNDS, "it never comes to an end");
        }
        assert_eq!(self.store.waiting(), 0, "records that are not durable");
        assert!(self.questions.is_empty(), "unanswered: {:?}", self.questions);
        for wire in self.wires.iter().flatten().filter(|wire| wire.ready && !wire.hostile) {
            let person = &self.people[&wire.client];
            assert!(person.hostile || !wire.paused, "{} is not read", wire.client);
            let unanswered = wire.unanswered();
            assert!(person.hostile || unanswered.is_empty(), "no answer to {unanswered:?}");
            let under_way = wire.under_way();
            assert!(person.hostile || under_way == 0, "{under_way} answered and in flight");
        }
    }

    fn goes_on(&mut self) -> bool {
        self.advance(Duration::ZERO);
        let mut any = false;
        for slot in 0..SLOTS {
            any |= self.read(slot);
            any |= self.answer(slot, usize::MAX);
        }
        any
    }
}

fn encoded(version: Version, packets: &[Packet]) -> Vec<u8> {
    let mut bytes = Vec::new();
    packets.iter().for_each(|packet| codec::encode(version, packet, &mut bytes));
    bytes
}
