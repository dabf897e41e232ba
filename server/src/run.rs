//! The broker from its listeners' opening to its stop.

use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{debug, info, warn};

use crate::acceptor::Acceptor;
use crate::api::{self, Api, BoundListener};
use crate::config::ListenAddress;
use crate::core::Core;
use crate::environment::{Environment, Listener, Thread};
use crate::error::RunError;
use crate::http::Http;
use crate::memory;
use crate::settings::{ListenerSettings, Settings};
use crate::shared::Shared;
use crate::store::{self, Committing, Stored};
use crate::system_topics;
use crate::transport::Transport;
use crate::worker::{self, Mail};

/// How long connections may take to end once the broker stops.
const DRAIN: Duration = Duration::from_secs(7);

/// How long workers may take to return after that.
const RETURN: Duration = Duration::from_millis(500);

/// How long after the stop began everything must be on the disk.
const STORE: Duration = Duration::from_secs(9);

/// Binds everything, then serves until `shutdown` is ready, then stops gracefully within 9 s.
///
/// # Errors
/// What keeps the broker from starting, or that its engine or its disk failed.
pub async fn run(
    settings: Settings,
    environment: &dyn Environment,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    Server::bind(settings, environment).await?.serve(environment, shutdown).await
}

/// A broker whose listeners are bound, and which accepts nothing yet.
pub struct Server {
    settings: Settings,
    acceptors: Vec<Acceptor>,
    addresses: Vec<SocketAddr>,
    /// Of the management interface.
    http: Vec<Box<dyn Listener>>,
    bound: Vec<BoundListener>,
}

impl Server {
    /// Opens all listeners and reads their certificates.
    ///
    /// # Errors
    /// The first listener that cannot be opened, by name.
    pub async fn bind(settings: Settings, environment: &dyn Environment) -> Result<Self, RunError> {
        let mut server = Self {
            settings,
            acceptors: Vec::new(),
            addresses: Vec::new(),
            http: Vec::new(),
            bound: Vec::new(),
        };
        for listener in server.settings.listeners.clone() {
            server.open(&listener, environment).await?;
        }
        if let Some(http) = server.settings.http.clone() {
            server.open_http(&http.address, environment).await?;
        }
        Ok(server)
    }

    /// Where it listens, in the order of the listeners; a port 0 is replaced by the real one.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where the management interface is, if there is one; a port 0 is replaced by the real one.
    #[must_use]
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.bound.iter().find(|bound| bound.anonymous.is_none()).map(|bound| bound.address)
    }

    /// Serves until `shutdown` is ready, then stops gracefully within 9 s.
    ///
    /// # Errors
    /// What is stored cannot be used, a thread cannot start, the system has no random numbers, or the
    /// engine or the disk failed.
    pub async fn serve(
        self,
        environment: &dyn Environment,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), RunError> {
        let Self { settings, acceptors, http: sockets, bound, .. } = self;
        let Stored { engine, clock, store, opened } = store::open(&settings, environment).await?;
        // Only now: whoever waits for this line may use what is stored.
        bound.iter().for_each(announce);
        let (workers, log_packets) = (settings.workers, settings.log_packets);
        let core = Core::new(engine, clock, workers, log_packets, store);
        let shared = Arc::new(Shared::new(core, settings));

        let secret = environment.seed().map_err(RunError::Entropy)?;
        let api = Api::new(Arc::clone(&shared), bound, &secret);
        let http = Http::new(api::router(&api), Arc::clone(&shared));

        let mut committing = Committing::start(&shared, opened, environment)?;
        let (mail, mut returned) = start_workers(&shared, environment)?;
        // Dropped, and with it all listening sockets, when serving ends.
        let mut accepting = JoinSet::new();
        for acceptor in acceptors {
            accepting.spawn_local(acceptor.accept(Arc::clone(&shared), Arc::clone(&mail)));
        }
        for socket in sockets {
            accepting.spawn_local(Rc::clone(&http).accept(socket));
        }
        if let Some(period) = shared.settings.sys_interval {
            accepting.spawn_local(system_topics::publish(Arc::clone(&shared), period));
        }
        let asked = tokio::select! {
            biased;
            () = shared.core.failed.notified() => Err(RunError::Engine),
            error = committing.failed() => Err(error),
            () = shutdown => Ok(()),
            // None of them ends by itself while the engine lives.
            Some(_) = accepting.join_next() => Err(RunError::Task),
            never = print_on_demand(&shared, environment) => match never {},
            never = memory::watch(&shared, environment) => match never {},
        };
        drop(accepting);
        asked?;
        stop(&shared, &http, &mail, &mut returned, committing).await
    }

    async fn open(
        &mut self,
        listener: &ListenerSettings,
        environment: &dyn Environment,
    ) -> Result<(), RunError> {
        let name = || format!("{}://{}", listener.scheme(), listener.address);
        let transport = Transport::new(listener, self.settings.limits.max_packet_size)
            .map_err(|error| RunError::Tls { listener: name(), error: Box::new(error) })?;
        let failed = |error| RunError::Bind { listener: name(), error };
        for socket in environment.bind(&listener.address).await.map_err(failed)? {
            let address = socket.local_addr().map_err(failed)?;
            let name = format!("{}://{address}", listener.scheme());
            self.addresses.push(address);
            let (scheme, anonymous) = (listener.scheme(), Some(listener.allow_anonymous));
            self.bound.push(BoundListener { scheme, address, anonymous });
            self.acceptors.push(Acceptor {
                listener: socket,
                transport: Arc::clone(&transport),
                anonymous: listener.allow_anonymous,
                name,
            });
        }
        Ok(())
    }

    async fn open_http(
        &mut self,
        address: &ListenAddress,
        environment: &dyn Environment,
    ) -> Result<(), RunError> {
        let failed = |error| RunError::Bind { listener: format!("http://{address}"), error };
        for socket in environment.bind(address).await.map_err(failed)? {
            let address = socket.local_addr().map_err(failed)?;
            self.bound.push(BoundListener { scheme: "http", address, anonymous: None });
            self.http.push(socket);
        }
        Ok(())
    }
}

fn announce(bound: &BoundListener) {
    let BoundListener { scheme, address, anonymous } = bound;
    let listener = format!("{scheme}://{address}");
    match anonymous {
        Some(anonymous) => info!(listener, anonymous, "listening"),
        None => info!(listener, "listening"),
    }
}

type Mailboxes = Arc<[UnboundedSender<Mail>]>;

/// Starts all workers; the receiver is closed when all of them have returned.
fn start_workers(
    shared: &Arc<Shared>,
    environment: &dyn Environment,
) -> Result<(Mailboxes, UnboundedReceiver<()>), RunError> {
    let (alive, returned) = mpsc::unbounded_channel::<()>();
    let mut mailboxes = Vec::new();
    for index in 0..shared.settings.workers {
        let (mailbox, mail) = mpsc::unbounded_channel();
        mailboxes.push(mailbox);
        let (shared, alive) = (Arc::clone(shared), alive.clone());
        let body = move || {
            let work = worker::work(shared, index, mail);
            Box::pin(async move {
                work.await;
                drop(alive);
            }) as crate::environment::LocalFuture<'static, ()>
        };
        environment
            .start_thread(Thread::Worker(index), Box::new(body))
            .map_err(|error| RunError::Worker { index, error })?;
    }
    Ok((mailboxes.into(), returned))
}

async fn stop(
    shared: &Shared,
    http: &Http,
    mail: &Mailboxes,
    returned: &mut UnboundedReceiver<()>,
    mut committing: Committing,
) -> Result<(), RunError> {
    let asked = Instant::now();
    let deadline = asked + DRAIN;
    shared.stopping.store(true, Ordering::Relaxed);
    info!(connections = shared.open(), "stopping");
    tell(mail, || Mail::Stop);
    tokio::select! {
        biased;
        error = committing.failed() => return Err(error),
        _ = async { tokio::join!(http.stop(deadline), drain(shared, deadline)) } => {}
    }
    tell(mail, || Mail::End);
    if timeout(RETURN, returned.recv()).await.is_err() {
        warn!("workers did not end in time");
    }
    // Nobody brings records any more.
    committing.finish(asked + STORE).await?;
    print_histograms(shared, |line| debug!("{line}"));
    info!(panics = shared.panics.load(Ordering::Relaxed), "stopped");
    Ok(())
}

/// Returns when the last connection has ended, or at the deadline.
async fn drain(shared: &Shared, deadline: Instant) {
    while shared.open() > 0 {
        if timeout_at(deadline, shared.drained.notified()).await.is_err() {
            warn!(connections = shared.open(), "connections did not end in time and are dropped");
            break;
        }
    }
}

/// A worker that has returned already needs no telling.
fn tell(mail: &Mailboxes, what: impl Fn() -> Mail) {
    for mailbox in mail.iter() {
        let _ = mailbox.send(what());
    }
}

async fn print_on_demand(
    shared: &Shared,
    environment: &dyn Environment,
) -> std::convert::Infallible {
    loop {
        environment.histograms_wanted().await;
        print_histograms(shared, |line| info!("{line}"));
    }
}

fn print_histograms(shared: &Shared, print: impl Fn(&str)) {
    for line in shared.core.histograms().unwrap_or_default() {
        print(&line);
    }
}
