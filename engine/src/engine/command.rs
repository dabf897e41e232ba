//! Orders of the management interface.

use std::sync::Arc;

use bytes::Bytes;

use crate::answer::Answer;
use crate::engine::Engine;
use crate::engine::subscribe::Added;
use crate::id::ClientId;
use crate::log::record::{Record, Retained};
use crate::message::{Content, Message};
use crate::notice::{CloseReason, PublishRefusal, SessionEnd, SubscribeRefusal};
use crate::packet::{Properties, QoS, SubscribeOptions};
use crate::planted::Bug;
use crate::request::Command;
use crate::retained::{Cursor, Found};
use crate::session::Session;
use crate::topic::{TopicFilter, TopicName};
use crate::waiting;

impl Engine {
    pub(super) fn command(&mut self, command: Command) -> Answer {
        match command {
            Command::Publish(content) => self.publish_for_operator(*content),
            Command::Subscribe { client, filter, qos } => {
                match self.subscribe_for(client, &filter, qos) {
                    Ok(()) => Answer::Subscribed,
                    Err(why) => Answer::SubscribeRefused(why),
                }
            }
            Command::Unsubscribe { client, filter } => {
                Answer::Unsubscribed(self.unsubscribe_for(client, &filter))
            }
            Command::Disconnect(client) => Answer::Disconnected(self.disconnect(&client)),
            Command::EndSession(client) => Answer::SessionEnded(self.end_session_of(&client)),
            Command::ClearRetained { filter, after } => self.clear_retained(filter, after),
            Command::PublishSystem { topic, payload } => {
                self.publish_system(topic, payload);
                Answer::SystemPublished
            }
        }
    }

    fn publish_for_operator(&mut self, mut content: Content) -> Answer {
        content.accept(self.now);
        let Content { qos, retain, payload, .. } = &content;
        let unstored = self.cannot_store(*qos, *retain, payload);
        let unstored = unstored.then_some(PublishRefusal::StorageFull);
        if let Some(why) = self.publish_refusal(&content.topic).or(unstored) {
            self.counters.publish_refused += 1;
            return Answer::PublishRefused(why);
        }
        self.watch.saw(self.now, &content, None);
        let before = self.counters.routed;
        let routed = self.route(Message::passing(content), None, None);
        let receivers = self.counters.routed - before;
        Answer::Published { receivers, retained: routed.retained }
    }

    fn subscribe_for(
        &mut self,
        client: ClientId,
        filter: &TopicFilter,
        qos: QoS,
    ) -> Result<(), SubscribeRefusal> {
        let options = SubscribeOptions { qos, ..SubscribeOptions::default() };
        if let Some(slot) = self.slot_of(&client) {
            self.check_subscription(slot, filter)?;
            let added = self.add_subscription(slot, filter, options, None);
            self.serve(slot, &[added]);
            return Ok(());
        }
        self.check_length(filter)?;
        let waiting = self.waiting.of(&client);
        if waiting == 0 && self.waiting.len() >= waiting::CLIENTS {
            return Err(SubscribeRefusal::Awaited);
        }
        let is_new = !self.waiting.contains(&client, filter);
        if is_new && waiting >= self.config.max_subscriptions_per_client {
            return Err(SubscribeRefusal::SubscriptionLimit);
        }
        if is_new && waiting >= waiting::FILTERS {
            return Err(SubscribeRefusal::Awaited);
        }
        if is_new && self.begins_nothing() {
            return Err(SubscribeRefusal::MemoryShort);
        }
        if self.takes_no_more() {
            return Err(SubscribeRefusal::StorageFull);
        }
        let filter = filter.detached();
        self.waiting.add(client.clone(), filter.clone(), options);
        self.append(Record::SubscriptionAwaits { client, filter, options });
        Ok(())
    }

    /// Whether there was such a subscription.
    fn unsubscribe_for(&mut self, client: ClientId, filter: &TopicFilter) -> bool {
        if let Some(slot) = self.slot_of(&client) {
            return self.remove_subscription(slot, filter);
        }
        let removed = self.waiting.remove(&client, filter);
        if removed {
            let filter = Some(filter.detached());
            self.append(Record::AwaitingEnded { client, filter });
        }
        removed
    }

    /// The client is there for the first time: what waited for it becomes its own.
    pub(super) fn take_awaited(&mut self, slot: u32, client: &ClientId) -> Vec<Added> {
        let awaited = self.waiting.take(client);
        if awaited.is_empty() {
            return Vec::new();
        }
        let add = |(filter, options)| self.add_subscription(slot, &filter, options, None);
        let added = awaited.into_iter().map(add).collect();
        // Only now: a log that ends in between must not lose them.
        self.append(Record::AwaitingEnded { client: client.clone(), filter: None });
        added
    }

    /// Whether the client was connected.
    fn disconnect(&mut self, client: &ClientId) -> bool {
        let conn = self.session_by_client(client).and_then(Session::connection);
        if let Some(conn) = conn {
            self.close(conn, CloseReason::Administrative);
        }
        conn.is_some()
    }

    /// Whether the client had a session.
    fn end_session_of(&mut self, client: &ClientId) -> bool {
        let was_connected = self.disconnect(client);
        let left = self.slot_of(client);
        if let Some(slot) = left {
            let will = self.withdraw_will(slot);
            self.end_session(slot, SessionEnd::Administrative);
            self.publish_will(None, will);
        }
        was_connected || left.is_some()
    }

    fn clear_retained(&mut self, filter: TopicFilter, after: Option<TopicName>) -> Answer {
        let mut cursor = Cursor::behind(filter, after);
        let mut budget = self.config.budgets.cleared;
        let mut removed = 0;
        let end = loop {
            match self.retained.next(&mut cursor, &mut budget) {
                Found::End => break true,
                Found::NotYet => break false,
                // The broker's own are not the operator's to remove.
                Found::Message(message) if message.topic.is_dollar() => {}
                Found::Message(message) => {
                    if self.config.planted.is(Bug::ClearingNotStored) {
                        self.unretain(&message.topic);
                    } else {
                        self.forget_retained(&message.topic);
                    }
                    removed += 1;
                }
            }
        };
        let next = cursor.after().filter(|_| !end).cloned();
        Answer::RetainedCleared { removed, next }
    }

    /// Removes a retained message, in the log as well.
    pub(super) fn forget_retained(&mut self, topic: &TopicName) {
        self.unretain(topic);
        let message = Arc::new(Content {
            topic: topic.clone(),
            payload: Bytes::new(),
            qos: QoS::AtMostOnce,
            retain: true,
            properties: Properties::NONE,
        });
        let (at, received, retained, to) = (self.now, None, Retained::Cleared, Vec::new());
        self.ceased = self.append(Record::Published { message, at, received, retained, to });
    }

    /// Neither the limits of the retained store hold for it, nor is it recorded: after a restart it
    /// would be wrong.
    fn publish_system(&mut self, topic: TopicName, payload: Bytes) {
        let (qos, retain, properties) = (QoS::AtMostOnce, true, Properties::NONE);
        let content = Arc::new(Content { topic, payload, qos, retain, properties });
        self.retained.store_system(Arc::clone(&content));
        let mut message = Message::Kept(content);
        self.bring(&mut message, None);
        self.record_route(&mut message, Retained::Untouched, None);
    }
}
