//! The thread that makes records durable: all that wait become one batch.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use surewire_engine::log::disk::{DiskError, Op, Reply};
use surewire_engine::log::writer::{Log, LogError, Progress};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::open::Opened;
use super::queue::{Queue, Taken};
use crate::environment::{Disk, Environment, LocalFuture, Thread};
use crate::error::RunError;
use crate::shared::Shared;

/// The committer, as the rest of the broker sees it. Dropping it lets it end.
pub(crate) struct Committing {
    running: Option<Running>,
}

struct Running {
    queue: Arc<Queue>,
    directory: PathBuf,
    /// How it ended; closed without a word if it panicked.
    outcome: oneshot::Receiver<Result<(), LogError>>,
}

impl Committing {
    /// Starts the thread, if there is a log to write.
    pub(crate) fn start(
        shared: &Arc<Shared>,
        opened: Option<Opened>,
        environment: &dyn Environment,
    ) -> Result<Self, RunError> {
        let Some(Opened { log, disk, queue }) = opened else { return Ok(Self { running: None }) };
        let (tell, outcome) = oneshot::channel();
        let (shared, directory) = (Arc::clone(shared), shared.settings.data_dir.clone());
        let committer = Committer { shared, queue: Arc::clone(&queue), log, disk };
        let body = move || {
            Box::pin(async move {
                // If nobody listens any more, the broker is gone already.
                let _ = tell.send(committer.run().await);
            }) as LocalFuture<'static, ()>
        };
        environment.start_thread(Thread::Committer, Box::new(body)).map_err(RunError::Committer)?;
        Ok(Self { running: Some(Running { queue, directory, outcome }) })
    }

    /// Why it ended while it was to run; for ever if it does not.
    pub(crate) async fn failed(&mut self) -> RunError {
        let Some(running) = &mut self.running else { return std::future::pending().await };
        let outcome = (&mut running.outcome).await;
        match (outcome, self.running.take()) {
            (Ok(Err(error)), Some(running)) => failure(&running.directory, &error),
            _ => RunError::Task,
        }
    }

    /// Waits until all that was handed over is durable.
    pub(crate) async fn finish(mut self, deadline: Instant) -> Result<(), RunError> {
        let Some(running) = &mut self.running else { return Ok(()) };
        running.queue.close();
        match timeout_at(deadline, &mut running.outcome).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => Err(failure(&running.directory, &error)),
            Ok(Err(_)) => Err(RunError::Task),
            Err(_) => Err(RunError::Disk {
                directory: running.directory.clone(),
                error: "it did not take what was written in time".to_owned(),
            }),
        }
    }
}

impl Drop for Committing {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.queue.close();
        }
    }
}

fn failure(directory: &Path, error: &LogError) -> RunError {
    let directory = directory.to_owned();
    match error {
        LogError::NoRoom { .. } => RunError::NoRoom { directory },
        LogError::Disk { .. } => RunError::Disk { directory, error: error.to_string() },
    }
}

struct Committer {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    log: Log,
    disk: Box<dyn Disk>,
}

impl Committer {
    /// Until nothing will come any more. An error is never tried again: after a failed sync nobody
    /// knows what the disk holds.
    async fn run(mut self) -> Result<(), LogError> {
        while let Some(taken) = self.queue.take().await {
            self.commit(taken).await?;
        }
        Ok(())
    }

    async fn commit(&mut self, taken: Taken) -> Result<(), LogError> {
        let Taken { pending, since, worker } = taken;
        self.queue.count(|figures| {
            figures.batches += 1;
            figures.records += u64::from(pending.count);
            figures.record_bytes += pending.bytes.len() as u64;
        });
        self.log.append(pending);
        while let Some(op) = self.log.next() {
            let reply = self.perform(op).await;
            if let Progress::Durable(upto) = self.log.done(reply)? {
                self.queue.set_outdated(self.log.wants_cleaning());
                self.queue.set_durable(upto);
                self.shared.core.wake(worker);
                let took = self.shared.core.now() - since;
                self.queue.count(|figures| figures.commit.record(took));
            }
        }
        Ok(())
    }

    async fn perform(&mut self, op: Op) -> Result<Reply, DiskError> {
        let syncs = matches!(op, Op::Sync { .. });
        let written = if let Op::Write { bytes, .. } = &op { bytes.len() as u64 } else { 0 };
        let begun = self.shared.core.now();
        let reply = self.disk.perform(op).await;
        let took = self.shared.core.now() - begun;
        self.queue.count(|figures| {
            figures.written += written;
            if syncs {
                figures.sync.record(took);
            }
        });
        reply
    }
}
