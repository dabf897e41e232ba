//! What a 5.0 client has announced, and every packet to it must keep to.

use std::collections::{BTreeMap, BTreeSet};

use surewire_engine::action::{Delivery, Outgoing, TopicAlias};
use surewire_engine::config::Config;
use surewire_engine::id::PacketId;
use surewire_engine::packet::{Connack, Connect, Packet, Properties, Version};
use surewire_engine::topic::TopicName;

/// The terms of one connection.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) version: Version,
    /// The Keep Alive that it asked for, in seconds.
    keep_alive: u16,
    unnamed: bool,
    /// Bytes of a packet.
    packet_size: usize,
    wants_reasons: bool,
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
            keep_alive: connect.keep_alive,
            unnamed: connect.client_id.is_empty(),
            packet_size: set.maximum_packet_size.map_or(usize::MAX, |most| most as usize),
            wants_reasons: set.request_problem_information.unwrap_or(true),
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

    /// Whether there are packets that it does not take.
    pub(super) fn has_packet_size(&self) -> bool {
        self.packet_size < usize::MAX
    }

    /// The Keep Alive that holds, in seconds.
    pub(super) fn kept_alive(&self, config: &Config) -> Option<u16> {
        let asked = Some(self.keep_alive).filter(|seconds| *seconds > 0);
        asked.into_iter().chain(config.max_keepalive).min()
    }

    /// What is wrong with a packet of this many bytes, whatever it is.
    pub(super) fn sent(&self, outgoing: &Outgoing, len: usize) -> Result<(), String> {
        if len > self.packet_size {
            let most = self.packet_size;
            return Err(format!("I14: a packet of {len} bytes, it takes {most}: {outgoing:?}"));
        }
        let Outgoing::Packet(packet) = outgoing else { return Ok(()) };
        let speaks = properties(packet).get();
        let has_words = speaks.reason_string.is_some() || !speaks.user_properties.is_empty();
        // A DISCONNECT may have them all the same (5.0 section 3.1.2.11.7), and so may a CONNACK.
        let may = matches!(packet, Packet::Connack(_) | Packet::Disconnect(_));
        if has_words && !may && !(self.wants_reasons && self.version == Version::V5) {
            return Err(format!("I11: words for a client that wants none: {packet:?}"));
        }
        Ok(())
    }

    /// What is wrong with what an accepted client is told of the broker's limits.
    pub(super) fn accepted(&self, connack: &Connack, config: &Config) -> Result<(), String> {
        let told = connack.properties.get();
        if self.version != Version::V5 {
            let silent = connack.properties == Properties::NONE;
            return if silent { Ok(()) } else { Err(format!("I11: properties: {told:?}")) };
        }
        let keep_alive = self.kept_alive(config).filter(|seconds| *seconds != self.keep_alive);
        let aliases = Some(config.topic_alias_maximum).filter(|most| *most > 0);
        for (what, right) in [
            ("Server Keep Alive", told.server_keep_alive == keep_alive),
            ("Receive Maximum", told.receive_maximum == Some(config.receive_maximum)),
            ("Topic Alias Maximum", told.topic_alias_maximum == aliases),
            ("Maximum Packet Size", told.maximum_packet_size == Some(config.max_packet_size)),
            (
                "Assigned Client Identifier",
                told.assigned_client_identifier.is_some() == self.unnamed,
            ),
        ] {
            if !right {
                return Err(format!("I11: {what} in {told:?}"));
            }
        }
        Ok(())
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

fn properties(packet: &Packet) -> &Properties {
    match packet {
        Packet::Connack(packet) => &packet.properties,
        Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
            &ack.properties
        }
        Packet::Suback(packet) | Packet::Unsuback(packet) => &packet.properties,
        Packet::Disconnect(packet) => &packet.properties,
        Packet::Connect(_)
        | Packet::Publish(_)
        | Packet::Subscribe(_)
        | Packet::Unsubscribe(_)
        | Packet::Pingreq
        | Packet::Pingresp
        | Packet::Auth(_) => &Properties::NONE,
    }
}
