//! Records on their way to the committer and the word that they are durable on its way back, with
//! workers that have nothing else to do.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;
use shuttle::thread;
use surewire_engine::answer::Answer;
use surewire_engine::log::record::Record;
use surewire_engine::message::Content;
use surewire_engine::packet::{Properties, QoS};
use surewire_engine::request::{Command, Request};
use surewire_engine::topic::TopicName;
use tokio::time::Instant;

use super::disk::Files;
use super::environment::Controlled;
use super::in_many_orders;
use crate::config::Durability;
use crate::core::Core;
use crate::run::start_workers;
use crate::settings::{ListenerSettings, Settings};
use crate::shared::Shared;
use crate::store::{self, Committing, Stored};
use crate::sync::block_on;
use crate::worker::Mail;

const WORKERS: usize = 2;
const ASKERS: usize = 3;
const ORDERS: usize = 3;

/// Time stands still, so this is for ever.
const PATIENCE: Duration = Duration::from_secs(9);

fn settings() -> Settings {
    let listener = ListenerSettings::plain(":1883".parse().unwrap());
    Settings { workers: WORKERS, durability: Durability::Power, ..Settings::on(listener) }
}

/// Has messages retained, one after the other. Each answer promises that its message is stored.
async fn order(core: &Core, files: &Files, name: usize) {
    for number in 0..ORDERS {
        let payload = format!("{name}: {number}");
        let content = Content {
            topic: TopicName::new(ByteString::from(format!("{name}/{number}"))).unwrap(),
            payload: Bytes::from(payload.clone()),
            qos: QoS::AtLeastOnce,
            retain: true,
            properties: Properties::NONE,
        };
        let answer = core.ask(Request::Command(Command::Publish(Box::new(content)))).await;
        assert!(matches!(answer, Ok(Answer::Published { .. })));
        assert!(files.are_durable(payload.as_bytes()), "{payload} answered and lost");
    }
}

fn orders() {
    let (environment, _) = Controlled::new();
    let settings = settings();
    let stored = block_on(store::open(&settings, &environment));
    let Stored { engine, clock, store, opened } = stored.unwrap_or_else(|error| panic!("{error}"));
    let core = Core::new(engine, clock, store, &settings);
    let shared = Arc::new(Shared::new(core, settings));
    let committing = Committing::start(&shared, opened, &environment).unwrap();
    let (mailboxes, mut returned) = start_workers(&shared, &environment).unwrap();
    let ask = |name| {
        let (shared, files) = (Arc::clone(&shared), environment.files.clone());
        thread::spawn(move || block_on(order(&shared.core, &files, name)))
    };
    let askers: Vec<_> = (0..ASKERS).map(ask).collect();
    askers.into_iter().for_each(|asker| asker.join().unwrap());
    block_on(async {
        mailboxes.iter().for_each(|mailbox| assert!(mailbox.send(Mail::End).is_ok()));
        assert!(returned.recv().await.is_none());
        committing.finish(Instant::now() + PATIENCE).await.unwrap();
    });
    let records = environment.join().records();
    let retained = |record: &&Record| matches!(record, Record::Published { .. });
    assert_eq!(records.iter().filter(retained).count(), ASKERS * ORDERS);
}

/// Each batch is written and synced, and a worker is woken for it, which tells the engine. No
/// client's turn does that by the way: whoever asks waits for nothing else.
///
/// It has failed for: the committer told only if it waits already; a worker woken before it can see
/// what is durable; answered before the sync.
#[test]
fn every_batch_is_written_and_the_engine_told() {
    in_many_orders(600, orders);
}
