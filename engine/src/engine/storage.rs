//! While the log takes no more: what would store something new is refused. What lets something go,
//! ends something or was promised before goes on, in the room that the log has kept for it.

use crate::engine::Engine;
use crate::event::Storage;
use crate::id::{ClientId, ConnId, Lsn, PacketId};
use crate::notice::{CloseReason, Notice, PublishRefusal};
use crate::packet::{Ack, Connect, Packet, QoS, ReasonCode, Version};
use crate::session::{Lifetime, Session};
use crate::topic::TopicName;

impl Engine {
    pub(super) fn storage(&mut self, storage: Storage) {
        if self.storage != storage {
            self.storage = storage;
            self.notice(Notice::Storage(storage));
            if storage == Storage::Full {
                self.pause_cleaning();
            }
        }
    }

    pub(super) fn takes_no_more(&self) -> bool {
        self.storage != Storage::Takes
    }

    /// Whether a PUBLISH is to be refused. What is sent at QoS 1 or 2 is stored for whoever holds
    /// it; that nobody does at the moment makes no difference, so that a publisher's fate does not
    /// depend on who listens.
    pub(super) fn cannot_store(&self, qos: QoS, retain: bool, payload: &[u8]) -> bool {
        let clears = retain && payload.is_empty();
        self.takes_no_more() && !clears && (retain || qos != QoS::AtMostOnce)
    }

    /// Refuses it. Before 5.0 no acknowledgement says so: the connection ends, and the client, which
    /// has none, sends the message again when it comes back.
    pub(super) fn publish_unstored(
        &mut self,
        conn: ConnId,
        topic: TopicName,
        qos: QoS,
        packet_id: Option<PacketId>,
    ) {
        let Some(connection) = self.connections.get(conn) else { return };
        let (slot, version) = (connection.session, connection.version);
        self.publish_refused(slot, topic, PublishRefusal::StorageFull);
        let Some(packet_id) = packet_id else { return };
        if version != Version::V5 {
            return self.close(conn, CloseReason::StorageFull);
        }
        let ack = Ack { code: ReasonCode::QuotaExceeded, ..Ack::new(packet_id) };
        let refusal =
            if qos == QoS::ExactlyOnce { Packet::Pubrec(ack) } else { Packet::Puback(ack) };
        self.answer(conn, refusal, Lsn::NONE);
    }

    /// Whether a CONNECT is to be refused: a Will is stored, and so is a new session that outlives
    /// its connection.
    pub(super) fn cannot_store_session(&self, client: &ClientId, connect: &Connect) -> bool {
        let is_kept = self.session_by_client(client).is_some_and(Session::is_durable);
        let outlives = matches!(self.lifetime(connect), Lifetime::Beyond(_));
        let begins = outlives && (connect.clean_start || !is_kept);
        self.takes_no_more() && (connect.will.is_some() || begins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{Action, Outgoing};
    use crate::config::Config;
    use crate::event::{Event, Peer};
    use crate::packet::{Properties, Publish};
    use crate::time::Time;

    /// What a client of 5.0 is answered; made by hand, for none is let in yet.
    fn answer(qos: QoS) -> Vec<Outgoing> {
        let mut engine = Engine::new(Config::default(), [0; 32]);
        let conn = ConnId { slot: 0, generation: 0 };
        let peer = Peer { address: "192.0.2.1:1".parse().unwrap(), anonymous: true };
        let connect = Connect {
            version: Version::V3_1_1,
            clean_start: true,
            keep_alive: 0,
            client_id: "c".into(),
            will: None,
            user_name: None,
            password: None,
            properties: Properties::NONE,
        };
        let opened = Event::Opened { conn, peer, first: Ok(Box::new(connect)) };
        engine.handle(Time::ZERO, opened, &mut Vec::new());
        engine.connections.get_mut(conn).unwrap().version = Version::V5;
        engine.handle(Time::ZERO, Event::Storage(Storage::Full), &mut Vec::new());
        let publish = Publish {
            dup: false,
            qos,
            retain: true,
            topic: TopicName::new("t".into()),
            packet_id: (qos != QoS::AtMostOnce).then_some(PacketId::FIRST),
            properties: Properties::NONE,
            payload: "x".into(),
        };
        let mut actions = Vec::new();
        let received = Event::Received { conn, packet: Packet::Publish(publish) };
        engine.handle(Time::ZERO, received, &mut actions);
        assert!(engine.connections.get(conn).is_some(), "still connected");
        assert!(!actions.iter().any(|action| matches!(action, Action::Append { .. })));
        let sent =
            |action| if let Action::Send { outgoing, .. } = action { Some(outgoing) } else { None };
        actions.into_iter().filter_map(sent).collect()
    }

    #[test]
    fn version_5_has_a_code_for_it() {
        let quota = ReasonCode::QuotaExceeded;
        let ack = |packet: &[Outgoing]| match packet {
            [Outgoing::Packet(Packet::Puback(ack))] => ('a', ack.code),
            [Outgoing::Packet(Packet::Pubrec(ack))] => ('c', ack.code),
            other => panic!("{other:?}"),
        };
        assert_eq!(ack(&answer(QoS::AtLeastOnce)), ('a', quota));
        assert_eq!(ack(&answer(QoS::ExactlyOnce)), ('c', quota));
        assert!(answer(QoS::AtMostOnce).is_empty());
    }
}
