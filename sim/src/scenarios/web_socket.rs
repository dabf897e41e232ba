//! WebSocket clients beside others. Their frames begin and end anywhere in a packet, hold many, and
//! come in segments of any size.

use surewire_engine::id::PacketId;
use surewire_engine::packet::{Packet, QoS, Version};

use super::cast::{Cast, cast};
use super::{Options, millis};
use crate::packets::{connect, publish, subscribe};
use crate::stage::{Outcome, Scene, Stage, ensure};
use crate::wire::Carrier;

/// What one client has to say at once.
const MESSAGES: u16 = 100;

pub(super) fn set(stage: &mut Stage, _: &Options) {
    for segment in [1, 7, 300] {
        let carrier = Some(Carrier::WebSocket);
        let (readers, publishers, messages, over) = (2, 1, 30, 15);
        let bytes = Some(150);
        cast(
            stage,
            &Cast {
                readers,
                publishers,
                messages,
                over,
                bytes,
                segment,
                carrier,
                ..Cast::default()
            },
        );
    }
    for number in 0..3 {
        let wait = millis(stage.random.between(0, 15_000));
        let segment = usize::try_from(stage.random.between(600, 9_000)).unwrap_or(9_000);
        stage.act("town", &format!("talker-{number}"), async move |scene| {
            tokio::time::sleep(wait).await;
            talk(&scene, segment).await
        });
    }
}

/// Says all it has to say in a few frames, the first of which has the CONNECT and much besides. It
/// comes back as it was.
async fn talk(scene: &Scene, segment: usize) -> Outcome {
    let mut client = scene.dial_over(Version::V3_1_1, Carrier::WebSocket, segment).await?;
    let topic = format!("talk/{}", scene.name);
    let mut all = vec![
        Packet::Connect(Box::new(connect(&scene.name, Version::V3_1_1, true))),
        subscribe(PacketId::FIRST, &topic, QoS::AtMostOnce),
    ];
    let payload = |number: u16| vec![number.to_be_bytes()[1]; 50 + usize::from(number) * 7];
    let told = (0..MESSAGES).map(|number| publish(&topic, QoS::AtMostOnce, None, payload(number)));
    all.extend(told);
    client.send_all(&all).await?;
    let mut heard = 0;
    while heard < MESSAGES {
        if let Packet::Publish(publish) = client.next().await? {
            let len = publish.payload.len();
            ensure(publish.payload == payload(heard), || {
                format!("message {heard} came back as {len} other bytes")
            })?;
            heard += 1;
        }
    }
    Ok(())
}
