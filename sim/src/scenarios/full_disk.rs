//! For a while the disk has no room for another file. Publishers are refused or cut off rather than
//! told a lie, and everything goes on when there is room again.

use super::cast::{Cast, cast};
use super::{Options, secs};
use crate::stage::{Fault, Stage};

pub(super) fn set(stage: &mut Stage, _: &Options) {
    cast(
        stage,
        &Cast { readers: 3, messages: 100, over: 40, bytes: Some(100_000), ..Cast::default() },
    );
    let from = stage.random.between(0, 20);
    let until = from + stage.random.between(5, 30);
    stage.at(secs(from), Fault::Full(true));
    stage.at(secs(until), Fault::Full(false));
    // A client of 3.x is cut off, and finds the broker silent until there is room.
    stage.history.disturb(None, secs(from), secs(until + 5));
}
