//! The broker is killed and started again up to six times, sometimes before it has come up. The
//! system closes its sockets, so everybody knows at once, and what was written to the disk is there.

use super::cast::{Cast, cast};
use super::{Options, millis};
use crate::stage::{Fault, Stage};

pub(super) fn set(stage: &mut Stage, _: &Options) {
    cast(stage, &Cast { publishers: 5, messages: 200, over: 40, ..Cast::default() });
    let mut from = 3_000;
    for _ in 0..stage.random.between(2, 6) {
        from += stage.random.between(5, 8_000);
        let until = from + stage.random.between(0, 3_000);
        stage.down(Fault::Kill, millis(from), millis(until));
        from = until;
    }
}
