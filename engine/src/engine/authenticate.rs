//! Enhanced authentication (5.0 section 4.12): AUTH packets carry a method's challenges and
//! answers, which somebody outside of the engine makes and judges.
//!
//! ```text
//!   CONNECT ──▶ asked ── Continue ──▶ AUTH 0x18 ──▶ client ── AUTH 0x18 ──▶ asked ..
//!                     ── Accepted ──▶ CONNACK 0x00
//!                     ── Refused ───▶ CONNACK 0x87, closed
//!
//!   AUTH 0x19 ▶ asked ── Continue ──▶ AUTH 0x18 ──▶ client ── AUTH 0x18 ──▶ asked ..
//!   (connected)       ── Accepted ──▶ AUTH 0x00
//!                     ── Refused ───▶ DISCONNECT 0x87, closed
//! ```

use std::collections::BTreeMap;

use bytes::Bytes;
use bytestring::ByteString;

use crate::action::{Action, Outgoing};
use crate::codec;
use crate::engine::Engine;
use crate::engine::connect::{Admitted, max_packet_size};
use crate::event::{Peer, Verdict};
use crate::id::{ConnId, Lsn};
use crate::notice::{CloseReason, Refusal};
use crate::packet::{Auth, Connect, Packet, PropertySet, ReasonCode, Version};
use crate::timers::Timer;
use crate::violation::Violation;

/// Connections whose CONNECT waits for the outcome of an exchange.
#[derive(Debug, Default)]
pub(super) struct Authenticating(BTreeMap<ConnId, Candidate>);

/// A client that may come in if it proves who it is.
#[derive(Debug)]
struct Candidate {
    peer: Peer,
    connect: Box<Connect>,
    turn: Turn,
}

/// Who is to say something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The method, about what the client sent.
    Ours,
    /// The client, which got an AUTH.
    Theirs,
}

/// The enhanced authentication of a connected client.
#[derive(Debug)]
pub(crate) struct Method {
    /// That of its CONNECT.
    name: ByteString,
    /// Set while it authenticates itself again.
    again: Option<Turn>,
}

impl Authenticating {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Engine {
    /// Whether the CONNECT asks for an exchange that can be had.
    pub(super) fn knows_method(&self, method: &str) -> bool {
        self.config.authentication_methods.iter().any(|known| known == method)
    }

    /// A client that could come in but for its authentication.
    pub(super) fn authenticate(&mut self, conn: ConnId, peer: Peer, connect: Box<Connect>) {
        let set = connect.properties.get();
        let method = set.authentication_method.as_deref().unwrap_or_default().to_owned();
        let data = set.authentication_data.as_ref().map(|data| data.to_vec());
        self.out.push(Action::Authenticate { conn, method, data, first: true });
        let due = self.now + self.config.authentication_timeout;
        self.set_timer(due, Timer::Authentication(conn));
        self.authenticating.0.insert(conn, Candidate { peer, connect, turn: Turn::Ours });
    }

    /// Has the method look at what an AUTH says.
    fn ask(&mut self, conn: ConnId, method: &str, auth: &Auth, first: bool) {
        let data = auth.properties.get().authentication_data.as_ref().map(|data| data.to_vec());
        self.out.push(Action::Authenticate { conn, method: method.to_owned(), data, first });
    }

    /// A packet from somebody who is not accepted yet: AUTH goes on, DISCONNECT gives up, and
    /// anything else is too early.
    pub(super) fn candidate_sent(&mut self, conn: ConnId, packet: &Packet) {
        let Some(candidate) = self.authenticating.0.get_mut(&conn) else { return };
        if let Packet::Auth(auth) = packet {
            return match candidate.answered(auth) {
                Ok(method) => self.ask(conn, &method, auth, false),
                Err(violation) => {
                    self.refuse_candidate(conn, Refusal::Violation(violation));
                }
            };
        }
        if let Packet::Disconnect(_) = packet {
            self.authenticating.0.remove(&conn);
            return self.out.push(Action::Close { conn, reason: CloseReason::Refused });
        }
        let violation = Violation::NotAuthenticated { packet: packet.packet_type() as u8 };
        self.refuse_candidate(conn, Refusal::Violation(violation));
    }

    /// Turns somebody away who is not accepted yet; whether there was one.
    pub(super) fn refuse_candidate(&mut self, conn: ConnId, why: Refusal) -> bool {
        let Some(candidate) = self.authenticating.0.remove(&conn) else { return false };
        let Candidate { peer, connect, .. } = candidate;
        self.refuse(conn, peer, Ok(&connect), why);
        true
    }

    /// The connection is gone; nobody knew of it.
    pub(super) fn candidate_left(&mut self, conn: ConnId) -> bool {
        self.authenticating.0.remove(&conn).is_some()
    }

    /// Some of those who are not accepted yet, to be turned away because the broker stops.
    pub(super) fn refuse_candidates(&mut self) {
        while let Some(conn) = self.authenticating.0.keys().next().copied() {
            self.refuse_candidate(conn, Refusal::Stopping);
        }
    }

    /// An exchange took too long.
    pub(super) fn authentication_timeout(&mut self, conn: ConnId) {
        self.refuse_candidate(conn, Refusal::AuthenticationFailed);
    }

    /// What the method makes of what the client sent last.
    pub(super) fn authenticated(&mut self, conn: ConnId, verdict: Verdict) {
        if let Some(candidate) = self.authenticating.0.get_mut(&conn) {
            match verdict {
                Verdict::Continue(data) => {
                    candidate.turn = Turn::Theirs;
                    let method = candidate.connect.properties.get().authentication_method.clone();
                    let packet = auth(ReasonCode::ContinueAuthentication, method, Some(data));
                    let set = candidate.connect.properties.get();
                    let most = max_packet_size(set.maximum_packet_size);
                    if codec::encoded_len(Version::V5, &packet) > most {
                        self.refuse_candidate(conn, Refusal::MaximumPacketSize);
                        return;
                    }
                    let outgoing = Outgoing::Packet(packet);
                    self.out.push(Action::Send { conn, outgoing });
                }
                Verdict::Accepted(data) => self.let_in(conn, data),
                Verdict::Refused => {
                    self.refuse_candidate(conn, Refusal::AuthenticationFailed);
                }
            }
            return;
        }
        self.authenticated_again(conn, verdict);
    }

    /// The client has proved who it is. Whether it may come in is asked once more: much may have
    /// happened meanwhile.
    fn let_in(&mut self, conn: ConnId, data: Option<Bytes>) {
        let Some(candidate) = self.authenticating.0.remove(&conn) else { return };
        let Candidate { peer, connect, .. } = candidate;
        let peer = Peer { anonymous: true, ..peer };
        match self.admit(&connect, peer) {
            Ok(mut admitted) => {
                let method = connect.properties.get().authentication_method.clone();
                admitted.say(|set| {
                    set.authentication_method.clone_from(&method);
                    set.authentication_data = data;
                });
                if !admitted.fits(&connect) {
                    return self.refuse(conn, peer, Ok(&connect), Refusal::MaximumPacketSize);
                }
                self.accept(conn, peer, &admitted, *connect);
                if let (Some(connection), Some(name)) = (self.connections.get_mut(conn), method) {
                    connection.method = Some(Box::new(Method { name, again: None }));
                }
            }
            Err(why) => self.refuse(conn, peer, Ok(&connect), why),
        }
    }

    /// AUTH from a connected client: it authenticates itself again (5.0 section 4.12.1).
    pub(super) fn auth(&mut self, conn: ConnId, auth: &Auth) {
        let Some(connection) = self.connections.get_mut(conn) else { return };
        let Some(method) = connection.method.as_mut() else {
            return self.violated(conn, Violation::UnexpectedAuth);
        };
        let set = auth.properties.get();
        if set.authentication_method.as_ref() != Some(&method.name) {
            return self.violated(conn, Violation::AuthenticationMethod);
        }
        let first = match (method.again, auth.code) {
            (None, ReasonCode::ReAuthenticate) => true,
            (Some(Turn::Theirs), ReasonCode::ContinueAuthentication) => false,
            _ => return self.violated(conn, Violation::UnexpectedAuth),
        };
        method.again = Some(Turn::Ours);
        let name = method.name.clone();
        self.ask(conn, &name, auth, first);
    }

    fn authenticated_again(&mut self, conn: ConnId, verdict: Verdict) {
        let Some(connection) = self.connections.get_mut(conn) else { return };
        let Some(method) = connection.method.as_mut().filter(|m| m.again == Some(Turn::Ours))
        else {
            return;
        };
        let name = Some(method.name.clone());
        let packet = match verdict {
            Verdict::Continue(data) => {
                method.again = Some(Turn::Theirs);
                auth(ReasonCode::ContinueAuthentication, name, Some(data))
            }
            Verdict::Accepted(data) => {
                method.again = None;
                auth(ReasonCode::Success, name, data)
            }
            Verdict::Refused => return self.close(conn, CloseReason::AuthenticationFailed),
        };
        self.answer(conn, packet, Lsn::NONE);
    }
}

fn auth(code: ReasonCode, method: Option<ByteString>, data: Option<Bytes>) -> Packet {
    let set = PropertySet {
        authentication_method: method,
        authentication_data: data,
        ..PropertySet::NONE
    };
    Packet::Auth(Auth { code, properties: set.into() })
}

impl Candidate {
    /// The client has answered: its method, which is to say something now.
    fn answered(&mut self, auth: &Auth) -> Result<ByteString, Violation> {
        let method = self.connect.properties.get().authentication_method.clone();
        if auth.properties.get().authentication_method != method {
            return Err(Violation::AuthenticationMethod);
        }
        if self.turn != Turn::Theirs || auth.code != ReasonCode::ContinueAuthentication {
            return Err(Violation::UnexpectedAuth);
        }
        self.turn = Turn::Ours;
        method.ok_or(Violation::UnexpectedAuth)
    }
}

impl Admitted {
    /// Adds to what the CONNACK says.
    fn say(&mut self, change: impl FnOnce(&mut PropertySet)) {
        self.properties.edit(change);
    }
}
