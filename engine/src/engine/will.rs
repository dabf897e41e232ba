//! The Will: stored with CONNECT, published when the client is lost (5.0 section 3.1.2.5).
//!
//! ```text
//!   set ──▶ DISCONNECT 0x00 ────────────────────────────▶ withdrawn
//!       ──▶ any other end, and no delay or no session ──▶ published
//!       ──▶ any other end, with a delay ──▶ waits ──▶ its time, or the session's end ──▶ published
//!                                                 ──▶ the session goes on ──▶ withdrawn
//! ```

use std::sync::Arc;
use std::time::Duration;

use crate::engine::Engine;
use crate::id::ClientId;
use crate::log::record::Record;
use crate::message::{Content, Message};
use crate::notice::{CloseReason, Notice, Refusal};
use crate::packet::{self, ReasonCode};
use crate::planted::Bug;
use crate::session::{Presence, Will};
use crate::timers::{SessionRef, Timer};
use crate::topic;

/// A Will that was taken from its session.
pub(super) type Withdrawn = (ClientId, Arc<Content>);

impl Engine {
    pub(super) fn admit_will(&self, will: &packet::Will) -> Result<(), Refusal> {
        let name = will.topic.as_str();
        let too_long = name.len() > self.config.max_topic_length
            || topic::has_more_levels(name, self.config.max_topic_levels);
        if will.topic.is_dollar() || too_long {
            return Err(Refusal::WillTopic);
        }
        if self.is_ill_formed(&will.properties, &will.payload) {
            return Err(Refusal::WillPayloadFormat);
        }
        Ok(())
    }

    /// Stores the connection's Will, whatever the session's lifetime: it must survive our own end.
    pub(super) fn set_will(&mut self, slot: u32, will: Option<Box<packet::Will>>) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let Some(will) = will else {
            // One that waited was for a client that did not come back.
            self.withdraw_will(slot);
            return;
        };
        let delay = will.properties.get().will_delay_interval.unwrap_or(0);
        let mut properties = will.properties.detached();
        properties.edit(|set| set.will_delay_interval = None);
        let message = Arc::new(Content {
            topic: will.topic.detached(),
            payload: bytes::Bytes::copy_from_slice(&will.payload),
            qos: will.qos,
            retain: will.retain,
            properties,
        });
        let will = Arc::clone(&message);
        if let Some(due) = session.will.take().and_then(|will| will.due) {
            self.timers.cancel(due, Timer::Will(session.reference(slot)));
        }
        session.will = Some(Box::new(Will { message, delay, due: None }));
        let (session, client) = (session.key, session.client.clone());
        if !self.config.planted.is(Bug::WillNotStored) {
            self.append(Record::WillSet { session, client, will, delay });
        }
    }

    /// The Will that is to be published now that the connection has ended, if any. One with a delay
    /// waits in a session that lives on.
    pub(super) fn will_at_end(&mut self, slot: u32, reason: CloseReason) -> Option<Withdrawn> {
        let session = self.sessions.get_mut(slot)?;
        let lives_on = !session.ends_with_connection();
        // A stop of the broker is no fault of the client: if its session is stored, so is the
        // Will, and the client gets the time to come back.
        if reason == CloseReason::Stopping && lives_on {
            return None;
        }
        let delay = session.will.as_ref()?.delay;
        let forgets = self.config.planted.is(Bug::ByeWithWillForgotten);
        let with_will = reason == CloseReason::ByClient(ReasonCode::DisconnectWithWill);
        let keeps = self.config.planted.is(Bug::WillNotWithdrawn);
        let withdrawn = reason == CloseReason::ByClient(ReasonCode::Success) && !keeps;
        if withdrawn || with_will && forgets {
            self.withdraw_will(slot);
            return None;
        }
        if delay > 0 && lives_on && !self.config.planted.is(Bug::WillNotDelayed) {
            self.delay_will(slot, Duration::from_secs(delay.into()));
            return None;
        }
        self.withdraw_will(slot)
    }

    /// The Will is published if the session's client is not back by then.
    pub(super) fn delay_will(&mut self, slot: u32, delay: Duration) {
        let due = self.now + delay;
        let Some(session) = self.sessions.get_mut(slot) else { return };
        if self.config.planted.is(Bug::DelayedWillForgotten) {
            return;
        }
        let reference = session.reference(slot);
        if let Some(will) = &mut session.will {
            will.due = Some(due);
            self.set_timer(due, Timer::Will(reference));
        }
    }

    /// Publishes the Will of a client that did not come back.
    pub(super) fn will_is_due(&mut self, reference: SessionRef) {
        let now = self.now;
        let Some(session) = self.session_by_reference(reference) else { return };
        let is_due = |will: &Will| will.due.is_some_and(|due| due <= now);
        let offline = matches!(session.presence, Presence::Offline { .. });
        if offline && session.will.as_deref().is_some_and(is_due) {
            let will = self.withdraw_will(reference.slot);
            self.publish_will(Some(reference.slot), will);
        }
    }

    /// Takes the Will from its session, and from the log.
    pub(super) fn withdraw_will(&mut self, slot: u32) -> Option<Withdrawn> {
        let session = self.sessions.get_mut(slot)?;
        let will = session.will.take()?;
        if let Some(due) = will.due {
            self.timers.cancel(due, Timer::Will(session.reference(slot)));
        }
        let (key, client) = (session.key, session.client.clone());
        self.append(Record::WillCleared { session: key });
        Some((client, will.message))
    }

    /// Publishes a Will that was taken from its session; `from` is the session's slot if it is still
    /// there. It is accepted only now: its expiry counts from here.
    pub(super) fn publish_will(&mut self, from: Option<u32>, will: Option<Withdrawn>) {
        let Some((client, will)) = will else { return };
        let mut will = Arc::unwrap_or_clone(will);
        will.accept(self.now);
        let will = Arc::new(will);
        let topic = will.topic.clone();
        self.watch.saw(self.now, &will, Some(&client));
        self.notice(Notice::WillPublished { client, topic });
        self.route(Message::Kept(will), from, None);
    }
}
