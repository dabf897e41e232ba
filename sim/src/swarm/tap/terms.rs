//! What a 5.0 client has announced, and every packet to it must keep to.

use std::collections::{BTreeMap, BTreeSet};

use surewire_engine::action::{Delivery, TopicAlias};
use surewire_engine::id::PacketId;
use surewire_engine::packet::{Connect, Packet, Version};
use surewire_engine::topic::TopicName;

/// The terms of one connection.
#[derive(Debug)]
pub(super) struct Terms {
    version: Version,
    receive_maximum: usize,
    alias_maximum: u16,
    aliases: BTreeMap<u16, TopicName>,
    /// What was sent on this connection and not answered in full.
    under_way: BTreeSet<PacketId>,
}

impl Terms {
    pub(super) fn of(connect: &Connect) -> Self {
        let set = connect.properties.get();
        Self {
            version: connect.version,
            receive_maximum: usize::from(set.receive_maximum.unwrap_or(u16::MAX)),
            alias_maximum: set.topic_alias_maximum.unwrap_or(0),
            aliases: BTreeMap::new(),
            under_way: BTreeSet::new(),
        }
    }

    /// The client answers.
    pub(super) fn took(&mut self, packet: &Packet) {
        if let Packet::Puback(ack) | Packet::Pubcomp(ack) = packet {
            self.under_way.remove(&ack.packet_id);
        }
    }

    /// The client is sent a message; what is wrong with that, if anything is.
    pub(super) fn delivered(&mut self, delivery: &Delivery) -> Result<(), String> {
        if self.version != Version::V5 {
            return if delivery.alias == TopicAlias::None {
                Ok(())
            } else {
                Err(format!("an alias for a client of {:?}", self.version))
            };
        }
        self.named(delivery)?;
        let Some(id) = delivery.packet_id else { return Ok(()) };
        if !self.under_way.insert(id) {
            return Err(format!("{id} was sent twice on one connection of 5.0"));
        }
        let (sent, most) = (self.under_way.len(), self.receive_maximum);
        if sent > most { Err(format!("I14: {sent} messages, it takes {most}")) } else { Ok(()) }
    }

    fn named(&mut self, delivery: &Delivery) -> Result<(), String> {
        let topic = &delivery.message.content().topic;
        let alias = match delivery.alias {
            TopicAlias::None => return Ok(()),
            TopicAlias::Set(alias) => {
                self.aliases.insert(alias, topic.clone());
                alias
            }
            TopicAlias::Instead(alias) => alias,
        };
        if alias == 0 || alias > self.alias_maximum {
            return Err(format!("alias {alias}, it takes {}", self.alias_maximum));
        }
        match self.aliases.get(&alias) {
            Some(known) if known == topic => Ok(()),
            known => Err(format!("alias {alias} for {topic}, which stands for {known:?}")),
        }
    }
}
