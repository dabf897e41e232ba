//! The report for machines.

use serde_json::{Map, Value, json};
use surewire_fleet::report::{Delays, Group, Sample, Tally};
use surewire_fleet::{Plan, Report};

use super::clients;
use crate::api::words::{self, Words};

/// What a run shows. Delays are in milliseconds, sizes in bytes, times in seconds.
pub(super) fn report(name: &str, plan: &Plan, report: &Report) -> Value {
    let broker = &report.broker;
    json!({
        "plan": name,
        "seed": plan.seed,
        "seconds": plan.length.as_secs_f64(),
        "clients": clients(plan),
        "model": "logic and limits are exact; CPU time is not modelled",
        "broker": {
            "starts": broker.starts,
            "taken": broker.taken,
            "routed": broker.routed,
            "delivered": broker.delivered,
            "dropped": reasons(broker.dropped.iter().map(|(why, n)| (words::dropped(*why), *n))),
            "held": broker.held,
            "most_held": broker.most_held,
            "lost_at_end": broker.lost_at_end,
            "lost_to_broker": broker.lost_to_broker,
            "lost_to_clients": broker.lost_to_clients,
            "most_connections": broker.most_connections,
            "busiest_second": {
                "taken": broker.busiest.taken,
                "sent": broker.busiest.sent,
                "connects": broker.busiest.connects,
            },
            "connections_refused": tally(&broker.refused, words::connect),
            "connections_ended": tally(&broker.closed, words::closed),
            "sessions_ended": tally(&broker.sessions_ended, words::session_end),
            "publish_refused": tally(&broker.publish_refused, words::publish),
            "not_retained": tally(&broker.not_retained, words::publish),
            "subscribe_refused": tally(&broker.subscribe_refused, words::subscribe),
            "disk_full": broker.disk_full,
        },
        "groups": report.groups.iter().map(group).collect::<Vec<_>>(),
        "curves": curves(&report.curves),
    })
}

fn reasons(all: impl Iterator<Item = (Words, u64)>) -> Value {
    let mut map = Map::new();
    for (words, count) in all {
        // Several reasons of the engine may have one name.
        let before = map.get(words.reason).and_then(Value::as_u64).unwrap_or(0);
        map.insert(words.reason.to_owned(), (before + count).into());
    }
    map.into()
}

fn tally<T: Copy>(all: &Tally<T>, words: fn(T) -> Words) -> Value {
    reasons(all.0.iter().map(|(why, count)| (words(*why), *count)))
}

fn group(group: &Group) -> Value {
    json!({
        "name": group.name,
        "clients": group.clients,
        "published": group.published,
        "acknowledged": group.acknowledged,
        "refused": group.refused,
        "unsent": group.unsent,
        "overflowed": group.overflowed,
        "uncertain": group.uncertain,
        "forgotten": group.forgotten,
        "pending": group.pending,
        "received": group.received,
        "received_retained": group.received_retained,
        "connects": group.connects,
        "failed_connects": group.failed_connects,
        "losses": group.losses,
        "dropped": reasons(group.dropped.iter().map(|(why, n)| (words::dropped(*why), *n))),
        "most_queued": group.most_queued,
        "most_queued_one": group.most_queued_one,
        "delay_ms": delays(&group.delay),
        "acknowledgement_ms": delays(&group.acknowledgement),
        "reconnect_ms": delays(&group.reconnect),
    })
}

fn delays(delays: &Delays) -> Value {
    if delays.count() == 0 {
        return Value::Null;
    }
    json!({
        "count": delays.count(),
        "p50": delays.percentile(50.0),
        "p90": delays.percentile(90.0),
        "p99": delays.percentile(99.0),
        "max": delays.max(),
    })
}

/// A list for each curve: shorter than an object for each point, and ready to be drawn.
fn curves(samples: &[Sample]) -> Value {
    let list = |of: fn(&Sample) -> u64| samples.iter().map(of).collect::<Vec<_>>();
    json!({
        "seconds": samples.iter().map(|sample| sample.at).collect::<Vec<_>>(),
        "up": samples.iter().map(|sample| sample.is_up).collect::<Vec<_>>(),
        "connections": list(|s| s.connections),
        "sessions": list(|s| s.sessions),
        "subscriptions": list(|s| s.subscriptions),
        "retained": list(|s| s.retained),
        "queued": list(|s| s.queued),
        "queued_bytes": list(|s| s.queued_bytes),
        "in_flight": list(|s| s.in_flight),
        "client_queued": list(|s| s.client_queued),
        "memory_estimate": list(|s| s.memory),
        "log_bytes": list(|s| s.log),
        "published": list(|s| s.published),
        "received": list(|s| s.received),
        "dropped": list(|s| s.dropped),
        "connects": list(|s| s.connects),
    })
}
