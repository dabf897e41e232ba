//! Up to twelve rivals fight for one Client Identifier, each again and again. Whoever is accepted
//! ends the one before, who is told so; in the end exactly one connection lives.

use std::cell::Cell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use surewire_engine::packet::{Packet, QoS, ReasonCode, Version};
use tokio::time::{sleep, timeout};

use super::cast::{Cast, cast};
use super::{Options, millis, secs};
use crate::history::now;
use crate::packets::{connect, publish};
use crate::stage::{Outcome, Scene, Stage, ensure};

/// When the last attempt is made, and when all is decided.
const LAST: Duration = secs(15);
const DECIDED: Duration = secs(20);

pub(super) fn set(stage: &mut Stage, _: &Options) {
    cast(stage, &Cast { readers: 2, publishers: 2, messages: 60, over: 15, ..Cast::default() });
    let alive = Rc::new(Cell::new(0));
    let rivals = stage.random.between(3, 12);
    for number in 0..rivals {
        let host = stage.random.pick(&["town", "city"]).unwrap_or("town");
        let waits: Vec<_> = (0..6).map(|_| millis(stage.random.between(0, 2_000))).collect();
        let (alive, clean) = (Rc::clone(&alive), stage.random.one_in(2));
        stage.act(host, &format!("rival-{number}"), async move |scene| {
            fight(&scene, &waits, clean, &alive).await
        });
    }
    stage.act("city", "judge", async move |_| {
        sleep(DECIDED + secs(2)).await;
        let alive = alive.get();
        ensure(alive == 1, || format!("{alive} of {rivals} rivals live in the end"))
    });
}

async fn fight(scene: &Scene, waits: &[Duration], clean: bool, alive: &Cell<u64>) -> Outcome {
    for wait in waits {
        sleep(*wait).await;
        if now() > LAST {
            return Ok(());
        }
        let mut client = scene.dial(Version::V5).await?;
        let connack = match client.connect(connect("crown", Version::V5, clean)).await {
            Ok(connack) => connack,
            // Another one was there before its CONNACK could leave: nothing else may come first.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                scene.history.count("ended uncrowned");
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        ensure(connack.code == ReasonCode::Success, || format!("refused: {:?}", connack.code))?;
        scene.history.count("crowned");
        let mut told = None;
        let held = timeout(DECIDED.saturating_sub(now()), async {
            // It talks all the time, so that there is something unread when it is ended.
            let word = publish("crown", QoS::AtMostOnce, None, "mine");
            loop {
                match timeout(millis(5), client.receive()).await {
                    Ok(Ok(Some(packet))) => told = Some(packet),
                    Ok(Ok(None) | Err(_)) => break,
                    // Whether that still arrives does not matter.
                    Err(_) => drop(client.send(&word).await),
                }
            }
        });
        if held.await.is_err() {
            alive.set(alive.get() + 1);
            // Held until after the judge has counted.
            sleep(secs(5)).await;
            return Ok(());
        }
        let is_told = matches!(&told, Some(Packet::Disconnect(bye))
            if bye.code == ReasonCode::SessionTakenOver);
        ensure(is_told, || format!("ended with {told:?} and not by a take-over"))?;
    }
    Ok(())
}
