//! Two readers stop reading for most of a minute while everybody publishes large messages to
//! everybody. Their streams fill up and nothing more goes into them; the others get each message
//! within two seconds, and in the end all have what was promised.

use surewire_engine::packet::{QoS, Version};

use super::cast::VERSIONS;
use super::{Options, millis, secs};
use crate::device::{Load, Role};
use crate::stage::Stage;

pub(super) fn set(stage: &mut Stage, _: &Options) {
    // Forty segments of an Ethernet frame each, and as much again in the broker.
    (stage.window, stage.segment) = (40, 1_460);
    stage.settings.engine.max_unsent_bytes = 64 << 10;
    let mut random = stage.random.split();
    for number in 0..6_u64 {
        let mut role = Role::new(&format!("reader-{number}"), "town");
        role.version = random.pick(&VERSIONS).unwrap_or(Version::V5);
        role.filters = vec![("d/#".to_owned(), QoS::ExactlyOnce)];
        if number < 2 {
            let from = random.between(3_000, 8_000);
            let until = from + random.between(10_000, 45_000);
            role.stuck = Some((millis(from), millis(until)));
            // It could not read the answers either.
            role.keep_alive = 0;
        } else {
            role.prompt = Some(secs(2));
        }
        stage.device(role);
    }
    for number in 0..3_u64 {
        let mut role = Role::new(&format!("publisher-{number}"), "city");
        role.version = random.pick(&VERSIONS).unwrap_or(Version::V5);
        role.begins = secs(1);
        role.max_inflight = 100;
        role.load = Load {
            topics: vec![format!("d/{number}")],
            qos: vec![QoS::AtMostOnce, QoS::AtLeastOnce, QoS::AtMostOnce, QoS::ExactlyOnce],
            count: 80,
            begins: secs(3),
            every: millis(random.between(300, 900)),
            together: u32::try_from(random.between(1, 4)).unwrap_or(1),
            bytes: usize::try_from(random.between(2_000, 20_000)).unwrap_or(2_000),
        };
        stage.device(role);
    }
}
