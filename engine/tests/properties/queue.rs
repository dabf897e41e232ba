//! The backlog's limits, from a PUBLISH to what arrives: docs/contract.md section 4.

use proptest::prelude::*;
use proptest::sample::select;
use surewire_engine::config::{Config, QueueFullPolicy};
use surewire_engine::notice::{DropReason, Notice};

use crate::support::Bench;

/// Messages by their numbers, with their QoS.
type List = Vec<(usize, u8)>;

/// The contract's three rules over a plain list; returns the message that goes, if any.
fn push(list: &mut List, new: (usize, u8), limit: usize, policy: QueueFullPolicy) -> Option<usize> {
    if list.len() < limit {
        list.push(new);
        return None;
    }
    if policy == QueueFullPolicy::DropNewest {
        return Some(new.0);
    }
    let gone = match list.iter().position(|(_, qos)| *qos == 0) {
        Some(oldest_qos0) => list.remove(oldest_qos0),
        None if new.1 == 0 => return Some(new.0),
        None => list.remove(0),
    };
    list.push(new);
    Some(gone.0)
}

fn shown(list: &List) -> Vec<String> {
    list.iter().map(|(n, qos)| format!("t={n} q{qos}")).collect()
}

fn bench(window: u16, limit: Option<usize>, policy: QueueFullPolicy) -> Bench {
    Bench::with(Config {
        max_inflight_messages: window,
        max_msgqueue_messages: limit,
        queue_full_policy: policy,
        ..Config::default()
    })
}

/// How many messages were told to be dropped.
fn dropped(bench: &Bench) -> usize {
    use DropReason::{QueueFullNewQoS0, QueueFullNewest, QueueFullOldest, QueueFullOldestQoS0};
    let reasons = [QueueFullOldestQoS0, QueueFullNewQoS0, QueueFullOldest, QueueFullNewest];
    let is_drop =
        |notice: &&Notice| matches!(notice, Notice::Dropped { why, .. } if reasons.contains(why));
    bench.notices().iter().filter(is_drop).count()
}

fn policy() -> impl Strategy<Value = QueueFullPolicy> {
    select(vec![QueueFullPolicy::DropOldest, QueueFullPolicy::DropNewest])
}

proptest! {
    #![proptest_config(crate::config())]

    // contract: section 4, offline
    #[test]
    fn a_client_that_was_away_finds_what_the_rules_have_left(
        limit in prop::option::weighted(0.9, 1..6_usize),
        policy in policy(),
        messages in prop::collection::vec(0..3_u8, 0..30),
    ) {
        let bench = bench(100, limit, policy);
        let client = bench.connect_persistent("c", false);
        client.subscribe("t", 2);
        client.disconnect();
        let publisher = bench.connect("p");
        bench.notices();
        let (mut list, mut gone) = (List::new(), 0);
        for message in messages.into_iter().enumerate() {
            publisher.publish("t", message.1, &message.0.to_string());
            gone += push(&mut list, message, limit.unwrap_or(usize::MAX), policy).iter().count();
        }
        prop_assert_eq!(dropped(&bench), gone);
        let back = bench.connect_persistent("c", true);
        prop_assert_eq!(back.ack_all(), shown(&list));
    }

    // contract: section 4, online: the same behind a full window, while QoS 0 passes
    #[test]
    fn a_client_that_does_not_answer_gets_what_the_rules_have_left(
        limit in prop::option::weighted(0.9, 1..6_usize),
        policy in policy(),
        messages in prop::collection::vec(0..3_u8, 0..30),
    ) {
        let bench = bench(1, limit, policy);
        let client = bench.connect("c");
        client.subscribe("t", 2);
        let publisher = bench.connect("p");
        bench.notices();
        let (mut list, mut window, mut gone) = (List::new(), List::new(), 0);
        let mut passed = List::new();
        for message in messages.into_iter().enumerate() {
            publisher.publish("t", message.1, &message.0.to_string());
            if message.1 == 0 {
                passed.push(message);
            } else if window.is_empty() {
                window.push(message);
                passed.push(message);
            } else {
                let limit = limit.unwrap_or(usize::MAX);
                gone += push(&mut list, message, limit, policy).iter().count();
            }
        }
        prop_assert_eq!(dropped(&bench), gone);
        prop_assert_eq!(client.ack_all(), shown(&[passed, list].concat()));
    }
}
