//! What is counted while a run goes on.

use std::collections::BTreeMap;

use surewire_engine::counters::Counters;
use surewire_engine::id::ClientId;
use surewire_engine::notice::{DropReason, Notice};

use crate::plan::Plan;
use crate::report::{Broker, Busiest, Group, Report, Sample};

/// Counts so far.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) groups: Vec<Group>,
    by_name: BTreeMap<String, usize>,
    pub(crate) broker: Broker,
    pub(crate) curves: Vec<Sample>,
    /// Sums at the last sample: published, received, dropped, connects.
    before: [u64; 4],
    /// Second at hand and its counts.
    second: (u64, Busiest),
    /// PUBLISH packets of QoS 0 that clients sent, and that reached clients.
    pub(crate) qos0_sent: u64,
    pub(crate) qos0_reached: u64,
    /// The same as the broker has it: taken, and sent.
    qos0_taken: u64,
    qos0_out: u64,
    pub(crate) happenings: u64,
}

impl Meter {
    pub(crate) fn new(plan: &Plan) -> Self {
        let group = |group: &crate::plan::Group| Group {
            name: group.name.clone(),
            clients: group.clients,
            ..Group::default()
        };
        let names = plan.groups.iter().enumerate();
        Self {
            groups: plan.groups.iter().map(group).collect(),
            by_name: names.map(|(index, group)| (group.name.clone(), index)).collect(),
            broker: Broker::default(),
            curves: Vec::new(),
            before: [0; 4],
            second: (0, Busiest::default()),
            qos0_sent: 0,
            qos0_reached: 0,
            qos0_taken: 0,
            qos0_out: 0,
            happenings: 0,
        }
    }

    pub(crate) fn group(&mut self, index: usize) -> &mut Group {
        self.groups.get_mut(index).expect("devices are made from the plan's groups")
    }

    /// The group that a client belongs to.
    pub(crate) fn group_of(&mut self, client: &ClientId) -> Option<&mut Group> {
        let place = self.place_of(client)?;
        self.groups.get_mut(place)
    }

    /// Its place in the plan.
    pub(crate) fn place_of(&self, client: &ClientId) -> Option<usize> {
        let (name, _) = client.as_str().rsplit_once('-')?;
        self.by_name.get(name).copied()
    }

    pub(crate) fn hear(&mut self, notice: &Notice) {
        match notice {
            Notice::Dropped { client: Some(client), why, .. } => {
                if let Some(group) = self.group_of(client) {
                    *group.dropped.entry(*why).or_default() += 1;
                }
            }
            Notice::SessionEnded { client, why, dropped } => {
                self.broker.sessions_ended.count(*why);
                if let Some(group) = self.group_of(client).filter(|_| *dropped > 0) {
                    *group.dropped.entry(DropReason::SessionEnded).or_default() += dropped;
                }
            }
            Notice::Refused { why, .. } => self.broker.refused.count(*why),
            Notice::Disconnected { why, .. } => self.broker.closed.count(*why),
            Notice::PublishRefused { why, .. } => self.broker.publish_refused.count(*why),
            Notice::NotRetained { why, .. } => self.broker.not_retained.count(*why),
            Notice::SubscribeRefused { why, .. } => self.broker.subscribe_refused.count(*why),
            Notice::Storage(surewire_engine::event::Storage::Full) => self.broker.disk_full += 1,
            Notice::Dropped { client: None, .. }
            | Notice::Connected { .. }
            | Notice::WillPublished { .. }
            | Notice::Storage(_)
            | Notice::Memory(_) => {}
        }
    }

    /// What one step of the engine has counted, and how much it holds now.
    pub(crate) fn stepped(&mut self, second: u64, before: &Counters, after: &Counters) {
        if second != self.second.0 {
            self.second = (second, Busiest::default());
        }
        let now = &mut self.second.1;
        now.taken += total(after.received) - total(before.received);
        now.sent += total(after.sent) - total(before.sent);
        now.connects += after.connections - before.connections;
        let most = &mut self.broker.busiest;
        most.taken = most.taken.max(now.taken);
        most.sent = most.sent.max(now.sent);
        most.connects = most.connects.max(now.connects);
        self.broker.most_held = self.broker.most_held.max(held(after));
    }

    /// A broker ends with these counts, of which `restored` messages came from the log.
    pub(crate) fn ended(&mut self, counters: &Counters, restored: u64) {
        let broker = &mut self.broker;
        broker.taken += total(counters.received);
        broker.routed += counters.routed - restored;
        broker.delivered += counters.delivered;
        for (why, count) in counters.dropped.iter().filter(|(_, count)| *count > 0) {
            *broker.dropped.entry(why).or_default() += count;
        }
        broker.most_connections = broker.most_connections.max(counters.most_connections);
        self.qos0_taken += counters.received.at_most_once;
        self.qos0_out += counters.sent.at_most_once;
    }

    /// A sample with what happened since the last one; `dropped` is the sum so far.
    pub(crate) fn sample(&mut self, state: Sample, dropped: u64) {
        let sum = |of: fn(&Group) -> u64| self.groups.iter().map(of).sum();
        let received = |group: &Group| group.received + group.received_retained;
        let now = [sum(|g| g.published), sum(received), dropped, sum(|g| g.connects)];
        let since = |index: usize| {
            let at = |of: &[u64; 4]| of.get(index).copied().unwrap_or(0);
            at(&now) - at(&self.before)
        };
        self.curves.push(Sample {
            published: since(0),
            received: since(1),
            dropped: since(2),
            connects: since(3),
            ..state
        });
        self.before = now;
    }

    pub(crate) fn report(mut self) -> Report {
        self.broker.lost_to_broker = self.qos0_sent.saturating_sub(self.qos0_taken);
        self.broker.lost_to_clients = self.qos0_out.saturating_sub(self.qos0_reached);
        Report {
            groups: self.groups,
            broker: self.broker,
            curves: self.curves,
            happenings: self.happenings,
        }
    }
}

/// Messages for sessions that are neither delivered nor dropped.
pub(crate) fn held(counters: &Counters) -> u64 {
    counters.routed - counters.delivered - counters.dropped.total()
}

fn total(by: surewire_engine::counters::ByQoS) -> u64 {
    by.at_most_once + by.at_least_once + by.exactly_once
}
