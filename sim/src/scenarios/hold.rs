//! Links get stuck for up to 20 s, and then all that was sent meanwhile arrives at once: packets,
//! pings, connections that their clients have given up.

use super::cast::{Cast, cast};
use super::{Options, secs};
use crate::stage::Stage;

pub(super) fn set(stage: &mut Stage, _: &Options) {
    cast(stage, &Cast::default());
    let mut from = 3;
    for _ in 0..stage.random.between(2, 5) {
        from += stage.random.between(1, 10);
        let until = from + stage.random.between(1, 20);
        let host = stage.random.pick(&["town", "city"]).unwrap_or("town");
        stage.hold(host, secs(from), secs(until));
        from = until;
    }
}
