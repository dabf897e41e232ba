//! The broker dies, and all its clients come back at once, each with its session. Then everybody
//! hears everything that is published to all. There are 300 of them, or as many as the command line
//! says (`--clients 10000`).

use surewire_engine::packet::{QoS, Version};

use super::{Options, millis, secs};
use crate::device::{Load, Role};
use crate::stage::{Fault, Stage};

const HOSTS: [&str; 4] = ["north", "east", "south", "west"];

pub(super) fn set(stage: &mut Stage, options: &Options) {
    let clients = options.clients.unwrap_or(300);
    stage.window = usize::try_from(clients * 2).unwrap_or(usize::MAX).max(4_096);
    let mut random = stage.random.split();
    for number in 0..clients {
        let host = random.pick(&HOSTS).unwrap_or("north");
        let mut role = Role::new(&format!("client-{number}"), host);
        role.version = random.pick(&[Version::V3_1_1, Version::V5]).unwrap_or(Version::V5);
        role.filters = vec![("all/#".to_owned(), QoS::AtLeastOnce)];
        role.keep_alive = 60;
        role.begins = millis(random.between(0, 8_000));
        stage.device(role);
    }
    for (number, begins) in [secs(10), secs(40)].into_iter().enumerate() {
        let mut role = Role::new(&format!("herald-{number}"), "north");
        role.load = Load {
            topics: vec!["all/hear".to_owned()],
            qos: vec![QoS::AtLeastOnce],
            count: 2,
            begins,
            every: millis(500),
            together: 1,
            bytes: 50,
        };
        stage.device(role);
    }
    let how = if random.one_in(2) { Fault::Kill } else { Fault::PowerCut };
    let until = 15_000 + random.between(0, 5_000);
    stage.down(how, secs(15), millis(until));
    // Who is in a long queue is answered late.
    stage.history.disturb(None, secs(0), secs(60));
}
