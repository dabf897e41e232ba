//! SUBSCRIBE and UNSUBSCRIBE.

use bytestring::ByteString;

use crate::connection::Filters;
use crate::engine::Engine;
use crate::id::{ConnId, Lsn};
use crate::log::record::Record;
use crate::notice::{Notice, SubscribeRefusal};
use crate::packet::{
    Packet, Properties, ReasonCode, RetainHandling, Suback, Subscribe, SubscribeOptions,
    Unsubscribe,
};
use crate::planted::Bug;
use crate::session::Session;
use crate::subscriptions::Subscription;
use crate::topic::TopicFilter;

impl Engine {
    pub(super) fn subscribe(&mut self, conn: ConnId, subscribe: Subscribe) {
        let packet_id = subscribe.packet_id;
        let Some((slot, filters, added)) = self.subscribe_to(conn, subscribe) else { return };
        let Filters { codes, refused, after } = *filters;
        let properties = self.subscribe_refused(conn, refused);
        let suback = Suback { packet_id, codes, properties };
        self.answer(conn, Packet::Suback(Box::new(suback)), after);
        self.serve(slot, &added);
    }

    /// The rest of the packet's filters follow.
    pub(super) fn subscribe_in_part(&mut self, conn: ConnId, subscribe: Subscribe) {
        let Some((slot, filters, added)) = self.subscribe_to(conn, subscribe) else { return };
        self.keep_filters(conn, filters);
        self.serve(slot, &added);
    }

    /// Makes the subscriptions. Returns the session's slot, what they and those of earlier parts came to,
    /// and those that were made now.
    fn subscribe_to(
        &mut self,
        conn: ConnId,
        subscribe: Subscribe,
    ) -> Option<(u32, Box<Filters>, Vec<Added>)> {
        let (slot, mut done) = self.filters_so_far(conn)?;
        let Subscribe { filters, properties, .. } = subscribe;
        let identifier = properties.get().subscription_identifiers.first().copied();
        let before = self.lsn;
        let mut added = Vec::new();
        let many = done.codes.len() + filters.len() > self.config.max_filters_per_subscribe;
        for asked in filters {
            let checked = if many {
                Err(SubscribeRefusal::FilterLimit)
            } else {
                self.check_filter(slot, &asked.filter)
            };
            match checked {
                Ok(filter) => {
                    done.codes.push(asked.options.qos.into());
                    added.push(self.add_subscription(slot, &filter, asked.options, identifier));
                }
                Err(why) => {
                    // A packet with half a million filters too many is one fact, not as many.
                    if !many || done.codes.is_empty() {
                        self.filter_refused(slot, &asked.filter, why);
                    }
                    done.refused.get_or_insert(why);
                    done.codes.push(refusal_code(why));
                }
            }
        }
        if self.lsn != before && !self.config.planted.is(Bug::SubackBeforeSync) {
            done.after = self.lsn;
        }
        Some((slot, done, added))
    }

    /// What the parts of a packet came to so far, for the connection's session.
    fn filters_so_far(&mut self, conn: ConnId) -> Option<(u32, Box<Filters>)> {
        let connection = self.connections.get_mut(conn)?;
        Some((connection.session, connection.filters.take().unwrap_or_default()))
    }

    fn keep_filters(&mut self, conn: ConnId, filters: Box<Filters>) {
        if let Some(connection) = self.connections.get_mut(conn) {
            connection.filters = Some(filters);
        }
    }

    /// Brings what subscriptions that were just made are owed: retained messages, and what waited
    /// in their share groups.
    pub(super) fn serve(&mut self, slot: u32, added: &[Added]) {
        for Added { subscription, wants_retained } in added {
            if *wants_retained {
                self.start_replay(slot, *subscription);
            }
        }
        for Added { subscription, .. } in added {
            if let Some(group) = self.subscriptions.get(*subscription).and_then(Subscription::group)
            {
                self.drain_group(group);
            }
        }
        self.pump(slot);
        self.record_replays(slot, added);
    }

    pub(super) fn unsubscribe(&mut self, conn: ConnId, unsubscribe: &Unsubscribe) {
        let Some(filters) = self.unsubscribe_from(conn, unsubscribe) else { return };
        let Filters { codes, refused, after } = *filters;
        if after == Lsn::NONE && self.config.planted.is(Bug::UnsubackMissing) {
            return;
        }
        let packet_id = unsubscribe.packet_id;
        let properties = self.subscribe_refused(conn, refused);
        let unsuback = Suback { packet_id, codes, properties };
        self.answer(conn, Packet::Unsuback(Box::new(unsuback)), after);
    }

    /// The rest of the packet's filters follow.
    pub(super) fn unsubscribe_in_part(&mut self, conn: ConnId, unsubscribe: &Unsubscribe) {
        if let Some(filters) = self.unsubscribe_from(conn, unsubscribe) {
            self.keep_filters(conn, filters);
        }
    }

    /// Ends the subscriptions. Returns what they and those of earlier parts came to.
    fn unsubscribe_from(
        &mut self,
        conn: ConnId,
        unsubscribe: &Unsubscribe,
    ) -> Option<Box<Filters>> {
        let (slot, mut done) = self.filters_so_far(conn)?;
        let before = self.lsn;
        for text in &unsubscribe.filters {
            done.codes.push(match TopicFilter::parse(text.clone()) {
                Ok(filter) if self.remove_subscription(slot, &filter) => ReasonCode::Success,
                Ok(_) if self.config.planted.is(Bug::UnsubackWrong) => ReasonCode::Success,
                Ok(_) => ReasonCode::NoSubscriptionExisted,
                Err(error) => {
                    done.refused.get_or_insert(SubscribeRefusal::Invalid(error));
                    ReasonCode::TopicFilterInvalid
                }
            });
        }
        if self.lsn != before {
            done.after = self.lsn;
        }
        Some(done)
    }

    fn check_filter(&self, slot: u32, text: &ByteString) -> Result<TopicFilter, SubscribeRefusal> {
        let filter = TopicFilter::parse(text.clone()).map_err(SubscribeRefusal::Invalid)?;
        self.check_subscription(slot, &filter)?;
        Ok(filter)
    }

    /// Whether the session may have this subscription.
    pub(super) fn check_subscription(
        &self,
        slot: u32,
        filter: &TopicFilter,
    ) -> Result<(), SubscribeRefusal> {
        self.check_length(filter)?;
        let held = self.sessions.get(slot).map_or(0, |session| session.subscriptions.len());
        let is_new = self.subscriptions.find(slot, filter).is_none();
        if is_new && held >= self.config.max_subscriptions_per_client {
            return Err(SubscribeRefusal::SubscriptionLimit);
        }
        let shared = self.sessions.get(slot).map_or(0, |session| session.shared as usize);
        let joins = is_new && filter.share_name().is_some();
        if joins && shared >= self.config.max_share_groups_per_client {
            return Err(SubscribeRefusal::ShareGroupLimit);
        }
        if is_new && self.begins_nothing() {
            return Err(SubscribeRefusal::MemoryShort);
        }
        // Whoever comes back for what waits subscribes again as a rule: that takes the place of what
        // is stored, and soon much more is let go.
        let stored = self.sessions.get(slot).is_some_and(Session::is_durable);
        if is_new && stored && self.takes_no_more() {
            return Err(SubscribeRefusal::StorageFull);
        }
        Ok(())
    }

    pub(super) fn check_length(&self, filter: &TopicFilter) -> Result<(), SubscribeRefusal> {
        let config = &self.config;
        let too_long = filter.as_str().len() > config.max_topic_length
            || filter.levels() > config.max_topic_levels;
        if too_long { Err(SubscribeRefusal::TopicLimit) } else { Ok(()) }
    }

    /// What a client is told of the first of its filters that was refused.
    fn subscribe_refused(&self, conn: ConnId, refused: Option<SubscribeRefusal>) -> Properties {
        refused.map_or(Properties::NONE, |why| {
            self.reason(conn, || self.subscribe_refusal_in_words(why))
        })
    }

    fn subscribe_refusal_in_words(&self, why: SubscribeRefusal) -> ByteString {
        let config = &self.config;
        match why {
            SubscribeRefusal::Invalid(error) => format!("a filter {error}").into(),
            SubscribeRefusal::TopicLimit => {
                let (levels, bytes) = (config.max_topic_levels, config.max_topic_length);
                format!("a filter has at most {levels} levels and {bytes} bytes").into()
            }
            SubscribeRefusal::FilterLimit => {
                let most = config.max_filters_per_subscribe;
                format!("a SUBSCRIBE has at most {most} filters").into()
            }
            SubscribeRefusal::SubscriptionLimit => {
                let most = config.max_subscriptions_per_client;
                format!("a client has at most {most} subscriptions").into()
            }
            SubscribeRefusal::ShareGroupLimit => {
                let most = config.max_share_groups_per_client;
                format!("a client is in at most {most} share groups").into()
            }
            SubscribeRefusal::Awaited => "too many subscriptions wait for first connections".into(),
            SubscribeRefusal::MemoryShort => "the broker's memory is short for now".into(),
            SubscribeRefusal::StorageFull => "the broker cannot store more for now".into(),
        }
    }

    fn filter_refused(&mut self, slot: u32, filter: &str, why: SubscribeRefusal) {
        self.counters.subscribe_refused += 1;
        let Some(session) = self.sessions.get(slot) else { return };
        let (client, filter) = (session.client.clone(), filter.to_owned());
        self.notice(Notice::SubscribeRefused { client, filter, why });
    }

    /// Adds or replaces the subscription.
    pub(super) fn add_subscription(
        &mut self,
        slot: u32,
        filter: &TopicFilter,
        options: SubscribeOptions,
        identifier: Option<u32>,
    ) -> Added {
        let at = self.arrival();
        let online = self.sessions.get(slot).is_some_and(|session| session.connection().is_some());
        let found = self.subscriptions.find(slot, filter);
        let subscription = match found {
            Some(subscription) => {
                self.unlist_subscription(slot, subscription);
                self.subscriptions.renew(subscription, at);
                subscription
            }
            None => self.subscriptions.add(slot, filter, online, at),
        };
        if let Some(subscription) = self.subscriptions.get_mut(subscription) {
            subscription.set(options, identifier);
        }
        self.list_subscription(slot, subscription);
        let filter = filter.detached();
        let is_new = found.is_none() || self.config.planted.is(Bug::RetainHandlingIgnored);
        let wants_retained = wants_retained(options, is_new, &filter);
        self.append_for(slot, |session| Record::Subscribed {
            session,
            filter,
            options,
            identifier,
            at,
        });
        Added { subscription, wants_retained }
    }

    fn list_subscription(&mut self, slot: u32, subscription: u32) {
        let Some(added) = self.subscriptions.get(subscription) else { return };
        let Some(session) = self.sessions.get_mut(slot) else { return };
        session.subscriptions.push(added.at, subscription);
        session.shared += u32::from(added.group().is_some());
    }

    /// Ends the subscription to exactly this filter; whether there was one.
    pub(super) fn remove_subscription(&mut self, slot: u32, filter: &TopicFilter) -> bool {
        let Some(subscription) = self.subscriptions.find(slot, filter) else { return false };
        self.unlist_subscription(slot, subscription);
        self.stop_replay(slot, subscription);
        if let Some((id, group)) = self.subscriptions.remove(subscription) {
            self.group_ended(id, group);
        }
        let filter = filter.detached();
        if !self.config.planted.is(Bug::UnsubscribeNotStored) {
            self.append_for(slot, |session| Record::Unsubscribed { session, filter });
        }
        true
    }

    fn unlist_subscription(&mut self, slot: u32, subscription: u32) {
        let Some(removed) = self.subscriptions.get(subscription) else { return };
        let Some(session) = self.sessions.get_mut(slot) else { return };
        session.subscriptions.remove(removed.at);
        session.shared -= u32::from(removed.group().is_some());
    }
}

/// A subscription that was just made or replaced.
#[derive(Clone, Copy, Debug)]
pub(super) struct Added {
    /// Its slot.
    pub(super) subscription: u32,
    /// Whether it brings retained messages.
    pub(super) wants_retained: bool,
}

fn refusal_code(why: SubscribeRefusal) -> ReasonCode {
    match why {
        SubscribeRefusal::Invalid(_) | SubscribeRefusal::TopicLimit => {
            ReasonCode::TopicFilterInvalid
        }
        SubscribeRefusal::FilterLimit
        | SubscribeRefusal::SubscriptionLimit
        | SubscribeRefusal::ShareGroupLimit
        | SubscribeRefusal::Awaited
        | SubscribeRefusal::MemoryShort
        | SubscribeRefusal::StorageFull => ReasonCode::QuotaExceeded,
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
