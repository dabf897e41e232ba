//! The log's files: any bytes in place of a batch's records are read or refused, never a panic, and
//! a changed byte is never overlooked: what recovery gives is what was written, or it refuses.
//!
//! The input is a byte to change, where (two bytes), and the records' bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use surewire_engine::id::Lsn;
use surewire_engine::log::disk::{Op, Reply};
use surewire_engine::log::image::Image;
use surewire_engine::log::pending::Pending;
use surewire_engine::log::recovery::{Recovery, Step};
use surewire_engine::log::writer::{Log, Options, Sync};
use surewire_engine::log::{decode, encode};
use surewire_engine::planted::Planted;

const OPTIONS: Options =
    Options { segment_len: 256, sync: Sync::Always, nonce: 7, planted: Planted::NONE };

fuzz_target!(|input: &[u8]| {
    let Some((&[change, low, high], body)) = input.split_first_chunk() else { return };
    if let Ok(record) = decode(body) {
        let mut bytes = Vec::new();
        encode(&record, &mut bytes);
        assert_eq!(decode(&bytes), Ok(record), "written and read");
        assert!(bytes.len() <= body.len(), "our form is never the longer one");
    }
    let mut bytes = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes().to_vec();
    bytes.extend_from_slice(body);
    let Some(mut file) = written(Pending { first: Lsn(1), count: 1, bytes, ..Pending::default() })
    else {
        return;
    };
    let at = usize::from(u16::from_le_bytes([low, high])) % file.len();
    file[at] ^= change;
    let mut records = Vec::new();
    if read(&file, &mut records) {
        assert!(records == [body] || records.is_empty(), "nothing is invented");
        let mut image = Image::default();
        for record in records.iter().filter_map(|record| decode(record).ok()) {
            image.apply(Lsn(1), record);
        }
    }
});

/// The segment that a log with this one batch is.
fn written(batch: Pending) -> Option<Vec<u8>> {
    let mut log = empty_log()?;
    log.append(batch);
    let mut file = Vec::new();
    while let Some(op) = log.next() {
        match op {
            Op::Allocate { len, .. } => file = vec![0; usize::try_from(len).ok()?],
            Op::Write { bytes, .. } => file.get_mut(..bytes.len())?.copy_from_slice(&bytes),
            _ => {}
        }
        log.done(Ok(Reply::Done)).ok()?;
    }
    Some(file)
}

fn empty_log() -> Option<Log> {
    let mut recovery = Recovery::new(OPTIONS);
    loop {
        match recovery.next() {
            Step::Do(_) => recovery.done(Ok(Reply::Names(Vec::new()))),
            Step::Finished(log, _) => return Some(*log),
            Step::Batch(_) | Step::Failed(_) => return None,
        }
    }
}

/// Whether recovery takes the file for a log.
fn read(file: &[u8], records: &mut Vec<Vec<u8>>) -> bool {
    let mut recovery = Recovery::new(OPTIONS);
    loop {
        match recovery.next() {
            Step::Do(Op::List) => {
                recovery.done(Ok(Reply::Names(vec!["0000000000000001.log".to_owned()])));
            }
            Step::Do(Op::Read { len, .. }) => {
                let bytes = file.get(..len.min(file.len())).unwrap_or_default();
                recovery.done(Ok(Reply::Bytes(bytes.to_vec())));
            }
            Step::Do(_) => recovery.done(Ok(Reply::Done)),
            Step::Batch(batch) => records.extend(batch.records().map(|(_, r)| r.to_vec())),
            Step::Finished(..) => return true,
            Step::Failed(_) => return false,
        }
    }
}
