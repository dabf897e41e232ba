//! HTTP/1.1 connections to the management interface, on the thread that everything is started from.
//!
//! What is served is [`api`](crate::api)'s; here is how long, how many and how they end.

mod connection;
mod patient;
mod seats;

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{error, warn};

use crate::acceptor::is_peers_fault;
use crate::environment::{Incoming, Listener};
use crate::shared::Shared;

use seats::Seats;

/// After an error that will come again (no file descriptor is left) accepting pauses so long.
const PAUSE: Duration = Duration::from_millis(100);

/// The same complaint is logged at most so often.
const COMPLAINTS: Duration = Duration::from_secs(10);

/// Who sent a request, as an extension of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerAddress(pub(crate) SocketAddr);

/// Everything on all HTTP listeners.
pub(crate) struct Http {
    router: Router,
    shared: Arc<Shared>,
    seats: Seats,
    /// Dropped, and with it every connection that is left, when serving ends.
    tasks: RefCell<JoinSet<()>>,
}

impl Http {
    pub(crate) fn new(router: Router, shared: Arc<Shared>) -> Rc<Self> {
        let (seats, tasks) = (Seats::default(), RefCell::default());
        Rc::new(Self { router, shared, seats, tasks })
    }

    /// Accepts for ever.
    pub(crate) async fn accept(self: Rc<Self>, mut listener: Box<dyn Listener>) {
        let mut quiet_until = Instant::now();
        loop {
            match listener.accept().await {
                Ok((incoming, peer)) => {
                    self.seats.room().await;
                    self.start(incoming, peer);
                }
                Err(error) if is_peers_fault(&error) => {}
                Err(error) => {
                    if Instant::now() >= quiet_until {
                        quiet_until = Instant::now() + COMPLAINTS;
                        complain(&error);
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Ends idle connections, and the others after their answer. Returns when there is none left,
    /// or at the deadline.
    pub(crate) async fn stop(&self, deadline: Instant) {
        self.seats.close_all();
        if timeout_at(deadline, self.seats.empty()).await.is_err() {
            warn!("HTTP requests were not answered in time and are dropped");
        }
        self.tasks.take();
    }

    fn start(&self, incoming: Box<dyn Incoming>, peer: SocketAddr) {
        // A peer that is gone already is no news.
        let keepalive = self.shared.settings.tcp_keepalive;
        let Ok(stream) = incoming.attach(keepalive) else { return };
        let seat = self.seats.take();
        let mut tasks = self.tasks.borrow_mut();
        while let Some(ended) = tasks.try_join_next() {
            if let Err(error) = ended {
                self.shared.panics.fetch_add(1, Ordering::Relaxed);
                error!(%error, "an HTTP connection was ended by a bug of ours");
            }
        }
        tasks.spawn_local(connection::serve(stream, peer, self.router.clone(), seat));
    }
}

fn complain(error: &io::Error) {
    warn!(listener = "http", %error, "cannot accept; trying again every 100 ms");
}
