//! The broker is asked to stop in the middle of everything. Who is connected is told (clients of 5.0
//! by a DISCONNECT with 0x8B), what was acknowledged is on the disk, and the process ends within its
//! nine seconds. A new one goes on.

use std::time::Duration;

use surewire_engine::packet::{Packet, ReasonCode, Version};
use tokio::time::sleep;

use super::cast::{Cast, cast};
use super::{Options, millis, secs};
use crate::history::now;
use crate::packets::connect;
use crate::stage::{Fault, Outcome, Scene, Stage, ensure};

pub(super) fn set(stage: &mut Stage, _: &Options) {
    cast(stage, &Cast { publishers: 6, messages: 200, over: 30, ..Cast::default() });
    let stop = millis(stage.random.between(4_000, 25_000));
    stage.down(Fault::Stop, stop, stop + secs(10));
    for number in 0..stage.random.between(2, 10) {
        let host = stage.random.pick(&["town", "city"]).unwrap_or("town");
        let version = stage.random.pick(&[Version::V3_1_1, Version::V5]).unwrap_or(Version::V5);
        stage.act(host, &format!("guest-{number}"), async move |scene| {
            stay(&scene, version, stop).await
        });
    }
    stage.act("city", "porter", async move |scene| {
        sleep(stop + millis(9_500)).await;
        let stopped = scene.history.counted("stops");
        ensure(stopped == 1, || "the broker did not stop within 9 s".to_owned())
    });
}

/// Says nothing until the end, which comes soon after the stop and with its reason.
async fn stay(scene: &Scene, version: Version, stop: Duration) -> Outcome {
    sleep(secs(1)).await;
    let mut client = scene.dial(version).await?;
    client.connect(connect(&scene.name, version, true)).await?;
    let told = client.end(stop + secs(2) - now()).await?;
    let is_early = now() < stop;
    ensure(!is_early, || "cut off before the stop".to_owned())?;
    let is_told = match told.as_slice() {
        [] => version != Version::V5,
        [Packet::Disconnect(bye)] => bye.code == ReasonCode::ServerShuttingDown,
        _ => false,
    };
    ensure(is_told, || format!("{told:?} at the stop"))
}
