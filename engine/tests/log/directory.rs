//! A whole data directory as version 1 wrote it: `v1/` has its files, and `v1/image.txt` what they
//! stand for. What was written once is read for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use surewire_engine::Engine;
use surewire_engine::config::Config;
use surewire_engine::id::{ClientId, Lsn, PacketId};
use surewire_engine::identifiers::Identifiers;
use surewire_engine::log::batch;
use surewire_engine::log::disk::Op;
use surewire_engine::log::image::{Counts, Image};
use surewire_engine::log::pending::Pending;
use surewire_engine::log::record::{Kept, Record, Retained, Seq, SessionKey, Target};
use surewire_engine::log::writer::{Log, Options, Sync};
use surewire_engine::log::{decode, segment};
use surewire_engine::message::{Content, RetainFlag};
use surewire_engine::packet::{Properties, PropertySet, QoS, SubscribeOptions};
use surewire_engine::planted::Planted;
use surewire_engine::time::Time;
use surewire_engine::topic::{TopicFilter, TopicName};

use crate::disk::Disk;
use crate::recover;
use crate::salvage::{files, salvage};

const OPTIONS: Options = Options {
    segment_len: 700,
    sync: Sync::Always,
    nonce: 0x0123_4567_89AB,
    planted: Planted::NONE,
};

/// Before these everything is outdated.
const OUTDATED: usize = 2;

/// The record that brings a message to which others point, and the last one.
const HELD: Lsn = Lsn(32);
const LAST: Lsn = Lsn(36);

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/log/v1")
}

fn key(number: u64) -> SessionKey {
    SessionKey(number)
}

fn at(seconds: u64) -> Time {
    Time::from_secs(1_700_000_000 + seconds)
}

fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

pub(crate) fn filter(text: &str) -> TopicFilter {
    TopicFilter::parse(text.into()).unwrap()
}

fn content(topic: &str, payload: &'static str, qos: QoS) -> Arc<Content> {
    let topic = TopicName::new(topic.into()).unwrap();
    let payload = Bytes::from_static(payload.as_bytes());
    Arc::new(Content { topic, payload, qos, retain: false, properties: Properties::NONE })
}

pub(crate) fn began(session: u64, client: &str, seconds: u64) -> Record {
    let client = ClientId::new(client).unwrap();
    let (address, expiry) = ("192.0.2.1:50000".parse().unwrap(), Some(3_600));
    Record::SessionBegan { session: key(session), client, address, at: at(seconds), expiry }
}

pub(crate) fn subscribed(session: u64, text: &str, qos: QoS, seconds: u64) -> Record {
    let options = SubscribeOptions { qos, ..SubscribeOptions::default() };
    let (session, filter, at) = (key(session), filter(text), at(seconds));
    Record::Subscribed { session, filter, options, identifier: None, at }
}

pub(crate) fn will(session: u64, client: &str, delay: u32) -> Record {
    let client = ClientId::new(client).unwrap();
    let will = content("lost", "gone", QoS::AtLeastOnce);
    Record::WillSet { session: key(session), client, will, delay }
}

pub(crate) fn to(session: u64, seq: u64, packet_id: Option<u16>) -> Target {
    Target::Session {
        session: key(session),
        seq: Seq(seq),
        qos: QoS::ExactlyOnce,
        retain: RetainFlag::Clear,
        packet_id: packet_id.map(id),
        group: None,
        identifiers: Identifiers::NONE,
    }
}

pub(crate) fn published(topic: &str, retained: Retained, to: Vec<Target>, seconds: u64) -> Record {
    let message = content(topic, "hello", QoS::ExactlyOnce);
    Record::Published { message, at: at(seconds), received: None, retained, to }
}

pub(crate) fn holds(session: u64, seq: u64, message: Kept, released: Option<u16>) -> Record {
    Record::Holds {
        session: key(session),
        seq: Seq(seq),
        message,
        at: at(50),
        qos: QoS::ExactlyOnce,
        retain: RetainFlag::Stored,
        packet_id: released.map(id),
        released: released.is_some(),
        group: Some(filter("$share/g/a/#")),
        identifiers: Identifiers::NONE,
    }
}

/// The records, event by event: every kind is among them.
fn story() -> Vec<Vec<Record>> {
    let group = || filter("$share/g/a/#");
    let options = SubscribeOptions::default();
    let client = || ClientId::new("tomorrow").unwrap();
    let address = "[2001:db8::1]:1".parse().unwrap();
    let long = PropertySet { content_type: Some("text".into()), ..PropertySet::NONE };
    let with_properties = Arc::new(Content {
        properties: long.into(),
        ..Content::clone(&content("a/2/b", "held", QoS::ExactlyOnce))
    });
    let walk =
        |text: &str, after| Record::Replaying { session: key(1), filter: filter(text), after };
    let after = TopicName::new("a/1/b".into());
    let in_group = |seq| Target::Group { group: group(), seq: Seq(seq) };
    vec![
        vec![began(99, "outdated", 0)],
        vec![published("outdated", Retained::Stored, vec![], 0)],
        vec![began(1, "pump-7", 1), will(1, "pump-7", 30)],
        vec![
            subscribed(1, "a/+/b", QoS::ExactlyOnce, 2),
            subscribed(1, "$share/g/a/#", QoS::AtLeastOnce, 3),
        ],
        vec![began(2, "reader", 4), subscribed(2, "x", QoS::AtMostOnce, 5)],
        vec![Record::Unsubscribed { session: key(2), filter: filter("x") }],
        vec![
            Record::SubscriptionAwaits { client: client(), filter: filter("c/#"), options },
            Record::SubscriptionAwaits { client: client(), filter: filter("d"), options },
        ],
        vec![Record::AwaitingEnded { client: client(), filter: Some(filter("d")) }],
        vec![Record::Published {
            message: content("a/1/b", "once", QoS::ExactlyOnce),
            at: at(6),
            received: Some((key(2), id(513))),
            retained: Retained::Stored,
            to: vec![to(1, 7, Some(4)), to(2, 1, None), in_group(3), in_group(4)],
        }],
        vec![Record::ReceivedDone { session: key(2), packet_id: id(513) }],
        vec![Record::Received { session: key(2), packet_id: id(514) }],
        vec![published("old", Retained::Stored, vec![to(1, 8, None)], 7)],
        vec![published("old", Retained::Cleared, vec![to(1, 9, None)], 8)],
        vec![Record::Advanced {
            session: key(1),
            removed: Some(Seq(8)),
            released: Some(Seq(7)),
            sent: [(Seq(9), id(5))].into_iter().collect(),
        }],
        vec![walk("a/+/b", after), walk("$share/g/a/#", None)],
        vec![Record::Replayed { session: key(1), filter: group() }],
        vec![began(3, "short", 9), published("s", Retained::Untouched, vec![to(3, 1, None)], 9)],
        vec![Record::SessionEnded { session: key(3) }],
        vec![will(4, "clean", 0), will(5, "also-clean", 0)],
        vec![Record::WillCleared { session: key(4) }],
        vec![Record::SessionLeft { session: key(1), at: at(10) }],
        vec![Record::SessionResumed { session: key(1), address, at: at(11), expiry: None }],
        vec![
            Record::SessionExpires { session: key(2), expiry: Some(7_200) },
            Record::SessionLeft { session: key(2), at: at(12) },
        ],
        vec![
            holds(1, 10, Kept::Here(with_properties), Some(6)),
            holds(2, 11, Kept::Earlier(HELD), None),
            Record::GroupHolds {
                group: group(),
                seq: Seq(5),
                message: Kept::Earlier(HELD),
                at: at(13),
            },
            Record::GroupRemoved { group: group(), seq: Seq(3) },
            Record::Alive,
        ],
    ]
}

fn batch(first: Lsn, records: &[Record], seconds: u64) -> Pending {
    let mut batch = Pending { time: at(seconds), ..Pending::default() };
    for (lsn, record) in (first.0..).map(Lsn).zip(records) {
        batch.push(lsn, record);
    }
    batch
}

fn write(disk: &mut Disk, log: &mut Log, batch: Pending, whole: bool) {
    log.append(batch);
    while let Some(mut op) = log.next() {
        if let Op::Write { bytes, .. } = &mut op
            && !whole
        {
            bytes.truncate(bytes.len() / 2);
        }
        let reply = disk.perform(op);
        log.done(reply).unwrap();
    }
}

/// The files that the story makes, the last batch of which is not complete.
fn written() -> BTreeMap<u64, Vec<u8>> {
    let mut disk = Disk::default();
    let (mut log, ..) = recover(&mut disk, OPTIONS, usize::MAX).unwrap().unwrap();
    let mut last = Lsn::NONE;
    for (place, records) in story().iter().enumerate() {
        let mut batch = batch(last.next(), records, place as u64);
        last = Lsn(last.0 + records.len() as u64);
        // What is outdated is in the first segment, which is still needed.
        batch.trim = (place == OUTDATED).then_some(Lsn(OUTDATED as u64 + 1));
        write(&mut disk, &mut log, batch, true);
    }
    let never = batch(last.next(), &[began(6, "never-acknowledged", 99)], 99);
    write(&mut disk, &mut log, never, false);
    files(&mut disk)
}

#[test]
#[ignore = "writes v1/: only when version 1 is not yet released"]
fn write_version_1_directory() {
    std::fs::create_dir_all(directory()).unwrap();
    for (generation, bytes) in written() {
        std::fs::write(directory().join(segment::name(generation)), bytes).unwrap();
    }
    let (_, image) = read();
    std::fs::write(directory().join("image.txt"), lines(&image)).unwrap();
}

/// The files as they are in the directory.
fn stored() -> BTreeMap<u64, Vec<u8>> {
    let names = std::fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().file_name());
    let segments = names.filter_map(|name| segment::generation_of(name.to_str()?));
    segments
        .map(|generation| {
            let file = directory().join(segment::name(generation));
            (generation, std::fs::read(file).unwrap())
        })
        .collect()
}

#[test]
fn what_ended_before_the_base_comes_back_only_where_it_may_be_needed() {
    let start = |generation: u64, at: usize| {
        let mut files = stored();
        files.get_mut(&generation).unwrap()[at] ^= 1;
        let (found, _) = salvage(&files);
        assert_eq!(found.lost.len(), 1, "{found:?}");
        (found.lost[0].first, found.lost[0].last, found.start)
    };
    // The batch with the news that what is before record 3 is outdated, and one behind it.
    assert_eq!(start(1, 250), (Lsn(3), Some(Lsn(4)), Lsn(1)));
    assert_eq!(start(2, 250), (Lsn(14), Some(Lsn(14)), Lsn(3)));
    assert_eq!(start(4, 100), (Lsn(32), None, Lsn(3)));
}

/// Where the last whole batch of the newest segment ends, and where all that is written.
fn end_of_the_last() -> (usize, usize) {
    let (_, bytes) = stored().pop_last().unwrap();
    let end = bytes.windows(4).rposition(|four| four == batch::MAGIC.to_le_bytes()).unwrap();
    (end, bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1)
}

/// What is in the directory: which kinds of records are there, and the image.
fn read() -> (BTreeSet<u8>, Image) {
    let mut disk = Disk::default();
    for (generation, bytes) in stored() {
        disk.put(segment::name(generation), bytes);
    }
    let (_, summary, records) = recover(&mut disk, OPTIONS, usize::MAX).unwrap().unwrap();
    let bytes: usize = stored().values().map(Vec::len).sum();
    assert_eq!((summary.segments, summary.bytes), (4, bytes as u64), "{summary:?}");
    assert_eq!((summary.last, summary.time), (LAST, at(23)));
    let cut = summary.cut.expect("a batch that was not complete");
    let (end, written) = end_of_the_last();
    assert_eq!((cut.file.as_str(), cut.offset), ("0000000000000004.log", end as u64));
    assert_eq!(cut.bytes, (written - end) as u64, "up to the last byte that is not zero");
    let mut image = Image::default();
    let mut kinds = BTreeSet::new();
    for (lsn, bytes) in records {
        kinds.insert(bytes[0]);
        image.apply(lsn, decode(&bytes).unwrap());
    }
    (kinds, image)
}

fn lines(image: &Image) -> String {
    let mut lines = String::new();
    image.records(Lsn(1), |lsn, record| {
        lines.push_str(&format!("{} {record:?}\n", lsn.0));
    });
    lines
}

#[test]
fn a_directory_of_version_1_is_read_as_what_it_was() {
    let (kinds, image) = read();
    assert_eq!(kinds, (1..=21).collect(), "every kind of record is in it");
    assert_eq!(lines(&image), include_str!("v1/image.txt"));
    let counts = Counts {
        sessions: 2,
        subscriptions: 2,
        awaited: 1,
        queued: 2,
        in_flight: 3,
        in_groups: 2,
        retained: 1,
        wills: 2,
    };
    assert_eq!(image.counts(), counts);
    let (mut anew, mut again) = (Pending::default(), Image::default());
    image.records(Lsn(1), |lsn, record| {
        anew.push(lsn, &record);
        again.apply(lsn, record);
    });
    assert_eq!((image.live_bytes(), &again), (anew.bytes.len() as u64, &image));
    Engine::restore(Config::default(), [0; 32], image, LAST, at(23)).check();
}
