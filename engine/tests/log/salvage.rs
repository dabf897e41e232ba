//! What can be had of a damaged log, and what is said to be missing.

use std::collections::BTreeMap;

use proptest::prelude::*;
use surewire_engine::id::Lsn;
use surewire_engine::log::disk::{Op, Reply};
use surewire_engine::log::salvage::{Found, Lost, Place, Salvage};
use surewire_engine::log::scan::Broken;
use surewire_engine::log::{batch, segment};

use crate::disk::{Disk, Rng};
use crate::{Life, options, recover, room};

pub(crate) fn files(disk: &mut Disk) -> BTreeMap<u64, Vec<u8>> {
    let Ok(Reply::Names(names)) = disk.perform(Op::List) else { unreachable!() };
    let segments =
        names.into_iter().filter_map(|name| Some((segment::generation_of(&name)?, name)));
    let read = segments.map(|(generation, file)| {
        let op = Op::Read { file, offset: 0, len: usize::MAX };
        let Ok(Reply::Bytes(bytes)) = disk.perform(op) else { unreachable!() };
        (generation, bytes)
    });
    read.collect()
}

pub(crate) fn salvage(files: &BTreeMap<u64, Vec<u8>>) -> (Found, BTreeMap<Lsn, Vec<u8>>) {
    let heads = files.iter().map(|(generation, bytes)| (*generation, bytes.as_slice()));
    let mut salvage = Salvage::new(heads);
    let mut records = BTreeMap::new();
    for (generation, bytes) in files {
        for batch in salvage.segment(*generation, bytes) {
            for (lsn, at, record) in batch.records() {
                let at = at as usize;
                assert_eq!(&bytes[at + 4..at + 4 + record.len()], record, "where it says it is");
                assert_eq!(records.insert(lsn, record.to_vec()), None, "{lsn:?} twice");
            }
        }
    }
    (salvage.finish(), records)
}

/// A log that some life left, in which everything durable is in whole.
fn life(seed: u64, turns: usize) -> Life {
    let mut life = Life::new(seed);
    for _ in 0..turns {
        life.live();
    }
    drop(life.start());
    life
}

fn is_lost(found: &Found, lsn: Lsn) -> bool {
    let behind = |last: Option<Lsn>| last.is_none_or(|last| lsn <= last);
    found.lost.iter().any(|lost| lost.first <= lsn && behind(lost.last))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_is_missing_where_nothing_is_damaged(seed: u64, turns in 1..12_usize) {
        let mut life = life(seed, turns);
        let (found, salvaged) = salvage(&files(&mut life.disk));
        prop_assert!(found.lost.is_empty() && found.broken.is_empty(), "{found:?}");
        let options = options(&mut life.rng);
        let (_, summary, recovered) = recover(&mut life.disk, options, usize::MAX).unwrap().unwrap();
        prop_assert_eq!((found.last, found.time), (summary.last, summary.time));
        let needed: Vec<_> = salvaged.into_iter().filter(|(lsn, _)| *lsn >= found.start).collect();
        prop_assert_eq!(needed, recovered);
    }

    #[test]
    fn every_needed_record_is_there_or_said_to_be_missing(seed: u64, flips in 1..6_usize) {
        let mut life = life(seed, 6);
        for _ in 0..flips {
            life.disk.flip(&mut life.rng);
        }
        let (found, salvaged) = salvage(&files(&mut life.disk));
        for (lsn, record) in &salvaged {
            prop_assert_eq!(record, &life.appended[lsn.0 as usize - 1], "as it was appended");
            prop_assert!(!is_lost(&found, *lsn), "{:?} is there: {:?}", lsn, found);
        }
        let at_end = !found.tail.is_empty();
        for lsn in (found.base.0.max(1)..=life.durable as u64).map(Lsn) {
            let missing = is_lost(&found, lsn) || (at_end && lsn > found.last);
            prop_assert!(salvaged.contains_key(&lsn) || missing, "{:?}: {:?}", lsn, found);
        }
        if !found.lost.is_empty() {
            prop_assert!(!found.broken.is_empty() || at_end, "{:?}", found);
        }
    }

    #[test]
    fn a_file_that_is_gone_is_missing_as_a_whole(seed: u64) {
        let mut life = life(seed, 6);
        let mut files = files(&mut life.disk);
        let (before, all) = salvage(&files);
        let place = life.rng.below(files.len());
        let Some(generation) = files.keys().nth(place).copied() else { return Ok(()) };
        let is_last = place + 1 == files.len();
        files.remove(&generation);
        let (found, salvaged) = salvage(&files);
        for lsn in all.keys().filter(|lsn| **lsn >= before.base && !is_last) {
            prop_assert!(salvaged.contains_key(lsn) != is_lost(&found, *lsn), "{:?}", found);
        }
    }
}

#[test]
fn a_segment_without_a_head_is_read_by_the_number_that_others_have() {
    let (mut with_others, mut in_itself) = (0, 0);
    for seed in 0..200 {
        let mut life = life(seed, 3);
        let mut files = files(&mut life.disk);
        let (before, all) = salvage(&files);
        let place = life.rng.below(files.len());
        let Some((_, bytes)) = files.iter_mut().nth(place) else { continue };
        // All of it, or all but the number itself.
        let whole = life.rng.below(2) == 0;
        let range = if whole { 0..64 } else { 0..24 };
        bytes[range].fill(0);
        let (found, salvaged) = salvage(&files);
        assert!(!found.broken.is_empty(), "{found:?}");
        let all_there =
            all.keys().filter(|lsn| **lsn >= before.base).all(|lsn| salvaged.contains_key(lsn));
        if !whole {
            assert!(all_there && found.lost.is_empty(), "seed {seed}: {found:?}");
            in_itself += 1;
        } else if all_there {
            with_others += 1;
        }
    }
    assert!(in_itself > 50 && with_others > 20, "{in_itself} {with_others}");
}

#[test]
fn flips_are_found_in_heads_in_batches_and_at_the_end() {
    let (mut heads, mut batches, mut tails) = (0, 0, 0);
    for seed in 0..300 {
        let mut life = life(seed, 4);
        let Some((file, at)) = life.disk.flip(&mut Rng(seed)) else { continue };
        let (found, _) = salvage(&files(&mut life.disk));
        let named = found.broken.iter().chain(&found.tail).any(|(name, part)| {
            *name == file && (part.offset..part.offset + part.bytes).contains(&(at as u64))
        });
        heads += usize::from(named && at < 64);
        batches += usize::from(named && at >= 64 && found.tail.is_empty());
        tails += usize::from(named && !found.tail.is_empty());
    }
    assert!(heads > 10 && batches > 30 && tails > 5, "{heads} {batches} {tails}");
}

#[test]
fn a_segment_of_a_later_version_is_told_by_its_number() {
    let head = |generation: u64, version: u32| {
        let (nonce, first) = (7, Lsn(1));
        let head = segment::Head { generation, nonce, first, synced: Lsn::NONE, base: first };
        let mut bytes = Vec::new();
        head.write(&mut bytes);
        bytes[8..12].copy_from_slice(&version.to_le_bytes());
        bytes
    };
    let later_version = |files: &[(u64, Vec<u8>)]| {
        let heads = files.iter().map(|(generation, bytes)| (*generation, bytes.as_slice()));
        Salvage::new(heads).later_version()
    };
    let ours = segment::VERSION;
    let damaged = (5, vec![0; segment::HEAD]);
    assert_eq!(later_version(&[(4, head(4, ours)), damaged.clone()]), None);
    let mut torn = head(4, ours);
    torn[40] ^= 1;
    assert_eq!(later_version(&[(4, torn)]), None, "ours, however damaged");
    // One that never was is damage.
    assert_eq!(later_version(&[(4, head(4, ours - 1))]), None);
    let later = (6, head(6, ours + 1));
    assert_eq!(later_version(&[(4, head(4, ours)), damaged, later]), Some((6, ours + 1)));
}

#[test]
fn what_is_damaged_and_what_is_missing_have_their_places() {
    let mut disk = Disk::default();
    let mut log = room::open(&mut disk, 1);
    for lsn in 1..=6 {
        log.append(room::batch(lsn, 50));
        room::work(&mut log, &mut disk);
    }
    let len = (batch::HEADER + 4 + 50 + batch::TRAILER) as u64;
    let at = |nth: u64| segment::HEAD as u64 + nth * len;
    let flip = |disk: &mut Disk, file: &str, offset| {
        let write = Op::Write { file: file.to_owned(), offset, bytes: vec![0xFF] };
        disk.perform(write).unwrap();
    };
    let (first, second) = (segment::name(1), segment::name(2));
    flip(&mut disk, &first, at(1) + 60);
    // The last byte that is not zero, whatever the checksum.
    flip(&mut disk, &second, at(2) + 9);
    let (found, _) = salvage(&files(&mut disk));
    let place = |nth| Some(Place { file: first.clone(), offset: at(nth) });
    let lost = Lost { first: Lsn(2), last: Some(Lsn(2)), from: place(1), to: place(2) };
    assert_eq!((found.batches, found.last, found.lost), (5, Lsn(6), vec![lost]));
    assert_eq!(found.broken, [(first, Broken { offset: at(1), bytes: len })]);
    assert_eq!(found.tail, [(second, Broken { offset: at(2), bytes: 10 })]);
}
