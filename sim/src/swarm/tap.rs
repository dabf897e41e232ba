//! What is seen on the broker's side of the wires, and must always hold there.

mod answers;
mod codes;
mod counts;
mod drops;
mod expiry;
mod repeats;
mod terms;
mod wills;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use surewire_engine::action::{Delivery, Outgoing, TopicAlias};
use surewire_engine::config::Config;
use surewire_engine::counters::Counters;
use surewire_engine::id::{ConnId, PacketId};
use surewire_engine::notice::{CloseReason, DropReason, Notice, Refusal};
use surewire_engine::packet::{Connack, Connect, Packet, PacketType, QoS, ReasonCode, Version};
use surewire_engine::time::Time;

use super::broker::Taken;
use answers::Answers;
use counts::Counts;
use expiry::Expiry;
use repeats::Repeats;
use terms::Terms;
use wills::Wills;

/// Wires between one life of the broker and its clients.
#[derive(Debug, Default)]
pub(crate) struct Tap {
    clients: BTreeMap<ConnId, Wire>,
    /// The connection that was accepted last, by client.
    current: BTreeMap<String, ConnId>,
    /// Messages that were sent and not finished: number, and whether the client has it (PUBREC).
    in_flight: BTreeMap<String, BTreeMap<PacketId, (u64, bool)>>,
    /// QoS 2 messages whose release was promised to a session that is kept: no crash undoes that.
    released: BTreeSet<(String, u64)>,
    /// Messages that may be others when they are published again.
    loose: BTreeSet<u64>,
    expiry: Expiry,
    /// Messages whose topic was a number.
    pub(crate) aliases: u64,
    /// What the broker is set up with in this life.
    config: Config,
    wills: Wills,
    /// The connection that ended last, until the broker has said why.
    over: Option<Wire>,
    repeats: Repeats,
    counts: Counts,
}

#[derive(Debug)]
struct Wire {
    client: String,
    clean: bool,
    accepted: bool,
    terms: Terms,
    /// Its Will, if it has one.
    will: Option<wills::Terms>,
    /// When the broker took something from it last.
    heard: Time,
    /// The code of the last word that it was sent: CONNACK that refuses, or DISCONNECT.
    last_word: Option<ReasonCode>,
    /// Messages above QoS 0 that it has sent and the broker has not answered with the first packet.
    unanswered: BTreeSet<PacketId>,
    answers: Answers,
}

/// Messages that the broker may take at once, beyond what it allows: they came in one read.
const RUN: usize = 8;

/// Messages from this number on are Wills, whose number is one and the same at every connection.
pub(crate) const WILLS: u64 = 1_000_000;

/// The number that every payload begins with; 0 where there is none.
pub(crate) fn number_in(payload: &[u8]) -> u64 {
    let digits = payload.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

impl Tap {
    /// The process begins, set up like this.
    pub(crate) fn begins(&mut self, config: &Config) {
        self.config = config.clone();
    }

    /// The process ended: everything is forgotten but what was promised.
    pub(crate) fn ended(&mut self) {
        let before = std::mem::take(self);
        let Self { released, loose, expiry, aliases, repeats, .. } = before;
        let repeats = repeats.ended();
        *self = Self { released, loose, expiry, aliases, repeats, ..Self::default() };
    }

    /// These may come again, as others.
    pub(crate) fn loosen(&mut self, messages: Vec<u64>) {
        self.loose.extend(messages);
    }

    /// Whether the broker has accepted the client of this name, and its connection is there.
    pub(crate) fn is_connected(&self, client: &str) -> bool {
        self.current.get(client).is_some_and(|conn| self.clients.contains_key(conn))
    }

    /// `now` is the broker's time. What is wrong with its having taken this, if anything is.
    pub(crate) fn took(&mut self, now: Time, conn: ConnId, packet: &Taken) -> Result<(), String> {
        let packet = match packet {
            Taken::Connect(connect) => {
                self.connecting(now, conn, connect);
                return Ok(());
            }
            Taken::Packet(packet) => packet,
        };
        let Some(wire) = self.clients.get_mut(&conn) else { return Ok(()) };
        wire.heard = now;
        wire.terms.took(packet);
        wire.answers.took(packet);
        self.repeats.took(&wire.client, packet);
        self.counts.took(packet);
        if let Packet::Disconnect(disconnect) = packet
            && let Some(will) = &mut wire.will
            && let Some(expiry) = disconnect.properties.get().session_expiry_interval
        {
            will.expiry = Some(expiry).filter(|expiry| *expiry != u32::MAX);
        }
        if let Some(window) = self.in_flight.get_mut(&wire.client) {
            answered(window, packet);
        }
        let Packet::Publish(publish) = packet else { return Ok(()) };
        self.expiry.took(now, publish);
        wire.unanswered.extend(publish.packet_id);
        let (waiting, most) = (wire.unanswered.len(), usize::from(self.config.receive_maximum));
        if waiting > most + RUN {
            let client = &wire.client;
            return Err(format!("I8: {waiting} messages of {client} wait, {most} are allowed"));
        }
        Ok(())
    }

    fn connecting(&mut self, now: Time, conn: ConnId, connect: &Connect) {
        let (client, clean) = (connect.client_id.to_string(), connect.clean_start);
        let terms = Terms::of(connect);
        let asked = connect.properties.get().session_expiry_interval;
        let usual = self.config.session_expiry_interval.map(|time| time.as_secs());
        let expiry = match (connect.version, clean) {
            (Version::V5, _) => Some(asked.unwrap_or(0)).filter(|asked| *asked != u32::MAX),
            (Version::V3_1 | Version::V3_1_1, true) => Some(0),
            (Version::V3_1 | Version::V3_1_1, false) => usual.and_then(|s| u32::try_from(s).ok()),
        };
        let will = connect.will.as_ref().map(|will| {
            let delay = will.properties.get().will_delay_interval.unwrap_or(0);
            wills::Terms { delay, expiry }
        });
        let wire = Wire {
            client,
            clean,
            accepted: false,
            terms,
            will,
            heard: now,
            last_word: None,
            unanswered: BTreeSet::new(),
            answers: Answers::default(),
        };
        self.clients.insert(conn, wire);
    }

    /// A connection is over, from either side; the broker says next why.
    pub(crate) fn closed(&mut self, conn: ConnId) {
        self.over = self.clients.remove(&conn);
    }

    /// What is wrong with it, if anything is.
    pub(crate) fn sent(
        &mut self,
        now: Time,
        conn: ConnId,
        outgoing: &Outgoing,
        len: usize,
    ) -> Result<(), String> {
        let Some(wire) = self.clients.get_mut(&conn) else { return Ok(()) };
        wire.terms.sent(outgoing, len).map_err(|what| format!("{}: {what}", wire.client))?;
        if let Outgoing::Packet(Packet::Connack(ack)) = outgoing {
            return self.answered_connect(conn, ack);
        }
        let (client, clean) = (wire.client.clone(), wire.clean);
        if let Outgoing::Packet(packet) = outgoing {
            self.counts.sent(packet.packet_type());
            wire.answers.sent(packet).map_err(|what| format!("{what}, to {client}"))?;
        }
        if self.current.get(&client) != Some(&conn) {
            return Err(format!("I6: {client} was sent {outgoing:?} on a connection taken over"));
        }
        match outgoing {
            Outgoing::Publish(delivery) => {
                let kept = wire.terms.delivered(delivery);
                kept.map_err(|what| format!("{client}: {what}"))?;
                self.expiry.sent(now, delivery).map_err(|what| format!("{what}, to {client}"))?;
                self.repeats.sent(&client, delivery)?;
                self.aliases += u64::from(matches!(delivery.alias, TopicAlias::Instead(_)));
                self.delivered(&client, delivery)
            }
            Outgoing::Packet(Packet::Pubrel(ack)) => {
                let window = self.in_flight.get(&client);
                if let Some((message, _)) = window.and_then(|window| window.get(&ack.packet_id))
                    && !clean
                    && (1..WILLS).contains(message)
                {
                    self.released.insert((client, *message));
                }
                Ok(())
            }
            Outgoing::Packet(Packet::Puback(ack) | Packet::Pubrec(ack)) => {
                wire.unanswered.remove(&ack.packet_id);
                Ok(())
            }
            Outgoing::Packet(Packet::Disconnect(disconnect)) => {
                wire.last_word = Some(disconnect.code);
                Ok(())
            }
            // Told packet by packet.
            Outgoing::Packet(_) | Outgoing::Run(..) | Outgoing::Acks(_) => Ok(()),
        }
    }

    fn answered_connect(&mut self, conn: ConnId, ack: &Connack) -> Result<(), String> {
        let Some(wire) = self.clients.get_mut(&conn) else { return Ok(()) };
        if ack.code != ReasonCode::Success {
            wire.last_word = Some(ack.code);
            return Ok(());
        }
        wire.accepted = true;
        if let Some(assigned) = &ack.properties.get().assigned_client_identifier {
            wire.client = assigned.to_string();
        }
        self.counts.sent(PacketType::Connack);
        // Messages of a session that ended are not in flight any more.
        if wire.clean || !ack.session_present {
            self.in_flight.remove(&wire.client);
            self.repeats.forget(&wire.client);
        } else if let Some(window) = self.in_flight.get_mut(&wire.client) {
            // The rest is sent again, or is another member's of its share group by now.
            window.retain(|_, (_, has)| *has);
        }
        let (client, before) =
            (wire.client.clone(), self.current.insert(wire.client.clone(), conn));
        wire.terms.accepted(ack, &self.config).map_err(|what| format!("{client}: {what}"))?;
        if before.is_some_and(|before| before != conn && self.clients.contains_key(&before)) {
            return Err(format!("I6: {client} is let in, and has another connection still"));
        }
        Ok(())
    }

    fn delivered(&mut self, client: &str, delivery: &Delivery) -> Result<(), String> {
        let payload = &delivery.message.content().payload;
        self.counts.delivered(delivery.qos, payload.len());
        let Some(id) = delivery.packet_id else { return Ok(()) };
        let message = number_in(payload);
        if delivery.qos == QoS::ExactlyOnce
            && !delivery.retain
            && !self.loose.contains(&message)
            && self.released.contains(&(client.to_owned(), message))
        {
            return Err(format!("I2: {client} was sent {message} again after its PUBREL"));
        }
        let window = self.in_flight.entry(client.to_owned()).or_default();
        match window.get(&id) {
            Some((other, _)) if *other != message => {
                return Err(format!("I12: {client} got {message} as {id}, which is {other}'s"));
            }
            Some((_, true)) => {
                return Err(format!("I2: {client} was sent {message} again after its PUBREC"));
            }
            Some(_) | None => window.insert(id, (message, false)),
        };
        if window.len() > usize::from(self.config.max_inflight_messages) {
            return Err(format!("I14: {client} has {} messages in flight", window.len()));
        }
        Ok(())
    }

    /// Takes a fact; what is wrong with it, if anything is.
    pub(crate) fn told(&mut self, now: Time, notice: &Notice) -> Result<(), String> {
        self.counts.told(notice);
        match notice {
            Notice::Dropped { client, qos, why, .. } => {
                drops::judge(&self.config, *qos, *why)?;
                let name = client.as_ref().map(|client| client.as_str());
                if name.is_none() && *why == DropReason::SessionEnded {
                    return Err("I19: a share group lost a message with a member".to_owned());
                }
                if *why == DropReason::PacketTooLarge && !self.takes_small_ones_only(name) {
                    return Err(format!("I14: nothing is too large for {name:?}"));
                }
            }
            Notice::SessionEnded { client, .. } => {
                // Nothing of it is in flight any more, whatever its client was told of that.
                self.in_flight.remove(client.as_str());
                self.repeats.forget(client.as_str());
                self.wills.session_ended(now, client.as_str());
            }
            Notice::Connected { client, .. } => {
                return self.wills.connected(client.as_str());
            }
            Notice::Disconnected { client, why } => {
                return self.disconnected(now, client.as_str(), *why);
            }
            Notice::Refused { why, .. } => return self.refused(*why),
            Notice::WillPublished { client, .. } => {
                return self.wills.published(now, client.as_str());
            }
            Notice::PublishRefused { .. }
            | Notice::NotRetained { .. }
            | Notice::SubscribeRefused { .. }
            | Notice::Storage(_)
            | Notice::Memory(_) => {}
        }
        Ok(())
    }

    fn takes_small_ones_only(&self, client: Option<&str>) -> bool {
        let conn = client.and_then(|client| self.current.get(client));
        let wire = conn.and_then(|conn| self.clients.get(conn));
        // The CONNACK may be on its way still.
        let mut others = self.clients.values().filter(|wire| Some(wire.client.as_str()) == client);
        wire.is_some_and(|wire| wire.terms.has_packet_size())
            || others.any(|wire| wire.terms.has_packet_size())
            || self.clients.values().any(|wire| wire.client.is_empty())
    }

    fn disconnected(&mut self, now: Time, client: &str, why: CloseReason) -> Result<(), String> {
        let Some(wire) = self.over.take() else { return Ok(()) };
        self.wills.disconnected(now, client, why, wire.will);
        let told = wire.last_word.map(ReasonCode::byte);
        let speaks = wire.terms.version == Version::V5 && wire.accepted;
        let right = codes::farewell(why).filter(|_| speaks);
        if told != right {
            return Err(format!("I11: {client} is told {told:02x?} and not {right:02x?}, {why:?}"));
        }
        if why == CloseReason::KeepAlive {
            let silent = now - wire.heard;
            let patience = self.patience(&wire);
            if patience.is_none_or(|patience| silent < patience) {
                return Err(format!("I13: {client} is cut off after {silent:?} of {patience:?}"));
            }
        }
        Ok(())
    }

    /// For how long the client may be silent.
    fn patience(&self, wire: &Wire) -> Option<Duration> {
        let seconds = wire.terms.kept_alive(&self.config)?;
        Some(Duration::from_millis(u64::from(seconds) * 1_500))
    }

    fn refused(&mut self, why: Refusal) -> Result<(), String> {
        // Of what is no CONNECT there is no wire.
        let Some(wire) = self.over.take() else { return Ok(()) };
        let right = codes::refusal(wire.terms.version, why);
        if wire.last_word == right {
            return Ok(());
        }
        let (client, told) = (&wire.client, wire.last_word);
        Err(format!("I11: {client} is refused with {told:?} and not {right:?}, {why:?}"))
    }

    /// What should have happened by now and has not: nothing hinders the broker.
    pub(crate) fn overdue(&self, now: Time) -> Option<String> {
        let silent = |wire: &&Wire| {
            let patience = self.patience(wire).filter(|_| wire.accepted);
            patience.is_some_and(|patience| now > wire.heard + patience + wills::LATE)
        };
        let silent = self.clients.values().find(silent);
        let silent = silent.map(|wire| format!("I10: {} is silent and stays", wire.client));
        silent.or_else(|| self.wills.overdue(now))
    }

    /// What should have been answered, as nothing waits for the disk.
    pub(crate) fn unanswered(&self) -> Option<String> {
        let mut accepted = self.clients.values().filter(|wire| wire.accepted);
        accepted.find_map(|wire| {
            let owed = wire.answers.first()?;
            Some(format!("I10: {} is not answered: {owed:?}", wire.client))
        })
    }

    /// Compares what the broker counted with what was seen.
    pub(crate) fn compare(&self, counters: &Counters) -> Result<(), String> {
        self.counts.compare(counters)
    }
}

/// What a client's answer does to its window.
fn answered(window: &mut BTreeMap<PacketId, (u64, bool)>, packet: &Packet) {
    match packet {
        Packet::Puback(ack) | Packet::Pubcomp(ack) => {
            window.remove(&ack.packet_id);
        }
        Packet::Pubrec(ack) => {
            if let Some((_, has)) = window.get_mut(&ack.packet_id) {
                *has = true;
            }
        }
        Packet::Connect(_)
        | Packet::Connack(_)
        | Packet::Publish(_)
        | Packet::Pubrel(_)
        | Packet::Subscribe(_)
        | Packet::Suback(_)
        | Packet::Unsubscribe(_)
        | Packet::Unsuback(_)
        | Packet::Pingreq
        | Packet::Pingresp
        | Packet::Disconnect(_)
        | Packet::Auth(_) => {}
    }
}
