//! Runs of messages: their receivers are found once, and they are handed on whole to every client
//! that can take them so. Above QoS 0 that is [`super::run_numbered`].

use std::sync::Arc;

use crate::action::Outgoing;
use crate::codec::{Lengths, Run};
use crate::config::QueueFullPolicy;
use crate::engine::Engine;
use crate::engine::deliver::Receiver;
use crate::id::ConnId;
use crate::log::record::Retained;
use crate::packet::{Packet, PacketType, QoS};

impl Engine {
    pub(super) fn received_run(&mut self, conn: ConnId, run: &Arc<Run>) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return self.take_one_by_one(conn, run);
        };
        connection.heard = self.now;
        let from = connection.session;
        let closes = self.config.queue_full_policy == QueueFullPolicy::Disconnect;
        if closes || self.publish_refusal(run.topic()).is_some() || self.watch.is_on(self.now) {
            return self.take_one_by_one(conn, run);
        }
        self.find_receivers(run.topic(), Some(from));
        if run.qos() != QoS::AtMostOnce && !self.takes_numbered(conn, run) {
            self.route.found = Some(run.topic().clone());
            self.take_one_by_one(conn, run);
            self.route.found = None;
            return;
        }
        let count = run.count().into();
        self.counters.packets_received.add(PacketType::Publish, count);
        self.counters.received.add(run.qos(), count);
        self.counters.payload_received += run.payload_bytes();
        match run.qos() {
            QoS::AtMostOnce => self.bring_run(run),
            QoS::AtLeastOnce | QoS::ExactlyOnce => self.bring_numbered(conn, run),
        }
        self.hush_publisher(conn);
    }

    /// As if its packets had come without the others: what one of them ends has ended for the next.
    fn take_one_by_one(&mut self, conn: ConnId, run: &Run) {
        for publish in run.publishes() {
            self.received(conn, Packet::Publish(publish));
            self.close_those_due();
        }
    }

    fn bring_run(&mut self, run: &Arc<Run>) {
        let mut receivers = std::mem::take(&mut self.route.receivers);
        receivers.retain(|receiver| !self.send_run(receiver, run));
        let mut groups = std::mem::take(&mut self.route.matches.groups);
        groups.retain(|group| !self.send_run_to_group(*group, run));
        self.route.matches.groups = groups;
        if !receivers.is_empty() || !self.route.matches.groups.is_empty() {
            for mut message in run.messages() {
                self.bring_to(&receivers, &mut message);
                self.record_route(&mut message, Retained::Untouched, None);
            }
        }
        self.route.receivers = receivers;
    }

    /// Sends the run to the group's next member, if that takes it as it is; whether it does. The
    /// group's messages take turns by runs then.
    fn send_run_to_group(&mut self, slot: u32, run: &Arc<Run>) -> bool {
        let Some((nth, member)) = self.next_member(slot) else { return false };
        let Some(subscription) = self.subscriptions.get(member) else { return false };
        let receiver = Receiver::of(subscription);
        let sent = self.send_run(&receiver, run);
        if let Some(group) = self.subscriptions.group_mut(slot).filter(|_| sent) {
            group.took_turn(nth);
        }
        sent
    }

    /// Sends the run to a receiver that takes each of its messages now and as it came; whether it
    /// is one.
    pub(super) fn send_run(&mut self, receiver: &Receiver, run: &Arc<Run>) -> bool {
        let Some(session) = self.sessions.get(receiver.session) else { return false };
        let waits = session.outbox.as_ref().is_some_and(|outbox| outbox.queue.has_qos0());
        let Some(conn) = session.connection().filter(|_| !waits) else { return false };
        let Some(connection) = self.connections.get(conn) else { return false };
        let Lengths { all, largest } = run.lengths(connection.version, false);
        let len = all as u64;
        let fits = connection.takes(largest as u64)
            && connection.has_room(len, self.config.max_unsent_bytes);
        let as_it_came = connection.alias_maximum == 0 && receiver.identifiers.is_empty();
        if !fits || !as_it_came || !connection.gate.is_empty() {
            return false;
        }
        self.counters.routed += u64::from(run.count());
        self.counters.delivered += u64::from(run.count());
        self.send_now(conn, Outgoing::Run(Arc::clone(run), None), len);
        true
    }
}
