//! I3: DUP tells what was sent before from what was not (MQTT 5.0 section 3.3.1.1).

use std::collections::{BTreeMap, BTreeSet};

use surewire_engine::action::Delivery;
use surewire_engine::id::PacketId;
use surewire_engine::packet::{Packet, Publish};

use super::{WILLS, number_in};

/// What sessions were sent in this life of the broker and have not answered.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    sent: BTreeMap<String, BTreeMap<PacketId, u64>>,
    /// Messages that the broker was given first in this life. An earlier one may have sent others.
    fresh: BTreeSet<u64>,
    old: BTreeSet<u64>,
    /// Clients in share groups: what one of them was sent may become another's, and new again.
    sharing: BTreeSet<String>,
}

impl Repeats {
    /// The process ended. Which identifiers it had given away may have died with it.
    pub(super) fn ended(mut self) -> Self {
        self.old.append(&mut self.fresh);
        Self { sent: BTreeMap::new(), ..self }
    }

    /// The session is over.
    pub(super) fn forget(&mut self, client: &str) {
        self.sent.remove(client);
    }

    pub(super) fn took(&mut self, client: &str, packet: &Packet) {
        match packet {
            Packet::Publish(publish) => self.published(publish),
            Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubcomp(ack) => {
                if let Some(sent) = self.sent.get_mut(client) {
                    sent.remove(&ack.packet_id);
                }
            }
            Packet::Subscribe(packet) => {
                let mut filters = packet.filters.iter();
                if filters.any(|asked| asked.filter.starts_with("$share/")) {
                    self.sharing.insert(client.to_owned());
                }
            }
            Packet::Connect(_)
            | Packet::Connack(_)
            | Packet::Pubrel(_)
            | Packet::Suback(_)
            | Packet::Unsubscribe(_)
            | Packet::Unsuback(_)
            | Packet::Pingreq
            | Packet::Pingresp
            | Packet::Disconnect(_)
            | Packet::Auth(_) => {}
        }
    }

    fn published(&mut self, publish: &Publish) {
        let number = number_in(&publish.payload);
        if (1..WILLS).contains(&number) && !self.old.contains(&number) {
            self.fresh.insert(number);
        }
    }

    /// What is wrong with the DUP of a message that a client is sent, if anything is.
    pub(super) fn sent(&mut self, client: &str, delivery: &Delivery) -> Result<(), String> {
        let number = number_in(&delivery.message.content().payload);
        let Some(id) = delivery.packet_id else {
            let right = !delivery.dup;
            return right.then_some(()).ok_or_else(|| format!("I3: {number} has DUP at QoS 0"));
        };
        if !(1..WILLS).contains(&number) {
            return Ok(());
        }
        let sent = self.sent.entry(client.to_owned()).or_default();
        let again = sent.insert(id, number) == Some(number);
        if again && !delivery.dup && !self.sharing.contains(client) {
            return Err(format!("I3: {client} is sent {number} again, without DUP"));
        }
        if !again && delivery.dup && self.fresh.contains(&number) {
            return Err(format!("I3: {client} is sent {number} with DUP, for the first time"));
        }
        Ok(())
    }
}
