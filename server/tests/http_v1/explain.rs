use serde_json::Value;

use crate::broker::Broker;

/// Asks, and checks what every explanation must be.
#[track_caller]
fn explain(broker: &Broker, client: &str, topic: &str, qos: u8) -> Value {
    let told = broker.get(&format!("explain?client_id={client}&topic={topic}&qos={qos}"));
    let reaches = told["would_reach"].as_bool().unwrap();
    let summary = told["summary"].as_str().unwrap();
    assert!(summary.starts_with(if reaches { "Yes" } else { "No" }), "{summary}");
    assert!(summary.ends_with('.'), "{summary}");
    for obstacle in told["obstacles"].as_array().unwrap() {
        assert!(obstacle["text"].as_str().unwrap().ends_with('.'), "{obstacle}");
    }
    assert_eq!(told["obstacles"].as_array().unwrap().is_empty(), told["outcome"] == "sent");
    told
}

#[track_caller]
fn expect(told: &Value, outcome: &str, session: &str, reasons: &[&str], words: &str) {
    assert_eq!(told["outcome"], outcome, "{told}");
    assert_eq!(told["session"], session, "{told}");
    let obstacles = told["obstacles"].as_array().unwrap();
    let found: Vec<&str> = obstacles.iter().map(|one| one["reason"].as_str().unwrap()).collect();
    assert_eq!(found, reasons);
    let summary = told["summary"].as_str().unwrap();
    assert!(summary.contains(words), "{summary}");
}

#[test]
fn a_client_without_a_session_gets_nothing() {
    let broker = Broker::default();
    let told = explain(&broker, "nobody", "t", 1);
    expect(&told, "not_delivered", "none", &["no_session"], "has no session");
}

#[test]
fn subscriptions_wait_for_a_client_that_never_connected() {
    let broker = Broker::default();
    broker.legacy("/subscribe", "clientID=later&topic=t&qos=1");
    let told = explain(&broker, "later", "t", 1);
    let reasons = ["waiting_for_first_connection"];
    expect(&told, "not_delivered", "none", &reasons, "never connected");
}

#[test]
fn a_topic_that_nothing_matches_is_named_as_that() {
    let broker = Broker::default();
    let mut client = broker.clean("a");
    client.subscribe("t/+", 1);
    let told = explain(&broker, "a", "T/1", 1);
    let reasons = ["no_matching_subscription"];
    expect(&told, "not_delivered", "online", &reasons, "None of the client's subscriptions");
    let told = explain(&broker, "a", "t/1", 2);
    expect(&told, "sent", "online", &[], "sent now at QoS 1, by the subscription `t/+`.");
    assert_eq!(told["subscriptions"][0]["filter"], "t/+");
    assert_eq!(told["subscriptions"][0]["granted_qos"], 1);
    assert_eq!(told["subscriptions"][0]["effective_qos"], 1);
    assert_eq!(told["subscriptions"][0]["used"], true);
}

#[test]
fn what_is_no_topic_or_the_brokers_own_reaches_nobody() {
    let broker = Broker::default();
    let _client = broker.clean("a");
    let told = explain(&broker, "a", "t/%23", 1);
    expect(&told, "not_delivered", "online", &["topic_invalid"], "this is none");
    let told = explain(&broker, "a", "%24other/x", 1);
    expect(&told, "not_delivered", "online", &["dollar_topic"], "start with $");
}

#[test]
fn an_offline_client_keeps_what_the_configuration_says() {
    let broker = Broker::with(|engine| {
        engine.queue_qos0_messages = false;
        engine.max_msgqueue_messages = Some(1);
    });
    let mut client = broker.persistent("a");
    client.subscribe("t", 1);
    client.leave();
    let told = explain(&broker, "a", "t", 0);
    let reasons = ["offline", "offline_qos0"];
    expect(&told, "dropped", "offline", &reasons, "queue_qos0_messages: true");
    let told = explain(&broker, "a", "t", 1);
    expect(&told, "queued", "offline", &["offline"], "is not connected");
    broker.publish(r#"{"topic":"t","qos":1}"#);
    let told = explain(&broker, "a", "t", 1);
    expect(&told, "queued", "offline", &["offline", "queue_full"], "is not connected");
    let full = told["obstacles"][1]["text"].as_str().unwrap();
    assert!(full.contains("max_msgqueue_messages"), "{full}");
}

#[test]
fn a_full_queue_refuses_where_its_policy_says_so() {
    let broker = Broker::with(|engine| {
        engine.max_msgqueue_messages = Some(1);
        engine.queue_full_policy = surewire_engine::config::QueueFullPolicy::DropNewest;
    });
    let mut client = broker.persistent("a");
    client.subscribe("t", 1);
    client.leave();
    broker.publish(r#"{"topic":"t","qos":1}"#);
    let told = explain(&broker, "a", "t", 1);
    expect(&told, "dropped", "offline", &["offline", "queue_full"], "queue_full_policy");
    broker.publish(r#"{"topic":"t","qos":1}"#);
    let recent = explain(&broker, "a", "t", 1)["recent"].clone();
    assert_eq!(recent[0]["reason"], "queue_full_newest", "{recent}");
}

#[test]
fn a_full_window_makes_messages_wait() {
    let broker = Broker::with(|engine| engine.max_inflight_messages = 1);
    let mut client = broker.clean("a");
    client.subscribe("t", 1);
    broker.publish(r#"{"topic":"t","qos":1}"#);
    let told = explain(&broker, "a", "t", 1);
    expect(&told, "queued", "online", &["window_full"], "max_inflight_messages");
    broker.publish(r#"{"topic":"t","qos":1}"#);
    let told = explain(&broker, "a", "t", 1);
    let reasons = ["behind_backlog", "window_full"];
    expect(&told, "queued", "online", &reasons, "max_inflight_messages");
}

#[test]
fn in_a_share_group_it_is_one_members_turn() {
    let broker = Broker::default();
    let (mut a, mut b) = (broker.clean("a"), broker.clean("b"));
    a.subscribe("$share/g/t", 1);
    b.subscribe("$share/g/t", 1);
    let (of_a, of_b) = (explain(&broker, "a", "t", 1), explain(&broker, "b", "t", 1));
    let (turn, other) = if of_a["outcome"] == "sent" { (of_a, of_b) } else { (of_b, of_a) };
    expect(&turn, "sent", "online", &[], "by the subscription `$share/g/t`");
    expect(&other, "another_member", "online", &["not_chosen_in_group"], "another member");
    assert_eq!(other["subscriptions"][0]["used"], false);
    assert!(other["subscriptions"][0]["why_not"].as_str().unwrap().contains("turn"));
    assert_eq!(other["subscriptions"][0]["share_group"], "g");
}
