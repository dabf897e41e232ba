//! The start: what an earlier process stored becomes the engine.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use surewire_engine::Engine;
use surewire_engine::id::Lsn;
use surewire_engine::log;
use surewire_engine::log::image::Image;
use surewire_engine::log::recovery::{RecoveredBatch, Recovery, RecoveryError, Step, Summary};
use surewire_engine::log::writer::{Log, Options, Sync};
use tracing::{info, warn};

use super::{Queue, Store, clock};
use crate::config::Durability;
use crate::environment::{Clock, Disk, Environment};
use crate::error::RunError;
use crate::planted::Bug;
use crate::settings::Settings;
use crate::sync::CONTROLLED;

/// Bytes of a file of the log.
pub(crate) const SEGMENT_LEN: u64 = if CONTROLLED { 64 << 10 } else { 16 << 20 };

/// What the broker begins with.
pub(crate) struct Stored {
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Store,
    /// What the committer needs; `None` where nothing is kept.
    pub(crate) opened: Option<Opened>,
}

/// A log that is ready to be written.
pub(crate) struct Opened {
    pub(super) log: Log,
    pub(super) disk: Box<dyn Disk>,
    pub(super) queue: Arc<Queue>,
}

/// What was read.
struct Recovered {
    log: Log,
    image: Image,
    summary: Summary,
    records: u64,
}

/// Makes the engine: with all that is in the data directory, if anything is to be kept.
pub(crate) async fn open(
    settings: &Settings,
    environment: &dyn Environment,
) -> Result<Stored, RunError> {
    let seed = environment.seed().map_err(RunError::Entropy)?;
    let (config, clock) = (settings.engine.clone(), environment.clock());
    let sync = match settings.durability {
        Durability::Power => Sync::Always,
        Durability::Process => Sync::OnRoll,
        Durability::None => {
            let engine = Engine::new(config, seed);
            return Ok(Stored { engine, clock, store: Store::nothing(), opened: None });
        }
    };
    let directory = settings.data_dir.as_path();
    let begun = clock.now();
    let mut disk = lock(directory, environment)?;
    let nonce = environment.seed().map_err(RunError::Entropy)?;
    let options = Options {
        segment_len: SEGMENT_LEN,
        sync,
        nonce: first_bytes(nonce),
        planted: settings.engine.planted,
    };
    let recovered = recover(directory, Recovery::new(options), &mut *disk).await?;
    let Recovered { mut log, image, summary, records } = recovered;
    log.set_live(image.live_bytes());
    let sessions = image.sessions();
    let Summary { last, time, .. } = summary;
    let forgets = settings.planted.is(Bug::RecoverySkipped);
    let image = if forgets { Image::default() } else { image };
    let engine = Engine::restore(config, seed, image, last, time);
    let ms = u64::try_from((clock.now() - begun).as_millis()).unwrap_or(u64::MAX);
    tell(directory, &summary, records, sessions, ms);
    let queue = Arc::new(Queue::new(last, settings.disk_share));
    let store = Store::log(Arc::clone(&queue));
    let clock = clock::not_before(time, clock);
    Ok(Stored { engine, clock, store, opened: Some(Opened { log, disk, queue }) })
}

fn lock(directory: &Path, environment: &dyn Environment) -> Result<Box<dyn Disk>, RunError> {
    environment.open_disk(directory).map_err(|error| {
        let directory = directory.to_owned();
        if error.kind() == ErrorKind::WouldBlock {
            RunError::Locked { directory }
        } else {
            RunError::DataDirectory { directory, error }
        }
    })
}

fn first_bytes(random: [u8; 32]) -> u64 {
    random.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Reads all there is. Changes nothing but to remove files that are not needed.
async fn recover(
    directory: &Path,
    mut recovery: Recovery,
    disk: &mut dyn Disk,
) -> Result<Recovered, RunError> {
    let (mut image, mut records) = (Image::default(), 0);
    loop {
        match recovery.next() {
            Step::Do(op) => {
                let reply = disk.perform(op).await;
                recovery.done(reply);
            }
            Step::Batch(batch) => records += apply(directory, &mut image, &batch)?,
            Step::Finished(log, summary) => {
                return Ok(Recovered { log: *log, image, summary, records });
            }
            Step::Failed(error) => return Err(refusal(directory, &error)),
        }
    }
}

fn apply(directory: &Path, image: &mut Image, batch: &RecoveredBatch) -> Result<u64, RunError> {
    let mut count = 0;
    for (lsn, bytes) in batch.records() {
        let record = log::decode(bytes).map_err(|error| unreadable(directory, lsn, &error))?;
        image.apply(lsn, record);
        count += 1;
    }
    Ok(count)
}

/// Its checksum is right, so a program wrote it that knows more than this one, or has a bug.
fn unreadable(directory: &Path, lsn: Lsn, error: &dyn std::error::Error) -> RunError {
    let why = format!("record {} cannot be read: {error}", lsn.0);
    RunError::Unusable { directory: directory.to_owned(), why }
}

fn refusal(directory: &Path, error: &RecoveryError) -> RunError {
    let (directory, what) = (directory.to_owned(), error.to_string());
    match error {
        RecoveryError::Damaged { .. } | RecoveryError::Missing { .. } => {
            RunError::Damaged { directory, what }
        }
        RecoveryError::Disk { .. } => RunError::Disk { directory, error: what },
        RecoveryError::Version { .. } => RunError::Unusable { directory, why: what },
    }
}

fn tell(directory: &Path, summary: &Summary, records: u64, sessions: usize, ms: u64) {
    let Summary { segments, .. } = summary;
    let data_dir = directory.display();
    info!(%data_dir, records, sessions, segments, milliseconds = ms, "recovered");
    if let Some(cut) = &summary.cut {
        let (file, offset, bytes) = (&cut.file, cut.offset, cut.bytes);
        warn!(
            file,
            offset, bytes, "the end of the log is incomplete and is cut; it was never acknowledged"
        );
    }
}
