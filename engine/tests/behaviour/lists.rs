//! What there is, as the management interface lists it: docs/contract.md section 3.

use std::time::Duration;

use crate::support::requests::{clear, client_id, filter, topic};
use crate::support::{Bench, SECOND, connect, will};
use surewire_engine::answer::{Answer, ClientView, Page, SessionView, SubscriptionView};
use surewire_engine::config::Config;
use surewire_engine::log::record::Record;
use surewire_engine::packet::{Connect, Version};
use surewire_engine::request::{Cursor, Query, Start, SubscriptionsOf};
use surewire_engine::time::Time;

/// Items that one step of a list gives at most.
const STEP: usize = 500;

fn clients(bench: &Bench, start: Start, limit: usize, containing: &str) -> Page<ClientView> {
    let containing = (!containing.is_empty()).then(|| containing.to_owned());
    match bench.query(Query::Clients { start, limit, containing }) {
        Answer::Clients(page) => page,
        other => panic!("expected clients, got {other:?}"),
    }
}

fn sessions(bench: &Bench, start: Start, limit: usize, online: Option<bool>) -> Page<SessionView> {
    match bench.query(Query::Sessions { start, limit, containing: None, online }) {
        Answer::Sessions(page) => page,
        other => panic!("expected sessions, got {other:?}"),
    }
}

fn client_names(page: &Page<ClientView>) -> Vec<&str> {
    page.items.iter().map(|view| view.client.as_str()).collect()
}

fn session_names(page: &Page<SessionView>) -> Vec<&str> {
    page.items.iter().map(|view| view.client.as_str()).collect()
}

fn page(number: u64, size: u64) -> Start {
    Start::Page { number, size }
}

// contract: section 3, order
#[test]
fn clients_and_sessions_stand_in_the_order_in_which_they_connected_last() {
    let bench = Bench::new();
    for id in ["c", "a", "b"] {
        // Some within the same nanosecond.
        bench.connect_persistent(id, false);
    }
    bench.connect("d").disconnect();
    let back = bench.connect_persistent("c", true);
    assert_eq!(client_names(&clients(&bench, Start::FIRST, 10, "")), ["a", "b", "c"]);
    back.lose();
    assert_eq!(client_names(&clients(&bench, Start::FIRST, 10, "")), ["a", "b"]);
    let all = sessions(&bench, Start::FIRST, 10, None);
    assert_eq!(session_names(&all), ["a", "b", "c"]);
    let times: Vec<Time> = all.items.iter().map(|view| view.connected_at).collect();
    assert!(times.is_sorted());
    assert_eq!(session_names(&sessions(&bench, Start::FIRST, 10, Some(true))), ["a", "b"]);
    assert_eq!(session_names(&sessions(&bench, Start::FIRST, 10, Some(false))), ["c"]);
}

// contract: section 3, paging
#[test]
fn a_page_past_the_end_is_the_last_page_and_an_empty_list_echoes_the_page_asked_for() {
    let bench = Bench::new();
    let empty = clients(&bench, page(7, 2), 2, "");
    assert_eq!((empty.number, empty.total, empty.items.len()), (7, 0, 0));
    for id in ["a", "b", "c", "d", "e"] {
        bench.connect(id);
    }
    for (number, given, names) in [
        (1, 1, vec!["a", "b"]),
        (2, 2, vec!["c", "d"]),
        (3, 3, vec!["e"]),
        (4, 3, vec!["e"]),
        (u64::MAX, 3, vec!["e"]),
    ] {
        let page = clients(&bench, page(number, 2), 2, "");
        assert_eq!((page.number, page.total, client_names(&page)), (given, 5, names));
    }
    let exactly = clients(&bench, page(9, 5), 5, "");
    assert_eq!((exactly.number, exactly.items.len(), exactly.next), (1, 5, None));
}

#[test]
fn a_cursor_stays_good_whatever_comes_and_goes() {
    let bench = Bench::new();
    let all: Vec<_> = ["a", "b", "c", "d"].into_iter().map(|id| bench.connect(id)).collect();
    let first = clients(&bench, Start::FIRST, 2, "");
    assert_eq!(client_names(&first), ["a", "b"]);
    // The very one that the cursor stands at goes as well.
    all[1].disconnect();
    all[0].disconnect();
    bench.connect("e");
    let rest = clients(&bench, Start::After(first.next.unwrap()), 10, "");
    assert_eq!(client_names(&rest), ["c", "d", "e"]);
    assert_eq!(rest.next, None);
}

#[test]
fn a_cursor_beyond_every_list_is_its_end() {
    let bench = Bench::new();
    bench.connect("c").subscribe_many(&[("t", 0), ("+", 0)]);
    for place in [2, 3, u64::MAX - 1, u64::MAX] {
        let start = Start::After(Cursor(place));
        for of in [
            SubscriptionsOf::Filter(filter("t")),
            SubscriptionsOf::Filter(filter("nobody")),
            SubscriptionsOf::Topic(topic("t")),
        ] {
            let page = bench.subscriptions(of, start, 10);
            assert_eq!((page.items.len(), page.next), (0, None), "{place}");
        }
    }
    let start = Start::After(Cursor(u64::MAX));
    for of in [SubscriptionsOf::Everyone, SubscriptionsOf::Client(client_id("c"))] {
        assert_eq!(bench.subscriptions(of, start, 10).items, []);
    }
    assert_eq!(clients(&bench, start, 10, "").items, []);
    assert_eq!(sessions(&bench, start, 10, None).items, []);
}

#[test]
fn what_arrives_in_one_instant_is_recorded_with_times_of_its_own() {
    let bench = Bench::new();
    for (id, present) in [("a", false), ("b", false), ("a", true)] {
        bench.connect_persistent(id, present);
        let recorded = bench.records().iter().find_map(|record| match record {
            Record::SessionBegan { at, .. } | Record::SessionResumed { at, .. } => Some(*at),
            _ => None,
        });
        assert_eq!(recorded, Some(bench.session_view(id).unwrap().connected_at));
    }
    let all = sessions(&bench, Start::FIRST, 10, None);
    assert!(all.items[0].connected_at < all.items[1].connected_at);
}

#[test]
fn no_step_of_a_list_gives_more_than_its_share_and_all_steps_together_give_everything() {
    let bench = Bench::with(Config { max_inflight_messages: 1, ..Config::default() });
    bench.check_every(1_000);
    let count = 2 * STEP + 7;
    let client = bench.connect("c");
    for n in 0..count {
        client.subscribe(&format!("t/{n}"), 0);
    }
    for of in [
        SubscriptionsOf::Everyone,
        SubscriptionsOf::Client(client_id("c")),
        SubscriptionsOf::Topic(topic("t/0")),
    ] {
        let expected = if matches!(of, SubscriptionsOf::Topic(_)) { 1 } else { count };
        let (mut seen, mut start, mut largest) = (Vec::new(), Start::FIRST, 0);
        loop {
            let page = bench.subscriptions(of.clone(), start, usize::MAX);
            largest = largest.max(page.items.len());
            seen.extend(page.items.into_iter().map(|view| view.filter.as_str().to_owned()));
            let Some(next) = page.next else { break };
            start = Start::After(next);
        }
        assert!(largest <= STEP, "{largest} in one step");
        assert_eq!(seen, (0..expected).map(|n| format!("t/{n}")).collect::<Vec<_>>(), "{of:?}");
    }
}

#[test]
fn a_filter_looks_at_id_user_name_and_address_and_at_no_more_than_a_step_allows() {
    let bench = Bench::new();
    bench.check_every(1_000);
    bench.open(Connect { user_name: Some("Boss".into()), ..connect("x") });
    for n in 0..2 * STEP {
        bench.connect(&format!("Pump-{n}"));
    }
    for (containing, expected) in [("boss", "x"), ("PUMP-7", "Pump-7"), ("192.0.2", "x")] {
        let found = clients(&bench, Start::FIRST, 1, containing);
        assert_eq!(client_names(&found), [expected], "{containing}");
    }
    let first = clients(&bench, Start::FIRST, 10, "pump-999");
    assert_eq!(client_names(&first), [""; 0], "looked at more than a step's worth");
    let rest = clients(&bench, Start::After(first.next.unwrap()), 10, "pump-999");
    let rest = clients(&bench, Start::After(rest.next.unwrap()), 10, "pump-999");
    assert_eq!(client_names(&rest), ["Pump-999"]);
}

#[test]
fn a_client_is_shown_as_it_connected() {
    let bench = Bench::new();
    let user_name = Some("u".into());
    let open = Connect { user_name, keep_alive: 33, clean_start: false, ..connect("c") };
    let client = bench.open(open);
    client.expect_connack(false);
    bench.advance(SECOND);
    client.ping();
    let Answer::Client(Some(view)) = bench.query(Query::Client(client_id("c"))) else {
        panic!("not there")
    };
    assert_eq!(view.user_name.as_deref(), Some("u"));
    assert_eq!((view.keep_alive, view.version), (33, Version::V3_1_1));
    assert_eq!(view.address.to_string(), "192.0.2.1:50000");
    assert!(!view.ends_with_connection && view.reading);
    assert_eq!(view.heard_at - view.connected_at, SECOND);
    client.lose();
    assert_eq!(bench.query(Query::Client(client_id("c"))), Answer::Client(None));
}

// contract: section 3, Session
#[test]
fn a_session_shows_what_it_holds() {
    let bench = Bench::with(Config {
        max_inflight_messages: 2,
        max_msgqueue_messages: Some(3),
        session_expiry_interval: Some(Duration::from_secs(60)),
        ..Config::default()
    });
    assert_eq!(bench.session_view("c"), None);
    let with_will = Connect { clean_start: false, will: will("w", "x", 0, false), ..connect("c") };
    let client = bench.open(with_will);
    client.expect_connack(false);
    client.subscribe_many(&[("t/#", 2), ("u", 0)]);
    client.publish_as("elsewhere", 2, false, "x", 9, false);
    let publisher = bench.connect("p");
    for n in 0..7 {
        publisher.publish("t/1", 1, &n.to_string());
    }
    let view = bench.session_view("c").unwrap();
    assert!(view.online && view.has_will && !view.ends_with_connection && !view.replaying);
    assert_eq!((view.inflight, view.inflight_limit), (2, 2));
    assert_eq!((view.queued, view.queue_limit, view.dropped), (3, Some(3), 2));
    assert_eq!(view.queued_bytes, 3 * (64 + 3 + 1));
    assert_eq!((view.subscriptions, view.unreleased, view.expiry), (2, 1, Some(60)));
    assert_eq!(view.left_at, None);

    bench.advance(SECOND);
    client.disconnect();
    let left = bench.session_view("c").unwrap();
    assert_eq!((left.online, left.left_at), (false, Some(bench.now())));
    bench.advance(SECOND);
    bench.connect_persistent("c", true);
    let back = bench.session_view("c").unwrap();
    assert_eq!(back.left_at, left.left_at, "the last time it left");
    assert_eq!(back.connected_at, bench.now());
    bench.connect("clean");
    assert_eq!(bench.session_view("clean").unwrap().expiry, Some(0));
}

// contract: section 3, "`at` and `qos` are of the last SUBSCRIBE to that filter"
#[test]
fn a_repeated_subscribe_moves_the_subscription_to_the_end() {
    let bench = Bench::new();
    let client = bench.connect("c");
    client.subscribe_many(&[("a", 0), ("b", 0), ("c", 0)]);
    bench.advance(SECOND);
    client.subscribe("a", 2);
    for of in [SubscriptionsOf::Everyone, SubscriptionsOf::Client(client_id("c"))] {
        let list = bench.subscriptions(of, Start::FIRST, 10).items;
        let shown: Vec<_> = list.iter().map(|s| (s.filter.as_str(), s.options.qos as u8)).collect();
        assert_eq!(shown, [("b", 0), ("c", 0), ("a", 2)]);
        assert_eq!(list[2].at, bench.now());
    }
    client.unsubscribe(&["b"]);
    let left = bench.subscriptions(SubscriptionsOf::Everyone, Start::FIRST, 10);
    assert_eq!(left.total, 2);
}

#[test]
fn subscriptions_are_found_by_filter_and_by_topic() {
    let bench = Bench::new();
    for (id, filters) in [
        ("a", vec![("t/+", 1), ("$share/g/t/#", 0)]),
        ("b", vec![("t/+", 0), ("#", 2)]),
        ("c", vec![("t/x", 0), ("other", 0)]),
    ] {
        bench.connect(id).subscribe_many(&filters);
    }
    let found = |of| {
        let page = bench.subscriptions(of, Start::FIRST, 10);
        let name = |s: &SubscriptionView| format!("{} {}", s.client, s.filter);
        let mut found: Vec<String> = page.items.iter().map(name).collect();
        found.sort();
        assert_eq!(page.total, found.len() as u64);
        found
    };
    assert_eq!(found(SubscriptionsOf::Filter(filter("t/+"))), ["a t/+", "b t/+"]);
    assert_eq!(found(SubscriptionsOf::Filter(filter("$share/g/t/#"))), ["a $share/g/t/#"]);
    assert_eq!(found(SubscriptionsOf::Filter(filter("$share/h/t/#"))), [""; 0]);
    assert_eq!(found(SubscriptionsOf::Filter(filter("nobody"))), [""; 0]);
    let by_topic = found(SubscriptionsOf::Topic(topic("t/x")));
    assert_eq!(by_topic, ["a $share/g/t/#", "a t/+", "b #", "b t/+", "c t/x"]);

    let first = bench.subscriptions(SubscriptionsOf::Topic(topic("t/x")), Start::FIRST, 2);
    assert_eq!(first.next, Some(Cursor(2)));
    let rest = Start::After(Cursor(2));
    let rest = bench.subscriptions(SubscriptionsOf::Topic(topic("t/x")), rest, 10);
    assert_eq!((rest.items.len(), rest.next), (3, None));
}

#[test]
fn subscriptions_of_a_session_that_is_being_taken_apart_are_not_shown() {
    let bench = Bench::new();
    bench.check_every(10_000);
    let client = bench.connect("big");
    for n in 0..2_000 {
        client.subscribe(&format!("t/{n}"), 0);
    }
    // Without the timeouts in which the rest is removed.
    client.lose();
    let page = bench.subscriptions(SubscriptionsOf::Everyone, Start::FIRST, 10);
    assert_eq!(page.items, []);
    bench.settle();
    assert_eq!(bench.subscriptions(SubscriptionsOf::Everyone, Start::FIRST, 10).total, 0);
}

#[test]
fn retained_messages_are_listed_in_the_order_of_their_topics() {
    let bench = Bench::new();
    let publisher = bench.connect("p");
    for name in ["b/2", "a", "b/1", "c"] {
        publisher.retain(name, 0, "x");
    }
    let list = |text: &str, after: Option<&str>, limit| {
        let (filter, after) = (filter(text), after.map(topic));
        match bench.query(Query::Retained { filter, after, limit }) {
            Answer::Retained(page) => {
                let names = page.items.iter().map(|m| m.topic.as_str().to_owned());
                (names.collect::<Vec<_>>(), page.next.map(|next| next.as_str().to_owned()))
            }
            other => panic!("expected retained messages, got {other:?}"),
        }
    };
    assert_eq!(list("#", None, 2), (vec!["a".into(), "b/1".into()], Some("b/1".into())));
    assert_eq!(list("#", Some("b/1"), 9), (vec!["b/2".into(), "c".into()], None));
    assert_eq!(list("b/+", None, 9), (vec!["b/1".into(), "b/2".into()], None));
    assert_eq!(list("a", None, 9), (vec!["a".into()], None));
    let Answer::RetainedMessage(Some(message)) = bench.query(Query::RetainedMessage(topic("c")))
    else {
        panic!("not there")
    };
    assert_eq!(message.payload, "x");
    bench.command(clear("c"));
    assert_eq!(bench.query(Query::RetainedMessage(topic("c"))), Answer::RetainedMessage(None));
}
