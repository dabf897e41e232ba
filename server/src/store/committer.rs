//! The thread that makes records durable: all that wait become one batch.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use surewire_engine::log::disk::{DiskError, Op, Reply};
use surewire_engine::log::writer::{Log, LogError, Progress};
use surewire_engine::time::Time;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::open::Opened;
use super::queue::{Next, Queue, Taken};
use crate::environment::{Disk, Environment, LocalFuture, Thread};
use crate::error::RunError;
use crate::planted::Bug;
use crate::shared::Shared;

/// How often a full disk is asked for room.
const RETRY: Duration = Duration::from_secs(1);

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
        let body = {
            let queue = Arc::clone(&queue);
            move || {
                Box::pin(async move {
                    let (at_hand, retry_at) = (None, Instant::now());
                    let committer = Committer { shared, queue, log, disk, at_hand, retry_at };
                    // If nobody listens any more, the broker is gone already.
                    let _ = tell.send(committer.run().await);
                }) as LocalFuture<'static, ()>
            }
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

    /// Waits until all that was handed over is durable, or finds no room.
    pub(crate) async fn finish(mut self, deadline: Instant) -> Result<(), RunError> {
        let Some(running) = &mut self.running else { return Ok(()) };
        running.queue.close();
        match timeout_at(deadline, &mut running.outcome).await {
            Ok(Ok(Ok(()))) if running.queue.waiting_bytes() > 0 => {
                Err(RunError::NoRoom { directory: running.directory.clone() })
            }
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
    RunError::Disk { directory: directory.to_owned(), error: error.to_string() }
}

struct Committer {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    log: Log,
    disk: Box<dyn Disk>,
    at_hand: Option<AtHand>,
    /// When a full disk is asked for room again.
    retry_at: Instant,
}

/// The batch at hand.
struct AtHand {
    bytes: usize,
    anew: u64,
    since: Time,
    worker: usize,
}

impl Committer {
    /// Until nothing will come any more. An error is never tried again: after a failed sync nobody
    /// knows what the disk holds. Want of room is no error: it is asked for again and again.
    async fn run(mut self) -> Result<(), LogError> {
        loop {
            // Between any two steps: what only tidies up must not keep records waiting.
            if self.log.is_idle() {
                match self.queue.try_take() {
                    Next::Batch(taken) => self.begin(taken),
                    Next::Nothing => {}
                    Next::Never => return Ok(()),
                }
            }
            if self.log.is_full() && Instant::now() >= self.retry_at {
                self.retry_at = Instant::now() + RETRY;
                self.log.retry();
            }
            self.log.set_waiting(self.queue.waiting_bytes() as u64);
            match self.log.next() {
                Some(op) => self.step(op).await?,
                // It was asked for room a moment ago, and nobody waits for an answer any more.
                None if self.log.is_full() && self.queue.is_closed() => return Ok(()),
                None => self.wait().await,
            }
        }
    }

    fn begin(&mut self, taken: Taken) {
        let Taken { pending, since, worker } = taken;
        self.queue.count(|figures| {
            figures.batches += 1;
            figures.records += u64::from(pending.count);
            figures.record_bytes += pending.bytes.len() as u64;
            figures.anew_bytes += pending.anew;
        });
        let (bytes, anew) = (pending.bytes.len(), pending.anew);
        self.at_hand = Some(AtHand { bytes, anew, since, worker });
        self.log.append(pending);
    }

    async fn step(&mut self, op: Op) -> Result<(), LogError> {
        let reply = self.perform(op).await;
        let progress = self.log.done(reply)?;
        self.tell_state();
        let Progress::Durable(upto) = progress else { return Ok(()) };
        let at_hand = self.at_hand.take();
        if let Some(AtHand { bytes, anew, .. }) = at_hand {
            self.queue.written(bytes, anew);
        }
        self.queue.set_durable(upto);
        if let Some(AtHand { since, worker, .. }) = at_hand {
            if !self.shared.settings.planted.is(Bug::DurableNotTold) {
                self.shared.core.wake(worker);
            }
            let took = self.shared.core.now() - since;
            self.queue.count(|figures| figures.commit.record(took));
        }
        Ok(())
    }

    /// Lets the engine know, through any worker, whether there is room and whether to clean: on a
    /// full disk nothing else may happen that would.
    fn tell_state(&mut self) {
        self.queue.owe(self.log.take_owed());
        let round = self.log.wants_cleaning().then(|| self.log.rounds() + 1);
        let outdated = self.queue.want_round(round);
        let full = self.queue.set_full(self.log.is_full());
        if outdated || full {
            self.shared.core.wake(0);
        }
    }

    /// Until there may be something to do.
    async fn wait(&self) {
        if self.log.is_full() {
            // In time or not: whoever waits looks again.
            let _ = timeout_at(self.retry_at, self.queue.more()).await;
        } else {
            self.queue.more().await;
        }
    }

    async fn perform(&mut self, op: Op) -> Result<Reply, DiskError> {
        let syncs = matches!(op, Op::Sync { .. });
        let written = if let Op::Write { bytes, .. } = &op { bytes.len() as u64 } else { 0 };
        let begun = self.shared.core.now();
        let reply = self.disk.perform(op).await;
        let took = self.shared.core.now() - begun;
        let sizes = (self.log.live(), self.log.bytes(), self.log.spare_bytes());
        self.queue.count(|figures| {
            (figures.live_bytes, figures.log_bytes, figures.spare_bytes) = sizes;
            figures.written += written;
            if syncs {
                figures.sync.record(took);
            }
        });
        reply
    }
}
