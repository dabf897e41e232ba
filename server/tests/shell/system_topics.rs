//! docs/sys-topics.md: what a subscriber to `$SYS` is told.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use surewire_server::settings::Settings;

use crate::broker::{
    Broker, Client, DEADLINE, connect_bytes, plain, publish_bytes, subscribe_bytes,
};

fn telling_every(sys_interval: Option<Duration>) -> Broker {
    Broker::start(Settings { sys_interval, ..plain() })
}

/// What a client knows of the topics below `$SYS/broker/`.
struct Reader {
    client: Client<std::net::TcpStream>,
    known: BTreeMap<String, String>,
}

impl Reader {
    fn new(broker: &Broker) -> Self {
        let mut client = broker.client("reader");
        client.send(&subscribe_bytes(1, "$SYS/broker/#", 0));
        client.expect(&[0x90, 3, 0, 1, 0]);
        Self { client, known: BTreeMap::new() }
    }

    /// Reads until the topic has this value.
    #[track_caller]
    fn wait_for(&mut self, topic: &str, value: &str) {
        let deadline = Instant::now() + DEADLINE;
        while self.known.get(topic).is_none_or(|known| known != value) {
            assert!(Instant::now() < deadline, "{topic} is not {value}: {:?}", self.known);
            self.read();
        }
    }

    #[track_caller]
    fn read(&mut self) {
        let (topic, value) = self.client.message();
        let topic = topic.strip_prefix("$SYS/broker/").unwrap().to_owned();
        self.known.insert(topic, String::from_utf8(value.to_vec()).unwrap());
    }
}

#[test]
fn a_new_subscriber_is_told_everything_and_then_what_changes() {
    let broker = telling_every(Some(Duration::from_secs(1)));
    let mut reader = Reader::new(&broker);
    while reader.known.len() < 24 + 27 {
        reader.read();
    }
    reader.wait_for("clients/connected", "1");
    let version = format!("surewire version {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(reader.known["version"], version);
    assert!(reader.known["uptime"].ends_with(" seconds"), "{:?}", reader.known);

    let mut sent = connect_bytes("reader").len() + subscribe_bytes(1, "$SYS/broker/#", 0).len();
    let mut writer = broker.client("writer");
    let message = publish_bytes("t", b"12345");
    // Retained, and at QoS 0.
    let kept = [&[message[0] | 1], &message[1..]].concat();
    writer.send(&[&message[..], &kept].concat());
    sent += connect_bytes("writer").len() + message.len() + kept.len();
    for (topic, value) in [
        ("publish/messages/received", "2".to_owned()),
        ("publish/bytes/received", "10".to_owned()),
        ("bytes/received", sent.to_string()),
        ("messages/received", "5".to_owned()),
        ("clients/connected", "2".to_owned()),
        ("clients/maximum", "2".to_owned()),
        // The broker's own are not counted.
        ("retained messages/count", "1".to_owned()),
        ("subscriptions/count", "1".to_owned()),
    ] {
        reader.wait_for(topic, &value);
    }
    writer.send(&[0xe0, 0]);
    reader.wait_for("clients/total", "1");
    assert_eq!(reader.known["clients/maximum"], "2");
}

// contract: section 5, clients do not publish to $SYS
#[test]
fn nobody_else_can_tell_anything_there() {
    let broker = telling_every(Some(Duration::from_secs(1)));
    let mut reader = Reader::new(&broker);
    reader.client.send(&publish_bytes("$SYS/broker/version", b"forged"));
    reader.wait_for("publish/messages/received", "1");
    assert!(reader.known["version"].starts_with("surewire"), "{:?}", reader.known);
}

#[test]
fn it_can_be_turned_off() {
    let broker = telling_every(None);
    let mut reader = Reader::new(&broker);
    reader.client.send(&subscribe_bytes(2, "t", 0));
    reader.client.expect(&[0x90, 3, 0, 2, 0]);
    reader.client.send(&publish_bytes("t", b"first"));
    assert_eq!(reader.client.message().0, "t");
}
