//! A packet full of filters, handed in part by part: they are more work than their bytes tell.

use std::mem::take;
use std::vec::IntoIter;

use bytestring::ByteString;
use surewire_engine::codec::Packets;
use surewire_engine::event::Event;
use surewire_engine::id::{ConnId, PacketId};
use surewire_engine::packet::{Packet, Properties, Subscribe, SubscribeFilter, Unsubscribe};

/// Filters that are handed in at once: some 0.5 ms of the engine's time.
const PART: usize = if crate::sync::CONTROLLED { 2 } else { 64 };

/// What is left of a SUBSCRIBE or UNSUBSCRIBE.
#[derive(Debug)]
pub(super) struct Filters {
    packet_id: PacketId,
    properties: Properties,
    left: Left,
}

#[derive(Debug)]
enum Left {
    Subscribe(IntoIter<SubscribeFilter>),
    Unsubscribe(IntoIter<ByteString>),
}

impl Filters {
    /// Takes the filters out of a packet that has more than a part of them. Of a SUBSCRIBE with more than
    /// `most` all are refused, which is quick.
    pub(super) fn of(packets: &mut Packets, most: usize) -> Option<Self> {
        let many = PART + 1..=most;
        match packets {
            Packets::One(Packet::Subscribe(packet)) if many.contains(&packet.filters.len()) => {
                let Subscribe { packet_id, filters, properties } = &mut **packet;
                let mut filters = take(filters);
                filters.iter_mut().for_each(|asked| asked.filter = detached(&asked.filter));
                let left = Left::Subscribe(filters.into_iter());
                Some(Self { packet_id: *packet_id, properties: properties.clone(), left })
            }
            Packets::One(Packet::Unsubscribe(packet)) if packet.filters.len() > PART => {
                let Unsubscribe { packet_id, filters, properties } = &mut **packet;
                let filters: Vec<_> = filters.iter().map(detached).collect();
                let left = Left::Unsubscribe(filters.into_iter());
                Some(Self { packet_id: *packet_id, properties: properties.clone(), left })
            }
            Packets::One(_) | Packets::Run(_) | Packets::Acks(_) => None,
        }
    }

    /// Whether all of them are handed in.
    pub(super) fn are_gone(&self) -> bool {
        match &self.left {
            Left::Subscribe(left) => left.len() == 0,
            Left::Unsubscribe(left) => left.len() == 0,
        }
    }

    /// The next of them.
    pub(super) fn next_part(&mut self, conn: ConnId) -> Event {
        let (packet_id, properties) = (self.packet_id, self.properties.clone());
        let packet = match &mut self.left {
            Left::Subscribe(left) => {
                let filters = left.take(PART).collect();
                Packet::Subscribe(Box::new(Subscribe { packet_id, filters, properties }))
            }
            Left::Unsubscribe(left) => {
                let filters = left.take(PART).collect();
                Packet::Unsubscribe(Box::new(Unsubscribe { packet_id, filters, properties }))
            }
        };
        if self.are_gone() {
            Event::Received { conn, packet }
        } else {
            Event::ReceivedPart { conn, packet }
        }
    }
}

/// A copy: these wait for as long as their client is not read, and must not keep the read that they came in.
fn detached(text: &ByteString) -> ByteString {
    ByteString::from(&**text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use surewire_engine::packet::SubscribeOptions;

    fn unsubscribe(filters: usize) -> Packets {
        let filters = (0..filters).map(|n| n.to_string().into()).collect();
        let (packet_id, properties) = (PacketId::FIRST, Properties::NONE);
        Packets::One(Packet::Unsubscribe(Box::new(Unsubscribe { packet_id, filters, properties })))
    }

    fn subscribe(filters: usize) -> Packets {
        let asked = SubscribeFilter { filter: "t".into(), options: SubscribeOptions::default() };
        let (packet_id, properties) = (PacketId::FIRST, Properties::NONE);
        let filters = vec![asked; filters];
        Packets::One(Packet::Subscribe(Box::new(Subscribe { packet_id, filters, properties })))
    }

    /// How many filters each part has, and whether it is the last.
    fn parts(mut filters: Filters) -> Vec<(usize, bool)> {
        let mut parts = Vec::new();
        while !filters.are_gone() {
            let event = filters.next_part(ConnId { slot: 1, generation: 1 });
            let last = matches!(event, Event::Received { .. });
            let (Event::ReceivedPart { packet, .. } | Event::Received { packet, .. }) = event
            else {
                panic!("{event:?}")
            };
            let Packet::Unsubscribe(packet) = packet else { panic!("{packet:?}") };
            parts.push((packet.filters.len(), last));
        }
        parts
    }

    #[test]
    fn filters_come_in_parts_and_the_last_is_the_packet() {
        assert!(Filters::of(&mut unsubscribe(PART), 1_000).is_none());
        assert!(Filters::of(&mut unsubscribe(1_001), 1_000).is_some(), "there is no limit");
        assert!(Filters::of(&mut subscribe(1_000), 1_000).is_some());
        assert!(Filters::of(&mut subscribe(1_001), 1_000).is_none(), "refused as a whole");
        assert_eq!(
            parts(Filters::of(&mut unsubscribe(PART + 1), 1_000).unwrap()),
            [(PART, false), (1, true)]
        );
        assert_eq!(
            parts(Filters::of(&mut unsubscribe(2 * PART), 1_000).unwrap()),
            [(PART, false), (PART, true)]
        );
    }
}
