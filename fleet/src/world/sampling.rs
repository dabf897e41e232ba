//! Points of the curves: what there is at a time.

use surewire_engine::answer::{Answer, SessionView};
use surewire_engine::event::Event;
use surewire_engine::request::{Query, Request, RequestId, Start};

use super::World;
use crate::report::Sample;

/// Sessions of one question.
const PAGE: usize = 500;

/// Bytes of memory that things take beside what the limits count for them, from the measurements in
/// `docs/performance.md`: a connection with its session, a session by itself, a subscription, a
/// queued message and a retained message.
const CONNECTION: u64 = 1_220;
const SESSION: u64 = 400;
const SUBSCRIPTION: u64 = 170;
const QUEUED: u64 = 90;
const RETAINED: u64 = 90;

/// What sessions hold.
#[derive(Debug, Default)]
struct Held {
    queued: u64,
    queued_bytes: u64,
    in_flight: u64,
    /// Messages of each group, and the most of one client.
    groups: Vec<(u64, u64)>,
}

impl World<'_> {
    pub(super) fn sample(&mut self) {
        let held = self.count_held();
        for (group, (all, one)) in self.meter.groups.iter_mut().zip(&held.groups) {
            group.most_queued = group.most_queued.max(*all);
            group.most_queued_one = group.most_queued_one.max(*one);
        }
        let mut sample = Sample {
            at: seconds(self.now),
            is_up: self.machine.process.is_some(),
            queued: held.queued,
            queued_bytes: held.queued_bytes,
            in_flight: held.in_flight,
            log: self.machine.log_bytes(),
            client_queued: self.devices.iter().map(|d| d.machine.unacknowledged() as u64).sum(),
            ..Sample::default()
        };
        let mut dropped = self.meter.broker.dropped.values().sum();
        if let Some(process) = &self.machine.process {
            let sizes = process.engine.sizes();
            sample.connections = sizes.connections as u64;
            sample.sessions = sizes.sessions as u64;
            sample.subscriptions = sizes.subscriptions as u64;
            sample.retained = sizes.retained as u64;
            sample.memory = memory(&sample, sizes.retained_bytes as u64);
            dropped += process.engine.counters().dropped.total();
        }
        self.meter.sample(sample, dropped);
    }

    /// Asks the engine for all sessions, as the management interface does.
    fn count_held(&mut self) -> Held {
        let mut held = Held { groups: vec![(0, 0); self.plan.groups.len()], ..Held::default() };
        let mut start = Some(Start::FIRST);
        while let Some(from) = start.take() {
            let query =
                Query::Sessions { start: from, limit: PAGE, containing: None, online: None };
            let request = Box::new(Request::Query(query));
            self.tell_engine(Event::Request { id: RequestId(0), request });
            let Some(Answer::Sessions(page)) = self.answer.take() else { break };
            for session in &page.items {
                self.count_session(session, &mut held);
            }
            start = page.next.map(Start::After);
        }
        held
    }

    fn count_session(&self, session: &SessionView, held: &mut Held) {
        held.queued += session.queued;
        held.queued_bytes += session.queued_bytes;
        held.in_flight += session.inflight;
        if let Some(place) = self.meter.place_of(&session.client)
            && let Some((all, one)) = held.groups.get_mut(place)
        {
            let here = session.queued + session.inflight;
            *all += here;
            *one = (*one).max(here);
        }
    }
}

/// An estimate: messages for several sessions count for each, in flight as if of medium size.
fn memory(sample: &Sample, retained_bytes: u64) -> u64 {
    let mean = sample.queued_bytes.checked_div(sample.queued).unwrap_or(128);
    sample.connections * CONNECTION
        + sample.sessions.saturating_sub(sample.connections) * SESSION
        + sample.subscriptions * SUBSCRIPTION
        + sample.queued_bytes
        + sample.queued * QUEUED
        + sample.in_flight * (QUEUED + mean)
        + retained_bytes
        + sample.retained * RETAINED
}

#[expect(clippy::cast_precision_loss, reason = "virtual nanoseconds as seconds for people")]
fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
