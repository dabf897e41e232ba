//! Operators list, publish and disconnect while there is traffic. What they are told is done is
//! done: a message that was answered arrives, and a client that was disconnected comes back.

use surewire_engine::message::Content;
use surewire_engine::packet::{Properties, QoS};
use tokio::time::sleep;

use super::cast::{Cast, cast};
use super::{Options, millis, secs};
use crate::history::payload;
use crate::packets::topic;
use crate::stage::{Fault, Outcome, Scene, Stage, ensure};
use crate::swarm::random::Random;

pub(super) fn set(stage: &mut Stage, _: &Options) {
    cast(stage, &Cast { messages: 100, over: 30, ..Cast::default() });
    for number in 0..stage.random.between(1, 4) {
        let random = stage.random.split();
        let host = if number == 0 { "town" } else { "city" };
        stage.act(host, &format!("operator-{number}"), async move |scene| {
            operate(&scene, random).await
        });
    }
    // At any moment, so that what was answered had better be durable.
    let from = stage.random.between(8_000, 25_000);
    stage.down(Fault::PowerCut, millis(from), millis(from + 500));
}

async fn operate(scene: &Scene, mut random: Random) -> Outcome {
    sleep(secs(4)).await;
    let publisher = scene.history.publisher();
    let mut operator = None;
    for number in 0..random.between(30, 80) {
        sleep(millis(random.between(1, 800))).await;
        let mut connection = match operator.take() {
            Some(connection) => connection,
            None => match scene.operator().await {
                Ok(connection) => connection,
                // The broker is down.
                Err(_) => continue,
            },
        };
        let number = u32::try_from(number).unwrap_or(0);
        let done = match random.below(4) {
            0 => list(&mut connection).await,
            1 => kick(&mut connection, &mut random).await,
            _ => tell(scene, &mut connection, (publisher, number)).await,
        };
        match done {
            Ok(()) => operator = Some(connection),
            Err(error) if error.is::<std::io::Error>() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

type Connection = crate::http::Operator;

async fn list(operator: &mut Connection) -> Outcome {
    for path in ["clients", "sessions", "subscriptions"] {
        let answer = operator.get(&format!("/api/v1/{path}?limit=100")).await?;
        ensure(answer.status == 200, || format!("{path}: {} {}", answer.status, answer.body))?;
    }
    Ok(())
}

async fn kick(operator: &mut Connection, random: &mut Random) -> Outcome {
    let client = format!("reader-{}", random.below(4));
    let answer = operator.post(&format!("/api/v1/clients/{client}/disconnect"), "").await?;
    // It may be on its way back from the last time.
    let is_right = matches!(answer.status, 204 | 404);
    ensure(is_right, || format!("{client}: {} {}", answer.status, answer.body))
}

async fn tell(scene: &Scene, operator: &mut Connection, name: (u16, u32)) -> Outcome {
    let text = payload(name, 60);
    let content = Content {
        topic: topic("d/0/rest"),
        payload: text.clone().into(),
        qos: QoS::AtLeastOnce,
        retain: false,
        properties: Properties::NONE,
    };
    scene.history.published(name, &content);
    // Until it is answered nothing is promised.
    scene.history.not_promised(name);
    let text = String::from_utf8(text)?;
    let body = format!(r#"{{"topic": "d/0/rest", "payload": "{text}", "qos": 1}}"#);
    let answer = operator.post("/api/v1/publish", &body).await?;
    ensure(answer.status == 200, || format!("publish: {} {}", answer.status, answer.body))?;
    scene.history.acknowledged(name);
    Ok(())
}
