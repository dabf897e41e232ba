//! What is seen on the broker's side of the wires, and must always hold there.

mod expiry;
mod terms;

use std::collections::{BTreeMap, BTreeSet};

use surewire_engine::action::{Delivery, Outgoing, TopicAlias};
use surewire_engine::counters::{ByQoS, Counters};
use surewire_engine::id::{ConnId, PacketId};
use surewire_engine::notice::Notice;
use surewire_engine::packet::{Connect, Packet, QoS, ReasonCode};
use surewire_engine::time::Time;

use super::broker::Taken;
use expiry::Expiry;
use terms::Terms;

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
    max_in_flight: usize,
    received: u64,
    sent: u64,
    dropped: u64,
}

#[derive(Debug)]
struct Wire {
    client: String,
    clean: bool,
    accepted: bool,
    terms: Terms,
}

/// Messages from this number on are Wills, whose number is one and the same at every connection.
pub(crate) const WILLS: u64 = 1_000_000;

/// The number that every payload begins with; 0 where there is none.
pub(crate) fn number_in(payload: &[u8]) -> u64 {
    let digits = payload.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

impl Tap {
    pub(crate) fn new(max_in_flight: u16) -> Self {
        Self { max_in_flight: usize::from(max_in_flight), ..Self::default() }
    }

    /// The process ended: everything is forgotten but what was promised.
    pub(crate) fn ended(&mut self) {
        let before = std::mem::take(self);
        let Self { released, loose, expiry, aliases, max_in_flight, .. } = before;
        *self = Self { released, loose, expiry, aliases, max_in_flight, ..Self::default() };
    }

    /// These may come again, as others.
    pub(crate) fn loosen(&mut self, messages: Vec<u64>) {
        self.loose.extend(messages);
    }

    /// `now` is the broker's time.
    pub(crate) fn took(&mut self, now: Time, conn: ConnId, packet: &Taken) {
        match packet {
            Taken::Connect(connect) => self.connecting(conn, connect),
            Taken::Packet(packet) => {
                let Some(wire) = self.clients.get_mut(&conn) else { return };
                wire.terms.took(packet);
                if let Packet::Publish(publish) = packet {
                    self.received += 1;
                    self.expiry.took(now, publish);
                }
                if let Some(window) = self.in_flight.get_mut(&wire.client) {
                    answered(window, packet);
                }
            }
        }
    }

    fn connecting(&mut self, conn: ConnId, connect: &Connect) {
        let (client, clean) = (connect.client_id.to_string(), connect.clean_start);
        let terms = Terms::of(connect);
        self.clients.insert(conn, Wire { client, clean, accepted: false, terms });
    }

    pub(crate) fn closed(&mut self, conn: ConnId) {
        self.clients.remove(&conn);
    }

    /// What is wrong with it, if anything is.
    pub(crate) fn sent(
        &mut self,
        now: Time,
        conn: ConnId,
        outgoing: &Outgoing,
    ) -> Result<(), String> {
        let Some(wire) = self.clients.get_mut(&conn) else { return Ok(()) };
        let (client, clean) = (wire.client.clone(), wire.clean);
        if let Outgoing::Packet(Packet::Connack(ack)) = outgoing {
            if ack.code == ReasonCode::Success {
                wire.accepted = true;
                // Messages of a session that ended are not in flight any more.
                if wire.clean || !ack.session_present {
                    self.in_flight.remove(&client);
                } else if let Some(window) = self.in_flight.get_mut(&client) {
                    // The rest is sent again, or is another member's of its share group by now.
                    window.retain(|_, (_, has)| *has);
                }
                self.current.insert(client, conn);
            }
            return Ok(());
        }
        if self.current.get(&client) != Some(&conn) {
            return Err(format!("I6: {client} was sent {outgoing:?} on a connection taken over"));
        }
        match outgoing {
            Outgoing::Publish(delivery) => {
                let kept = wire.terms.delivered(delivery);
                kept.map_err(|what| format!("{client}: {what}"))?;
                self.expiry.sent(now, delivery).map_err(|what| format!("{what}, to {client}"))?;
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
            // Told packet by packet.
            Outgoing::Packet(_) | Outgoing::Run(..) | Outgoing::Acks(_) => Ok(()),
        }
    }

    fn delivered(&mut self, client: &str, delivery: &Delivery) -> Result<(), String> {
        self.sent += 1;
        let Some(id) = delivery.packet_id else { return Ok(()) };
        let message = number_in(&delivery.message.content().payload);
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
        if window.len() > self.max_in_flight {
            return Err(format!("I14: {client} has {} messages in flight", window.len()));
        }
        Ok(())
    }

    /// Takes a fact; it counts drops.
    pub(crate) fn told(&mut self, notice: &Notice) {
        match notice {
            Notice::Dropped { .. } => self.dropped += 1,
            Notice::SessionEnded { client, dropped, .. } => {
                self.dropped += dropped;
                // Nothing of it is in flight any more, whatever its client was told of that.
                self.in_flight.remove(client.as_str());
            }
            Notice::Connected { .. }
            | Notice::Refused { .. }
            | Notice::Disconnected { .. }
            | Notice::PublishRefused { .. }
            | Notice::NotRetained { .. }
            | Notice::SubscribeRefused { .. }
            | Notice::WillPublished { .. }
            | Notice::Storage(_)
            | Notice::Memory(_) => {}
        }
    }

    /// Compares what the broker counted with what was seen.
    pub(crate) fn compare(&self, counters: &Counters) -> Result<(), String> {
        let all = |by: &ByQoS| by.at_most_once + by.at_least_once + by.exactly_once;
        for (name, counted, seen) in [
            ("PUBLISH packets received", all(&counters.received), self.received),
            ("PUBLISH packets sent", all(&counters.sent), self.sent),
            ("messages dropped", counters.dropped.total(), self.dropped),
        ] {
            if counted != seen {
                return Err(format!("I20: {name}: {counted} counted and {seen} seen"));
            }
        }
        Ok(())
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
