//! The whole broker: `run` with three workers, its committer and clients on threads of their own.

use shuttle::thread::{self, JoinHandle};
use surewire_engine::log::record::Record;
use surewire_engine::packet::Packet;
use tokio::sync::oneshot;

use super::client::Client;
use super::disk::Files;
use super::environment::{Controlled, Door};
use super::in_many_orders;
use crate::config::Durability;
use crate::settings::{ListenerSettings, Settings};
use crate::sync::block_on;

const WORKERS: usize = 3;

/// Who publishes to the subscriber, each on a connection of another worker.
const PUBLISHERS: [&str; 2] = ["anna", "otto"];

/// Messages of each: more than one is on its way, so that batches and outboxes fill.
const MESSAGES: u16 = 3;

/// As many as make the broker refuse some at times, because the disk is behind.
const FLOOD: u16 = 12;

fn settings() -> Settings {
    let listener = ListenerSettings::plain(":1883".parse().unwrap());
    let durability = Durability::Power;
    // All but one entry of a turn are late.
    let at_once = 1;
    Settings { workers: WORKERS, durability, sys_interval: None, at_once, ..Settings::on(listener) }
}

/// Runs the broker with `clients` until these say that it is to stop; what they return, and what
/// is stored in the end.
fn serve<T: Send + 'static>(
    clients: impl FnOnce(Door, Files, oneshot::Sender<()>) -> T + Send + 'static,
) -> (T, Vec<Record>) {
    let (environment, door) = Controlled::new();
    let (stop, asked) = oneshot::channel();
    let files = environment.files.clone();
    let clients = thread::spawn(move || clients(door, files, stop));
    // Asked for or not, nobody is left to ask for it later.
    let shutdown = async { drop(asked.await) };
    block_on(crate::run(settings(), &environment, shutdown)).unwrap();
    let files = environment.join();
    (clients.join().unwrap(), files.records())
}

/// Payloads of all messages, in the order of their records.
fn published(records: &[Record]) -> Vec<String> {
    let payload = |record: &Record| {
        let Record::Published { message, .. } = record else { return None };
        Some(text(&message.payload))
    };
    records.iter().filter_map(payload).collect()
}

fn text(payload: &[u8]) -> String {
    String::from_utf8(payload.to_vec()).unwrap()
}

fn start_publishers(door: &Door, files: &Files) -> Vec<JoinHandle<()>> {
    let start = |name| {
        let (door, files) = (door.clone(), files.clone());
        thread::spawn(move || block_on(publish(&door, &files, name)))
    };
    PUBLISHERS.into_iter().map(start).collect()
}

/// Publishes without waiting; each message is durable when its PUBACK comes.
async fn publish(door: &Door, files: &Files, name: &str) {
    let mut client = Client::connect(door, name).await.unwrap();
    let payload = |id: u16| format!("{name} {id}");
    for id in 1..=MESSAGES {
        assert!(client.publish(name, id, &payload(id)).await);
    }
    for id in 1..=MESSAGES {
        let Some(Packet::Puback(ack)) = client.receive().await else { panic!("no PUBACK") };
        assert_eq!(ack.packet_id.get(), id, "acknowledged in order");
        assert!(files.are_durable(payload(id).as_bytes()), "{name} {id} acknowledged and lost");
    }
    client.disconnect().await;
}

fn everybody() {
    let (seen, records) = serve(|door, files, stop| {
        block_on(async {
            let mut subscriber = Client::connect(&door, "subscriber").await.unwrap();
            subscriber.subscribe("#").await;
            let publishers = start_publishers(&door, &files);
            let mut seen = Vec::new();
            while seen.len() < PUBLISHERS.len() * usize::from(MESSAGES) {
                let Some(Packet::Publish(message)) = subscriber.receive().await else {
                    panic!("the connection ended after {seen:?}")
                };
                seen.push(text(&message.payload));
                subscriber.acknowledge(message.packet_id.unwrap()).await;
            }
            publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
            stop.send(()).unwrap();
            assert!(subscriber.receive().await.is_none());
            seen
        })
    });
    for name in PUBLISHERS {
        let own: Vec<_> = seen.iter().filter(|payload| payload.starts_with(name)).collect();
        assert!(own.is_sorted(), "{own:?}");
    }
    assert_eq!(published(&records), seen, "records are in the order of the engine's lock");
}

/// Publishes, and asks for the stop when the first message is acknowledged. Returns all that are.
async fn flood(
    door: &Door,
    files: &Files,
    name: &str,
    mut stop: Option<oneshot::Sender<()>>,
) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let Some(mut client) = Client::connect(door, name).await else { return acknowledged };
    for id in 1..=FLOOD {
        if !client.publish(name, id, &format!("{name} {id:02}")).await {
            break;
        }
    }
    while let Some(packet) = client.receive().await {
        let Packet::Puback(ack) = packet else { panic!("{packet:?}") };
        let payload = format!("{name} {:02}", ack.packet_id.get());
        assert!(files.are_durable(payload.as_bytes()), "{payload} acknowledged and lost");
        acknowledged.push(payload);
        if let Some(stop) = stop.take() {
            stop.send(()).unwrap();
        }
    }
    acknowledged
}

fn stop_under_load() {
    let (acknowledged, records) = serve(|door, files, stop| {
        block_on(async {
            let mut subscriber = Client::connect(&door, "subscriber").await.unwrap();
            subscriber.subscribe("#").await;
            let start = |(name, stop)| {
                let (door, files) = (door.clone(), files.clone());
                thread::spawn(move || block_on(flood(&door, &files, name, stop)))
            };
            let publishers = PUBLISHERS.into_iter().zip([Some(stop), None]).map(start);
            let publishers: Vec<_> = publishers.collect();
            // It takes what comes and acknowledges nothing, so that all of it stays stored.
            while subscriber.receive().await.is_some() {}
            publishers.into_iter().flat_map(|publisher| publisher.join().unwrap()).collect()
        })
    });
    let (acknowledged, stored): (Vec<String>, _) = (acknowledged, published(&records));
    for name in PUBLISHERS {
        let of = |payloads: &[String]| {
            payloads.iter().filter(|payload| payload.starts_with(name)).cloned().collect::<Vec<_>>()
        };
        let (acknowledged, stored) = (of(&acknowledged), of(&stored));
        assert!(acknowledged.is_sorted() && stored.is_sorted(), "{acknowledged:?}, {stored:?}");
        assert!(stored.starts_with(&acknowledged), "{acknowledged:?}, but stored {stored:?}");
    }
}

/// Subscriber and publishers are served by different workers, so each message goes through another
/// worker's outbox, and each acknowledgement through the committer.
///
/// It has failed for: no wake-up for another worker's outbox, or only in the last of a turn's holds
/// of the lock; a wake-up that is lost when nobody waits for it yet; a worker woken before it can
/// see what is durable; acknowledged when taken instead of when synced; records handed over behind
/// the lock; output that overtakes what waits for its socket.
#[test]
fn every_message_arrives_in_order_and_is_durable_when_it_is_acknowledged() {
    in_many_orders(300, everybody);
}

/// Sockets, outboxes and the committer's queue are full when the stop comes: the broker ends, and
/// all that it has acknowledged is stored.
///
/// It has failed for: the newest batch taken first; the committer ending at once when it is told
/// that nothing more will come, or not being told.
#[test]
fn a_stop_under_load_ends_and_keeps_what_was_acknowledged() {
    in_many_orders(300, stop_under_load);
}
