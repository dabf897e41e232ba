//! The log over a disk that has no room, for a while or for good.

use proptest::prelude::*;
use surewire_engine::id::Lsn;
use surewire_engine::log::disk::{DiskError, Op, Reply};
use surewire_engine::log::pending::Pending;
use surewire_engine::log::recovery::{Recovery, Step};
use surewire_engine::log::writer::{Log, Options, Progress, Sync};
use surewire_engine::log::{batch as bytes_of, segment};
use surewire_engine::planted::Planted;
use surewire_engine::time::Time;

use crate::disk::Disk;
use crate::{Life, recover};

const SEGMENT: usize = 512;

/// Bytes of a record that lets four batches of one fit a segment.
const RECORD: usize = 50;

fn options(nonce: u64) -> Options {
    Options { segment_len: SEGMENT as u64, sync: Sync::Always, nonce, planted: Planted::NONE }
}

pub(crate) fn open(disk: &mut Disk, nonce: u64) -> Log {
    recover(disk, options(nonce), usize::MAX).unwrap().unwrap().0
}

/// A batch of one record of so many bytes.
pub(crate) fn batch(lsn: u64, len: usize) -> Pending {
    let mut bytes = u32::try_from(len).unwrap().to_le_bytes().to_vec();
    bytes.resize(4 + len, 7);
    Pending { first: Lsn(lsn), count: 1, time: Time::from_secs(lsn), bytes, ..Pending::default() }
}

fn kind(op: &Op) -> &'static str {
    match op {
        Op::Allocate { .. } => "allocate",
        Op::Write { .. } => "write",
        Op::Sync { .. } => "sync",
        Op::Rename { .. } => "rename",
        Op::Remove { .. } => "remove",
        Op::SyncDirectory => "sync directory",
        Op::List | Op::Read { .. } => "read",
    }
}

/// Does all there is to do; returns what that was, and what became durable.
pub(crate) fn work(log: &mut Log, disk: &mut Disk) -> (Vec<&'static str>, Lsn) {
    let (mut done, mut durable) = (Vec::new(), Lsn::NONE);
    while let Some(op) = log.next() {
        assert!(done.len() < 1_000, "it comes to an end");
        done.push(kind(&op));
        if let Progress::Durable(upto) = log.done(disk.perform(op)).unwrap() {
            durable = upto;
        }
    }
    (done, durable)
}

/// A log whose disk is full since its first batch, with this many spares of the three it wants.
fn full(spares: usize) -> (Log, Disk) {
    let mut disk = Disk::with_room(SEGMENT * (1 + spares));
    let mut log = open(&mut disk, 1);
    log.append(batch(1, RECORD));
    assert_eq!(work(&mut log, &mut disk).1, Lsn(1));
    assert_eq!((log.is_full(), disk.files()), (true, 1 + spares));
    (log, disk)
}

/// Appends batches until one finds no place; returns its number.
fn fill(log: &mut Log, disk: &mut Disk, from: u64) -> u64 {
    for lsn in from.. {
        log.append(batch(lsn, RECORD));
        if work(log, disk).1 != Lsn(lsn) {
            return lsn;
        }
    }
    unreachable!("a disk without end")
}

#[test]
fn nothing_is_made_before_the_first_record_and_the_reserve_only_behind_it() {
    let mut disk = Disk::default();
    let mut log = open(&mut disk, 1);
    assert_eq!((log.next(), disk.files()), (None, 0));
    log.append(batch(1, RECORD));
    let (done, _) = work(&mut log, &mut disk);
    let first = ["allocate", "write", "sync", "rename", "sync directory"];
    assert_eq!(done, [&first[..], &["allocate"; 3]].concat());
}

#[test]
fn a_segment_begins_in_a_spare_and_the_reserve_grows_with_what_may_live() {
    let mut disk = Disk::default();
    let mut log = open(&mut disk, 1);
    // Batches, segments, spares; the second segment makes a round wanted, which fills one.
    let expected = [(1, 1, 3), (5, 2, 2), (6, 2, 2), (9, 3, 2), (13, 4, 2), (20, 5, 2)];
    let mut seen = Vec::new();
    for lsn in 1..=20 {
        log.append(batch(lsn, RECORD));
        let (done, durable) = work(&mut log, &mut disk);
        assert_eq!(durable, Lsn(lsn));
        if lsn > 1 && done.contains(&"rename") {
            assert_eq!(done[..4], ["write", "sync", "rename", "sync directory"]);
        }
        if expected.iter().any(|(batches, ..)| *batches == lsn) {
            seen.push((lsn, log.segments(), disk.files() - log.segments()));
        }
    }
    assert_eq!(seen, expected);
    clean(&mut log, &mut disk, 21, 2 * SEGMENT);
    assert_eq!(
        disk.files() - log.segments(),
        5 + 2,
        "a round fills two, and as much has come since it was wanted"
    );
}

/// Appends batch after batch without a pause, each trimming all but the last few records.
fn saturate(log: &mut Log, disk: &mut Disk, lsns: std::ops::Range<u64>) {
    for lsn in lsns {
        log.append(Pending { trim: Some(Lsn(lsn.saturating_sub(4))), ..batch(lsn, RECORD) });
        loop {
            let op = log.next().unwrap();
            if log.done(disk.perform(op)).unwrap() == Progress::Durable(Lsn(lsn)) {
                break;
            }
        }
    }
}

#[test]
fn a_load_without_a_pause_keeps_no_outdated_file() {
    let mut disk = Disk::default();
    let mut log = open(&mut disk, 1);
    saturate(&mut log, &mut disk, 1..400);
    assert!(disk.files() < 10, "{} files", disk.files());
}

#[test]
fn a_load_without_a_pause_does_not_keep_a_disk_full_that_has_room_again() {
    let (mut log, mut disk) = full(2);
    disk.room = usize::MAX;
    log.retry();
    saturate(&mut log, &mut disk, 2..60);
    assert!(!log.is_full());
}

#[test]
fn a_full_disk_is_known_while_there_is_room_and_what_is_appended_goes_on_in_it() {
    for spares in 0..3 {
        let (mut log, mut disk) = full(spares);
        let waits = fill(&mut log, &mut disk, 2);
        assert_eq!(waits, 1 + 4 * (1 + spares as u64), "four batches a segment");
        assert!(log.is_full() && !log.is_idle());
        assert_eq!(log.next(), None, "it does not try again by itself");

        log.retry();
        assert_eq!(work(&mut log, &mut disk), (vec!["allocate"], Lsn::NONE), "still no room");

        disk.room += SEGMENT;
        log.retry();
        let (done, durable) = work(&mut log, &mut disk);
        assert_eq!(durable, Lsn(waits), "what waited is written");
        assert_eq!(done.last(), Some(&"allocate"));
        assert!(log.is_full() && log.is_idle(), "room for it alone");

        disk.room = usize::MAX;
        log.retry();
        work(&mut log, &mut disk);
        assert!(!log.is_full(), "the reserve is there again");
        let (_, summary, records) = recover(&mut disk, options(2), usize::MAX).unwrap().unwrap();
        assert_eq!((summary.last, records.len() as u64), (Lsn(waits), waits), "nothing is lost");
    }
}

#[test]
fn without_room_for_the_first_segment_the_first_batch_waits() {
    let mut disk = Disk::with_room(SEGMENT - 1);
    let mut log = open(&mut disk, 1);
    log.append(batch(1, RECORD));
    assert_eq!(work(&mut log, &mut disk), (vec!["allocate"], Lsn::NONE));
    assert!(log.is_full() && !log.is_idle());
    disk.room = usize::MAX;
    log.retry();
    assert_eq!(work(&mut log, &mut disk).1, Lsn(1));
    assert!(!log.is_full());
}

#[test]
fn a_batch_that_fits_no_spare_gets_a_file_of_its_own_or_waits_for_one() {
    let (mut log, mut disk) = full(2);
    log.append(batch(2, 2 * SEGMENT));
    assert_eq!(work(&mut log, &mut disk), (vec![], Lsn::NONE));
    disk.room = usize::MAX;
    log.retry();
    assert_eq!(work(&mut log, &mut disk).1, Lsn(2));
    assert!(!log.is_full());
    log.append(batch(3, RECORD));
    assert_eq!(work(&mut log, &mut disk).1, Lsn(3));
}

#[test]
fn a_waiting_batch_goes_before_all_but_three_chores() {
    let mut disk = Disk::default();
    let mut log = open(&mut disk, 1);
    log.append(batch(1, RECORD));
    loop {
        let op = log.next().unwrap();
        if log.done(disk.perform(op)).unwrap() == Progress::Durable(Lsn(1)) {
            break;
        }
    }
    assert_eq!(disk.files(), 1, "no spare yet");
    log.append(batch(2, 9 * SEGMENT));
    let (done, _) = work(&mut log, &mut disk);
    // Three spares, and a file for the batch.
    assert_eq!(done[..5], ["allocate", "allocate", "allocate", "allocate", "write"]);
}

#[test]
fn chores_that_were_done_while_nothing_waited_do_not_count() {
    let mut disk = Disk::default();
    let mut log = open(&mut disk, 1);
    log.append(Pending { surplus: 9 * SEGMENT as u64, ..batch(1, RECORD) });
    let mut done = Vec::new();
    // The first segment, and two of many spares.
    while done.len() < 5 + 2 {
        let op = log.next().unwrap();
        done.push(kind(&op));
        log.done(disk.perform(op)).unwrap();
    }
    assert_eq!(done[5..], ["allocate"; 2]);
    log.append(batch(2, RECORD));
    let (done, _) = work(&mut log, &mut disk);
    assert_eq!(done[..4], ["allocate", "allocate", "allocate", "write"]);
}

#[test]
fn what_waits_has_spares_too() {
    let mut disk = Disk::default();
    let mut log = open(&mut disk, 1);
    log.append(batch(1, RECORD));
    work(&mut log, &mut disk);
    assert_eq!(disk.files() - log.segments(), 3);
    log.set_waiting(3 * SEGMENT as u64 + 1);
    work(&mut log, &mut disk);
    assert_eq!(disk.files() - log.segments(), 3 + 3);
}

#[test]
fn what_is_removed_stays_removed() {
    let mut disk = Disk::default();
    let mut log = open(&mut disk, 1);
    for lsn in 1..=5 {
        log.append(batch(lsn, RECORD));
        work(&mut log, &mut disk);
    }
    log.append(Pending { trim: Some(Lsn(5)), ..Pending::default() });
    let (done, _) = work(&mut log, &mut disk);
    assert_eq!(done[..4], ["write", "sync", "remove", "sync directory"]);
}

#[test]
fn the_spares_outlive_the_process_and_serve_the_next_one_on_a_full_disk() {
    let (log, mut disk) = full(2);
    drop(log);
    let mut log = open(&mut disk, 2);
    assert_eq!((disk.files(), log.spare_bytes()), (3, 2 * SEGMENT as u64));
    log.append(batch(2, RECORD));
    let (done, durable) = work(&mut log, &mut disk);
    assert_eq!(durable, Lsn(2));
    assert_eq!(done, ["write", "sync", "rename", "sync directory", "allocate"]);
    assert!(log.is_full());
}

#[test]
fn a_spare_that_was_begun_is_not_used_again() {
    let (log, mut disk) = full(2);
    drop(log);
    let begun = "0000000000000002.new".to_owned();
    let bytes = b"a torn segment".to_vec();
    disk.perform(Op::Write { file: begun.clone(), offset: 400, bytes }).unwrap();
    let (_, summary, _) = recover(&mut disk, options(2), usize::MAX).unwrap().unwrap();
    assert_eq!(summary.removed, [begun]);
    assert_eq!((summary.cut, disk.files()), (None, 2));
}

#[test]
fn what_recovery_removes_stays_removed() {
    let (log, mut disk) = full(2);
    drop(log);
    let (file, bytes) = ("0000000000000002.new".to_owned(), b"a torn segment".to_vec());
    disk.perform(Op::Write { file, offset: 400, bytes }).unwrap();
    let mut recovery = Recovery::new(options(2));
    let mut done = Vec::new();
    loop {
        match recovery.next() {
            Step::Do(op) => {
                done.push(kind(&op));
                recovery.done(disk.perform(op));
            }
            Step::Batch(_) => {}
            Step::Finished(..) => break,
            Step::Failed(error) => panic!("{error}"),
        }
    }
    assert_eq!(done[done.len() - 2..], ["remove", "sync directory"]);
}

/// Rewrites what lives, all in one record, and trims to it.
fn clean(log: &mut Log, disk: &mut Disk, lsn: u64, live: usize) {
    log.append(Pending { anew: live as u64 + 4, ..batch(lsn, live) });
    assert_eq!(work(log, disk).1, Lsn(lsn));
    let trim = Pending { trim: Some(Lsn(lsn)), live: Some(live as u64), ..Pending::default() };
    log.append(trim);
    assert_eq!(work(log, disk).1, Lsn(lsn));
}

#[test]
fn cleaning_on_a_full_disk_gives_room_back_without_waiting() {
    let mut disk = Disk::with_room(SEGMENT * 9);
    let mut log = open(&mut disk, 1);
    log.append(batch(1, RECORD));
    work(&mut log, &mut disk);
    clean(&mut log, &mut disk, 2, 2 * SEGMENT);
    assert!(!log.is_full() && !log.wants_cleaning());
    log.append(batch(3, SEGMENT * 3 / 5));
    work(&mut log, &mut disk);
    assert!(log.is_full());
    assert!(log.wants_cleaning(), "long before it would be wanted with room");
    clean(&mut log, &mut disk, 4, RECORD);
    assert_eq!(log.segments(), 1);
    assert!(!log.is_full(), "what was removed gave its room to the reserve at once");
    assert!(!log.wants_cleaning(), "once is enough");
}

#[test]
fn a_few_bytes_on_a_full_disk_are_worth_a_round_in_the_long_run() {
    let large = Options { segment_len: 16_384, ..options(1) };
    let mut disk = Disk::with_room(16_384 * 3);
    let mut log = recover(&mut disk, large, usize::MAX).unwrap().unwrap().0;
    // How often a full disk was asked for room until a round was wanted.
    let asked = |log: &mut Log, disk: &mut Disk| {
        (0..10).find(|_| {
            let wanted = log.wants_cleaning();
            log.retry();
            work(log, disk);
            wanted
        })
    };
    log.append(batch(1, RECORD));
    work(&mut log, &mut disk);
    assert!(log.is_full());
    assert_eq!(asked(&mut log, &mut disk), Some(1));
    clean(&mut log, &mut disk, 2, 6_000);
    log.append(batch(3, 1));
    work(&mut log, &mut disk);
    assert_eq!(asked(&mut log, &mut disk), Some(2), "a quarter of a segment each time");
    clean(&mut log, &mut disk, 4, 6_000);
    assert_eq!(asked(&mut log, &mut disk), None, "nothing has changed since");
}

#[test]
fn however_much_lives_half_a_segment_on_a_full_disk_is_worth_a_round() {
    let mut disk = Disk::with_room(SEGMENT * 5);
    let mut log = open(&mut disk, 1);
    log.append(Pending { anew: RECORD as u64 + 4, ..batch(1, RECORD) });
    work(&mut log, &mut disk);
    let live = Some(40 * SEGMENT as u64);
    log.append(Pending { trim: Some(Lsn(1)), live, ..Pending::default() });
    work(&mut log, &mut disk);
    assert!(log.is_full() && !log.wants_cleaning());
    let half = SEGMENT as u64 / 2 + SEGMENT as u64 / 16;
    log.append(Pending { surplus: half - 5, ..batch(2, 1) });
    work(&mut log, &mut disk);
    assert!(!log.wants_cleaning());
    log.append(batch(3, 1));
    work(&mut log, &mut disk);
    assert!(log.wants_cleaning(), "and a sixteenth");
}

/// A log that wants a round on a full disk, with two spares.
fn wants_a_round() -> (Log, Disk) {
    let mut disk = Disk::with_room(SEGMENT * 3);
    let mut log = open(&mut disk, 1);
    log.append(Pending { anew: RECORD as u64 + 4, ..batch(1, RECORD) });
    work(&mut log, &mut disk);
    log.append(Pending { trim: Some(Lsn(1)), live: Some(320), ..Pending::default() });
    work(&mut log, &mut disk);
    let enough = SEGMENT / 16 + 320 / 32;
    log.append(batch(2, enough - 4));
    work(&mut log, &mut disk);
    assert!(log.is_full() && !log.wants_cleaning(), "a sixteenth, and a 32nd of what lives");
    log.append(batch(3, 1));
    work(&mut log, &mut disk);
    (log, disk)
}

#[test]
fn where_little_lives_little_is_worth_a_round() {
    let (log, _) = wants_a_round();
    assert!(log.wants_cleaning());
}

#[test]
fn the_end_of_a_file_is_for_a_round_if_it_is_more_than_a_quarter() {
    for (left, wanted) in [(SEGMENT / 4, false), (SEGMENT / 4 + 1, true)] {
        let (mut log, mut disk) = wants_a_round();
        let around = segment::HEAD + bytes_of::HEADER + 4 + bytes_of::TRAILER;
        log.append(batch(4, SEGMENT - left - around));
        work(&mut log, &mut disk);
        assert_eq!((log.segments(), disk.files()), (2, 3), "one spare is left");
        assert_eq!(log.wants_cleaning(), wanted, "{left} bytes are left");
    }
}

/// How often a full disk with so many spares has to be asked for room until a round is wanted, if
/// much lives and so many bytes of it are known to be outdated.
fn asked_for_room(spares: usize, frees: usize) -> Option<usize> {
    let mut disk = Disk::with_room(SEGMENT * 100);
    let mut log = open(&mut disk, 1);
    log.append(batch(1, 3 * SEGMENT));
    let alone = loop {
        let op = log.next().unwrap();
        let is_last = kind(&op) == "sync directory";
        log.done(disk.perform(op)).unwrap();
        if is_last {
            break disk.used();
        }
    };
    disk.room = alone + (1 + spares) * SEGMENT;
    work(&mut log, &mut disk);
    log.append(Pending { live: Some(3_008), ..Pending::default() });
    work(&mut log, &mut disk);
    log.append(Pending { frees: frees as u64, ..batch(2, 1) });
    work(&mut log, &mut disk);
    assert!(log.is_full());
    assert_eq!((log.segments(), disk.files()), (2, 2 + spares));
    (0..60).find(|_| {
        let wanted = log.wants_cleaning();
        log.retry();
        work(&mut log, &mut disk);
        wanted
    })
}

#[test]
fn in_the_end_more_is_taken_for_outdated_than_is_known() {
    // What lives may take six files. A quarter of a segment each time, until that is twice as much.
    assert_eq!(asked_for_room(1, SEGMENT + 1), Some(2 * 3_008 / (SEGMENT / 4) + 1));
    assert_eq!(asked_for_room(1, SEGMENT), None, "too little is known to be");
    assert_eq!(asked_for_room(0, SEGMENT + 1), None, "there is no room to begin");
    // Or until it is as much, where all but one of the files are there.
    assert_eq!(asked_for_room(5, SEGMENT), None);
    assert_eq!(asked_for_room(6, SEGMENT), Some(3_008 / (SEGMENT / 4) + 1));
}

#[test]
fn a_round_that_finds_no_room_leaves_the_last_spare_to_others() {
    let mut disk = Disk::with_room(SEGMENT * 7);
    let mut log = open(&mut disk, 1);
    let mut lsn = 1;
    while !log.wants_cleaning() {
        log.append(batch(lsn, RECORD));
        assert_eq!(work(&mut log, &mut disk).1, Lsn(lsn));
        lsn += 1;
    }
    while log.wants_cleaning() {
        log.append(batch(lsn, RECORD));
        assert_eq!(work(&mut log, &mut disk).1, Lsn(lsn), "a round goes on");
        lsn += 1;
    }
    assert!(log.is_full() && log.is_idle());
    log.append(batch(lsn, 300));
    assert_eq!(work(&mut log, &mut disk).1, Lsn(lsn), "an acknowledgement");
}

#[test]
fn a_start_alone_is_no_reason_to_clean_but_many_are() {
    let mut disk = Disk::default();
    let mut wanted = Vec::new();
    for start in 1..=4 {
        let large = Options { segment_len: 16 * SEGMENT as u64, ..options(start) };
        let mut log = recover(&mut disk, large, usize::MAX).unwrap().unwrap().0;
        log.append(batch(start, RECORD));
        work(&mut log, &mut disk);
        wanted.push(log.wants_cleaning());
        if start == 2 {
            let mut log = log;
            let mut disk = disk.clone();
            log.append(batch(3, SEGMENT));
            work(&mut log, &mut disk);
            assert!(log.wants_cleaning(), "a sixteenth of a segment is");
        }
    }
    assert_eq!(wanted, [false, false, false, true]);
}

#[test]
fn after_a_start_more_than_a_sixteenth_of_a_segment_is_a_reason_to_clean() {
    let mut disk = Disk::default();
    let mut log = open(&mut disk, 1);
    log.append(batch(1, SEGMENT));
    work(&mut log, &mut disk);
    let mut log = open(&mut disk, 2);
    log.append(batch(2, SEGMENT / 16 - 4));
    work(&mut log, &mut disk);
    assert!(!log.wants_cleaning());
    log.append(batch(3, 1));
    work(&mut log, &mut disk);
    assert!(log.wants_cleaning());
}

/// Rewrites so many records, each in a batch of its own, and trims to the first.
fn clean_apart(log: &mut Log, disk: &mut Disk, lsns: std::ops::Range<u64>, len: usize) {
    let live = (lsns.end - lsns.start) * (len as u64 + 4);
    for lsn in lsns.clone() {
        log.append(Pending { anew: len as u64 + 4, ..batch(lsn, len) });
        assert_eq!(work(log, disk).1, Lsn(lsn));
    }
    let trim = Some(Lsn(lsns.start));
    log.append(Pending { trim, live: Some(live), ..Pending::default() });
    assert_eq!(work(log, disk).1, Lsn(lsns.end - 1));
}

#[test]
fn a_round_whose_segments_stay_half_empty_is_not_begun_anew_before_something_is_appended() {
    let mut disk = Disk::default();
    let mut log = open(&mut disk, 1);
    let half = SEGMENT / 2;
    log.append(batch(1, 2 * SEGMENT));
    work(&mut log, &mut disk);
    assert!(log.wants_cleaning());
    clean_apart(&mut log, &mut disk, 2..22, half);
    let live = log.live();
    assert!(log.bytes() > SEGMENT as u64 + live / 4 * 7, "much room, but none that cleaning frees");
    assert!(!log.wants_cleaning());
    let mut lsn = 22;
    while !log.wants_cleaning() {
        log.append(batch(lsn, half));
        work(&mut log, &mut disk);
        lsn += 1;
    }
    assert_eq!(lsn, 22 + 6, "once files of half as much as lives came");
    let mut log = open(&mut disk, 2);
    log.set_live(live);
    assert_eq!(log.live(), live);
    log.append(batch(lsn, 1));
    work(&mut log, &mut disk);
    assert!(log.wants_cleaning(), "after a start, once");
    clean_apart(&mut log, &mut disk, lsn + 1..lsn + 21, half);
    assert!(!log.wants_cleaning());
}

#[test]
fn a_few_bytes_are_no_reason_for_another_round_however_much_is_outdated() {
    let mut disk = Disk::default();
    let mut log = open(&mut disk, 1);
    log.append(batch(1, 2 * SEGMENT));
    work(&mut log, &mut disk);
    assert!(log.wants_cleaning());
    // While it runs a few bytes come, and most of what it wrote ends.
    let anew = 4 + 2 * SEGMENT as u64;
    log.append(Pending { anew, ..batch(2, 2 * SEGMENT) });
    work(&mut log, &mut disk);
    log.append(batch(3, 1));
    work(&mut log, &mut disk);
    log.append(Pending { trim: Some(Lsn(2)), live: Some(10), ..Pending::default() });
    work(&mut log, &mut disk);
    assert_eq!(log.rounds(), 1);
    assert!(!log.wants_cleaning());
    let sixteenth = SEGMENT / 16;
    log.append(batch(4, sixteenth - 2 * 4 - 1));
    work(&mut log, &mut disk);
    assert!(!log.wants_cleaning(), "a sixteenth of a segment has come");
    log.append(batch(5, 1));
    work(&mut log, &mut disk);
    assert!(log.wants_cleaning(), "and more than that");
}

#[test]
fn what_is_known_to_be_outdated_needs_no_spare_and_buys_no_cleaning() {
    let mut disk = Disk::default();
    let mut log = open(&mut disk, 1);
    log.append(batch(1, RECORD));
    work(&mut log, &mut disk);
    clean(&mut log, &mut disk, 2, 4 * SEGMENT);
    let spares = |log: &Log, disk: &Disk| disk.files() - log.segments();
    assert_eq!(spares(&log, &disk), 5 + 2);
    log.append(batch(3, SEGMENT / 2));
    work(&mut log, &mut disk);
    assert_eq!(spares(&log, &disk), 6 + 2, "that may live as well");
    log.append(Pending { frees: SEGMENT as u64, ..batch(4, RECORD) });
    work(&mut log, &mut disk);
    assert_eq!(spares(&log, &disk), 5 + 2);
    assert_eq!(log.take_owed(), 0, "no round runs");
}

#[test]
fn a_round_has_spares_for_what_comes_meanwhile_and_for_what_is_around_the_records() {
    let mut disk = Disk::default();
    let mut log = open(&mut disk, 1);
    log.append(batch(1, 4 * SEGMENT));
    work(&mut log, &mut disk);
    // An eighth and a 32nd of what lives.
    for (live, files) in [(444, 1), (445, 2), (1_800, 5)] {
        log.append(Pending { live: Some(live), ..Pending::default() });
        work(&mut log, &mut disk);
        assert_eq!(disk.files() - log.segments(), files + 2, "{live}");
    }
}

#[test]
fn what_comes_during_a_round_is_paid_for_in_cleaning() {
    let mut disk = Disk::default();
    let mut log = open(&mut disk, 1);
    log.append(batch(1, 2 * SEGMENT));
    work(&mut log, &mut disk);
    assert!(log.wants_cleaning());
    log.take_owed();
    let anew = Pending { anew: RECORD as u64 + 4, ..batch(2, RECORD) };
    log.append(anew);
    work(&mut log, &mut disk);
    assert_eq!(log.take_owed(), 0, "cleaning buys no cleaning");
    log.append(batch(3, SEGMENT));
    work(&mut log, &mut disk);
    assert_eq!(log.take_owed(), 8 * (SEGMENT as u64 + 4));
    let (trim, live) = (Some(Lsn(2)), Some(RECORD as u64));
    log.append(Pending { trim, live, ..Pending::default() });
    work(&mut log, &mut disk);
    assert_eq!(log.live(), RECORD as u64);
}

#[test]
fn a_round_has_spares_only_for_the_rest_of_it() {
    let mut disk = Disk::default();
    let mut log = open(&mut disk, 1);
    log.append(batch(1, 4 * SEGMENT));
    work(&mut log, &mut disk);
    assert!(log.wants_cleaning());
    assert_eq!(disk.files() - log.segments(), 5 + 1);
    // Each fills a file.
    let len = SEGMENT * 3 / 4 - 4;
    for lsn in 2..=5 {
        log.append(Pending { anew: len as u64 + 4, ..batch(lsn, len) });
        work(&mut log, &mut disk);
    }
    assert_eq!((log.segments(), disk.files() - log.segments()), (1 + 4, 2 + 1));
}

#[test]
fn spares_that_are_too_many_are_given_back() {
    let mut disk = Disk::default();
    let mut log = open(&mut disk, 1);
    log.append(batch(1, 5 * SEGMENT));
    work(&mut log, &mut disk);
    assert!(log.wants_cleaning());
    clean(&mut log, &mut disk, 2, RECORD);
    assert_eq!((log.segments(), disk.files()), (1, 1 + 3));
}

#[test]
fn no_room_for_anything_but_a_file_ends_the_log_as_any_other_error_does() {
    for fails in ["write", "sync", "rename", "sync directory"] {
        let mut disk = Disk::default();
        let mut log = open(&mut disk, 1);
        log.append(batch(1, RECORD));
        let error = loop {
            let op = log.next().unwrap();
            let fails = kind(&op) == fails;
            let says = if fails { Err(DiskError::NoRoom) } else { disk.perform(op) };
            if let Err(error) = log.done(says) {
                break error;
            }
        };
        assert_eq!(error.error, DiskError::NoRoom);
        assert!(!log.is_idle() && log.next().is_none(), "it is over");
    }
    let mut log = open(&mut Disk::default(), 1);
    log.append(batch(1, RECORD));
    assert!(matches!(log.next(), Some(Op::Allocate { .. })));
    let error = log.done(Err(DiskError::Failed("Read-only file system".into()))).unwrap_err();
    assert_eq!(error.to_string(), "making 0000000000000001.new failed: Read-only file system");
}

impl Life {
    /// Other programs take room and give it back.
    fn let_room_change(&mut self) {
        self.disk.room = match self.rng.below(12) {
            0 => usize::MAX,
            1..=3 => self.disk.used() + self.rng.below(4 * SEGMENT),
            4 => 0,
            _ => return,
        };
    }

    /// Appends, cleans and tidies while room comes and goes, then the power is cut.
    fn live_tight(&mut self) -> usize {
        let mut log = self.start();
        let mut waited = 0;
        for _ in 0..self.rng.below(120) {
            self.let_room_change();
            if self.rng.below(8) == 0 {
                log.retry();
            }
            if log.is_idle() && self.rng.below(2) == 0 {
                let mut batch = self.batch();
                batch.live = batch.trim.map(|_| self.rng.below(SEGMENT) as u64);
                log.append(batch);
            }
            let Some(op) = log.next() else {
                assert!(log.is_idle() || log.is_full(), "only room is waited for");
                waited += usize::from(!log.is_idle());
                continue;
            };
            let result = self.disk.perform(op);
            if let Progress::Durable(lsn) = log.done(result).expect("the disk never fails") {
                self.durable = lsn.0 as usize;
            }
        }
        self.crash();
        waited
    }

    /// Room returns: the log takes everything again.
    fn recovers(&mut self) {
        self.disk.room = usize::MAX;
        let mut log = self.start();
        for _ in 0..3 {
            let batch = self.batch();
            log.append(batch);
            log.retry();
            self.durable = work(&mut log, &mut self.disk).1.0 as usize;
            assert_eq!(self.durable, self.appended.len());
            assert!(!log.is_full() && log.is_idle());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_durable_is_lost_while_room_comes_and_goes(seed: u64) {
        let mut life = Life::new(seed);
        for _ in 0..10 {
            life.live_tight();
        }
        life.recovers();
        life.start();
        prop_assert!(life.disk.files() < 60, "{} files", life.disk.files());
    }
}

#[test]
fn lives_in_little_room_do_wait() {
    let mut life = Life::new(1);
    let waited: usize = (0..100).map(|_| life.live_tight()).sum();
    assert!(waited > 100, "{waited}");
}

#[test]
fn recovery_reads_each_spare_and_changes_nothing() {
    let (log, mut disk) = full(2);
    drop(log);
    let before = disk.clone();
    let mut recovery = Recovery::new(options(2));
    while let Step::Do(op) = recovery.next() {
        assert_eq!(kind(&op), "read");
        recovery.done(disk.perform(op));
    }
    assert_eq!(before.used(), disk.used());
    assert!(matches!(disk.perform(Op::List), Ok(Reply::Names(names)) if names.len() == 3));
}
