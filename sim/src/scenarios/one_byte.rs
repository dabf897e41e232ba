//! Every segment has one byte, both ways: a packet comes in as many reads as it has bytes, a
//! WebSocket frame as well.

use super::cast::{Cast, cast};
use super::{Options, secs};
use crate::stage::Stage;

pub(super) fn set(stage: &mut Stage, _: &Options) {
    stage.segment = 1;
    let (bytes, segment) = (Some(30), 1);
    cast(
        stage,
        &Cast {
            readers: 3,
            publishers: 3,
            messages: 25,
            over: 20,
            bytes,
            segment,
            ..Cast::default()
        },
    );
    stage.limit = secs(120);
}
