//! Retained messages for new subscriptions: a cursor in the session, not a queue.
//!
//! The cursor fills what the window and the connection leave free, after everything live.

use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::deliver::Copy;
use crate::engine::subscribe::Added;
use crate::id::ConnId;
use crate::identifiers::Identifiers;
use crate::log::record::{Record, Retained};
use crate::message::{Content, Message, RetainFlag};
use crate::packet::QoS;
use crate::planted::Bug;
use crate::retained::{Cursor, Look};
use crate::timers::Timer;
use crate::walks::Replay;

impl Engine {
    /// The subscription is to bring the retained messages of its filter.
    pub(super) fn start_replay(&mut self, slot: u32, subscription: u32) {
        let Some(filter) = self.subscriptions.filter(subscription) else { return };
        let Some(session) = self.sessions.get_mut(slot) else { return };
        session.replays.get_or_insert_default().start(subscription, Cursor::new(filter));
    }

    /// What the new subscriptions are still owed is stored together with them.
    pub(super) fn record_replays(&mut self, slot: u32, added: &[Added]) {
        for added in added.iter().filter(|added| added.wants_retained) {
            let Some(session) = self.sessions.get_mut(slot) else { return };
            let walk = session.replays.as_mut().and_then(|r| r.get_mut(added.subscription));
            let Some(walk) = walk else { continue };
            walk.recorded = true;
            if self.config.planted.is(Bug::ReplayNotStored) {
                continue;
            }
            let (filter, after) = (walk.cursor.filter().clone(), walk.cursor.after().cloned());
            self.append_for(slot, |session| Record::Replaying { session, filter, after });
        }
    }

    /// The subscription is gone, and its retained messages with it.
    pub(super) fn stop_replay(&mut self, slot: u32, subscription: u32) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        if let Some(replays) = session.replays.as_mut() {
            replays.stop(subscription);
        }
    }

    /// Goes on with the session's walks while there is room, up to the budget of one step. Most find
    /// nothing: were each of them to wait for a step of its own, a client with thousands of filters
    /// would have thousands of walks in memory for as long as these steps take.
    pub(super) fn replay(&mut self, slot: u32) {
        let mut budget = self.config.budgets.replayed;
        while self.replay_next(slot, &mut budget) {
            // So that many walks without a look are no long step either.
            budget = budget.saturating_sub(1);
        }
    }

    /// Goes on with the walk whose turn it is; whether it ended and the next one can go on.
    fn replay_next(&mut self, slot: u32, budget: &mut usize) -> bool {
        let Some(session) = self.sessions.get_mut(slot) else { return false };
        let Some(conn) = session.connection().filter(|_| session.is_caught_up()) else {
            return false;
        };
        let Some(replays) = session.replays.as_mut() else { return false };
        let Some(mut walk) = replays.take_first() else {
            session.replays = None;
            return false;
        };
        let before = walk.cursor.after().cloned();
        let ended = self.walk(slot, conn, &mut walk, budget);
        let filter = walk.cursor.filter().clone();
        if ended {
            if walk.recorded {
                self.append_for(slot, |session| Record::Replayed { session, filter });
            }
            return true;
        }
        let after = walk.cursor.after().cloned();
        if !walk.recorded || after != before {
            walk.recorded = true;
            self.append_for(slot, |session| Record::Replaying { session, filter, after });
        }
        if *budget == 0 {
            self.replay_later(slot, walk);
        } else if let Some(session) = self.sessions.get_mut(slot) {
            // No room: the next acknowledgement or write goes on.
            session.replays.get_or_insert_default().put_back(walk);
        }
        false
    }

    /// Puts the walk back and goes on with the session's walks in a step of its own.
    fn replay_later(&mut self, slot: u32, walk: Replay) {
        let now = self.now;
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let reference = session.reference(slot);
        let replays = session.replays.get_or_insert_default();
        replays.put_back(walk);
        if !replays.timer_set {
            replays.timer_set = true;
            if self.config.planted.is(Bug::ReplayStops) {
                return;
            }
            self.set_timer(now, Timer::Replay(reference));
        }
    }

    /// Sends retained messages while there is room and budget; whether the walk is at its end.
    fn walk(&mut self, slot: u32, conn: ConnId, walk: &mut Replay, budget: &mut usize) -> bool {
        let Some(subscription) = self.subscriptions.get(walk.subscription) else { return true };
        let granted = subscription.options.qos;
        let identifiers = Identifiers::from(subscription.identifier());
        while *budget > 0 {
            let room = self.room_for_retained(slot, conn, granted);
            if room == 0 {
                return false;
            }
            // No more than can be sent: what stays would be looked for again.
            // Where several stand is looked up for all of them.
            let most = room.min(self.config.budgets.replayed_at_once);
            let look = self.retained.look(&walk.cursor, most, budget);
            let Look { messages, reached, ended } = look;
            let mut last: Option<Arc<Content>> = None;
            for content in messages {
                if let Some(last) = &last
                    && self.room_for_retained(slot, conn, granted) == 0
                {
                    walk.cursor.go_behind(last.topic.detached());
                    return false;
                }
                last = Some(Arc::clone(&content));
                *budget = budget.saturating_sub(1);
                if content.is_expired(self.now) {
                    continue;
                }
                let (qos, identifiers) = (content.qos.min(granted), identifiers.clone());
                let mut message = Message::Kept(content);
                let copy = Copy { qos, retain: RetainFlag::Stored, group: None, identifiers };
                self.deliver(slot, &mut message, copy);
                self.record_route(&mut message, Retained::Untouched, None);
            }
            if let Some(reached) = reached {
                walk.cursor.go_behind(reached);
            }
            if ended {
                return true;
            }
        }
        false
    }

    /// How many messages at up to this QoS could be sent at once, so that no more than one has to
    /// queue.
    fn room_for_retained(&mut self, slot: u32, conn: ConnId, granted: QoS) -> usize {
        if self.config.planted.is(Bug::ReplayOverfills) {
            return usize::MAX;
        }
        let limit = self.config.max_unsent_bytes;
        // One that did not fit the connection queues; the walk must not heap more upon it.
        let session = self.sessions.get(slot).filter(|session| session.is_caught_up());
        let Some(session) = session else { return 0 };
        let Some(connection) = self.connections.get(conn) else { return 0 };
        if connection.unsent >= limit {
            self.watch_progress(conn);
            return 0;
        }
        if granted == QoS::AtMostOnce { usize::MAX } else { self.window_left(session) }
    }
}
