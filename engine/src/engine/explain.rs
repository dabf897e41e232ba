//! Whether a message would reach a client now, and if not, why: routing's decisions, asked instead
//! of carried out.

use std::sync::Arc;

use bytes::Bytes;

use crate::answer::{Explanation, Match, Obstacle, Outcome, Standing};
use crate::connection::Room;
use crate::engine::Engine;
use crate::engine::deliver::Copy;
use crate::id::{ClientId, ConnId, PacketId};
use crate::identifiers::Identifiers;
use crate::message::{Content, Message, RetainFlag};
use crate::notice::{DropReason, PublishRefusal};
use crate::packet::{Properties, QoS};
use crate::queue::{Push, Queue};
use crate::session::{Presence, Session};
use crate::topic::TopicName;

/// Incidents of the client that come with the explanation.
const RECENT: usize = 50;

/// Matching subscriptions that are described: a step must not cost what 100,000 do.
const MATCHES: usize = 500;

/// Topics of the broker's own messages, which no client may publish.
const SYSTEM: &str = "$SYS/";

impl Engine {
    /// Asked of a message with an empty payload.
    pub(super) fn explain(&self, client: &ClientId, topic: &TopicName, qos: QoS) -> Explanation {
        let mut told = Explanation {
            outcome: Outcome::NotRouted,
            standing: self.standing(client),
            matches: Vec::new(),
            obstacles: Vec::new(),
            recent: self.history.newest(Some(client), RECENT),
        };
        let unstored = self.cannot_store(qos, false, &[]).then_some(PublishRefusal::StorageFull);
        let refusal = self.publish_refusal(topic).or(unstored);
        let refusal = refusal.filter(|_| !topic.as_str().starts_with(SYSTEM));
        told.obstacles.extend(refusal.map(Obstacle::Refused));
        let Some(slot) = self.slot_of(client) else {
            told.obstacles.push(match told.standing {
                Standing::Awaited(_) => Obstacle::AwaitsFirstConnection,
                Standing::Unknown | Standing::Online | Standing::Offline(_) => Obstacle::NoSession,
            });
            return told;
        };
        told.matches = self.matches(slot, topic, qos);
        if refusal.is_some() {
            return told;
        }
        (told.outcome, told.obstacles) = self.judge(slot, topic, &told.matches);
        told
    }

    fn standing(&self, client: &ClientId) -> Standing {
        match self.session_by_client(client).map(|session| session.presence) {
            Some(Presence::Online(_)) => Standing::Online,
            Some(Presence::Offline { since, .. }) => Standing::Offline(since),
            Some(Presence::Ended) | None => match self.waiting.of(client) {
                0 => Standing::Unknown,
                waiting => Standing::Awaited(waiting as u64),
            },
        }
    }

    fn matches(&self, slot: u32, topic: &TopicName, qos: QoS) -> Vec<Match> {
        let found = self.subscriptions.matching_of(slot, topic.as_str());
        let describe = |subscription: u32| {
            let filter = self.subscriptions.filter(subscription)?;
            let subscription_state = self.subscriptions.get(subscription)?;
            let granted = subscription_state.options.qos;
            let turn = subscription_state.group().map(|group| {
                self.next_member(group).is_some_and(|(_, member)| member == subscription)
            });
            Some(Match { filter, granted, effective: qos.min(granted), turn })
        };
        found.into_iter().take(MATCHES).filter_map(describe).collect()
    }

    /// The fate of the client's own copy, or else of the one that its share groups give it.
    fn judge(&self, slot: u32, topic: &TopicName, matches: &[Match]) -> (Outcome, Vec<Obstacle>) {
        let own = matches.iter().filter(|found| found.turn.is_none());
        let own = own.map(|found| found.effective).max();
        let shared = matches.iter().find(|found| found.turn == Some(true));
        match own.or(shared.map(|found| found.effective)) {
            Some(qos) => self.fate(slot, topic, qos),
            None if matches.is_empty() => {
                (Outcome::NotRouted, vec![Obstacle::NoMatchingSubscription])
            }
            None => (Outcome::Elsewhere, vec![Obstacle::NotItsTurn]),
        }
    }

    /// What [`deliver`](Engine::deliver) would do with the message.
    fn fate(&self, slot: u32, topic: &TopicName, qos: QoS) -> (Outcome, Vec<Obstacle>) {
        let Some(session) = self.sessions.get(slot) else { return (Outcome::NotRouted, vec![]) };
        let content = Arc::new(Content {
            topic: topic.clone(),
            payload: Bytes::new(),
            qos,
            retain: false,
            properties: Properties::NONE,
        });
        if let Some(conn) = session.connection()
            && self.room_on(conn, &content) == Room::TooLarge
        {
            let why = DropReason::PacketTooLarge;
            return (Outcome::Dropped(why), vec![Obstacle::Dropped(why)]);
        }
        let mut obstacles = match session.connection() {
            Some(conn) => self.in_the_way(session, conn, &content),
            None => vec![Obstacle::Offline],
        };
        if obstacles.is_empty() {
            return (Outcome::Sent(qos), obstacles);
        }
        let push = if obstacles == [Obstacle::Offline]
            && qos == QoS::AtMostOnce
            && !self.config.queue_qos0_messages
        {
            Push::Rejects(DropReason::OfflineQoS0)
        } else if self.lets_none_wait(qos) {
            Push::Rejects(DropReason::MemoryLimit)
        } else {
            let nothing = Queue::default();
            let queue = session.outbox.as_ref().map_or(&nothing, |outbox| &outbox.queue);
            queue.would(content.weight(), qos, &self.config)
        };
        let outcome = match push {
            Push::Fits => Outcome::Queued(qos),
            Push::Displaces(why) => {
                obstacles.push(Obstacle::Displaces(why));
                Outcome::Queued(qos)
            }
            Push::Rejects(why) => {
                obstacles.push(Obstacle::Dropped(why));
                Outcome::Dropped(why)
            }
        };
        (outcome, obstacles)
    }

    /// What keeps a message from a connected client for now.
    fn in_the_way(&self, session: &Session, conn: ConnId, content: &Arc<Content>) -> Vec<Obstacle> {
        let qos = content.qos;
        let needs_window = qos != QoS::AtMostOnce;
        let in_turn = if needs_window {
            session.is_caught_up()
        } else {
            session.outbox.as_ref().is_none_or(|outbox| !outbox.queue.has_qos0())
        };
        let checks = [
            (in_turn, Obstacle::BehindBacklog),
            (!needs_window || self.window_takes(session, 1), Obstacle::WindowFull),
            (self.room_on(conn, content) != Room::Congested, Obstacle::Congested),
        ];
        checks.into_iter().filter(|(free, _)| !free).map(|(_, obstacle)| obstacle).collect()
    }

    fn room_on(&self, conn: ConnId, content: &Arc<Content>) -> Room {
        let qos = content.qos;
        let copy =
            Copy { qos, retain: RetainFlag::Clear, group: None, identifiers: Identifiers::NONE };
        let packet_id = (qos != QoS::AtMostOnce).then_some(PacketId::FIRST);
        let message = Message::Kept(Arc::clone(content));
        let Some(connection) = self.connections.get(conn) else { return Room::Congested };
        let delivery = copy.delivery(connection.version, message, self.now, packet_id, false);
        connection.room_for(&delivery, self.config.max_unsent_bytes)
    }
}
