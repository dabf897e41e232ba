//! What the client does with the server's packets.

use super::exchange::Answer;
use super::requests::Kind;
use super::topics::Topics;
use super::{Client, CloseReason, Fault, Output};
use crate::id::PacketId;
use crate::message::Content;
use crate::packet::{Ack, Connack, Disconnect, Packet, Publish, QoS, ReasonCode, Suback, Version};
use crate::time::Time;

impl Client {
    /// A packet from the server. What still comes after the connection was closed is ignored.
    pub(super) fn received(&mut self, now: Time, packet: Packet, out: &mut Vec<Output>) {
        if !self.link.is_open() {
            return;
        }
        self.link.heard(now);
        if let Err(fault) = self.take(packet, out) {
            self.fault(fault, out);
        }
    }

    fn take(&mut self, packet: Packet, out: &mut Vec<Output>) -> Result<(), Fault> {
        let name = name(&packet);
        if matches!(packet, Packet::Connack(_)) != self.link.is_connecting() {
            return Err(Fault::Unexpected { packet: name });
        }
        match packet {
            Packet::Connack(connack) => self.connack(&connack, out),
            Packet::Publish(publish) => self.message(publish, out),
            Packet::Puback(ack) => self.acknowledge(Answer::Puback, &ack, out),
            Packet::Pubrec(ack) => self.acknowledge(pubrec(&ack), &ack, out),
            Packet::Pubcomp(ack) => self.acknowledge(Answer::Pubcomp, &ack, out),
            Packet::Pubrel(ack) => {
                self.release(ack.packet_id, out);
                Ok(())
            }
            Packet::Suback(suback) => self.subscribed(*suback, out),
            Packet::Unsuback(unsuback) => self.unsubscribed(*unsuback, out),
            Packet::Pingresp => {
                self.link.answered();
                Ok(())
            }
            Packet::Disconnect(disconnect) if self.options.version == Version::V5 => {
                self.dismissed(&disconnect, out);
                Ok(())
            }
            Packet::Disconnect(_)
            | Packet::Auth(_)
            | Packet::Connect(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::Pingreq => Err(Fault::Unexpected { packet: name }),
        }
    }

    fn connack(&mut self, connack: &Connack, out: &mut Vec<Output>) -> Result<(), Fault> {
        if connack.code != ReasonCode::Success {
            if connack.session_present {
                return Err(Fault::SessionPresentRefused);
            }
            let text = connack.properties.get().reason_string.clone();
            self.close(CloseReason::Refused { code: connack.code, text }, out);
            return Ok(());
        }
        if connack.session_present && self.options.clean_start {
            return Err(Fault::SessionPresent);
        }
        self.accepted(connack, out);
        Ok(())
    }

    fn accepted(&mut self, connack: &Connack, out: &mut Vec<Output>) {
        let properties = connack.properties.get();
        self.link.accepted(properties.server_keep_alive.unwrap_or(self.options.keep_alive));
        if let Some(id) = &properties.assigned_client_identifier {
            self.options.client_id = id.clone();
        }
        self.failures = 0;
        out.push(Output::Connected { session_present: connack.session_present });
        let allowed = self.options.properties.get().topic_alias_maximum.unwrap_or(0);
        let taken = properties.topic_alias_maximum.unwrap_or(0);
        self.topics = Topics::new(allowed, taken.min(self.options.topic_aliases));
        let receive_maximum = properties.receive_maximum.unwrap_or(u16::MAX);
        if self.is_resumed(connack.session_present) {
            self.outbox.resume(receive_maximum);
        } else {
            self.inbox.clear();
            self.outbox.restart(receive_maximum, &mut self.ids, out);
        }
        self.pump(out);
    }

    /// 3.1 has no Session Present: a client that did not ask for a clean session takes it that the
    /// server kept its own.
    fn is_resumed(&self, session_present: bool) -> bool {
        session_present || (self.options.version == Version::V3_1 && !self.options.clean_start)
    }

    /// A PUBLISH: the application has the message before the server learns that it came.
    fn message(&mut self, mut publish: Publish, out: &mut Vec<Output>) -> Result<(), Fault> {
        let topic = self.topics.resolve(&mut publish)?;
        let qos = publish.qos;
        let content = Content {
            topic,
            payload: publish.payload,
            qos,
            retain: publish.retain,
            properties: publish.properties,
        };
        match (qos, publish.packet_id) {
            (QoS::AtMostOnce, _) => out.push(Output::Message(content)),
            (QoS::AtLeastOnce, Some(id)) => {
                out.push(Output::Message(content));
                out.push(Output::Send(Packet::Puback(Ack::new(id))));
            }
            (QoS::ExactlyOnce, Some(id)) => {
                if self.inbox.publish(id) {
                    out.push(Output::Message(content));
                }
                out.push(Output::Send(Packet::Pubrec(Ack::new(id))));
            }
            (QoS::AtLeastOnce | QoS::ExactlyOnce, None) => return Err(Fault::NoPacketId),
        }
        Ok(())
    }

    fn release(&mut self, packet_id: PacketId, out: &mut Vec<Output>) {
        let code = if self.inbox.release(packet_id) {
            ReasonCode::Success
        } else {
            ReasonCode::PacketIdentifierNotFound
        };
        out.push(Output::Send(Packet::Pubcomp(Ack { code, ..Ack::new(packet_id) })));
    }

    fn acknowledge(
        &mut self,
        answer: Answer,
        ack: &Ack,
        out: &mut Vec<Output>,
    ) -> Result<(), Fault> {
        self.outbox.answer(answer, ack, &mut self.ids, out)?;
        self.pump(out);
        Ok(())
    }

    fn subscribed(&mut self, suback: Suback, out: &mut Vec<Output>) -> Result<(), Fault> {
        let (id, count) = (suback.packet_id, Some(suback.codes.len()));
        let token = self.requests.answer(id, Kind::Subscribe, count)?;
        self.ids.release(id);
        out.push(Output::Subscribed { token, codes: suback.codes });
        self.pump(out);
        Ok(())
    }

    fn unsubscribed(&mut self, unsuback: Suback, out: &mut Vec<Output>) -> Result<(), Fault> {
        let id = unsuback.packet_id;
        let count = (self.options.version == Version::V5).then_some(unsuback.codes.len());
        let token = self.requests.answer(id, Kind::Unsubscribe, count)?;
        self.ids.release(id);
        out.push(Output::Unsubscribed { token, codes: unsuback.codes });
        self.pump(out);
        Ok(())
    }

    fn dismissed(&mut self, disconnect: &Disconnect, out: &mut Vec<Output>) {
        let text = disconnect.properties.get().reason_string.clone();
        self.close(CloseReason::ByServer { code: disconnect.code, text }, out);
    }
}

const fn pubrec(ack: &Ack) -> Answer {
    if ack.code.is_error() { Answer::PubrecError } else { Answer::Pubrec }
}

const fn name(packet: &Packet) -> &'static str {
    match packet {
        Packet::Connect(_) => "CONNECT",
        Packet::Connack(_) => "CONNACK",
        Packet::Publish(_) => "PUBLISH",
        Packet::Puback(_) => "PUBACK",
        Packet::Pubrec(_) => "PUBREC",
        Packet::Pubrel(_) => "PUBREL",
        Packet::Pubcomp(_) => "PUBCOMP",
        Packet::Subscribe(_) => "SUBSCRIBE",
        Packet::Suback(_) => "SUBACK",
        Packet::Unsubscribe(_) => "UNSUBSCRIBE",
        Packet::Unsuback(_) => "UNSUBACK",
        Packet::Pingreq => "PINGREQ",
        Packet::Pingresp => "PINGRESP",
        Packet::Disconnect(_) => "DISCONNECT",
        Packet::Auth(_) => "AUTH",
    }
}
