use crate::broker::{Broker, names};
use crate::mqtt::Client;

#[test]
fn clients_are_listed_in_pieces_by_the_time_they_connected() {
    let broker = Broker::default();
    let _clients: Vec<Client> = (0..5).map(|n| broker.clean(&format!("c{n}"))).collect();
    let mut seen = Vec::new();
    let mut path = "clients?limit=2".to_owned();
    loop {
        let page = broker.get(&path);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2, "{page}");
        seen.extend(items.iter().map(|one| one["client_id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("clients?limit=2&cursor={next}");
    }
    assert_eq!(seen, ["c0", "c1", "c2", "c3", "c4"]);
}

#[test]
fn a_filter_finds_a_part_of_id_user_name_or_address_whatever_its_case() {
    let broker = Broker::default();
    let _a = broker.clean("Sensor-1");
    let _b = Client::named(broker.mqtt(), "other", "SENSOR");
    let _c = broker.clean("third");
    for (filter, expected) in [
        ("sensor", vec!["Sensor-1", "other"]),
        ("or-1", vec!["Sensor-1"]),
        ("127.0.0", vec!["Sensor-1", "other", "third"]),
        ("nobody", vec![]),
    ] {
        let page = broker.get(&format!("clients?filter={filter}"));
        assert_eq!(names(&page), expected, "{filter}");
    }
}

#[test]
fn one_client_is_shown_whole() {
    let broker = Broker::default();
    let _client = Client::named(broker.mqtt(), "a/b c", "u");
    let client = broker.get("clients/a%2Fb%20c");
    assert_eq!(client["client_id"], "a/b c");
    assert_eq!(client["username"], "u");
    assert_eq!(client["protocol_version"], "3.1.1");
    assert_eq!(client["clean_start"], true);
    assert_eq!(client["keep_alive_seconds"], 60);
    assert_eq!(client["reading"], true);
    assert!(client["remote_addr"].as_str().unwrap().starts_with("127.0.0.1:"), "{client}");
    assert!(client["connected_at"].as_str() <= client["last_heard_at"].as_str(), "{client}");
    let absent = broker.request("GET", "clients/nobody", "");
    assert_eq!(absent.problem(404), "No client `nobody` is connected.");
}

#[test]
fn a_client_that_is_disconnected_sees_its_connection_end() {
    let broker = Broker::default();
    let mut client = broker.persistent("a");
    assert_eq!(broker.request("POST", "clients/a/disconnect", "").status, 204);
    client.ends();
    broker.request("POST", "clients/a/disconnect", "").problem(404);
    assert_eq!(broker.get("sessions/a")["online"], false);
}
