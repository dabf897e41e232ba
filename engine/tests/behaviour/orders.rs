//! What the management interface orders: docs/contract.md section 3.1.

use crate::support::requests::{clear, client_id, filter, publish, subscribe, topic, unsubscribe};
use crate::support::{Bench, connect, will};
use surewire_engine::answer::Answer;
use surewire_engine::config::Config;
use surewire_engine::log::record::{Record, Retained};
use surewire_engine::notice::{
    CloseReason, DropReason, Notice, PublishRefusal, SessionEnd, SubscribeRefusal,
};
use surewire_engine::packet::Connect;
use surewire_engine::request::{Command, Query, Request, Start, SubscriptionsOf};

const NOTHING: [&str; 0] = [];

fn published(receivers: u64, retained: Retained) -> Answer {
    Answer::Published { receivers, retained }
}

// contract: section 3.1, /publish
#[test]
fn a_publish_follows_the_rules_of_a_clients() {
    let config = Config { max_topic_levels: 3, max_retained_messages: 1, ..Config::default() };
    let bench = Bench::with(config);
    let online = bench.connect("on");
    online.subscribe("t/#", 2);
    let offline = bench.connect_persistent("off", false);
    offline.subscribe("t/#", 1);
    offline.lose();
    let answer = bench.command(publish("t/1", 2, true, "x"));
    assert_eq!(answer, published(2, Retained::Stored));
    assert_eq!(online.messages(), ["t/1=x q2"]);
    assert_eq!(bench.session_view("off").unwrap().queued, 1);
    assert_eq!(bench.retained("#"), ["t/1=x q2 retain"]);

    assert_eq!(bench.command(publish("nobody", 0, false, "x")), published(0, Retained::Untouched));
    assert_eq!(bench.command(publish("t/2", 0, true, "x")), published(2, Retained::Untouched));
    assert_eq!(bench.command(publish("t/1", 0, true, "")), published(2, Retained::Cleared));
    for (name, why) in
        [("$SYS/x", PublishRefusal::DollarTopic), ("a/b/c/d", PublishRefusal::TopicLimit)]
    {
        let refused = bench.command(publish(name, 0, false, "x"));
        assert_eq!(refused, Answer::PublishRefused(why));
    }
}

// contract: section 3.1, "sent only when the message is routed and .. durable"
#[test]
fn the_answer_to_an_order_waits_until_its_records_are_durable() {
    let bench = Bench::new();
    bench.connect_persistent("c", false).subscribe("t", 1);
    bench.hold_store();
    let orders = [
        publish("t", 1, false, "x"),
        subscribe("c", "u", 1),
        unsubscribe("c", "u"),
        // Did nothing, and yet must not be answered before what made it so.
        unsubscribe("c", "u"),
        subscribe("nobody", "u", 1),
        Command::EndSession(client_id("c")),
    ];
    let asked: Vec<_> =
        orders.into_iter().map(|order| bench.ask(Request::Command(order))).collect();
    assert!(asked.iter().all(|id| bench.answer(*id).is_none()), "answered before it is durable");
    bench.sync();
    let answers: Vec<_> = asked.iter().map(|id| bench.answer(*id).unwrap()).collect();
    assert_eq!(
        answers,
        [
            published(1, Retained::Untouched),
            Answer::Subscribed,
            Answer::Unsubscribed(true),
            Answer::Unsubscribed(false),
            Answer::Subscribed,
            Answer::SessionEnded(true),
        ]
    );
}

// contract: section 3.1, /subscribe
#[test]
fn a_subscription_on_behalf_of_a_client_brings_retained_and_live_messages() {
    let bench = Bench::new();
    bench.connect("p").retain("t/r", 1, "old");
    let client = bench.connect("c");
    assert_eq!(bench.command(subscribe("c", "t/#", 1)), Answer::Subscribed);
    assert_eq!(client.ack_all(), ["t/r=old q1 retain"]);
    bench.command(publish("t/l", 2, false, "new"));
    assert_eq!(client.ack_all(), ["t/l=new q1"]);
    assert_eq!(bench.command(unsubscribe("c", "t/#")), Answer::Unsubscribed(true));
    bench.command(publish("t/l", 2, false, "newer"));
    assert_eq!(client.messages(), NOTHING);
    assert_eq!(bench.command(unsubscribe("c", "t/#")), Answer::Unsubscribed(false));
}

// contract: section 3.1, /subscribe
#[test]
fn a_subscription_on_behalf_of_an_offline_client_collects_for_it() {
    let bench = Bench::new();
    bench.connect("p").retain("t/r", 1, "old");
    bench.connect_persistent("c", false).lose();
    bench.records();
    bench.command(subscribe("c", "t/#", 1));
    bench.command(subscribe("c", "$share/g/t/#", 1));
    let subscribed = |record: &Record| matches!(record, Record::Subscribed { .. });
    assert_eq!(bench.records().iter().filter(|record| subscribed(record)).count(), 2);
    bench.command(publish("t/l", 1, false, "new"));
    let client = bench.connect_persistent("c", true);
    let mut seen = client.ack_all();
    seen.sort();
    assert_eq!(seen, ["t/l=new q1", "t/l=new q1", "t/r=old q1 retain"]);
}

// contract: section 3.1, "kept by its first connection, clean or not"
#[test]
fn a_subscription_waits_for_the_first_connection_of_an_unknown_client() {
    for clean in [true, false] {
        let bench = Bench::new();
        bench.connect("p").retain("t/r", 0, "old");
        assert_eq!(bench.command(subscribe("c", "t/#", 1)), Answer::Subscribed);
        assert_eq!(bench.command(subscribe("c", "u", 1)), Answer::Subscribed);
        assert_eq!(bench.command(unsubscribe("c", "u")), Answer::Unsubscribed(true));
        assert_eq!(bench.session_view("c"), None);
        assert_eq!(bench.sizes().waiting_clients, 1);
        // Nothing is queued for it.
        assert_eq!(
            bench.command(publish("t/l", 1, false, "early")),
            published(0, Retained::Untouched)
        );
        bench.hold_store();
        let client = bench.open(Connect { clean_start: clean, ..connect("c") });
        bench.sync();
        assert_eq!(client.seen(), ["connack", "t/r=old q0 retain"]);
        assert_eq!(bench.sizes().waiting_clients, 0);
        let own = SubscriptionsOf::Client(client_id("c"));
        assert_eq!(bench.subscriptions(own, Start::FIRST, 10).total, 1);
        bench.command(publish("t/l", 0, false, "live"));
        assert_eq!(client.messages(), ["t/l=live q0"]);
        client.disconnect();
        // It was for the first connection only.
        let again = bench.open(connect("c"));
        bench.sync();
        again.expect_connack(false);
        let own = SubscriptionsOf::Client(client_id("c"));
        assert_eq!(bench.subscriptions(own, Start::FIRST, 10).total, 0);
    }
}

#[test]
fn waiting_subscriptions_are_recorded_and_so_is_their_end() {
    let bench = Bench::new();
    bench.command(subscribe("c", "a", 1));
    bench.command(subscribe("c", "b", 1));
    bench.command(unsubscribe("c", "a"));
    bench.connect_persistent("c", false);
    let kinds: Vec<&str> = bench
        .records()
        .iter()
        .map(|record| match record {
            Record::SubscriptionAwaits { .. } => "awaits",
            Record::AwaitingEnded { filter: Some(_), .. } => "withdrawn",
            Record::AwaitingEnded { filter: None, .. } => "taken",
            Record::SessionBegan { .. } => "session",
            Record::Subscribed { .. } => "subscribed",
            other => panic!("unexpected {other:?}"),
        })
        .collect();
    assert_eq!(kinds, ["awaits", "awaits", "withdrawn", "session", "subscribed", "taken"]);
}

// contract: section 3.1, "at most 10,000 such ids wait"
#[test]
fn no_more_than_10_000_clients_are_waited_for() {
    let bench = Bench::with(Config { max_subscriptions_per_client: 2, ..Config::default() });
    bench.check_every(100_000);
    for n in 0..10_000 {
        assert_eq!(bench.command(subscribe(&format!("c{n}"), "t", 0)), Answer::Subscribed);
    }
    let refused = bench.command(subscribe("one-more", "t", 0));
    assert_eq!(refused, Answer::SubscribeRefused(SubscribeRefusal::Awaited));
    // Those that wait may have more of them, up to what a client may have.
    assert_eq!(bench.command(subscribe("c0", "u", 0)), Answer::Subscribed);
    assert_eq!(bench.command(subscribe("c0", "u", 1)), Answer::Subscribed);
    let refused = bench.command(subscribe("c0", "v", 0));
    assert_eq!(refused, Answer::SubscribeRefused(SubscribeRefusal::SubscriptionLimit));
    bench.command(unsubscribe("c1", "t"));
    assert_eq!(bench.command(subscribe("one-more", "t", 0)), Answer::Subscribed);
}

#[test]
fn no_more_than_1_000_subscriptions_wait_for_one_client() {
    let bench = Bench::new();
    bench.check_every(1_000);
    for n in 0..1_000 {
        assert_eq!(bench.command(subscribe("c", &format!("t/{n}"), 0)), Answer::Subscribed);
    }
    let refused = bench.command(subscribe("c", "one/more", 0));
    assert_eq!(refused, Answer::SubscribeRefused(SubscribeRefusal::Awaited));
}

#[test]
fn the_limits_of_a_clients_subscriptions_hold_for_orders_too() {
    let config =
        Config { max_subscriptions_per_client: 1, max_topic_levels: 2, ..Config::default() };
    let bench = Bench::with(config);
    bench.connect("c").subscribe("t", 0);
    for (client, filter, why) in [
        ("c", "u", SubscribeRefusal::SubscriptionLimit),
        ("c", "a/b/c", SubscribeRefusal::TopicLimit),
        ("unknown", "a/b/c", SubscribeRefusal::TopicLimit),
    ] {
        let refused = bench.command(subscribe(client, filter, 0));
        assert_eq!(refused, Answer::SubscribeRefused(why), "{client} {filter}");
    }
    assert_eq!(bench.command(subscribe("c", "t", 2)), Answer::Subscribed);
}

#[test]
fn a_disconnect_ends_the_connection_and_publishes_the_will() {
    let bench = Bench::new();
    let watcher = bench.connect("w");
    watcher.subscribe("will", 0);
    let victim = bench.open(Connect {
        clean_start: false,
        will: will("will", "gone", 0, false),
        ..connect("c")
    });
    assert_eq!(bench.command(Command::Disconnect(client_id("c"))), Answer::Disconnected(true));
    assert_eq!(victim.closed(), Some(CloseReason::Administrative));
    assert_eq!(watcher.messages(), ["will=gone q0"]);
    assert!(!bench.session_view("c").unwrap().online, "its session stays");
    assert_eq!(bench.command(Command::Disconnect(client_id("c"))), Answer::Disconnected(false));
}

#[test]
fn ending_a_session_takes_its_connection_and_all_it_held() {
    let bench = Bench::new();
    let offline = bench.connect_persistent("off", false);
    offline.subscribe("t", 1);
    offline.lose();
    let clean = bench.connect("clean");
    let kept = bench.connect_persistent("kept", false);
    bench.command(publish("t", 1, false, "x"));
    bench.notices();
    for id in ["off", "clean", "kept"] {
        let answer = bench.command(Command::EndSession(client_id(id)));
        assert_eq!(answer, Answer::SessionEnded(true), "{id}");
        assert_eq!(bench.session_view(id), None, "{id}");
    }
    assert_eq!(clean.closed(), Some(CloseReason::Administrative));
    assert_eq!(kept.closed(), Some(CloseReason::Administrative));
    let ended = |notice: &Notice| match notice {
        Notice::SessionEnded { client, why, dropped } => Some((client.to_string(), *why, *dropped)),
        _ => None,
    };
    let ends: Vec<_> = bench.notices().iter().filter_map(ended).collect();
    assert_eq!(
        ends,
        [
            ("off".to_owned(), SessionEnd::Administrative, 1),
            ("clean".to_owned(), SessionEnd::WithConnection, 0),
            ("kept".to_owned(), SessionEnd::Administrative, 0),
        ]
    );
    let answer = bench.command(Command::EndSession(client_id("off")));
    assert_eq!(answer, Answer::SessionEnded(false));
}

#[test]
fn retained_messages_are_cleared_by_filter_some_in_each_step() {
    let bench = Bench::new();
    bench.check_every(1_000);
    let publisher = bench.connect("p");
    for n in 0..700 {
        publisher.retain(&format!("t/{n}"), 0, "x");
    }
    publisher.retain("other", 0, "x");
    bench.command(Command::PublishSystem { topic: topic("$SYS/x"), payload: "1".into() });
    bench.records();
    let (mut total, mut steps, mut after) = (0, 0, None);
    loop {
        let order = Command::ClearRetained { filter: filter("t/#"), after };
        let Answer::RetainedCleared { removed, next } = bench.command(order) else {
            panic!("another answer")
        };
        (total, steps) = (total + removed, steps + 1);
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(total, 700);
    assert!(steps >= 3, "{steps} steps for 700");
    let cleared = |record: &Record| {
        matches!(record, Record::Published { retained: Retained::Cleared, message, to, .. }
            if message.payload.is_empty() && to.is_empty())
    };
    assert_eq!(bench.records().iter().filter(|record| cleared(record)).count(), 700);
    assert_eq!(bench.retained("#"), ["other=x q0 retain"]);
    // The broker's own messages stay.
    let answer = bench.command(clear("$SYS/#"));
    assert_eq!(answer, Answer::RetainedCleared { removed: 0, next: None });
    assert_eq!(bench.retained("$SYS/#"), ["$SYS/x=1 q0 retain"]);
}

#[test]
fn drops_are_counted_by_their_reason() {
    let bench = Bench::with(Config { max_msgqueue_messages: Some(1), ..Config::default() });
    let client = bench.connect_persistent("c", false);
    client.subscribe("t", 1);
    client.lose();
    for _ in 0..3 {
        bench.command(publish("t", 1, false, "x"));
    }
    bench.command(publish("t", 0, false, "x"));
    bench.command(Command::EndSession(client_id("c")));
    let Answer::Numbers(numbers) = bench.query(Query::Numbers) else { panic!("another answer") };
    let dropped: Vec<_> = numbers.counters.dropped.iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(
        dropped,
        [
            (DropReason::QueueFullNewQoS0, 1),
            (DropReason::QueueFullOldest, 2),
            (DropReason::SessionEnded, 1)
        ]
    );
    assert_eq!(numbers.counters.dropped.total(), 4);
}
