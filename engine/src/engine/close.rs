//! The end of a connection, and what it means for the session.

use std::time::Duration;

use crate::action::{Action, Outgoing};
use crate::connection::Connection;
use crate::engine::{Engine, alive};
use crate::id::ConnId;
use crate::log::record::Record;
use crate::notice::{CloseReason, DropReason, Notice, SessionEnd};
use crate::packet::{Disconnect, Packet, PacketType, QoS, Version};
use crate::planted::Bug;
use crate::session::{Lifetime, Presence};
use crate::timers::Timer;
use crate::topic::TopicName;
use crate::violation::Violation;

impl Engine {
    /// Ends a connection from our side. A 5.0 client is told why, unless it does not know yet that
    /// it was accepted (MQTT-3.14.0-1).
    pub(super) fn close(&mut self, conn: ConnId, reason: CloseReason) {
        let Some(connection) = self.connections.get(conn) else { return };
        let told = connection.version == Version::V5 && !connection.gate.holds_connack();
        if let Some(disconnect) = self.farewell(connection, reason).filter(|_| told) {
            self.counters.packets_sent.count(PacketType::Disconnect);
            let outgoing = Outgoing::Packet(Packet::Disconnect(disconnect));
            self.out.push(Action::Send { conn, outgoing });
        }
        self.out.push(Action::Close { conn, reason });
        self.depart(conn, reason);
    }

    /// The client says that it is about to close (5.0 section 3.14).
    pub(super) fn disconnected(&mut self, conn: ConnId, disconnect: &Disconnect) {
        let ignored = self.config.planted.is(Bug::ByeExpiryIgnored);
        let asked = disconnect.properties.get().session_expiry_interval;
        if let Some(asked) = asked.filter(|_| !ignored)
            && let Err(violation) = self.change_expiry(conn, asked)
        {
            return self.violated(conn, violation);
        }
        self.close(conn, CloseReason::ByClient(disconnect.code));
    }

    /// The session is to live for another time than its CONNECT said, in seconds. What was to end
    /// with its connection cannot be kept after all: nothing of it was stored.
    fn change_expiry(&mut self, conn: ConnId, asked: u32) -> Result<(), Violation> {
        let expiry = self.capped_expiry(asked);
        let Some(slot) = self.session_of(conn) else { return Ok(()) };
        let Some(session) = self.sessions.get_mut(slot) else { return Ok(()) };
        if session.ends_with_connection() {
            return if expiry == Some(0) { Ok(()) } else { Err(Violation::SessionExpiryRaised) };
        }
        let before = alive::expires(session);
        session.lifetime = Lifetime::Beyond(expiry);
        let after = alive::expires(session);
        self.alive.expiring -= usize::from(before);
        self.alive.expiring += usize::from(after);
        if !self.config.planted.is(Bug::ByeExpiryNotStored) {
            self.append_for(slot, |session| Record::SessionExpires { session, expiry });
        }
        Ok(())
    }

    /// The connection is over: forgets it, and does to its session what that means.
    pub(super) fn depart(&mut self, conn: ConnId, reason: CloseReason) {
        let Some(connection) = self.connections.remove(conn) else { return };
        // Its session may be among them, and is not to get what it publishes at its end.
        self.route.found = None;
        if connection.patience.is_some() {
            self.timers.cancel(connection.keep_alive_due, Timer::KeepAlive(conn));
        }
        let slot = connection.session;
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let client = session.client.clone();
        let (lifetime, lives_on) = (session.lifetime, !session.ends_with_connection());
        self.alive.expiring -= usize::from(alive::expires(session));
        session.presence = Presence::Offline { since: self.now, expires: None };
        session.left_at = self.now;
        self.clients.remove(session.connected_at);
        self.notice(Notice::Disconnected { client, why: reason });
        self.drop_held(slot, connection);
        self.members_online(slot, false);
        let will = self.will_at_end(slot, reason);
        match lifetime {
            Lifetime::Beyond(expiry) if lives_on => {
                self.leave(slot, expiry);
                // At a stop the others are about to leave as well.
                if reason != CloseReason::Stopping {
                    self.hand_on_shared(slot);
                }
                self.publish_will(Some(slot), will);
            }
            // The session's end comes first: it is not there any more to receive the Will.
            Lifetime::Beyond(_) | Lifetime::Connection => {
                self.end_session(slot, SessionEnd::WithConnection);
                self.publish_will(None, will);
            }
        }
    }

    /// The session goes on without its client, for `expiry` seconds or for ever.
    fn leave(&mut self, slot: u32, expiry: Option<u32>) {
        let now = self.now;
        self.append_for(slot, |session| Record::SessionLeft { session, at: now });
        let Some(seconds) = expiry else { return };
        let due = now + Duration::from_secs(u64::from(seconds));
        let Some(session) = self.sessions.get_mut(slot) else { return };
        session.presence = Presence::Offline { since: now, expires: Some(due) };
        let timer = Timer::Expiry(session.reference(slot));
        self.set_timer(due, timer);
    }

    /// What the gate held back was never sent: QoS 0 is lost with the connection, QoS 2 is to be
    /// sent for the first time when the client comes back.
    fn drop_held(&mut self, slot: u32, connection: Connection) {
        let outbox = self.sessions.get_mut(slot).and_then(|session| session.outbox.as_mut());
        outbox.into_iter().for_each(|outbox| outbox.inflight.forget_due());
        for outgoing in connection.gate.into_held() {
            let Outgoing::Publish(delivery) = outgoing else { continue };
            let Some(packet_id) = delivery.packet_id else {
                // Counted as delivered when it was handed to the gate.
                self.counters.delivered -= 1;
                let content = delivery.message.content();
                let (topic, qos) = (content.topic.clone(), delivery.qos);
                self.dropped(Some(slot), topic, qos, DropReason::ConnectionClosed);
                continue;
            };
            let session = self.sessions.get_mut(slot);
            let outbox = session.and_then(|session| session.outbox.as_mut());
            if let Some(exchange) = outbox.and_then(|o| o.inflight.get_mut(packet_id)) {
                exchange.sent = delivery.dup || self.config.planted.is(Bug::DupUnsent);
            }
        }
    }

    /// Tells of a message that does not reach a session, and counts it.
    pub(super) fn dropped(
        &mut self,
        slot: Option<u32>,
        topic: TopicName,
        qos: QoS,
        why: DropReason,
    ) {
        self.counters.dropped.add(why, 1);
        let session = slot.and_then(|slot| self.sessions.get(slot));
        let client = session.map(|session| session.client.clone());
        self.notice(Notice::Dropped { client, topic, qos, why });
    }
}
