//! Peers vanish without a word. Some connect and never say anything, or half a CONNECT; some are in
//! the middle of a packet; some were accepted and are cut off for ever. None of them keeps its
//! connection, and nobody else notices.

use std::time::Duration;

use surewire_engine::codec;
use surewire_engine::packet::{Packet, QoS, Version};
use tokio::time::sleep;

use super::cast::{Cast, cast};
use super::{Options, millis, secs};
use crate::packets::{connect, publish};
use crate::stage::{Fault, Outcome, Scene, Stage, ensure};

/// When the ghosts' host is gone for ever.
const GONE: Duration = secs(8);

pub(super) fn set(stage: &mut Stage, _: &Options) {
    cast(stage, &Cast { readers: 2, publishers: 2, messages: 60, over: 30, ..Cast::default() });
    for number in 0..stage.random.between(3, 10) {
        let wait = millis(stage.random.between(0, 10_000));
        let said = usize::try_from(stage.random.between(0, 12)).unwrap_or(0);
        stage.act("town", &format!("mute-{number}"), async move |scene| {
            sleep(wait).await;
            say_little(&scene, said).await
        });
    }
    let ghosts = stage.random.between(2, 6);
    for number in 0..ghosts {
        let wait = millis(stage.random.between(0, 4_000));
        let keep_alive = u16::try_from(stage.random.between(2, 8)).unwrap_or(2);
        let in_packet = stage.random.one_in(2);
        stage.act("void", &format!("ghost-{number}"), async move |scene| {
            sleep(wait).await;
            vanish(&scene, keep_alive, in_packet).await
        });
    }
    stage.at(GONE, Fault::Partition("void".to_owned()));
    stage.act("city", "operator", async move |scene| look(&scene, ghosts).await);
}

/// The first bytes of a CONNECT, and then nothing: closed within `connect_timeout`, which is 10 s.
async fn say_little(scene: &Scene, said: usize) -> Outcome {
    let mut client = scene.dial(Version::V3_1_1).await?;
    let mut bytes = Vec::new();
    let packet = Packet::Connect(Box::new(connect(&scene.name, Version::V3_1_1, true)));
    codec::encode(Version::V3_1_1, &packet, &mut bytes);
    client.send_bytes(bytes.get(..said).unwrap_or_default()).await?;
    let heard = client.end(secs(12)).await?;
    ensure(heard.is_empty(), || format!("{heard:?} before a CONNECT"))
}

/// Is accepted, perhaps begins a packet, and stays as it is.
async fn vanish(scene: &Scene, keep_alive: u16, in_packet: bool) -> Outcome {
    let mut client = scene.dial(Version::V5).await?;
    let mut hello = connect(&scene.name, Version::V5, true);
    hello.keep_alive = keep_alive;
    client.connect(hello).await?;
    if in_packet {
        let mut bytes = Vec::new();
        let packet = publish("d/ghost", QoS::AtMostOnce, None, vec![0; 100]);
        codec::encode(Version::V5, &packet, &mut bytes);
        client.send_bytes(bytes.get(..40).unwrap_or_default()).await?;
    }
    // Its side of the connection stays open for longer than anybody looks.
    sleep(secs(60)).await;
    Ok(())
}

/// All ghosts were connected, and at one and a half times their keep alive none is.
async fn look(scene: &Scene, ghosts: u64) -> Outcome {
    sleep(millis(4_500)).await;
    let before = scene.operator().await?.get("/api/v1/clients?limit=1000").await?.body;
    sleep(GONE + secs(13)).await;
    let after = scene.operator().await?.get("/api/v1/clients?limit=1000").await?.body;
    ensure(before.contains("publisher-0"), || format!("no client is listed: {before}"))?;
    let seen = (0..ghosts).filter(|n| before.contains(&format!("\"ghost-{n}\""))).count();
    scene.trace.note(&scene.name, format!("{seen} of {ghosts} ghosts were there"));
    ensure(!after.contains("\"ghost-"), || format!("ghosts are connected: {after}"))
}
