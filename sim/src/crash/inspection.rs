//! A look at everything that is retained, by a client without a past.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use surewire_engine::packet::QoS;
use surewire_engine::time::Time;

use super::client::{Client, Seen};
use super::retained::Retained;

/// How long what is owed may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long it waits for what must not come.
const QUIET: Duration = Duration::from_millis(50);

/// Subscribes to everything and compares. Nobody publishes meanwhile.
pub(super) fn inspect(broker: SocketAddr, retained: &Retained) -> Vec<String> {
    let begun = Instant::now();
    let mut client = Client::new("inspector", true);
    let (mut found, mut heard, mut asked) = (BTreeMap::new(), begun, false);
    loop {
        let now = Time::from_secs(1) + begun.elapsed();
        for seen in client.poll(now, broker) {
            heard = Instant::now();
            match seen {
                Seen::Message(message) if message.retain => {
                    found.insert(message.topic, message.payload);
                }
                Seen::Fault(why) => return vec![format!("inspector: {why}")],
                Seen::Connected(_)
                | Seen::Message(_)
                | Seen::Acknowledged(_)
                | Seen::Subscribed(_)
                | Seen::Unsubscribed(_)
                | Seen::Unanswered(_) => {}
            }
        }
        if client.is_connected() && !asked {
            client.subscribe(now, 0, &[("r/#", QoS::ExactlyOnce), ("t/#", QoS::AtLeastOnce)]);
            asked = true;
        }
        let has_all = asked && retained.has_all(&found) && heard.elapsed() > QUIET;
        if has_all || begun.elapsed() > PATIENCE {
            return retained.violations(&found);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
