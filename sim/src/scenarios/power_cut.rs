//! The broker's power is cut up to four times, at any moment of a sync. Its clients hear nothing,
//! then nobody, then a broker that remembers all that it has acknowledged: of what its disk had not
//! synced any part may be gone.

use super::cast::{Cast, cast};
use super::{Options, millis};
use crate::stage::{Fault, Stage};

pub(super) fn set(stage: &mut Stage, _: &Options) {
    cast(stage, &Cast { publishers: 5, messages: 200, over: 40, ..Cast::default() });
    let mut from = 3_000;
    for _ in 0..stage.random.between(2, 4) {
        from += stage.random.between(500, 12_000);
        let until = from + stage.random.between(50, 6_000);
        stage.down(Fault::PowerCut, millis(from), millis(until));
        from = until;
    }
}
