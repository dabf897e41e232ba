//! Two towns hang on one broker. One of them is cut off for up to 25 s, again and again: bytes on
//! their way are lost, connections are silent for ever, and the broker may believe in a client that
//! has long dialled anew. Everybody's keep alive is 5 s, so everybody notices.

use super::cast::{Cast, cast};
use super::{Options, secs};
use crate::stage::Stage;

pub(super) fn set(stage: &mut Stage, _: &Options) {
    cast(stage, &Cast::default());
    let mut from = 3;
    for _ in 0..stage.random.between(2, 4) {
        from += stage.random.between(1, 12);
        let until = from + stage.random.between(1, 25);
        let host = stage.random.pick(&["town", "city"]).unwrap_or("town");
        stage.partition(host, secs(from), secs(until));
        from = until;
    }
}
