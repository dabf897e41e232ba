//! The end of a connection, and what it means for the session and its Will.

use std::sync::Arc;
use std::time::Duration;

use crate::action::{Action, Outgoing};
use crate::connection::Connection;
use crate::engine::{Engine, alive};
use crate::id::{ClientId, ConnId};
use crate::log::record::Record;
use crate::message::{Content, Message};
use crate::notice::{CloseReason, DropReason, Notice, SessionEnd};
use crate::packet::{QoS, ReasonCode};
use crate::session::{Lifetime, Presence};
use crate::timers::Timer;
use crate::topic::TopicName;

impl Engine {
    /// Ends a connection from our side.
    pub(super) fn close(&mut self, conn: ConnId, reason: CloseReason) {
        if self.connections.get(conn).is_some() {
            self.out.push(Action::Close { conn, reason });
            self.depart(conn, reason);
        }
    }

    /// The connection is over: forgets it, and does to its session what that means.
    pub(super) fn depart(&mut self, conn: ConnId, reason: CloseReason) {
        let Some(connection) = self.connections.remove(conn) else { return };
        if connection.patience.is_some() {
            self.timers.cancel(connection.keep_alive_due, Timer::KeepAlive(conn));
        }
        let slot = connection.session;
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let client = session.client.clone();
        let lifetime = session.lifetime;
        self.alive.expiring -= usize::from(alive::expires(session));
        session.presence = Presence::Offline { since: self.now, expires: None };
        session.left_at = self.now;
        self.clients.remove(session.connected_at);
        self.notice(Notice::Disconnected { client, why: reason });
        self.drop_held(slot, connection);
        self.members_online(slot, false);
        let will = self.take_will(slot, reason);
        match lifetime {
            // The session's end comes first: it is not there any more to receive the Will.
            Lifetime::Connection => self.end_session(slot, SessionEnd::WithConnection),
            Lifetime::Beyond(expiry) => self.leave(slot, expiry),
        }
        self.publish_will(will);
    }

    /// Publishes a Will that was taken from its session.
    pub(super) fn publish_will(&mut self, will: Option<(ClientId, Arc<Content>)>) {
        let Some((client, will)) = will else { return };
        let topic = will.topic.clone();
        self.watch.saw(self.now, &will, Some(&client));
        self.notice(Notice::WillPublished { client, topic });
        self.route(Message::Kept(will), None);
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

    /// The Will that is to be published now, if the connection's end asks for it.
    fn take_will(&mut self, slot: u32, reason: CloseReason) -> Option<(ClientId, Arc<Content>)> {
        let session = self.sessions.get_mut(slot)?;
        // A stop of the broker is no fault of the client: if its session is stored, so is the
        // Will, and the client gets the time to come back.
        if reason == CloseReason::Stopping && session.is_durable() {
            return None;
        }
        let will = self.withdraw_will(slot)?;
        (reason != CloseReason::ByClient(ReasonCode::Success)).then_some(will)
    }

    /// Takes the Will from its session, and from the log.
    pub(super) fn withdraw_will(&mut self, slot: u32) -> Option<(ClientId, Arc<Content>)> {
        let session = self.sessions.get_mut(slot)?;
        let will = session.will.take()?;
        let (key, client) = (session.key, session.client.clone());
        self.append(Record::WillCleared { session: key });
        Some((client, will))
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
                exchange.sent = delivery.dup;
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
