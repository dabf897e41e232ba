//! The last word to a 5.0 client: DISCONNECT with what was wrong, which limit, and what to do
//! (5.0 section 3.14).

use bytestring::ByteString;

use crate::codec;
use crate::connection::Connection;
use crate::engine::Engine;
use crate::notice::CloseReason;
use crate::packet::{Disconnect, Packet, Properties, PropertySet, ReasonCode, Version};
use crate::planted::Bug;
use crate::violation::Violation;

impl Engine {
    /// What the client is told before we end its connection; `None` if it ended that itself, or
    /// takes no packet of this size.
    pub(super) fn farewell(
        &self,
        connection: &Connection,
        reason: CloseReason,
    ) -> Option<Disconnect> {
        let code = self.farewell_code(reason)?;
        let elsewhere = (code == ReasonCode::UseAnotherServer)
            .then(|| self.config.server_reference.as_deref().map(ByteString::from));
        let full = PropertySet {
            reason_string: self.farewell_in_words(connection, reason),
            server_reference: elsewhere.flatten(),
            ..PropertySet::NONE
        };
        let full = Disconnect { code, properties: full.into() };
        let short = Disconnect { code, properties: Properties::NONE };
        [full, short].into_iter().find(|disconnect| {
            let packet = Packet::Disconnect(disconnect.clone());
            connection.takes(codec::encoded_len(Version::V5, &packet) as u64)
        })
    }

    fn farewell_code(&self, reason: CloseReason) -> Option<ReasonCode> {
        Some(match reason {
            // Only a CONNECT has these, and the one that was accepted had not. A DISCONNECT cannot
            // carry their code.
            CloseReason::Violation(Violation::ProtocolName | Violation::ProtocolLevel { .. }) => {
                ReasonCode::ProtocolError
            }
            CloseReason::Violation(violation) => violation.code(),
            CloseReason::KeepAlive => ReasonCode::KeepAliveTimeout,
            CloseReason::TakenOver if self.config.planted.is(Bug::WrongFarewell) => {
                ReasonCode::AdministrativeAction
            }
            CloseReason::TakenOver => ReasonCode::SessionTakenOver,
            CloseReason::Stalled | CloseReason::QueueFull | CloseReason::StorageFull => {
                ReasonCode::QuotaExceeded
            }
            CloseReason::AuthenticationFailed => ReasonCode::NotAuthorized,
            CloseReason::AnswerTooLarge => ReasonCode::PacketTooLarge,
            CloseReason::Administrative => ReasonCode::AdministrativeAction,
            CloseReason::Stopping if self.config.server_reference.is_some() => {
                ReasonCode::UseAnotherServer
            }
            CloseReason::Stopping => ReasonCode::ServerShuttingDown,
            CloseReason::ByClient(_) | CloseReason::Lost(_) | CloseReason::Refused => return None,
        })
    }

    fn farewell_in_words(
        &self,
        connection: &Connection,
        reason: CloseReason,
    ) -> Option<ByteString> {
        Some(match reason {
            CloseReason::Violation(violation) => violation.to_string().into(),
            CloseReason::KeepAlive => {
                let patience = connection.patience.unwrap_or_default().as_millis();
                let (whole, rest) = (patience / 1_000, patience % 1_000);
                let times = self.config.keepalive_multiplier_milli;
                let (times, part) = (times / 1_000, times % 1_000);
                format!(
                    "nothing was heard for {whole}.{rest:03} s, {times}.{part:03} times the keep \
                     alive"
                )
                .into()
            }
            CloseReason::TakenOver => "another client connected with this client identifier".into(),
            CloseReason::Stalled => {
                let seconds = self.config.stall_timeout.as_secs();
                format!("nothing of the broker's output was taken for {seconds} s").into()
            }
            CloseReason::QueueFull => {
                "the queue of messages for this client is full, and its policy is to disconnect"
                    .into()
            }
            CloseReason::StorageFull => "the broker cannot store more: no room".into(),
            CloseReason::AuthenticationFailed => "the authentication failed".into(),
            CloseReason::AnswerTooLarge => {
                "an answer is larger than the client's Maximum Packet Size".into()
            }
            CloseReason::Administrative => "ended by an operator".into(),
            CloseReason::Stopping => "the broker is stopping".into(),
            CloseReason::ByClient(_) | CloseReason::Lost(_) | CloseReason::Refused => return None,
        })
    }
}
