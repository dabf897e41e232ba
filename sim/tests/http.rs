//! The management interface on a simulated network: an operator beside a client, and the same seed
//! twice.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

use std::error::Error;
use std::time::Duration;

use bytestring::ByteString;
use surewire_engine::id::PacketId;
use surewire_engine::packet::{
    Connect, Packet, Properties, QoS, Subscribe, SubscribeFilter, SubscribeOptions, Version,
};
use surewire_server::config::{Config, Durability};
use surewire_server::settings::{Machine, Settings};
use surewire_sim::{Client, SimulatedEnvironment, Trace, simulation};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use turmoil::net::TcpStream;

type Outcome = Result<(), Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(30);

const FILE: &str = "listener: [{protocol: mqtt, addr: ':1883'}]\nworkers: 2\n\
    http_server: {addr: ':9090', user: {admin: s3cret}}";

const ACCOUNT: &str = "Authorization: Basic YWRtaW46czNjcmV0\r\n";

/// Runs a client and an operator and returns what both saw.
fn run(seed: u64) -> Trace {
    let trace = Trace::default();
    let mut sim = simulation(seed, Duration::from_secs(120));
    sim.host("broker", move || serve(seed));
    let seen = trace.clone();
    sim.client("reader", async move { read(&seen).await });
    let seen = trace.clone();
    sim.client("operator", async move { operate(&seen).await });
    sim.run().unwrap();
    trace
}

async fn serve(seed: u64) -> Outcome {
    let no_variables: [(&str, &str); 0] = [];
    let loaded = Config::parse(FILE.as_bytes(), no_variables)?;
    let settings =
        Settings::resolve(&loaded.config, Machine { cores: 2, files: None, memory: None });
    // A simulated host has no disk.
    let settings = Settings { durability: Durability::None, ..settings };
    let environment = SimulatedEnvironment::new(seed);
    surewire_server::run(settings, &environment, std::future::pending()).await?;
    Ok(())
}

/// Subscribes and sees the operator's message.
async fn read(trace: &Trace) -> Outcome {
    let mut client = Client::dial("reader", "broker", trace).await?;
    let connect = Connect {
        version: Version::V3_1_1,
        clean_start: true,
        keep_alive: 0,
        client_id: ByteString::from_static("reader"),
        will: None,
        user_name: None,
        password: None,
        properties: Properties::NONE,
    };
    client.send(&Packet::Connect(Box::new(connect))).await?;
    assert!(matches!(client.receive().await?, Some(Packet::Connack(_))));
    let options = SubscribeOptions { qos: QoS::AtMostOnce, ..SubscribeOptions::default() };
    let subscribe = Subscribe {
        packet_id: PacketId::FIRST,
        filters: vec![SubscribeFilter { filter: ByteString::from_static("t/#"), options }],
        properties: Properties::NONE,
    };
    client.send(&Packet::Subscribe(Box::new(subscribe))).await?;
    assert!(matches!(client.receive().await?, Some(Packet::Suback(_))));
    let message = timeout(PATIENCE, client.receive()).await??;
    let Some(Packet::Publish(publish)) = message else { panic!("{message:?} is no PUBLISH") };
    assert_eq!(publish.payload, &b"hello"[..]);
    Ok(())
}

/// Sees the client, and publishes to it, on one connection.
async fn operate(trace: &Trace) -> Outcome {
    // The reader has subscribed by then.
    sleep(Duration::from_secs(2)).await;
    let mut stream = TcpStream::connect(("broker", 9_090)).await?;
    let request = format!("GET /clients HTTP/1.1\r\nHost: broker\r\n{ACCOUNT}\r\n");
    let clients = exchange(&mut stream, trace, &request).await?;
    assert!(clients.starts_with("HTTP/1.1 200 OK\r\n"), "{clients}");
    assert!(clients.contains(r#"{"list":[{"client_id":"reader","#), "{clients}");
    // Simulations begin at a fixed time.
    assert!(clients.contains("\r\ndate: Sun, 15 Jun 2025 15:06:4"), "{clients}");
    let form = "qos=0&topic=t/1&payload=hello";
    let length = form.len();
    let request = format!(
        "POST /publish HTTP/1.1\r\nHost: broker\r\n{ACCOUNT}Content-Length: {length}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}"
    );
    let done = exchange(&mut stream, trace, &request).await?;
    assert!(done.ends_with("\r\n\r\n{\"code\":0,\"result\":[]}"), "{done}");
    Ok(())
}

/// Sends a request and reads its answer, whose body is JSON and as long as its head says.
async fn exchange(
    stream: &mut TcpStream,
    trace: &Trace,
    request: &str,
) -> Result<String, Box<dyn Error>> {
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    while !is_whole(&answer) {
        let mut part = Vec::with_capacity(1024);
        let count = timeout(PATIENCE, stream.read_buf(&mut part)).await??;
        assert_ne!(count, 0, "the end came after {answer:?}");
        trace.saw("operator", &part);
        answer.push_str(&String::from_utf8(part)?);
    }
    Ok(answer)
}

fn is_whole(answer: &str) -> bool {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.is_some_and(|length| length.parse() == Ok(body.len()))
}

#[test]
fn an_operator_sees_a_client_and_publishes_to_it() {
    run(1);
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_gives_another() {
    let (first, second, other) = (run(7), run(7), run(8));
    assert_eq!(first.to_string(), second.to_string());
    assert_ne!(first.hash(), other.hash());
}
