//! SUBSCRIBEs and UNSUBSCRIBEs that wait for their answer.

use std::collections::BTreeMap;

use super::{Fault, Token};
use crate::id::PacketId;

/// Which packet asked, and so which must answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Subscribe,
    Unsubscribe,
}

#[derive(Debug)]
struct Request {
    token: Token,
    kind: Kind,
    filters: usize,
}

/// By packet id; they live no longer than the connection.
#[derive(Debug, Default)]
pub(super) struct Requests(BTreeMap<PacketId, Request>);

impl Requests {
    pub(super) fn insert(&mut self, id: PacketId, token: Token, kind: Kind, filters: usize) {
        self.0.insert(id, Request { token, kind, filters });
    }

    /// The request that an answer with this many codes belongs to. `codes` is `None` where the
    /// version's answer carries none.
    pub(super) fn answer(
        &mut self,
        id: PacketId,
        kind: Kind,
        codes: Option<usize>,
    ) -> Result<Token, Fault> {
        let packet = kind.answer_name();
        let request = self.0.remove(&id).ok_or(Fault::WrongAck { packet, packet_id: id })?;
        if request.kind != kind {
            self.0.insert(id, request);
            return Err(Fault::WrongAck { packet, packet_id: id });
        }
        match codes {
            Some(found) if found != request.filters => {
                let expected = request.filters;
                self.0.insert(id, request);
                Err(Fault::CodeCount { expected, found })
            }
            Some(_) | None => Ok(request.token),
        }
    }

    /// Takes all of them out.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (PacketId, Token)> + use<> {
        std::mem::take(&mut self.0).into_iter().map(|(id, request)| (id, request.token))
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = PacketId> {
        self.0.keys().copied()
    }

    pub(super) fn check(&self, connected: bool) {
        assert!(connected || self.0.is_empty(), "a request outlived its connection");
    }
}

impl Kind {
    const fn answer_name(self) -> &'static str {
        match self {
            Self::Subscribe => "SUBACK",
            Self::Unsubscribe => "UNSUBACK",
        }
    }
}
