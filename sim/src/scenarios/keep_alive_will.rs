//! Clients with Wills end in every way there is. Those that say good-bye leave no Will; those that
//! close their connection leave it at once; those that are lost leave it at one and a half times
//! their keep alive, not before, and once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use surewire_engine::id::PacketId;
use surewire_engine::packet::{Ack, Disconnect, Packet, Properties, QoS, ReasonCode, Version};
use tokio::time::{sleep, timeout};

use super::{Options, millis, secs};
use crate::history::now;
use crate::packets::{connect, subscribe, will};
use crate::stage::{Fault, Outcome, Scene, Stage, ensure};

/// When the network takes the lost ones.
const LOST: Duration = secs(6);

/// When all Wills must be there.
const END: Duration = secs(40);

/// How long a Will may take: links, threads and syncs.
const SLACK: Duration = secs(1);

/// From when until when a Will is awaited, by the client's name; `None` is never.
type Awaited = Rc<RefCell<BTreeMap<String, Option<(Duration, Duration)>>>>;

#[derive(Clone, Copy)]
enum End {
    Bye,
    Close,
    Lost,
}

pub(super) fn set(stage: &mut Stage, _: &Options) {
    let awaited = Awaited::default();
    for number in 0..stage.random.between(4, 12) {
        let end = stage.random.pick(&[End::Bye, End::Close, End::Lost, End::Lost]);
        let end = end.unwrap_or(End::Lost);
        let wait = millis(stage.random.between(1_000, 4_500));
        let keep_alive = u16::try_from(stage.random.between(2, 15)).unwrap_or(2);
        let awaited = Rc::clone(&awaited);
        stage.act("void", &format!("mortal-{number}"), async move |scene| {
            sleep(wait).await;
            die(&scene, end, keep_alive, &awaited).await
        });
    }
    stage.at(LOST, Fault::Partition("void".to_owned()));
    stage.act("city", "watcher", async move |scene| watch(&scene, &awaited).await);
}

async fn die(scene: &Scene, end: End, keep_alive: u16, awaited: &Awaited) -> Outcome {
    let mut client = scene.dial(Version::V5).await?;
    let mut hello = connect(&scene.name, Version::V5, true);
    hello.keep_alive = keep_alive;
    hello.will = will("will", QoS::ExactlyOnce, &scene.name);
    let asked = now();
    client.connect(hello).await?;
    let awaits = match end {
        End::Bye => {
            let properties = Properties::NONE;
            let bye = Disconnect { code: ReasonCode::Success, properties };
            client.send(&Packet::Disconnect(bye)).await?;
            None
        }
        End::Close => Some((now(), now() + SLACK)),
        End::Lost => {
            // Its CONNECT was the last that the broker heard of it.
            let due = Duration::from_secs(u64::from(keep_alive)) * 3 / 2;
            Some((asked + due, now() + due + SLACK))
        }
    };
    awaited.borrow_mut().insert(scene.name.clone(), awaits);
    if matches!(end, End::Lost) {
        sleep(END).await;
    }
    Ok(())
}

async fn watch(scene: &Scene, awaited: &Awaited) -> Outcome {
    let mut client = scene.dial(Version::V3_1_1).await?;
    client.connect(connect(&scene.name, Version::V3_1_1, true)).await?;
    client.send(&subscribe(PacketId::FIRST, "will", QoS::ExactlyOnce)).await?;
    let mut came: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
    while let Ok(packet) = timeout(END.saturating_sub(now()), client.receive()).await {
        match packet? {
            Some(Packet::Publish(publish)) => {
                let name = String::from_utf8_lossy(&publish.payload).into_owned();
                came.entry(name).or_default().push(now());
                let id = publish.packet_id.ok_or("a Will without a packet identifier")?;
                client.send(&Packet::Pubrec(Ack::new(id))).await?;
            }
            Some(Packet::Pubrel(ack)) => {
                client.send(&Packet::Pubcomp(Ack::new(ack.packet_id))).await?;
            }
            Some(_) => {}
            None => return Err("the watcher was cut off".into()),
        }
    }
    for (name, awaits) in awaited.borrow().iter() {
        let times = came.get(name).map(Vec::as_slice).unwrap_or_default();
        let is_right = match (awaits, times) {
            (None, []) => true,
            (Some((from, until)), [at]) => from <= at && at <= until,
            _ => false,
        };
        ensure(is_right, || format!("{name}'s Will came at {times:?}, awaited at {awaits:?}"))?;
    }
    Ok(())
}
