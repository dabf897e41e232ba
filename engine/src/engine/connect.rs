//! CONNECT: who may come in, which session they get, and what they find in it.

use std::sync::Arc;
use std::time::Duration;

use rand_core::RngCore;

use crate::action::{Action, Outgoing};
use crate::connection::Connection;
use crate::engine::Engine;
use crate::event::Peer;
use crate::gate::Gate;
use crate::id::{ClientId, ConnId, Lsn};
use crate::log::record::{Record, SessionKey};
use crate::message::Content;
use crate::notice::{CloseReason, Notice, Refusal, SessionEnd};
use crate::packet::{
    Connack, Connect, Packet, PacketType, Properties, PropertySet, ReasonCode, Version, Will,
};
use crate::planted::Bug;
use crate::session::{Arrival, Lifetime, Presence, Session};
use crate::timers::Timer;
use crate::topic;
use crate::violation::Violation;

impl Engine {
    /// A connection's first packet is there.
    pub(super) fn opened(
        &mut self,
        conn: ConnId,
        peer: Peer,
        first: Result<Box<Connect>, Violation>,
    ) {
        let connect = match first {
            Ok(connect) => connect,
            Err(violation) => return self.refuse(conn, peer, None, Refusal::Violation(violation)),
        };
        match self.admit(&connect, peer) {
            Ok(client) => self.accept(conn, peer, client, *connect),
            Err(why) => {
                let client = ClientId::new(&connect.client_id);
                self.refuse(conn, peer, client, why);
            }
        }
    }

    /// Whether the client may come in, and under which id.
    fn admit(&mut self, connect: &Connect, peer: Peer) -> Result<ClientId, Refusal> {
        if connect.version == Version::V5 {
            return Err(Refusal::Version(connect.version));
        }
        if self.stopping {
            return Err(Refusal::Stopping);
        }
        if !peer.anonymous {
            return Err(Refusal::NotAuthenticated);
        }
        if connect.client_id.len() > self.config.max_client_id_length {
            return Err(Refusal::ClientIdTooLong);
        }
        if let Some(will) = &connect.will {
            self.admit_will(will)?;
        }
        let client = match ClientId::new(&connect.client_id) {
            Some(client) => client,
            // 3.1 knows no empty id; 3.1.1 only one whose session nobody will look for.
            None if connect.version == Version::V3_1 || !connect.clean_start => {
                return Err(Refusal::EmptyClientId);
            }
            None => self.assign_client_id(),
        };
        let replaces = self.session_by_client(&client).is_some_and(|s| s.connection().is_some());
        if self.connections.len() >= self.config.max_connections && !replaces {
            return Err(Refusal::ConnectionLimit);
        }
        if self.cannot_store_session(&client, connect) {
            return Err(Refusal::StorageFull);
        }
        Ok(client)
    }

    fn admit_will(&self, will: &Will) -> Result<(), Refusal> {
        let name = will.topic.as_str();
        let too_long = name.len() > self.config.max_topic_length
            || topic::levels(name) > self.config.max_topic_levels;
        if will.topic.is_dollar() || too_long { Err(Refusal::WillTopic) } else { Ok(()) }
    }

    /// 22 characters of 62, some 131 bits: nobody guesses it, and every broker would accept it.
    fn assign_client_id(&mut self) -> ClientId {
        const ALPHABET: &[u8; 62] =
            b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        loop {
            // A remainder of 32 bits by 62 is even to one part in 69 million.
            let mut pick = || ALPHABET.get(self.rng.next_u32() as usize % ALPHABET.len());
            let text: String = (0..22).filter_map(|_| pick()).map(|b| char::from(*b)).collect();
            if let Some(client) = ClientId::new(&text)
                && self.by_client.get(&client).is_none()
            {
                return client;
            }
        }
    }

    fn refuse(&mut self, conn: ConnId, peer: Peer, client: Option<ClientId>, why: Refusal) {
        self.counters.refused += 1;
        if let Some(code) = refusal_code(why) {
            let properties = refusal_properties(why);
            let connack = Connack { session_present: false, code, properties };
            let outgoing = Outgoing::Packet(Packet::Connack(connack));
            self.out.push(Action::Send { conn, outgoing });
        }
        self.out.push(Action::Close { conn, reason: CloseReason::Refused });
        self.notice(Notice::Refused { client, address: peer.address, why });
    }

    fn accept(&mut self, conn: ConnId, peer: Peer, client: ClientId, connect: Connect) {
        let before = self.lsn;
        self.see_to_restored_client(&client);
        self.take_over(&client);
        let lifetime = self.lifetime(&connect);
        let kept = self.by_client.get(&client).copied();
        if let (Some(slot), true) = (kept, connect.clean_start) {
            self.end_session(slot, SessionEnd::CleanStart);
        }
        let arrival = Arrival { conn, address: peer.address, at: self.arrival() };
        let (slot, session_present) = match kept.filter(|_| !connect.clean_start) {
            Some(slot) => (self.resume(slot, arrival, lifetime), true),
            None => (self.begin(client.clone(), arrival, lifetime), false),
        };
        self.arrived.push(arrival.at, slot);
        self.clients.push(arrival.at, slot);
        self.count_expiring(slot);
        self.set_will(slot, connect.will);
        let user_name = connect.user_name.as_deref().map(Arc::from);
        self.attach(conn, slot, connect.version, connect.keep_alive, user_name);
        let awaited = self.take_awaited(slot, &client);
        let after = if self.lsn == before { Lsn::NONE } else { self.lsn };
        self.touch(slot, after);
        // That nothing is present is a promise too: the session may have ended a moment ago, by a
        // CONNECT whose answer nobody waited for.
        let after = if session_present { after } else { after.max(self.ceased) };
        let at_once = connect.clean_start && self.config.planted.is(Bug::ConnackBeforeDiscard);
        let after = if at_once { Lsn::NONE } else { after };
        let connack =
            Connack { session_present, code: ReasonCode::Success, properties: Properties::NONE };
        self.answer(conn, Packet::Connack(connack), after);
        self.count_connection();
        let (address, version) = (peer.address, connect.version);
        self.notice(Notice::Connected { client, address, version, session_present });
        if session_present {
            self.return_to(slot);
        }
        if !awaited.is_empty() {
            self.serve(slot, &awaited);
        }
    }

    fn count_connection(&mut self) {
        let counters = &mut self.counters;
        counters.connections += 1;
        counters.packets_received.count(PacketType::Connect);
        counters.most_connections = counters.most_connections.max(self.connections.len() as u64);
    }

    /// The same client is connected already: that connection ends (3.1.1 section 3.1.4).
    fn take_over(&mut self, client: &ClientId) {
        let old = self.session_by_client(client).and_then(Session::connection);
        if let Some(conn) = old.filter(|_| !self.config.planted.is(Bug::TakeOverLeaves)) {
            self.close(conn, CloseReason::TakenOver);
        }
    }

    pub(super) fn lifetime(&self, connect: &Connect) -> Lifetime {
        if connect.clean_start {
            return Lifetime::Connection;
        }
        let expiry = self.config.session_expiry_interval;
        Lifetime::Beyond(expiry.map(|after| u32::try_from(after.as_secs()).unwrap_or(u32::MAX)))
    }

    fn begin(&mut self, client: ClientId, arrival: Arrival, lifetime: Lifetime) -> u32 {
        let key = self.next_key;
        self.next_key = SessionKey(key.0 + 1);
        let session = Session::new(client.clone(), key, lifetime, arrival);
        let slot = self.sessions.insert(session);
        self.by_client.insert(client.clone(), slot);
        if let Lifetime::Beyond(expiry) = lifetime {
            let Arrival { address, at, .. } = arrival;
            self.append(Record::SessionBegan { session: key, client, address, at, expiry });
        }
        slot
    }

    fn resume(&mut self, slot: u32, arrival: Arrival, lifetime: Lifetime) -> u32 {
        let Some(session) = self.sessions.get_mut(slot) else { return slot };
        if let Presence::Offline { expires: Some(due), .. } = session.presence {
            self.timers.cancel(due, Timer::Expiry(session.reference(slot)));
        }
        self.arrived.remove(session.connected_at);
        session.presence = Presence::Online(arrival.conn);
        session.address = arrival.address;
        session.connected_at = arrival.at;
        session.lifetime = lifetime;
        if let Lifetime::Beyond(expiry) = lifetime {
            let Arrival { address, at, .. } = arrival;
            let session = session.key;
            self.append(Record::SessionResumed { session, address, at, expiry });
        }
        slot
    }

    /// Stores the connection's Will, whatever the session's lifetime: it must survive our own end.
    fn set_will(&mut self, slot: u32, will: Option<Box<Will>>) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let Some(will) = will else {
            // A Will that a stop of the broker kept was for the client that did not come back.
            if session.will.take().is_some() {
                let session = session.key;
                self.append(Record::WillCleared { session });
            }
            return;
        };
        let will = Arc::new(Content {
            topic: will.topic.detached(),
            payload: bytes::Bytes::copy_from_slice(&will.payload),
            qos: will.qos,
            retain: will.retain,
            properties: will.properties,
        });
        session.will = Some(Arc::clone(&will));
        let (session, client) = (session.key, session.client.clone());
        if !self.config.planted.is(Bug::WillNotStored) {
            self.append(Record::WillSet { session, client, will, delay: 0 });
        }
    }

    fn attach(
        &mut self,
        conn: ConnId,
        slot: u32,
        version: Version,
        keep_alive: u16,
        user_name: Option<Arc<str>>,
    ) {
        let patience = self.patience(keep_alive);
        let due = patience.map(|patience| self.now + patience);
        self.connections.insert(Connection {
            id: conn,
            session: slot,
            version,
            user_name,
            keep_alive,
            patience,
            heard: self.now,
            keep_alive_due: due.unwrap_or_default(),
            unsent: 0,
            held: 0,
            progressed: self.now,
            stall_set: false,
            report_asked: false,
            paused: false,
            gate: Gate::default(),
        });
        if let Some(due) = due {
            self.set_timer(due, Timer::KeepAlive(conn));
        }
    }

    /// How long the client may be silent: one and a half times its Keep Alive by default.
    fn patience(&self, keep_alive: u16) -> Option<Duration> {
        let seconds = match (keep_alive, self.config.max_keepalive) {
            (0, None) => return None,
            (0, Some(cap)) => cap,
            (asked, cap) => asked.min(cap.unwrap_or(u16::MAX)),
        };
        let milli = u64::from(self.config.keepalive_multiplier_milli);
        Some(Duration::from_millis(u64::from(seconds) * milli))
    }

    pub(super) fn session_by_client(&self, client: &ClientId) -> Option<&Session> {
        self.sessions.get(*self.by_client.get(client)?)
    }
}

/// What a refused client is told; `None` is nothing at all.
fn refusal_code(why: Refusal) -> Option<ReasonCode> {
    Some(match why {
        // Only an unknown level gets an answer (3.1.1 section 3.1.4).
        Refusal::Violation(Violation::ProtocolLevel { .. }) | Refusal::Version(_) => {
            ReasonCode::UnsupportedProtocolVersion
        }
        Refusal::Violation(_) => return None,
        Refusal::EmptyClientId | Refusal::ClientIdTooLong => ReasonCode::ClientIdentifierNotValid,
        Refusal::NotAuthenticated | Refusal::WillTopic => ReasonCode::NotAuthorized,
        Refusal::ConnectionLimit | Refusal::MemoryLimit | Refusal::Stopping => {
            ReasonCode::ServerUnavailable
        }
        Refusal::StorageFull => ReasonCode::QuotaExceeded,
    })
}

/// For 5.0 clients, what to do about it in words.
fn refusal_properties(why: Refusal) -> Properties {
    let Refusal::Version(_) = why else { return Properties::NONE };
    let reason = "this broker serves MQTT 3.1 and 3.1.1; connect with protocol level 4";
    PropertySet { reason_string: Some(reason.into()), ..PropertySet::NONE }.into()
}
