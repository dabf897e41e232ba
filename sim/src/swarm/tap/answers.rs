//! What clients ask for is answered, once, in the order of asking (MQTT 5.0 section 4.6), and as soon
//! as nothing waits for the disk.

use surewire_engine::id::PacketId;
use surewire_engine::packet::{Packet, PacketType, QoS};

/// What one connection is owed, in the order in which it asked.
#[derive(Debug, Default)]
pub(super) struct Answers(Vec<Owed>);

/// An answer that is to come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owed {
    kind: PacketType,
    packet_id: Option<PacketId>,
}

impl Answers {
    /// The client asks.
    pub(super) fn took(&mut self, packet: &Packet) {
        if let Some((kind, packet_id)) = answer_to(packet) {
            self.0.push(Owed { kind, packet_id });
        }
    }

    /// The client is sent something; what is wrong with it as an answer, if anything is.
    pub(super) fn sent(&mut self, packet: &Packet) -> Result<(), String> {
        let Some(packet_id) = identifier_of_answer(packet) else { return Ok(()) };
        let kind = packet.packet_type();
        let is_it = |owed: &Owed| owed.kind == kind && owed.packet_id == packet_id;
        let Some(place) = self.0.iter().position(is_it) else {
            return Err(format!("I11: {packet:?} answers nothing"));
        };
        self.0.remove(place);
        let mut earlier = self.0.iter().take(place);
        match earlier.find(|earlier| earlier.kind == kind && kind != PacketType::Pubcomp) {
            Some(earlier) => Err(format!("I3: {packet:?} overtakes that of {earlier:?}")),
            None => Ok(()),
        }
    }

    /// What has not been answered.
    pub(super) fn first(&self) -> Option<&Owed> {
        self.0.first()
    }
}

/// What answers this; `None` if nothing does, or does so only after more than one step.
fn answer_to(packet: &Packet) -> Option<(PacketType, Option<PacketId>)> {
    Some(match packet {
        Packet::Publish(publish) => match publish.qos {
            QoS::AtMostOnce => return None,
            QoS::AtLeastOnce => (PacketType::Puback, publish.packet_id),
            QoS::ExactlyOnce => (PacketType::Pubrec, publish.packet_id),
        },
        Packet::Pubrel(ack) => (PacketType::Pubcomp, Some(ack.packet_id)),
        Packet::Subscribe(subscribe) => (PacketType::Suback, Some(subscribe.packet_id)),
        Packet::Unsubscribe(packet) => (PacketType::Unsuback, Some(packet.packet_id)),
        Packet::Pingreq => (PacketType::Pingresp, None),
        Packet::Connect(_)
        | Packet::Connack(_)
        | Packet::Puback(_)
        | Packet::Pubrec(_)
        | Packet::Pubcomp(_)
        | Packet::Suback(_)
        | Packet::Unsuback(_)
        | Packet::Pingresp
        | Packet::Disconnect(_)
        | Packet::Auth(_) => return None,
    })
}

/// The identifier by which an answer names what it answers, if it is one.
fn identifier_of_answer(packet: &Packet) -> Option<Option<PacketId>> {
    Some(match packet {
        Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubcomp(ack) => Some(ack.packet_id),
        Packet::Suback(packet) => Some(packet.packet_id),
        Packet::Unsuback(packet) => Some(packet.packet_id),
        Packet::Pingresp => None,
        Packet::Connect(_)
        | Packet::Connack(_)
        | Packet::Publish(_)
        | Packet::Pubrel(_)
        | Packet::Subscribe(_)
        | Packet::Unsubscribe(_)
        | Packet::Pingreq
        | Packet::Disconnect(_)
        | Packet::Auth(_) => return None,
    })
}
