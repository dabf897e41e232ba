//! A client has its whole life in one segment: CONNECT, SUBSCRIBE, and a thousand messages. Each is
//! answered, in order, as if it had come alone.

use surewire_engine::id::PacketId;
use surewire_engine::packet::{Ack, Packet, QoS, Version};

use super::cast::{Cast, cast};
use super::{Options, millis};
use crate::packets::{connect, publish, subscribe};
use crate::stage::{Outcome, Scene, Stage, ensure};
use crate::wire::Carrier;

const MESSAGES: u16 = 1_000;

pub(super) fn set(stage: &mut Stage, _: &Options) {
    cast(stage, &Cast { readers: 2, publishers: 3, messages: 100, over: 15, ..Cast::default() });
    for number in 0..4 {
        let wait = millis(stage.random.between(0, 8_000));
        let carrier = stage.random.pick(&[Carrier::Tcp, Carrier::WebSocket]);
        let (carrier, host) = (carrier.unwrap_or(Carrier::Tcp), ["town", "city"]);
        let (qos, bytes) = (
            stage.random.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce]).unwrap_or_default(),
            usize::try_from(stage.random.between(0, 300)).unwrap_or(0),
        );
        let host = stage.random.pick(&host).unwrap_or("town");
        stage.act(host, &format!("hasty-{number}"), async move |scene| {
            tokio::time::sleep(wait).await;
            live(&scene, carrier, qos, bytes).await
        });
    }
}

async fn live(scene: &Scene, carrier: Carrier, qos: QoS, bytes: usize) -> Outcome {
    // A WebSocket frame of a stranger has 64 KiB at most.
    let segment = if carrier == Carrier::Tcp { usize::MAX } else { 60_000 };
    let mut client = scene.dial_over(Version::V3_1_1, carrier, segment).await?;
    let topic = format!("haste/{}", scene.name);
    // At QoS 1 its session is stored, so that each acknowledgement waits for the disk, and the broker
    // for its own answers before it reads on.
    let clean = qos == QoS::AtMostOnce;
    let mut all = vec![
        Packet::Connect(Box::new(connect(&scene.name, Version::V3_1_1, clean))),
        subscribe(PacketId::FIRST, &topic, qos),
    ];
    for number in 1..=MESSAGES {
        let packet_id = PacketId::new(number).filter(|_| qos != QoS::AtMostOnce);
        all.push(publish(&topic, qos, packet_id, payload(number, bytes)));
    }
    client.send_all(&all).await?;
    let (mut heard, mut acknowledged) = (0, 0);
    let promised = if qos == QoS::AtMostOnce { 0 } else { MESSAGES };
    while heard < MESSAGES || acknowledged < promised {
        let packet = client.next().await?;
        if let Packet::Publish(publish) = &packet {
            heard += 1;
            ensure(publish.payload == payload(heard, bytes), || {
                format!("another message in place of number {heard}")
            })?;
            if let Some(id) = publish.packet_id {
                client.send(&Packet::Puback(Ack::new(id))).await?;
            }
        } else if let Packet::Puback(ack) = &packet {
            acknowledged += 1;
            ensure(ack.packet_id.get() == acknowledged, || {
                format!("PUBACK {} in place of {acknowledged}", ack.packet_id)
            })?;
        }
    }
    Ok(())
}

fn payload(number: u16, bytes: usize) -> Vec<u8> {
    let mut payload = number.to_be_bytes().to_vec();
    payload.resize(2 + bytes, b'.');
    payload
}
