//! What a start secures, cuts off and refuses.

use surewire_engine::id::Lsn;
use surewire_engine::log::disk::{DiskError, Op};
use surewire_engine::log::pending::Pending;
use surewire_engine::log::recovery::{Recovery, RecoveryError, Step, Summary};
use surewire_engine::log::writer::{Options, Sync};
use surewire_engine::log::{batch, segment};

use crate::disk::{Disk, Rng};
use crate::{options, recover, room, salvage};

/// The steps of a start, and what came of it.
fn start(disk: &mut Disk, options: Options) -> (Vec<Op>, Result<Summary, RecoveryError>) {
    let (mut recovery, mut done) = (Recovery::new(options), Vec::new());
    loop {
        match recovery.next() {
            Step::Do(op) => {
                done.push(op.clone());
                recovery.done(disk.perform(op));
            }
            Step::Batch(_) => {}
            Step::Finished(_, summary) => return (done, Ok(summary)),
            Step::Failed(error) => return (done, Err(error)),
        }
    }
}

/// The process was killed: what it wrote and did not sync is there, until the power is cut.
#[test]
fn what_a_start_tells_is_durable_even_if_it_was_never_synced() {
    for seed in 0..50 {
        let mut disk = Disk::default();
        let mut log = room::open(&mut disk, 1);
        log.append(room::batch(1, 50));
        room::work(&mut log, &mut disk);
        log.append(room::batch(2, 50));
        let written = log.next().unwrap();
        log.done(disk.perform(written.clone())).unwrap();

        let mut rng = Rng(seed);
        let (done, summary) = start(&mut disk, options(&mut rng));
        assert_eq!(summary.unwrap().last, Lsn(2));
        // After a failed sync a disk may take for stored what it has in memory only.
        assert!(done.contains(&written), "written again: {done:?}");
        disk.crash(&mut rng);
        assert_eq!(start(&mut disk, options(&mut rng)).1.unwrap().last, Lsn(2), "seed {seed}");
    }
}

#[test]
fn what_no_later_batch_calls_durable_is_cut_off_although_one_follows() {
    let weak = |nonce| Options { sync: Sync::OnRoll, ..options(&mut Rng(nonce)) };
    let mut disk = Disk::default();
    let mut log = recover(&mut disk, weak(1), usize::MAX).unwrap().unwrap().0;
    // Four fit a segment; the first of the second says that they are durable, which itself is.
    for lsn in 1..=7 {
        log.append(room::batch(lsn, 50));
        room::work(&mut log, &mut disk);
    }
    assert_eq!(log.segments(), 2);
    let len = (batch::HEADER + 4 + 50 + batch::TRAILER) as u64;
    let offset = segment::HEAD as u64 + len;
    let write = Op::Write { file: segment::name(2), offset: offset + 60, bytes: vec![0] };
    disk.perform(write).unwrap();
    let summary = start(&mut disk, weak(2)).1.unwrap();
    assert_eq!((summary.last, summary.cut.unwrap().offset), (Lsn(5), offset));
    // The log goes on behind the fifth. What is left of the seventh is nothing then.
    let mut log = recover(&mut disk, weak(3), usize::MAX).unwrap().unwrap().0;
    log.append(room::batch(6, 70));
    room::work(&mut log, &mut disk);
    let (found, records) = salvage::salvage(&salvage::files(&mut disk));
    assert_eq!((found.last, found.lost, found.tail), (Lsn(6), vec![], vec![]));
    assert_eq!(records.values().map(Vec::len).collect::<Vec<_>>(), [50, 50, 50, 50, 50, 70]);
}

/// What only a mistake of ours could have written.
#[test]
fn a_batch_that_is_whole_but_wrong_is_refused() {
    let len = (batch::HEADER + 4 + 50 + batch::TRAILER) as u64;
    let gap = Pending { first: Lsn(3), ..room::batch(2, 50) };
    let more = Pending { count: 2, ..room::batch(2, 50) };
    let fewer = Pending { count: 0, first: Lsn(2), ..room::batch(2, 50) };
    for wrong in [gap, more, fewer] {
        let mut disk = Disk::default();
        let mut log = room::open(&mut disk, 1);
        let mut bytes = Vec::new();
        log.append(room::batch(1, 50));
        room::work(&mut log, &mut disk);
        let offset = segment::HEAD as u64 + len;
        let place = batch::Place { generation: 1, nonce: 1, offset };
        batch::write(place, &wrong, Lsn(1), Lsn::NONE, &mut bytes);
        disk.perform(Op::Write { file: segment::name(1), offset, bytes }).unwrap();
        let refused = start(&mut disk, options(&mut Rng(2))).1;
        assert_eq!(refused, Err(RecoveryError::Damaged { file: segment::name(1), offset }));
    }
}

#[test]
fn a_disk_that_fails_during_a_start_is_told_with_what_was_tried() {
    let mut disk = Disk::default();
    let mut log = room::open(&mut disk, 1);
    for lsn in 1..=5 {
        log.append(room::batch(lsn, 50));
        room::work(&mut log, &mut disk);
    }
    log.append(Pending { trim: Some(Lsn(5)), ..Pending::default() });
    // Up to where it would remove the first segment.
    while let Some(op) = log.next().filter(|op| !matches!(op, Op::Remove { .. })) {
        log.done(disk.perform(op)).unwrap();
    }
    let mut told = Vec::new();
    for fails in 0.. {
        let (mut disk, mut recovery) = (disk.clone(), Recovery::new(options(&mut Rng(2))));
        let mut steps = 0..;
        let error = loop {
            match recovery.next() {
                Step::Do(_) if steps.next() == Some(fails) => {
                    recovery.done(Err(DiskError::Failed("Input/output error".to_owned())));
                }
                Step::Do(op) => recovery.done(disk.perform(op)),
                Step::Batch(_) => {}
                Step::Finished(..) => break None,
                Step::Failed(error) => break Some(error.to_string()),
            }
        };
        let Some(error) = error else { break };
        let step = error.strip_suffix(" failed: Input/output error").unwrap();
        if !told.iter().any(|known| known == step) {
            told.push(step.to_owned());
        }
    }
    let expected = [
        "listing the directory",
        "reading 0000000000000003.new",
        "reading 0000000000000004.new",
        "reading 0000000000000001.log",
        "reading 0000000000000002.log",
        "writing the end of 0000000000000002.log again",
        "syncing 0000000000000002.log",
        "syncing the directory",
        "removing 0000000000000001.log",
    ];
    assert_eq!(told, expected);
}
