//! CONNECT: who may come in, which session they get, and what they find in it.

use std::sync::Arc;
use std::time::Duration;

use rand_core::RngCore;

use crate::action::Action;
use crate::codec::{self, BadConnect};
use crate::connection::Connection;
use crate::engine::Engine;
use crate::event::Peer;
use crate::gate::Gate;
use crate::id::{ClientId, ConnId, Lsn};
use crate::log::record::{Record, SessionKey};
use crate::notice::{CloseReason, Notice, Refusal, SessionEnd};
use crate::packet::{Connack, Connect, Packet, PacketType, Properties, ReasonCode, Version};
use crate::planted::Bug;
use crate::session::{Arrival, Lifetime, Presence, Session};
use crate::timers::Timer;

/// A client that may come in.
pub(super) struct Admitted {
    client: ClientId,
    lifetime: Lifetime,
    /// What the CONNACK is to say (5.0).
    pub(super) properties: Properties,
}

impl Engine {
    /// A connection's first packet is there.
    pub(super) fn opened(
        &mut self,
        conn: ConnId,
        peer: Peer,
        first: Result<Box<Connect>, BadConnect>,
    ) {
        let connect = match first {
            Ok(connect) => connect,
            Err(bad) => {
                let why = Refusal::Violation(bad.violation);
                return self.refuse(conn, peer, Err(bad), why);
            }
        };
        let method = connect.properties.get().authentication_method.as_deref();
        // Whoever can prove who it is need not be let in without.
        let proves = method.is_some_and(|method| self.knows_method(method));
        let known = Peer { anonymous: peer.anonymous || proves, ..peer };
        match self.admit(&connect, known) {
            Ok(_) if proves => self.authenticate(conn, peer, connect),
            Ok(admitted) => self.accept(conn, peer, &admitted, *connect),
            Err(why) => self.refuse(conn, peer, Ok(&connect), why),
        }
    }

    /// Whether the client may come in, and as what.
    pub(super) fn admit(&mut self, connect: &Connect, peer: Peer) -> Result<Admitted, Refusal> {
        if self.stopping {
            return Err(Refusal::Stopping);
        }
        let method = connect.properties.get().authentication_method.as_deref();
        if method.is_some_and(|method| !self.knows_method(method)) {
            return Err(Refusal::AuthenticationMethod);
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
        let (client, assigned) = match ClientId::new(&connect.client_id) {
            Some(client) => (client, false),
            None if needs_client_id(connect) => return Err(Refusal::EmptyClientId),
            None => (self.assign_client_id(), true),
        };
        let replaces = self.session_by_client(&client).is_some_and(|s| s.connection().is_some());
        let connections = self.connections.len() + self.authenticating.len();
        if connections >= self.config.max_connections && !replaces {
            return Err(Refusal::ConnectionLimit);
        }
        if self.has_no_memory_for(&client) {
            return Err(Refusal::MemoryLimit);
        }
        if self.cannot_store_session(&client, connect) {
            return Err(Refusal::StorageFull);
        }
        let lifetime = self.lifetime(connect);
        let properties = self.connack_properties(connect, &client, assigned, lifetime);
        let admitted = Admitted { client, lifetime, properties };
        if admitted.fits(connect) { Ok(admitted) } else { Err(Refusal::MaximumPacketSize) }
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
                && self.slot_of(&client).is_none()
            {
                return client;
            }
        }
    }

    pub(super) fn accept(
        &mut self,
        conn: ConnId,
        peer: Peer,
        admitted: &Admitted,
        connect: Connect,
    ) {
        let before = self.lsn;
        let client = admitted.client.clone();
        self.see_to_restored_client(&client);
        self.expire_overdue(&client);
        self.take_over(&client);
        let kept = self.slot_of(&client);
        if let (Some(slot), true) = (kept, connect.clean_start) {
            self.discard(slot);
        }
        let arrival = Arrival { conn, address: peer.address, at: self.arrival() };
        let (slot, session_present) = match kept.filter(|_| !connect.clean_start) {
            Some(slot) => (self.resume(slot, arrival, admitted.lifetime), true),
            None => (self.begin(client.clone(), arrival, admitted.lifetime), false),
        };
        self.arrived.push(arrival.at, slot);
        self.clients.push(arrival.at, slot);
        self.count_expiring(slot);
        self.attach(conn, slot, &connect);
        let version = connect.version;
        self.set_will(slot, connect.will);
        let awaited = self.take_awaited(slot, &client);
        let after = if self.lsn == before { Lsn::NONE } else { self.lsn };
        self.touch(slot, after);
        // That nothing is present is a promise too: the session may have ended a moment ago, by a
        // CONNECT whose answer nobody waited for.
        let after = if session_present { after } else { after.max(self.ceased) };
        let at_once = connect.clean_start && self.config.planted.is(Bug::ConnackBeforeDiscard);
        let after = if at_once { Lsn::NONE } else { after };
        self.answer(conn, admitted.connack(session_present), after);
        if self.config.planted.is(Bug::TakenOverLate) {
            self.out.sort_by_key(|action| !matches!(action, Action::Send { .. }));
        }
        self.count_connection();
        let address = peer.address;
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

    /// The client's session was to end by now, and its timer has not gone off yet.
    fn expire_overdue(&mut self, client: &ClientId) {
        let Some(slot) = self.slot_of(client) else { return };
        let Some(session) = self.sessions.get(slot) else { return };
        if let Presence::Offline { expires: Some(due), .. } = session.presence
            && due <= self.now
        {
            self.expire(session.reference(slot));
        }
    }

    /// The client is back and wants a new session. That ends the old one, and with it the waiting
    /// for its Will; one that a stop of the broker kept was for a client that does not come back.
    fn discard(&mut self, slot: u32) {
        let delayed = self.sessions.get(slot).and_then(|session| session.will.as_ref());
        let delayed = delayed.is_some_and(|will| will.delay > 0);
        let will = if delayed { self.withdraw_will(slot) } else { None };
        self.end_session(slot, SessionEnd::CleanStart);
        self.publish_will(None, will);
    }

    /// How long the session is to live that the CONNECT asks for.
    pub(super) fn lifetime(&self, connect: &Connect) -> Lifetime {
        if connect.version == Version::V5 {
            let asked = connect.properties.get().session_expiry_interval.unwrap_or(0);
            return match self.capped_expiry(asked) {
                Some(0) => Lifetime::Connection,
                expiry => Lifetime::Beyond(expiry),
            };
        }
        if connect.clean_start {
            return Lifetime::Connection;
        }
        let expiry = self.config.session_expiry_interval;
        Lifetime::Beyond(expiry.map(|after| u32::try_from(after.as_secs()).unwrap_or(u32::MAX)))
    }

    /// The Session Expiry Interval that a 5.0 client gets when it asks for one, in seconds; `None`
    /// is for ever (5.0 section 3.1.2.11.2).
    pub(super) fn capped_expiry(&self, asked: u32) -> Option<u32> {
        let asked = Some(asked).filter(|asked| *asked != u32::MAX);
        match (asked, self.config.max_session_expiry_interval) {
            (Some(asked), Some(most)) => Some(asked.min(most)),
            (asked, most) => asked.or(most),
        }
    }

    fn begin(&mut self, client: ClientId, arrival: Arrival, lifetime: Lifetime) -> u32 {
        let key = self.next_key;
        self.next_key = SessionKey(key.0 + 1);
        let session = Session::new(client.clone(), key, lifetime, arrival);
        let slot = self.sessions.insert(session);
        self.list_client(slot);
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
        // What is stored stays so until its end, even if that comes with the connection's.
        let expiry = match lifetime {
            Lifetime::Connection => Some(0),
            Lifetime::Beyond(expiry) => expiry,
        };
        session.lifetime = Lifetime::Beyond(expiry);
        let Arrival { address, at, .. } = arrival;
        let session = session.key;
        self.append(Record::SessionResumed { session, address, at, expiry });
        slot
    }

    fn attach(&mut self, conn: ConnId, slot: u32, connect: &Connect) {
        let patience = self.patience(connect.keep_alive);
        let due = patience.map(|patience| self.now + patience);
        let asked = connect.properties.get();
        let window = asked.receive_maximum.unwrap_or(u16::MAX);
        let mut carried = 0;
        if let Some(session) = self.sessions.get_mut(slot) {
            carried = u16::try_from(session.received.len()).unwrap_or(u16::MAX);
            session.window = window.min(self.config.max_inflight_messages);
            if self.config.planted.is(Bug::ReceiveMaximumIgnored) {
                session.window = self.config.max_inflight_messages;
            }
        }
        let alias_maximum = asked.topic_alias_maximum.unwrap_or(0);
        let any_size = self.config.planted.is(Bug::PacketSizeIgnored);
        let size = asked.maximum_packet_size.filter(|_| !any_size);
        let unasked = self.config.planted.is(Bug::ReasonsUnasked);
        self.connections.insert(Connection {
            id: conn,
            session: slot,
            version: connect.version,
            max_packet_size: size.unwrap_or(u32::MAX),
            wants_reasons: unasked || asked.request_problem_information.unwrap_or(true),
            alias_maximum: alias_maximum.min(self.config.topic_alias_maximum),
            aliases: None,
            unanswered: 0,
            carried,
            method: None,
            user_name: connect.user_name.as_deref().map(Arc::from),
            keep_alive: connect.keep_alive,
            patience,
            heard: self.now,
            keep_alive_due: due.unwrap_or_default(),
            unsent: 0,
            held: 0,
            progressed: self.now,
            stall_set: false,
            report_asked: false,
            paused: false,
            hushed: false,
            filters: None,
            gate: Gate::default(),
        });
        if let Some(due) = due {
            self.set_timer(due, Timer::KeepAlive(conn));
        }
    }

    /// How long the client may be silent: one and a half times its Keep Alive by default.
    fn patience(&self, keep_alive: u16) -> Option<Duration> {
        let seconds = self.kept_alive(keep_alive)?;
        let too_soon = self.config.planted.is(Bug::SilenceTooSoon);
        let milli = if too_soon { 1_000 } else { self.config.keepalive_multiplier_milli.into() };
        Some(Duration::from_millis(u64::from(seconds) * milli))
    }

    /// The Keep Alive that holds for a client that asks for this one, in seconds; `None` is off.
    pub(super) fn kept_alive(&self, asked: u16) -> Option<u16> {
        match (asked, self.config.max_keepalive) {
            (0, cap) => cap,
            (asked, cap) => Some(asked.min(cap.unwrap_or(u16::MAX))),
        }
    }

    /// Slot of the client's session.
    pub(super) fn slot_of(&self, client: &ClientId) -> Option<u32> {
        let has = |slot| self.sessions.get(slot).is_some_and(|session| session.client == *client);
        self.by_client.get(client, has)
    }

    /// The session in that slot can be found by its client.
    pub(super) fn list_client(&mut self, slot: u32) {
        let (hasher, sessions) = (self.by_client.hasher(), &self.sessions);
        let hash = |slot| sessions.get(slot).map_or(0, |session| hasher.hash(&session.client));
        self.by_client.insert(hash(slot), slot, hash);
    }

    pub(super) fn session_by_client(&self, client: &ClientId) -> Option<&Session> {
        self.sessions.get(self.slot_of(client)?)
    }
}

impl Admitted {
    /// Whether the client takes its CONNACK.
    pub(super) fn fits(&self, connect: &Connect) -> bool {
        let most = max_packet_size(connect.properties.get().maximum_packet_size);
        (1..=most).contains(&codec::encoded_len(connect.version, &self.connack(true)))
    }

    fn connack(&self, session_present: bool) -> Packet {
        let properties = self.properties.clone();
        Packet::Connack(Connack { session_present, code: ReasonCode::Success, properties })
    }
}

/// 3.1 knows no empty id; 3.1.1 only one whose session nobody will look for. 5.0 tells the client
/// which id it got.
fn needs_client_id(connect: &Connect) -> bool {
    match connect.version {
        Version::V3_1 => true,
        Version::V3_1_1 => !connect.clean_start,
        Version::V5 => false,
    }
}

/// Bytes of a whole packet that a client takes which asks for this Maximum Packet Size.
pub(super) fn max_packet_size(asked: Option<u32>) -> usize {
    asked.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX))
}
