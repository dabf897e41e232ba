//! SUBSCRIBE and UNSUBSCRIBE.

use bytestring::ByteString;
use smallvec::SmallVec;

use crate::engine::Engine;
use crate::id::{ConnId, Lsn};
use crate::log::record::Record;
use crate::notice::{Notice, SubscribeRefusal};
use crate::packet::{
    Packet, Properties, ReasonCode, RetainHandling, Suback, Subscribe, SubscribeFilter,
    SubscribeOptions, Unsubscribe,
};
use crate::topic::TopicFilter;

impl Engine {
    pub(super) fn subscribe(&mut self, conn: ConnId, subscribe: Subscribe) {
        let Some(slot) = self.session_of(conn) else { return };
        let Subscribe { packet_id, filters, properties } = subscribe;
        let identifier = properties.get().subscription_identifiers.first().copied();
        let before = self.lsn;
        let mut codes = SmallVec::new();
        let mut replays = Vec::new();
        let mut joined = Vec::new();
        let many = filters.len() > self.config.max_filters_per_subscribe;
        for asked in filters {
            let checked = if many {
                Err(SubscribeRefusal::FilterLimit)
            } else {
                self.check_filter(slot, &asked.filter)
            };
            match checked {
                Ok(filter) => {
                    codes.push(asked.options.qos.into());
                    let (subscription, is_new) =
                        self.add_subscription(slot, &filter, asked.options, identifier);
                    if wants_retained(asked.options, is_new, &filter) {
                        replays.push(subscription);
                    }
                    joined.extend(self.subscriptions.get(subscription).and_then(|s| s.group));
                }
                Err(why) => {
                    // A packet with half a million filters too many is one fact, not as many.
                    if !many || codes.is_empty() {
                        self.filter_refused(slot, &asked, why);
                    }
                    codes.push(refusal_code(why));
                }
            }
        }
        let after = if self.lsn == before { Lsn::NONE } else { self.lsn };
        let suback = Suback { packet_id, codes, properties: Properties::NONE };
        self.answer(conn, Packet::Suback(Box::new(suback)), after);
        for subscription in replays {
            self.start_replay(slot, subscription);
        }
        for group in joined {
            self.drain_group(group);
        }
        self.pump(slot);
    }

    pub(super) fn unsubscribe(&mut self, conn: ConnId, unsubscribe: &Unsubscribe) {
        let Some(slot) = self.session_of(conn) else { return };
        let before = self.lsn;
        let mut codes = SmallVec::new();
        for text in &unsubscribe.filters {
            codes.push(self.remove_subscription(slot, text));
        }
        let after = if self.lsn == before { Lsn::NONE } else { self.lsn };
        let packet_id = unsubscribe.packet_id;
        let unsuback = Suback { packet_id, codes, properties: Properties::NONE };
        self.answer(conn, Packet::Unsuback(Box::new(unsuback)), after);
    }

    fn check_filter(&self, slot: u32, text: &ByteString) -> Result<TopicFilter, SubscribeRefusal> {
        let filter = TopicFilter::parse(text.clone()).map_err(SubscribeRefusal::Invalid)?;
        let config = &self.config;
        if text.len() > config.max_topic_length || filter.levels() > config.max_topic_levels {
            return Err(SubscribeRefusal::TopicLimit);
        }
        let held = self.sessions.get(slot).map_or(0, |session| session.subscriptions.len());
        let is_new = self.subscriptions.find(slot, &filter).is_none();
        if is_new && held >= config.max_subscriptions_per_client {
            return Err(SubscribeRefusal::SubscriptionLimit);
        }
        Ok(filter)
    }

    fn filter_refused(&mut self, slot: u32, asked: &SubscribeFilter, why: SubscribeRefusal) {
        let Some(session) = self.sessions.get(slot) else { return };
        let (client, filter) = (session.client.clone(), asked.filter.to_string());
        self.notice(Notice::SubscribeRefused { client, filter, why });
    }

    /// Adds or replaces the subscription; returns its slot and whether it is new.
    fn add_subscription(
        &mut self,
        slot: u32,
        filter: &TopicFilter,
        options: SubscribeOptions,
        identifier: Option<u32>,
    ) -> (u32, bool) {
        let found = self.subscriptions.find(slot, filter);
        let subscription = found.unwrap_or_else(|| self.subscriptions.add(slot, filter, true));
        if found.is_none() {
            self.list_subscription(slot, subscription);
        }
        let at = self.now;
        if let Some(subscription) = self.subscriptions.get_mut(subscription) {
            subscription.options = options;
            subscription.identifier = identifier;
            subscription.at = at;
        }
        let filter = filter.detached();
        self.append_for(slot, |session| Record::Subscribed {
            session,
            filter,
            options,
            identifier,
            at,
        });
        (subscription, found.is_none())
    }

    fn list_subscription(&mut self, slot: u32, subscription: u32) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        session.subscriptions.push(subscription);
        let place = u32::try_from(session.subscriptions.len() - 1).unwrap_or(u32::MAX);
        let Some(added) = self.subscriptions.get_mut(subscription) else { return };
        added.place_in_session = place;
        session.shared += u32::from(added.group.is_some());
    }

    fn remove_subscription(&mut self, slot: u32, text: &ByteString) -> ReasonCode {
        let found = TopicFilter::parse(text.clone()).ok().and_then(|filter| {
            let subscription = self.subscriptions.find(slot, &filter)?;
            Some((filter, subscription))
        });
        let Some((filter, subscription)) = found else { return ReasonCode::NoSubscriptionExisted };
        self.unlist_subscription(slot, subscription);
        self.stop_replay(slot, subscription);
        if let Some(group) = self.subscriptions.remove(subscription) {
            self.group_ended(group);
        }
        let filter = filter.detached();
        self.append_for(slot, |session| Record::Unsubscribed { session, filter });
        ReasonCode::Success
    }

    fn unlist_subscription(&mut self, slot: u32, subscription: u32) {
        let Some(removed) = self.subscriptions.get(subscription) else { return };
        let (place, shared) = (removed.place_in_session, removed.group.is_some());
        let Some(session) = self.sessions.get_mut(slot) else { return };
        session.shared -= u32::from(shared);
        session.subscriptions.swap_remove(place as usize);
        let moved = session.subscriptions.get(place as usize).copied();
        if let Some(moved) = moved.and_then(|moved| self.subscriptions.get_mut(moved)) {
            moved.place_in_session = place;
        }
    }
}

fn refusal_code(why: SubscribeRefusal) -> ReasonCode {
    match why {
        SubscribeRefusal::Invalid(_) | SubscribeRefusal::TopicLimit => {
            ReasonCode::TopicFilterInvalid
        }
        SubscribeRefusal::FilterLimit
        | SubscribeRefusal::SubscriptionLimit
        | SubscribeRefusal::AwaitedClients => ReasonCode::QuotaExceeded,
    }
}

/// Whether a SUBSCRIBE brings retained messages (MQTT 5.0 section 3.8.3.1); never to a share group
/// (section 4.8.2).
fn wants_retained(options: SubscribeOptions, is_new: bool, filter: &TopicFilter) -> bool {
    filter.share_name().is_none()
        && match options.retain_handling {
            RetainHandling::Always => true,
            RetainHandling::IfNew => is_new,
            RetainHandling::Never => false,
        }
}
