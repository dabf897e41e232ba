//! What a CONNACK says: the broker's own limits (5.0 section 3.2.2.3), or why a client is refused.

use bytestring::ByteString;

use crate::action::{Action, Outgoing};
use crate::codec::{self, BadConnect};
use crate::engine::Engine;
use crate::engine::connect::max_packet_size;
use crate::event::Peer;
use crate::id::{ClientId, ConnId};
use crate::notice::{CloseReason, Notice, Refusal};
use crate::packet::{Connack, Connect, Packet, Properties, PropertySet, ReasonCode, Version};
use crate::session::Lifetime;
use crate::violation::Violation;

impl Engine {
    /// What an accepted client is told. What is as the standard has it anyway is left out.
    pub(super) fn connack_properties(
        &self,
        connect: &Connect,
        client: &ClientId,
        assigned: bool,
        lifetime: Lifetime,
    ) -> Properties {
        if connect.version != Version::V5 {
            return Properties::NONE;
        }
        let config = &self.config;
        let asked = connect.properties.get();
        let keep_alive = self.kept_alive(connect.keep_alive);
        let informs = asked.request_response_information == Some(true);
        let prefix = config.response_information.as_deref().filter(|_| informs);
        let information = prefix.map(|prefix| format!("{prefix}{}", client.as_str()));
        // A client may do without it, and a text has an end.
        let information = information.filter(|text| text.len() <= usize::from(u16::MAX));
        PropertySet {
            session_expiry_interval: self.changed_expiry(asked, lifetime),
            receive_maximum: Some(config.receive_maximum).filter(|most| *most != u16::MAX),
            maximum_packet_size: Some(config.max_packet_size),
            assigned_client_identifier: assigned.then(|| client.as_str().into()),
            topic_alias_maximum: Some(config.topic_alias_maximum).filter(|most| *most != 0),
            server_keep_alive: keep_alive.filter(|seconds| *seconds != connect.keep_alive),
            response_information: information.map(Into::into),
            ..PropertySet::NONE
        }
        .into()
    }

    /// The Session Expiry Interval, where it is not the one asked for.
    fn changed_expiry(&self, asked: &PropertySet, lifetime: Lifetime) -> Option<u32> {
        let granted = match lifetime {
            Lifetime::Connection => 0,
            Lifetime::Beyond(expiry) => expiry.unwrap_or(u32::MAX),
        };
        Some(granted).filter(|granted| *granted != asked.session_expiry_interval.unwrap_or(0))
    }

    /// Turns a client away. `connect` is what it sent, or what is known of it if it is a bad one.
    pub(super) fn refuse(
        &mut self,
        conn: ConnId,
        peer: Peer,
        connect: Result<&Connect, BadConnect>,
        why: Refusal,
    ) {
        self.counters.refused += 1;
        let connack = self.refusal(connect, why);
        if let Some(connack) = connack {
            let outgoing = Outgoing::Packet(Packet::Connack(connack));
            self.out.push(Action::Send { conn, outgoing });
        }
        self.out.push(Action::Close { conn, reason: CloseReason::Refused });
        let client = connect.ok().and_then(|connect| ClientId::new(&connect.client_id));
        self.notice(Notice::Refused { client, address: peer.address, why });
    }

    /// What a refused client is told; `None` is nothing at all.
    fn refusal(&self, connect: Result<&Connect, BadConnect>, why: Refusal) -> Option<Connack> {
        let refused = |code, properties| Connack { session_present: false, code, properties };
        let (version, most) = match connect {
            Ok(connect) => (Some(connect.version), connect.properties.get().maximum_packet_size),
            Err(bad) => (bad.version, bad.max_packet_size),
        };
        if version != Some(Version::V5) {
            return Some(refused(refusal_code_v3(why)?, Properties::NONE));
        }
        let most = max_packet_size(most);
        let fits = |connack: &Connack| {
            codec::encoded_len(Version::V5, &Packet::Connack(connack.clone())) <= most
        };
        let code = self.refusal_code(why);
        let full = refused(code, self.refusal_properties(code, why));
        let short = refused(code, Properties::NONE);
        [full, short].into_iter().find(fits)
    }

    fn refusal_code(&self, why: Refusal) -> ReasonCode {
        match why {
            Refusal::Violation(violation) => violation.code(),
            Refusal::EmptyClientId | Refusal::ClientIdTooLong => {
                ReasonCode::ClientIdentifierNotValid
            }
            Refusal::NotAuthenticated | Refusal::WillTopic => ReasonCode::NotAuthorized,
            Refusal::AuthenticationMethod => ReasonCode::BadAuthenticationMethod,
            Refusal::AuthenticationFailed => ReasonCode::NotAuthorized,
            Refusal::WillPayloadFormat => ReasonCode::PayloadFormatInvalid,
            Refusal::MaximumPacketSize => ReasonCode::PacketTooLarge,
            Refusal::ConnectionLimit | Refusal::StorageFull => ReasonCode::QuotaExceeded,
            Refusal::MemoryLimit => ReasonCode::ServerBusy,
            Refusal::Stopping if self.config.server_reference.is_some() => {
                ReasonCode::UseAnotherServer
            }
            Refusal::Stopping => ReasonCode::ServerUnavailable,
        }
    }

    /// What is wrong, in words, and where to go instead.
    fn refusal_properties(&self, code: ReasonCode, why: Refusal) -> Properties {
        let moves = code == ReasonCode::UseAnotherServer;
        let elsewhere = self.config.server_reference.as_deref().filter(|_| moves);
        PropertySet {
            reason_string: Some(self.refusal_in_words(why)),
            server_reference: elsewhere.map(Into::into),
            ..PropertySet::NONE
        }
        .into()
    }

    fn refusal_in_words(&self, why: Refusal) -> ByteString {
        let config = &self.config;
        match why {
            Refusal::Violation(violation) => violation.to_string().into(),
            Refusal::EmptyClientId => "the client identifier is empty".into(),
            Refusal::ClientIdTooLong => {
                let most = config.max_client_id_length;
                format!("the client identifier is longer than {most} bytes").into()
            }
            Refusal::NotAuthenticated => "this listener lets in authenticated clients only".into(),
            Refusal::AuthenticationMethod => {
                let known = config.authentication_methods.join(", ");
                if known.is_empty() {
                    "no enhanced authentication is configured; connect without Authentication \
                     Method"
                        .into()
                } else {
                    format!("the Authentication Method is none of: {known}").into()
                }
            }
            Refusal::AuthenticationFailed => "the authentication failed".into(),
            Refusal::WillTopic => {
                "the Will Topic begins with $, or is longer than this broker allows".into()
            }
            Refusal::WillPayloadFormat => "the Will Payload is said to be UTF-8 and is not".into(),
            Refusal::MaximumPacketSize => {
                "this answer is larger than the client's Maximum Packet Size".into()
            }
            Refusal::ConnectionLimit => {
                format!("{} clients are connected, which is the limit", config.max_connections)
                    .into()
            }
            Refusal::MemoryLimit => "memory is short".into(),
            Refusal::StorageFull => "a session or Will cannot be stored: no room".into(),
            Refusal::Stopping => "the broker is stopping".into(),
        }
    }
}

/// The code whose return code of 3.x a refused client is told; `None` is nothing at all.
fn refusal_code_v3(why: Refusal) -> Option<ReasonCode> {
    Some(match why {
        // Only an unknown level gets an answer (3.1.1 section 3.1.4).
        Refusal::Violation(Violation::ProtocolLevel { .. }) => {
            ReasonCode::UnsupportedProtocolVersion
        }
        Refusal::EmptyClientId | Refusal::ClientIdTooLong => ReasonCode::ClientIdentifierNotValid,
        Refusal::NotAuthenticated | Refusal::WillTopic => ReasonCode::NotAuthorized,
        Refusal::ConnectionLimit
        | Refusal::MemoryLimit
        | Refusal::StorageFull
        | Refusal::Stopping => ReasonCode::ServerUnavailable,
        // The others are of 5.0 alone.
        Refusal::Violation(_)
        | Refusal::AuthenticationMethod
        | Refusal::AuthenticationFailed
        | Refusal::WillPayloadFormat
        | Refusal::MaximumPacketSize => return None,
    })
}
