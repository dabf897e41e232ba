//! What recovery is judged by: I16 and I17.

use surewire_engine::id::Lsn;
use surewire_engine::log;
use surewire_engine::log::disk::{DiskError, Reply};
use surewire_engine::log::image::Image;
use surewire_engine::log::recovery::{RecoveredBatch, Recovery, Step};
use surewire_engine::log::writer::Options;

use super::World;
use crate::swarm::broker::Broker;
use crate::swarm::disk::Disk;
use crate::swarm::random::Random;

impl World {
    /// I17: what the engine holds is what its log says, with what waits for the disk.
    pub(super) fn judge_log(&mut self, broker: &Broker) {
        if self.plan.variety.is_any()
            && broker.engine.image() != self.shadow.image_upto(broker.appended)
        {
            self.oracle.violation("I17: the log does not say what the engine holds".to_owned());
        }
    }

    /// I16: wherever recovery is interrupted by a power cut, the next one finds the same log, up to
    /// a record behind everything that was promised.
    pub(super) fn recover_from_each_step(&mut self, found: &Disk) {
        let mut random = self.disk_random.split();
        for steps in 0.. {
            let mut disk = found.clone();
            (disk.fails, disk.full, disk.misdirects) = (false, false, false);
            let options = self.options();
            let interrupted = recover_for(&mut disk, options, &mut random, steps);
            disk.cut_power(&mut random);
            let outcome = recover(&mut disk, options, &mut random);
            let right = outcome.as_ref().is_ok_and(|(image, last)| {
                *last >= self.shadow.told() && *image == self.shadow.image_upto(*last)
            });
            if !right {
                let what = outcome.map(|(_, last)| last);
                let what = format!("I16: recovery was cut off after {steps} steps: {what:?}");
                return self.oracle.violation(what);
            }
            if !interrupted {
                return;
            }
            self.coverage.recoveries += 1;
        }
    }

    /// I16: what was recovered is there again if the power is cut at once.
    pub(super) fn recover_once_more(&mut self, image: &Image, last: Lsn) {
        let mut random = self.disk_random.split();
        let mut disk = self.disk.clone();
        disk.cut_power(&mut random);
        let options = self.options();
        match recover(&mut disk, options, &mut random) {
            Ok((again, found)) if again == *image && found == last => {}
            Ok((_, found)) => {
                let what = format!("I16: recovered {} at first, then {}", last.0, found.0);
                self.oracle.violation(what);
            }
            Err(why) => self.oracle.violation(format!("I16: recovered, and then: {why}")),
        }
    }
}

pub(super) fn apply(image: &mut Image, batch: &RecoveredBatch) -> Result<(), String> {
    for (lsn, bytes) in batch.records() {
        let record = log::decode(bytes).map_err(|error| format!("record {}: {error}", lsn.0))?;
        image.apply(lsn, record);
    }
    Ok(())
}

/// Reads a log for so many operations; whether it was not at its end then.
fn recover_for(disk: &mut Disk, options: Options, random: &mut Random, steps: u64) -> bool {
    let mut recovery = Recovery::new(options);
    let mut done = 0;
    loop {
        match recovery.next() {
            Step::Do(_) if done == steps => return true,
            Step::Do(op) => {
                let reply = disk.perform(op, random);
                recovery.done(reply);
                done += 1;
            }
            Step::Batch(_) => {}
            Step::Finished(..) | Step::Failed(_) => return false,
        }
    }
}

/// Reads a log to its end.
fn recover(disk: &mut Disk, options: Options, random: &mut Random) -> Result<(Image, Lsn), String> {
    let (mut recovery, mut image) = (Recovery::new(options), Image::default());
    loop {
        match recovery.next() {
            Step::Do(op) => {
                let reply: Result<Reply, DiskError> = disk.perform(op, random);
                recovery.done(reply);
            }
            Step::Batch(batch) => apply(&mut image, &batch)?,
            Step::Finished(_, summary) => return Ok((image, summary.last)),
            Step::Failed(error) => return Err(error.to_string()),
        }
    }
}
