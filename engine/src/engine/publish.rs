//! PUBLISH and PUBREL from clients.

use bytestring::ByteString;

use crate::codec::AckKind;
use crate::engine::Engine;
use crate::engine::ack::Answers;
use crate::id::{ConnId, Lsn, PacketId};
use crate::log::record::{Record, Retained, SessionKey};
use crate::message::{Content, Message};
use crate::notice::{CloseReason, Notice, PublishRefusal};
use crate::packet::{Ack, Packet, Properties, Publish, QoS, ReasonCode, Version};
use crate::planted::Bug;
use crate::topic::{self, TopicName};
use crate::violation::Violation;

impl Engine {
    pub(super) fn publish(&mut self, conn: ConnId, publish: Publish) {
        self.counters.received.count(publish.qos);
        self.counters.payload_received += publish.payload.len() as u64;
        let Publish { qos, retain, topic, packet_id, payload, mut properties, .. } = publish;
        let Some(connection) = self.connections.get(conn) else { return };
        let (slot, version) = (connection.session, connection.version);
        let topic = match self.resolve_topic(conn, topic, &mut properties) {
            Ok(topic) => topic,
            Err(violation) => return self.violated(conn, violation),
        };
        let repeated = packet_id.filter(|id| self.is_repeated(slot, qos, *id));
        if let Some(packet_id) = repeated {
            let after = self.sessions.get(slot).map_or(Lsn::NONE, |session| session.lsn);
            return self.answer(conn, Packet::Pubrec(Ack::new(packet_id)), after);
        }
        if qos != QoS::AtMostOnce && self.exceeds_receive_maximum(conn, 1) {
            let limit = self.config.receive_maximum;
            return self.violated(conn, Violation::ReceiveMaximum { limit });
        }
        if self.config.planted.is(Bug::UserPropertiesReordered) {
            properties.edit(|set| set.user_properties.reverse());
        }
        let mut content = Content { topic, payload, qos, retain, properties };
        content.accept(self.now);
        if let Some(why) = self.refusal_of(&content, version) {
            return self.refuse_publish(conn, slot, content.topic, qos, packet_id, why);
        }
        if self.watch.is_on(self.now) {
            let session = self.sessions.get(slot);
            self.watch.saw(self.now, &content, session.map(|session| &session.client));
        }
        let received = self.note_received(slot, qos, packet_id);
        let before = self.counters.routed;
        let routed = self.route(Message::passing(content), Some(slot), received);
        // Its own connection does not end for it: it would come back and send it again, for ever.
        self.route.to_close.retain(|(other, why)| *other != conn || *why != CloseReason::QueueFull);
        self.touch(slot, routed.after);
        let for_nobody = self.counters.routed == before && routed.retained != Retained::Stored;
        let code = outcome(version, qos, for_nobody);
        let after = self.promised(routed.after);
        self.acknowledge(conn, qos, packet_id, (code, Properties::NONE), after);
    }

    /// What the acknowledgement of a message has to wait for, whose record that is.
    pub(super) fn promised(&self, record: Lsn) -> Lsn {
        if self.config.planted.is(Bug::AckBeforeSync) { Lsn::NONE } else { record }
    }

    /// Answers a QoS 1 or 2 PUBLISH, with a code and what goes with it.
    pub(super) fn acknowledge(
        &mut self,
        conn: ConnId,
        qos: QoS,
        packet_id: Option<PacketId>,
        (code, properties): (ReasonCode, Properties),
        after: Lsn,
    ) {
        let Some(packet_id) = packet_id else { return };
        let ack = Ack { packet_id, code, properties };
        let packet = match qos {
            QoS::AtMostOnce => return,
            QoS::AtLeastOnce => Packet::Puback(ack),
            QoS::ExactlyOnce => Packet::Pubrec(ack),
        };
        self.answer(conn, packet, after);
    }

    /// The topic of a PUBLISH: its own, or the one that its Topic Alias stands for (5.0 section
    /// 3.3.2.3.4). The alias is of this connection alone and goes no further.
    fn resolve_topic(
        &mut self,
        conn: ConnId,
        topic: Option<TopicName>,
        properties: &mut Properties,
    ) -> Result<TopicName, Violation> {
        let Some(alias) = properties.get().topic_alias else {
            return topic.ok_or(Violation::EmptyTopic);
        };
        let limit = self.config.topic_alias_maximum;
        if alias == 0 || alias > limit {
            return Err(Violation::TopicAlias { alias, limit });
        }
        properties.edit(|set| set.topic_alias = None);
        let connection = self.connections.get_mut(conn).ok_or(Violation::EmptyTopic)?;
        let theirs = &mut connection.aliases.get_or_insert_default().theirs;
        match topic {
            Some(topic) => {
                theirs.set(alias, &topic);
                Ok(topic)
            }
            None => theirs.get(alias).cloned().ok_or(Violation::UnknownTopicAlias { alias }),
        }
    }

    /// Whether so many more are too many QoS 1 and 2 messages under way for what the client was
    /// told. A QoS 2 message counts until its PUBREL, on the connection that it came on (5.0 section
    /// 4.9).
    pub(super) fn exceeds_receive_maximum(&self, conn: ConnId, more: usize) -> bool {
        let Some(connection) = self.connections.get(conn) else { return false };
        let is_strict = self.config.receive_maximum_policy.is_strict(connection.version);
        let received = self.sessions.get(connection.session).map_or(0, |s| s.received.len());
        let unanswered = usize::try_from(connection.unanswered).unwrap_or(usize::MAX);
        let received = received.saturating_sub(connection.carried.into());
        let under_way = unanswered.saturating_add(received).saturating_add(more);
        let unchecked = self.config.planted.is(Bug::ReceiveMaximumUnchecked);
        is_strict && !unchecked && under_way > usize::from(self.config.receive_maximum)
    }

    /// The client has PUBREC for these, and gives the identifiers free; how many there are.
    pub(super) fn released(&mut self, conn: ConnId, ids: &[PacketId]) -> u64 {
        let Some(connection) = self.connections.get(conn) else { return 0 };
        let (slot, version) = (connection.session, connection.version);
        let mut answers = Answers::new();
        for &packet_id in ids {
            let Some(session) = self.sessions.get_mut(slot) else { continue };
            let known = session.received.remove(packet_id);
            if known {
                self.append_for(slot, |session| Record::ReceivedDone { session, packet_id });
            }
            // Also for a repetition, which must not be answered before the first is durable.
            let after = self.sessions.get(slot).map_or(Lsn::NONE, |session| session.lsn);
            if known || version != Version::V5 {
                answers.push((packet_id, after));
                continue;
            }
            self.answer_all(conn, AckKind::Pubcomp, &std::mem::take(&mut answers));
            let code = ReasonCode::PacketIdentifierNotFound;
            self.answer(conn, Packet::Pubcomp(Ack { code, ..Ack::new(packet_id) }), after);
        }
        self.answer_all(conn, AckKind::Pubcomp, &answers);
        ids.len() as u64
    }

    fn is_repeated(&self, slot: u32, qos: QoS, packet_id: PacketId) -> bool {
        let known =
            self.sessions.get(slot).is_some_and(|session| session.received.contains(packet_id));
        known && qos == QoS::ExactlyOnce && !self.config.planted.is(Bug::RepeatNotKnown)
    }

    /// Takes a QoS 2 identifier until its PUBREL; returns it with the session if that is stored.
    pub(super) fn note_received(
        &mut self,
        slot: u32,
        qos: QoS,
        packet_id: Option<PacketId>,
    ) -> Option<(SessionKey, PacketId)> {
        let packet_id = packet_id.filter(|_| qos == QoS::ExactlyOnce)?;
        let session = self.sessions.get_mut(slot)?;
        session.received.insert(packet_id);
        self.shortage.stays();
        let apart = self.config.planted.is(Bug::IdStoredApart);
        (session.is_durable() && !apart).then_some((session.key, packet_id))
    }

    /// The same for a message that goes nowhere: the identifier is all there is to store.
    pub(super) fn take_received(
        &mut self,
        slot: u32,
        qos: QoS,
        packet_id: Option<PacketId>,
    ) -> Lsn {
        let Some((session, packet_id)) = self.note_received(slot, qos, packet_id) else {
            return Lsn::NONE;
        };
        let lsn = self.append(Record::Received { session, packet_id });
        self.touch(slot, lsn);
        lsn
    }

    /// Does not route a message. A 5.0 client is told why, which ends a QoS 2 exchange. Before,
    /// no acknowledgement could say so: the client gets the ordinary one (3.1.1 section 3.3.5), but
    /// where the message was to be stored and cannot be, its connection ends, so that it sends the
    /// message again when it comes back.
    fn refuse_publish(
        &mut self,
        conn: ConnId,
        slot: u32,
        topic: TopicName,
        qos: QoS,
        packet_id: Option<PacketId>,
        why: PublishRefusal,
    ) {
        self.publish_refused(slot, topic, why);
        let version = self.connections.get(conn).map(|connection| connection.version);
        if version == Some(Version::V5) {
            let told =
                (refusal_code(why), self.reason(conn, || self.publish_refusal_in_words(why)));
            return self.acknowledge(conn, qos, packet_id, told, Lsn::NONE);
        }
        if why == PublishRefusal::StorageFull {
            if packet_id.is_some() {
                self.close(conn, CloseReason::StorageFull);
            }
            return;
        }
        let after = self.take_received(slot, qos, packet_id);
        self.acknowledge(conn, qos, packet_id, (ReasonCode::Success, Properties::NONE), after);
    }

    fn publish_refusal_in_words(&self, why: PublishRefusal) -> ByteString {
        let config = &self.config;
        match why {
            PublishRefusal::DollarTopic => {
                "topics that begin with $ are for the broker alone".into()
            }
            PublishRefusal::TopicLimit => {
                let (levels, bytes) = (config.max_topic_levels, config.max_topic_length);
                format!("a topic has at most {levels} levels and {bytes} bytes").into()
            }
            PublishRefusal::PayloadFormat => "the payload is said to be UTF-8 and is not".into(),
            PublishRefusal::RetainedLimit => {
                let (messages, bytes) = (config.max_retained_messages, config.max_retained_bytes);
                format!("at most {messages} messages and {bytes} bytes are retained").into()
            }
            PublishRefusal::StorageFull => "the broker cannot store more for now".into(),
        }
    }

    fn publish_refused(&mut self, slot: u32, topic: TopicName, why: PublishRefusal) {
        self.counters.publish_refused += 1;
        let Some(session) = self.sessions.get(slot) else { return };
        let client = session.client.clone();
        self.notice(Notice::PublishRefused { client, topic, why });
    }

    /// Why a client's message is not routed; `None` if it is.
    fn refusal_of(&self, content: &Content, version: Version) -> Option<PublishRefusal> {
        let Content { topic, payload, qos, retain, properties, .. } = content;
        if let Some(why) = self.publish_refusal(topic) {
            return Some(why);
        }
        if self.is_ill_formed(properties, payload) {
            return Some(PublishRefusal::PayloadFormat);
        }
        if self.cannot_store(*qos, *retain, payload) {
            return Some(PublishRefusal::StorageFull);
        }
        let can_be_told = version == Version::V5 && *qos != QoS::AtMostOnce;
        let stored = *retain && !payload.is_empty();
        let full = can_be_told && stored && !self.has_room_to_retain(content);
        full.then_some(PublishRefusal::RetainedLimit)
    }

    /// Whether the topic is none to publish to.
    pub(super) fn publish_refusal(&self, topic: &TopicName) -> Option<PublishRefusal> {
        let name = topic.as_str();
        if topic.is_dollar() {
            Some(PublishRefusal::DollarTopic)
        } else if name.len() > self.config.max_topic_length
            || topic::has_more_levels(name, self.config.max_topic_levels)
        {
            Some(PublishRefusal::TopicLimit)
        } else {
            None
        }
    }

    /// Whether a payload is said to be UTF-8 and is not, where that is looked at (5.0 section
    /// 3.3.2.3.2).
    pub(super) fn is_ill_formed(&self, properties: &Properties, payload: &[u8]) -> bool {
        self.config.check_payload_format
            && properties.get().payload_format_indicator == Some(true)
            && std::str::from_utf8(payload).is_err()
    }
}

/// What the acknowledgement of a message says that is not refused.
pub(super) fn outcome(version: Version, qos: QoS, for_nobody: bool) -> ReasonCode {
    // Not in PUBREC: there are clients that take any code but 0 for the end of the exchange.
    let can_be_told = version == Version::V5 && qos == QoS::AtLeastOnce;
    if for_nobody && can_be_told { ReasonCode::NoMatchingSubscribers } else { ReasonCode::Success }
}

fn refusal_code(why: PublishRefusal) -> ReasonCode {
    match why {
        PublishRefusal::DollarTopic => ReasonCode::NotAuthorized,
        PublishRefusal::TopicLimit => ReasonCode::TopicNameInvalid,
        PublishRefusal::PayloadFormat => ReasonCode::PayloadFormatInvalid,
        PublishRefusal::RetainedLimit | PublishRefusal::StorageFull => ReasonCode::QuotaExceeded,
    }
}
