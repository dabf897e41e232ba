//! `$SYS` in virtual time: the same task that runs in production.

use std::error::Error;
use std::time::Duration;

use bytestring::ByteString;
use surewire_engine::id::PacketId;
use surewire_engine::packet::{
    Connect, Packet, Properties, Subscribe, SubscribeFilter, SubscribeOptions, Version,
};
use surewire_server::settings::{ListenerSettings, Settings};
use surewire_sim::{Client, SimulatedEnvironment, Trace, simulation};

type Outcome = Result<(), Box<dyn Error>>;

#[test]
fn uptime_follows_the_simulated_clock() {
    let mut sim = simulation(1, Duration::from_secs(120));
    sim.host("broker", || async {
        let listener = ListenerSettings::plain(":1883".parse().map_err(|_| "address")?);
        let environment = SimulatedEnvironment::new(1);
        surewire_server::run(Settings::on(listener), &environment, std::future::pending()).await?;
        Ok(())
    });
    sim.client("watcher", watch());
    sim.run().unwrap();
}

/// Sees every tenth second, because that is the default of `sys_interval`.
async fn watch() -> Outcome {
    let mut client = Client::dial("watcher", "broker", &Trace::default()).await?;
    client.send(&connect()).await?;
    client.send(&subscribe("$SYS/broker/uptime")).await?;
    let mut seen = Vec::new();
    while seen.len() < 4 {
        if let Some(Packet::Publish(publish)) = client.receive().await? {
            seen.push(String::from_utf8(publish.payload.to_vec())?);
        }
    }
    assert_eq!(seen, ["0 seconds", "10 seconds", "20 seconds", "30 seconds"]);
    Ok(())
}

fn connect() -> Packet {
    Packet::Connect(Box::new(Connect {
        version: Version::V3_1_1,
        clean_start: true,
        keep_alive: 0,
        client_id: ByteString::from_static("watcher"),
        will: None,
        user_name: None,
        password: None,
        properties: Properties::NONE,
    }))
}

fn subscribe(filter: &'static str) -> Packet {
    let options = SubscribeOptions::default();
    let filter = SubscribeFilter { filter: ByteString::from_static(filter), options };
    Packet::Subscribe(Box::new(Subscribe {
        packet_id: PacketId::FIRST,
        filters: vec![filter],
        properties: Properties::NONE,
    }))
}
