//! The real server on a simulated network: a workload with a lost client, and the same seed twice.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

use std::error::Error;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;
use surewire_engine::id::PacketId;
use surewire_engine::packet::{
    Ack, Connect, Packet, Properties, Publish, QoS, Subscribe, SubscribeFilter, SubscribeOptions,
    Version, Will,
};
use surewire_engine::topic::TopicName;
use surewire_server::settings::{ListenerSettings, Settings};
use surewire_sim::{Client, SimulatedEnvironment, Trace, simulation};
use tokio::time::{sleep, timeout};

type Outcome = Result<(), Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(30);
const MESSAGES: u16 = 20;

/// Runs the workload and returns what clients saw.
fn run(seed: u64) -> Trace {
    let trace = Trace::default();
    let mut sim = simulation(seed, Duration::from_secs(120));
    sim.host("broker", move || serve(seed));
    let seen = trace.clone();
    sim.client("watcher", async move { watch(&seen).await });
    let seen = trace.clone();
    sim.client("publisher", async move { publish(&seen).await });
    let seen = trace.clone();
    sim.client("mortal", async move { vanish(&seen).await });
    sim.run().unwrap();
    trace
}

async fn serve(seed: u64) -> Outcome {
    let listener = ListenerSettings::plain(":1883".parse().map_err(|_| "address")?);
    let settings = Settings { workers: 3, ..Settings::on(listener) };
    let environment = SimulatedEnvironment::new(seed);
    surewire_server::run(settings, &environment, std::future::pending()).await?;
    Ok(())
}

/// Sees every message of the publisher exactly once and in order, and then the will of a client
/// that the network took away.
async fn watch(trace: &Trace) -> Outcome {
    let mut client = connect("watcher", None, 0, trace).await?;
    for (id, filter, qos) in [(1, "data/#", QoS::ExactlyOnce), (2, "will", QoS::AtMostOnce)] {
        client.send(&subscribe(id, filter, qos)).await?;
        assert!(matches!(client.receive().await?, Some(Packet::Suback(_))));
    }
    let (mut seen, mut will) = (Vec::new(), false);
    while seen.len() < 3 * usize::from(MESSAGES) || !will {
        match timeout(PATIENCE, client.receive()).await?? {
            Some(Packet::Publish(publish)) => {
                if publish.topic.as_ref().is_some_and(|topic| topic.as_str() == "will") {
                    will = true;
                } else {
                    seen.push(publish.payload.clone());
                }
                acknowledge(&mut client, &publish).await?;
            }
            Some(Packet::Pubrel(ack)) => {
                client.send(&Packet::Pubcomp(Ack::new(ack.packet_id))).await?;
            }
            other => panic!("{other:?}"),
        }
    }
    let expected: Vec<_> =
        (0..MESSAGES).flat_map(|n| [0, 1, 2].map(|qos| payload(n, qos))).collect();
    assert_eq!(by_qos(seen), by_qos(expected));
    Ok(())
}

/// Order holds within a QoS; between them a standard's client may not rely on it.
fn by_qos(mut payloads: Vec<Bytes>) -> Vec<Bytes> {
    payloads.sort_by_key(|payload| payload.last().copied());
    payloads
}

async fn acknowledge(client: &mut Client, publish: &Publish) -> Outcome {
    let Some(id) = publish.packet_id else { return Ok(()) };
    let ack = Ack::new(id);
    let exactly_once = publish.qos == QoS::ExactlyOnce;
    client.send(&if exactly_once { Packet::Pubrec(ack) } else { Packet::Puback(ack) }).await?;
    Ok(())
}

async fn publish(trace: &Trace) -> Outcome {
    // The watcher has subscribed by then.
    sleep(Duration::from_secs(2)).await;
    let mut client = connect("publisher", None, 0, trace).await?;
    for n in 0..MESSAGES {
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let packet_id = (qos != QoS::AtMostOnce).then_some(PacketId::FIRST);
            client
                .send(&Packet::Publish(Publish {
                    dup: false,
                    qos,
                    retain: false,
                    topic: TopicName::new(ByteString::from(format!("data/{n}"))),
                    packet_id,
                    properties: Properties::NONE,
                    payload: payload(n, qos as u8),
                }))
                .await?;
            finish(&mut client, qos).await?;
        }
    }
    Ok(())
}

/// Waits until the broker has taken over responsibility.
async fn finish(client: &mut Client, qos: QoS) -> Outcome {
    match qos {
        QoS::AtMostOnce => {}
        QoS::AtLeastOnce => assert!(matches!(answer(client).await?, Some(Packet::Puback(_)))),
        QoS::ExactlyOnce => {
            assert!(matches!(answer(client).await?, Some(Packet::Pubrec(_))));
            client.send(&Packet::Pubrel(Ack::new(PacketId::FIRST))).await?;
            assert!(matches!(answer(client).await?, Some(Packet::Pubcomp(_))));
        }
    }
    Ok(())
}

async fn answer(client: &mut Client) -> Result<Option<Packet>, Box<dyn Error>> {
    Ok(timeout(PATIENCE, client.receive()).await??)
}

/// Connects with a will, and then the network loses it: its keep alive is what ends it.
async fn vanish(trace: &Trace) -> Outcome {
    let will = Will {
        topic: TopicName::new(ByteString::from_static("will")).ok_or("topic")?,
        payload: Bytes::from_static(b"gone"),
        qos: QoS::AtMostOnce,
        retain: false,
        properties: Properties::NONE,
    };
    sleep(Duration::from_secs(1)).await;
    let _client = connect("mortal", Some(Box::new(will)), 4, trace).await?;
    turmoil::partition("mortal", "broker");
    // The connection stays open on this side until the broker has given it up.
    sleep(Duration::from_secs(20)).await;
    Ok(())
}

async fn connect(
    name: &str,
    will: Option<Box<Will>>,
    keep_alive: u16,
    trace: &Trace,
) -> Result<Client, Box<dyn Error>> {
    let mut client = Client::dial(name, "broker", trace).await?;
    let connect = Connect {
        version: Version::V3_1_1,
        clean_start: true,
        keep_alive,
        client_id: ByteString::from(name),
        will,
        user_name: None,
        password: None,
        properties: Properties::NONE,
    };
    client.send(&Packet::Connect(Box::new(connect))).await?;
    assert!(matches!(client.receive().await?, Some(Packet::Connack(_))));
    Ok(client)
}

fn subscribe(id: u16, filter: &'static str, qos: QoS) -> Packet {
    let filter = SubscribeFilter {
        filter: ByteString::from_static(filter),
        options: SubscribeOptions { qos, ..SubscribeOptions::default() },
    };
    Packet::Subscribe(Box::new(Subscribe {
        packet_id: PacketId::new(id).expect("ids in this test are not 0"),
        filters: vec![filter],
        properties: Properties::NONE,
    }))
}

fn payload(n: u16, qos: u8) -> Bytes {
    let [high, low] = n.to_be_bytes();
    Bytes::copy_from_slice(&[high, low, qos])
}

#[test]
fn every_message_arrives_once_and_a_lost_clients_will_is_published() {
    run(1);
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_gives_another() {
    let (first, second, other) = (run(7), run(7), run(8));
    assert_eq!(first.to_string(), second.to_string());
    assert_ne!(first.hash(), other.hash());
    assert_eq!(hash_of_another_process(), format!("trace hash {:016x}", first.hash()));
}

/// Hash keys, addresses and the wall clock differ between processes: none may show.
fn hash_of_another_process() -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "print_the_trace_hash", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    shown.lines().find_map(|line| line.find("trace hash").map(|at| line[at..].to_owned())).unwrap()
}

#[test]
#[ignore = "run in a process of its own by the test above"]
fn print_the_trace_hash() {
    println!("\ntrace hash {:016x}", run(7).hash());
}
