//! PUBLISH and PUBREL from clients.

use crate::engine::Engine;
use crate::id::{ConnId, Lsn, PacketId};
use crate::log::record::{Record, SessionKey};
use crate::message::{Content, Message};
use crate::notice::{Notice, PublishRefusal};
use crate::packet::{Ack, Packet, Publish, QoS};
use crate::planted::Bug;
use crate::topic::{self, TopicName};
use crate::violation::Violation;

impl Engine {
    pub(super) fn publish(&mut self, conn: ConnId, publish: Publish) {
        self.counters.received.count(publish.qos);
        self.counters.payload_received += publish.payload.len() as u64;
        let Publish { qos, retain, topic, packet_id, payload, properties, .. } = publish;
        let Some(topic) = topic else { return self.violated(conn, Violation::EmptyTopic) };
        let Some(slot) = self.session_of(conn) else { return };
        if let (QoS::ExactlyOnce, Some(packet_id)) = (qos, packet_id)
            && self.is_repeated(slot, packet_id)
            && !self.config.planted.is(Bug::RepeatNotKnown)
        {
            let after = self.sessions.get(slot).map_or(Lsn::NONE, |session| session.lsn);
            return self.answer(conn, Packet::Pubrec(Ack::new(packet_id)), after);
        }
        let refusal = self.publish_refusal(&topic);
        if refusal.is_none() && self.cannot_store(qos, retain, &payload) {
            return self.publish_unstored(conn, topic, qos, packet_id);
        }
        let after = if let Some(why) = refusal {
            self.publish_refused(slot, topic, why);
            self.take_received(slot, qos, packet_id)
        } else {
            let content = Content { topic, payload, qos, retain, properties };
            if self.watch.is_on(self.now) {
                let session = self.sessions.get(slot);
                self.watch.saw(self.now, &content, session.map(|session| &session.client));
            }
            let message = Message::passing(content);
            let received = self.note_received(slot, qos, packet_id);
            let after = self.route(message, received).after;
            // Its own connection does not end for it: it would come back and send it again, for ever.
            self.route.full.retain(|full| *full != conn);
            self.touch(slot, after);
            after
        };
        let at_once = self.config.planted.is(Bug::AckBeforeSync);
        let after = if at_once { Lsn::NONE } else { after };
        match (qos, packet_id) {
            (QoS::AtLeastOnce, Some(id)) => {
                self.answer(conn, Packet::Puback(Ack::new(id)), after);
            }
            (QoS::ExactlyOnce, Some(id)) => {
                self.answer(conn, Packet::Pubrec(Ack::new(id)), after);
            }
            (QoS::AtMostOnce, _) | (_, None) => {}
        }
    }

    /// The client has PUBREC, and gives the identifier free.
    pub(super) fn pubrel(&mut self, conn: ConnId, ack: &Ack) {
        let packet_id = ack.packet_id;
        let Some(slot) = self.session_of(conn) else { return };
        let Some(session) = self.sessions.get_mut(slot) else { return };
        if session.received.remove(&packet_id) {
            self.append_for(slot, |session| Record::ReceivedDone { session, packet_id });
        }
        // Also for a repetition, which must not be answered before the first is durable.
        let after = self.sessions.get(slot).map_or(Lsn::NONE, |session| session.lsn);
        self.answer(conn, Packet::Pubcomp(Ack::new(packet_id)), after);
    }

    fn is_repeated(&self, slot: u32, packet_id: PacketId) -> bool {
        self.sessions.get(slot).is_some_and(|session| session.received.contains(&packet_id))
    }

    /// Takes a QoS 2 identifier until its PUBREL; returns it with the session if that is stored.
    fn note_received(
        &mut self,
        slot: u32,
        qos: QoS,
        packet_id: Option<PacketId>,
    ) -> Option<(SessionKey, PacketId)> {
        let packet_id = packet_id.filter(|_| qos == QoS::ExactlyOnce)?;
        let session = self.sessions.get_mut(slot)?;
        session.received.insert(packet_id);
        let apart = self.config.planted.is(Bug::IdStoredApart);
        (session.is_durable() && !apart).then_some((session.key, packet_id))
    }

    /// The same for a message that goes nowhere: the identifier is all there is to store.
    fn take_received(&mut self, slot: u32, qos: QoS, packet_id: Option<PacketId>) -> Lsn {
        let Some((session, packet_id)) = self.note_received(slot, qos, packet_id) else {
            return Lsn::NONE;
        };
        let lsn = self.append(Record::Received { session, packet_id });
        self.touch(slot, lsn);
        lsn
    }

    pub(super) fn publish_refused(&mut self, slot: u32, topic: TopicName, why: PublishRefusal) {
        self.counters.publish_refused += 1;
        let Some(session) = self.sessions.get(slot) else { return };
        let client = session.client.clone();
        self.notice(Notice::PublishRefused { client, topic, why });
    }

    /// Older clients are acknowledged and told nothing (3.1.1 section 3.3.5); the operator is.
    pub(super) fn publish_refusal(&self, topic: &TopicName) -> Option<PublishRefusal> {
        let name = topic.as_str();
        if topic.is_dollar() {
            Some(PublishRefusal::DollarTopic)
        } else if name.len() > self.config.max_topic_length
            || topic::levels(name) > self.config.max_topic_levels
        {
            Some(PublishRefusal::TopicLimit)
        } else {
            None
        }
    }
}
