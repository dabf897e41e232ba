//! Fleets whose fate can be worked out by hand.

#![cfg(test)]

mod support;

use std::time::Duration;

use support::{group, link, outage, publish, report, secs, sensors, subscribe};
use surewire_engine::notice::{CloseReason, DropReason};
use surewire_engine::packet::{QoS, Version};
use surewire_fleet::plan::{Dropouts, Durability, End, Gone, Group, Link, Plan, Publish, Timing};
use surewire_fleet::run;

#[test]
fn without_trouble_everything_arrives_and_only_acknowledgements_wait_for_the_disk() {
    let report = report(&sensors());
    let [sensors, app] = &report.groups[..] else { panic!("two groups") };
    // Ten sensors, 600 s, one in 10 s each, the first within 10 s.
    assert!((590..=600).contains(&sensors.published), "{}", sensors.published);
    assert_eq!(sensors.acknowledged + sensors.pending, sensors.published);
    assert!(sensors.pending <= 1);
    assert!(app.received >= sensors.published - 1);
    // 10 ms each way; 5 ms for the disk is what only a promise waits for.
    assert_eq!((app.delay.percentile(50.0), app.delay.max()), (20.0, 20.0));
    assert_eq!(sensors.acknowledgement.max(), 25.0);
    assert_eq!(report.broker.dropped.len(), 0);
    assert_eq!(report.curves.len(), 240);
    assert_eq!(report.curves.last().unwrap().connections, 11);
}

#[test]
fn the_same_plan_and_seed_give_the_same_report() {
    let plan = || Plan {
        links: vec![Link {
            jitter: Duration::from_millis(40),
            bandwidth: Some(2_000),
            dropouts: Some(Dropouts { every: secs(60), last: secs(20) }),
            ..link("lte")
        }],
        outages: vec![
            outage(Gone::Broker(End::Crash), 100, 10),
            outage(Gone::Link(0), 200, 100),
            outage(Gone::Group(0), 400, 50),
        ],
        ..sensors()
    };
    let shown = |plan: &Plan| format!("{:?}", report(plan));
    assert_eq!(shown(&plan()), shown(&plan()));
    assert_ne!(shown(&plan()), shown(&Plan { seed: 2, ..plan() }));
}

#[test]
fn a_broker_that_is_killed_loses_nothing_that_it_acknowledged() {
    for end in [End::Crash, End::Power, End::Stop] {
        let plan = Plan { outages: vec![outage(Gone::Broker(end), 300, 30)], ..sensors() };
        let report = report(&plan);
        let [sensors, app] = &report.groups[..] else { panic!("two groups") };
        assert_eq!(report.broker.starts, 2, "{end:?}");
        assert_eq!((sensors.losses, sensors.connects), (10, 20), "{end:?}");
        assert_eq!(sensors.overflowed + sensors.unsent + sensors.uncertain, 0);
        assert!(app.received >= sensors.acknowledged, "{end:?}: {sensors:?} {app:?}");
        assert_eq!(report.broker.dropped.len(), 0);
    }
}

#[test]
fn what_nothing_stores_is_lost_with_the_broker() {
    let mut plan = sensors();
    plan.broker.durability = Durability::Nothing;
    // The application is away and its session holds what is published.
    plan.outages =
        vec![outage(Gone::Group(1), 100, 150), outage(Gone::Broker(End::Crash), 200, 10)];
    let without = report(&plan);
    assert!(without.broker.lost_at_end > 50, "{:?}", without.broker);
    plan.broker.durability = Durability::Power;
    assert_eq!(report(&plan).broker.lost_at_end, 0);
}

#[test]
fn a_full_queue_drops_what_does_not_fit_and_says_why() {
    let mut plan = sensors();
    plan.broker.config.max_msgqueue_messages = Some(20);
    // 300 s away: some 300 messages, of which the window and the queue hold 40.
    plan.outages = vec![outage(Gone::Group(1), 100, 300)];
    let report = report(&plan);
    let app = &report.groups[1];
    let dropped = app.dropped.get(&DropReason::QueueFullOldest).copied().unwrap_or(0);
    assert!((230..=270).contains(&dropped), "{dropped}");
    assert_eq!(report.broker.dropped.get(&DropReason::QueueFullOldest), Some(&dropped));
    assert!((20..=40).contains(&app.most_queued), "{}", app.most_queued);
    // The oldest that came through had waited since the queue began to overflow.
    assert!(app.delay.max() > 1_000.0);
}

#[test]
fn clients_that_lose_power_are_missed_after_one_and_a_half_keep_alives() {
    let plan = Plan { outages: vec![outage(Gone::Group(0), 300, 200)], ..sensors() };
    let report = report(&plan);
    assert_eq!(report.broker.closed.0, [(CloseReason::KeepAlive, 10)]);
    let sensors = &report.groups[0];
    assert_eq!((sensors.losses, sensors.connects), (10, 20));
    // They are back at once after 200 s, a round trip for the connection and one for the CONNACK.
    assert_eq!(sensors.reconnect.count(), 10);
    assert!((200_040.0..200_300.0).contains(&sensors.reconnect.max()), "{sensors:?}");
    let gone = |at: f64| report.curves.iter().find(|sample| sample.at >= at).unwrap().connections;
    assert_eq!((gone(295.0), gone(370.0), gone(395.0), gone(590.0)), (11, 11, 1, 11));
}

#[test]
fn a_short_dropout_costs_time_and_a_long_one_the_connection() {
    let short = Plan { outages: vec![outage(Gone::Link(0), 300, 8)], ..sensors() };
    let short = report(&short);
    assert_eq!(short.sum(|group| group.losses), 0);
    assert!((7_000.0..8_100.0).contains(&short.groups[1].delay.max()), "{:?}", short.groups[1]);
    let long = Plan { outages: vec![outage(Gone::Link(0), 300, 120)], ..sensors() };
    let long = report(&long);
    assert_eq!(long.sum(|group| group.losses), 11);
    // Clients tried in vain while the link was gone, and nothing is lost.
    assert!(long.sum(|group| group.failed_connects) > 11);
    assert!(long.groups[1].received >= long.groups[0].acknowledged);
}

#[test]
fn a_slow_link_makes_messages_late() {
    let mut plan = sensors();
    plan.links[0].bandwidth = Some(1_000);
    plan.groups[0].publish[0].payload = (1_000, 1_000);
    let report = report(&plan);
    // A second up and a second down, for each.
    assert!(report.groups[1].delay.percentile(1.0) > 2_000.0);
}

#[test]
fn qos_0_without_a_connection_is_not_sent_and_one_on_its_way_is_lost() {
    let mut plan = sensors();
    for publish in &mut plan.groups[0].publish {
        (publish.qos, publish.every) = (QoS::AtMostOnce, Duration::from_millis(100));
    }
    plan.outages = vec![outage(Gone::Broker(End::Power), 300, 100)];
    let report = report(&plan);
    let sensors = &report.groups[0];
    assert!(sensors.unsent > 100, "{sensors:?}");
    // They found out late: until then they sent to nobody.
    assert!(report.broker.lost_to_broker > 100, "{:?}", report.broker);
    let sent = sensors.published - sensors.unsent;
    assert_eq!(report.broker.taken, sent - report.broker.lost_to_broker);
}

#[test]
fn all_at_once_is_busier_than_one_after_the_other() {
    let mut plan = sensors();
    plan.groups[0].clients = 100;
    let busiest = |timing| {
        let mut plan = plan.clone();
        plan.groups[0].publish[0].timing = timing;
        report(&plan).broker.busiest.taken
    };
    let (regular, random) = (busiest(Timing::Regular), busiest(Timing::Random));
    assert_eq!(busiest(Timing::Together), 100);
    assert!(regular < 30 && random < 40, "{regular} {random}");
}

#[test]
fn a_limit_changes_nothing_in_what_clients_do() {
    let mut plan = sensors();
    plan.groups[0].publish[0].timing = Timing::Random;
    let before = report(&plan).groups[0].published;
    plan.broker.config.max_msgqueue_messages = Some(1);
    plan.groups.push(Group { subscribe: vec![subscribe("#")], ..group("more", 3) });
    assert_eq!(report(&plan).groups[0].published, before);
}

#[test]
fn expired_messages_and_sessions_are_told_apart() {
    let mut plan = sensors();
    for group in &mut plan.groups {
        group.version = Version::V5;
    }
    plan.groups[0].publish = vec![Publish { expiry: Some(30), ..publish("data/{client}") }];
    plan.outages = vec![outage(Gone::Group(1), 100, 200)];
    let with = report(&plan);
    assert!(with.broker.dropped.get(&DropReason::Expired).is_some_and(|count| *count > 50));
    plan.groups[1].session_expiry = Some(20);
    plan.groups[0].publish = vec![publish("data/{client}")];
    let with = report(&plan);
    let ended = with.groups[1].dropped.get(&DropReason::SessionEnded);
    assert!(ended.is_some_and(|count| *count > 50), "{:?}", with.groups[1]);
}

#[test]
fn a_small_disk_refuses_what_it_cannot_keep() {
    let mut plan = sensors();
    plan.broker.disk = Some(64 << 20);
    plan.broker.config.max_msgqueue_messages = None;
    plan.groups[0].publish[0].payload = (500_000, 500_000);
    plan.groups[0].publish[0].every = secs(40);
    plan.outages = vec![outage(Gone::Group(1), 50, 500)];
    let report = run(&plan, |_| {}).unwrap();
    assert!(report.broker.disk_full > 0, "{:?}", report.broker);
    assert!(report.curves.iter().all(|sample| sample.log <= 64 << 20));
}
