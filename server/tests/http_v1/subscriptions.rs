use crate::broker::Broker;

fn filters(page: &serde_json::Value) -> Vec<&str> {
    let mut filters: Vec<&str> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["filter"].as_str().unwrap())
        .collect();
    filters.sort_unstable();
    filters
}

#[test]
fn subscriptions_are_found_by_client_filter_or_topic() {
    let broker = Broker::default();
    let (mut a, mut b) = (broker.clean("a"), broker.clean("b"));
    a.subscribe("x/#", 1);
    a.subscribe("$share/g/x/+", 2);
    b.subscribe("x/#", 0);
    b.subscribe("y", 0);
    for (query, expected) in [
        ("", vec!["$share/g/x/+", "x/#", "x/#", "y"]),
        ("?client_id=a", vec!["$share/g/x/+", "x/#"]),
        ("?client_id=nobody", vec![]),
        ("?filter=x%2F%23", vec!["x/#", "x/#"]),
        ("?filter=%24share%2Fg%2Fx%2F%2B", vec!["$share/g/x/+"]),
        ("?topic=x/1", vec!["$share/g/x/+", "x/#", "x/#"]),
        ("?topic=y", vec!["y"]),
        ("?topic=z", vec![]),
    ] {
        let page = broker.get(&format!("subscriptions{query}"));
        assert_eq!(filters(&page), expected, "{query}");
    }
    // Cursors beyond every list.
    for query in [
        "filter=x&cursor=f18446744073709551615",
        "filter=x%2F%23&cursor=f18446744073709551614",
        "topic=x/1&cursor=t18446744073709551615",
        "client_id=a&cursor=i18446744073709551615",
        "cursor=a18446744073709551615",
    ] {
        assert_eq!(filters(&broker.get(&format!("subscriptions?{query}"))), [""; 0], "{query}");
    }
    let page = broker.get("subscriptions?client_id=a&limit=1");
    assert_eq!(page["items"][0]["qos"], 1);
    assert_eq!(page["items"][0]["share_group"], serde_json::Value::Null);
    let rest = page["next"].as_str().unwrap();
    let page = broker.get(&format!("subscriptions?client_id=a&cursor={rest}"));
    assert_eq!((filters(&page), &page["next"]), (vec!["$share/g/x/+"], &serde_json::Value::Null));
    let mut shared = page["items"][0].clone();
    assert!(shared.as_object_mut().unwrap().remove("subscribed_at").unwrap().is_string());
    assert_eq!(
        shared,
        serde_json::json!({
            "client_id": "a", "filter": "$share/g/x/+", "share_group": "g", "qos": 2,
            "no_local": false, "retain_as_published": false, "retain_handling": 0,
            "identifier": null,
        })
    );
    let foreign = broker.request("GET", &format!("subscriptions?topic=y&cursor={rest}"), "");
    assert!(foreign.problem(400).contains("does not belong to this list"));
}

#[test]
fn at_most_one_selector_is_taken() {
    let broker = Broker::default();
    let problem = broker.request("GET", "subscriptions?client_id=a&topic=t", "").problem(400);
    assert!(problem.contains("at most one is expected"), "{problem}");
}
