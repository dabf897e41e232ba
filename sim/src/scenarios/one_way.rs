//! Only one direction of a link is lost. What a client says arrives and no answer does, or the other
//! way round: a publisher repeats what the broker has, a reader gets what it cannot acknowledge.

use super::cast::{Cast, cast};
use super::{Options, secs};
use crate::stage::{Fault, Stage};

pub(super) fn set(stage: &mut Stage, _: &Options) {
    cast(stage, &Cast::default());
    let mut from = 3;
    for _ in 0..stage.random.between(2, 4) {
        from += stage.random.between(1, 12);
        let until = from + stage.random.between(1, 20);
        let host = stage.random.pick(&["town", "city"]).unwrap_or("town").to_owned();
        let (town, broker) = (host.clone(), "broker".to_owned());
        let (one, other) = if stage.random.one_in(2) { (town, broker) } else { (broker, town) };
        stage.at(secs(from), Fault::OneWay { from: one, to: other });
        stage.at(secs(until), Fault::Repair(host.clone()));
        stage.history.disturb(Some(&host), secs(from), secs(until));
        from = until;
    }
}
