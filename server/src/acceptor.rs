//! One task for each listening socket hands its connections to the workers.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::environment::{Incoming, Listener};
use crate::shared::Shared;
use crate::transport::Transport;
use crate::worker::{Arrival, Mail};

/// Connections beyond `max_connections` that still get the engine's answer instead of nothing.
const SPARE: usize = 64;

/// After an error that will come again (no file descriptor is left) accepting pauses so long.
const PAUSE: Duration = Duration::from_millis(100);

/// The same complaint is logged at most so often.
const COMPLAINTS: Duration = Duration::from_secs(10);

/// A bound listener before it accepts.
pub(crate) struct Acceptor {
    pub(crate) listener: Box<dyn Listener>,
    pub(crate) transport: Arc<Transport>,
    pub(crate) anonymous: bool,
    /// As the log calls it.
    pub(crate) name: String,
}

impl Acceptor {
    /// Accepts for ever.
    pub(crate) async fn accept(
        mut self,
        shared: Arc<Shared>,
        workers: Arc<[UnboundedSender<Mail>]>,
    ) {
        let mut quiet_until = Instant::now();
        loop {
            let complaint = match self.listener.accept().await {
                Ok((incoming, peer)) if has_room(&shared) => {
                    self.hand_over(&shared, &workers, incoming, peer);
                    continue;
                }
                Ok(_) => Complaint::Limit,
                Err(error) if is_peers_fault(&error) => continue,
                Err(error) => Complaint::Failed(error),
            };
            if Instant::now() >= quiet_until {
                quiet_until = Instant::now() + COMPLAINTS;
                complaint.log(&self.name);
            }
            if let Complaint::Failed(_) = complaint {
                sleep(PAUSE).await;
            }
        }
    }

    fn hand_over(
        &self,
        shared: &Arc<Shared>,
        workers: &[UnboundedSender<Mail>],
        incoming: Box<dyn Incoming>,
        peer: SocketAddr,
    ) {
        let seat = shared.seat();
        let Some(worker) = workers.get(seat.worker()) else { return };
        let arrival = Arrival {
            incoming,
            peer,
            transport: Arc::clone(&self.transport),
            anonymous: self.anonymous,
            accepted: Instant::now(),
            seat,
        };
        // A worker that has ended takes nothing: the socket closes.
        let _ = worker.send(Mail::Arrival(Box::new(arrival)));
    }
}

enum Complaint {
    Limit,
    Failed(io::Error),
}

impl Complaint {
    fn log(&self, listener: &str) {
        match self {
            Self::Limit => warn!(listener, "connections are closed: max_connections is reached"),
            Self::Failed(error) => {
                warn!(listener, %error, "cannot accept; trying again every 100 ms");
            }
        }
    }
}

fn has_room(shared: &Shared) -> bool {
    shared.open() < shared.settings.engine.max_connections.saturating_add(SPARE)
}

/// The connection was gone before it was accepted.
pub(crate) fn is_peers_fault(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionAborted
        || error.kind() == io::ErrorKind::ConnectionReset
        || error.kind() == io::ErrorKind::Interrupted
}
