//! The end of a varied world: Retain Handling, and then nothing may be left.

use surewire_engine::answer::Answer;
use surewire_engine::id::ClientId;
use surewire_engine::log::image::Image;
use surewire_engine::packet::{QoS, RetainHandling, SubscribeOptions};
use surewire_engine::request::Command;
use surewire_engine::topic::TopicFilter;

use super::heal::QUIET;
use super::{Happening, World};

/// SUBSCRIBEs of a client that has `#` already, and whether each brings what is retained.
const SUBSCRIBES: [(&str, RetainHandling, bool); 4] = [
    ("#", RetainHandling::IfNew, false),
    ("#", RetainHandling::Never, false),
    ("r/#", RetainHandling::IfNew, true),
    ("#", RetainHandling::Always, true),
];

/// How far the end has come.
#[derive(Debug, Default)]
pub(super) struct Finale {
    /// How many of the SUBSCRIBEs were sent.
    sent: usize,
    /// What the first one brought.
    first: Vec<(String, u64)>,
    /// How much of clearing away is done.
    cleared: u32,
}

impl Finale {
    pub(super) fn has_begun(&self) -> bool {
        self.sent > 0
    }
}

impl World {
    /// Sends one SUBSCRIBE after the other and judges what each has brought.
    pub(super) fn try_retain_handling(&mut self) {
        let found = std::mem::take(&mut self.found);
        let mut found: Vec<_> = found.into_iter().collect();
        found.retain(|(_, number)| self.oracle.stays(*number));
        match self.finale.sent.checked_sub(1).and_then(|last| SUBSCRIBES.get(last)) {
            None => self.finale.first = found,
            Some((filter, handling, brings)) => {
                let right: &[_] = if *brings { &self.finale.first } else { &[] };
                if found != right {
                    let what = format!("{filter}, {handling:?}: {found:?} and not {right:?}");
                    return self.oracle.violation(what);
                }
            }
        }
        let index = self.plan.actors.len();
        let Some((filter, retain_handling, _)) = SUBSCRIBES.get(self.finale.sent) else {
            self.compare_counters();
            return self.after(0, Happening::ClearAway);
        };
        self.finale.sent += 1;
        let qos = QoS::ExactlyOnce;
        if let Some(reader) = self.actors.get_mut(index) {
            let options = SubscribeOptions {
                qos,
                retain_handling: *retain_handling,
                ..SubscribeOptions::default()
            };
            reader.role.options.insert((*filter).to_owned(), options);
        }
        self.quiet_since = self.now;
        self.subscribe(index, vec![((*filter).to_owned(), qos)]);
        self.after(QUIET, Happening::Check);
    }

    /// I8: when every session is ended and nothing is retained, nothing is left.
    pub(super) fn clear_away(&mut self) {
        self.finale.cleared += 1;
        match self.finale.cleared {
            1 => {
                for client in 0..self.actors.len() {
                    if let Some(actor) = self.actors.get_mut(client) {
                        actor.away = true;
                    }
                    self.cut(client);
                }
            }
            2 => self.list_sessions(),
            3 => {
                self.judge_nothing_left();
                return self.done = true;
            }
            _ => {}
        }
        self.after(QUIET, Happening::ClearAway);
    }

    /// Ends all sessions of a list, and removes what is retained.
    pub(super) fn end_all(&mut self, answer: &Answer) {
        let Answer::Sessions(page) = answer else {
            return self.oracle.violation(format!("I11: sessions: {answer:?}"));
        };
        let names: Vec<ClientId> = page.items.iter().map(|view| view.client.clone()).collect();
        for client in names {
            self.order_only(Command::EndSession(client));
        }
        let filter = TopicFilter::parse("#".into()).expect("a filter");
        // Few enough for a step of their own each, whatever one step does.
        for _ in 0..=self.plan.retained_topics * 2 {
            self.order_only(Command::ClearRetained { filter: filter.clone(), after: None });
        }
    }

    fn judge_nothing_left(&mut self) {
        self.judge_desk();
        let log_is_empty = *self.shadow.image() == Image::default();
        let now = self.process.time(self.now);
        let overdue = self.tap.overdue(now);
        let Some(broker) = self.process.broker_mut() else { return };
        broker.engine.check();
        let (sizes, counters) = (broker.engine.sizes(), broker.engine.counters());
        let held = counters.routed.saturating_sub(counters.delivered + counters.dropped.total());
        let counts = [
            sizes.connections,
            sizes.sessions,
            sizes.subscriptions,
            sizes.retained,
            sizes.retained_bytes,
            sizes.waiting_clients,
        ];
        let engine_is_empty = broker.engine.image() == Image::default();
        let empty = counts.iter().all(|count| *count == 0) && held == 0 && engine_is_empty;
        if !empty || !log_is_empty {
            let what = format!("I8: left: {sizes:?}, {held} messages; log empty: {log_is_empty}");
            self.oracle.violation(what);
        }
        if let Some(what) = overdue {
            self.oracle.violation(what);
        }
    }
}
