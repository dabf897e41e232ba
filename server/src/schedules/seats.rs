//! Sockets on their way from the acceptor to the workers, and the count of those that are open.

use std::sync::Arc;

use shuttle::rand::{Rng, thread_rng};
use shuttle::thread::{self, JoinHandle};
use surewire_engine::Engine;
use tokio::io::DuplexStream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::environment::{Controlled, Door};
use super::in_many_orders;
use crate::acceptor::Acceptor;
use crate::core::Core;
use crate::environment::Environment;
use crate::run::Mailboxes;
use crate::settings::{ListenerSettings, Settings};
use crate::shared::Shared;
use crate::store::Store;
use crate::sync::{JoinSet, block_on, step};
use crate::transport::Transport;
use crate::worker::Mail;

const WORKERS: usize = 3;
const SOCKETS: usize = 7;

/// What becomes of a worker's connections before the stop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    /// They stay.
    Long,
    /// They may end at any time.
    Short,
    /// They stay, and the worker ends early.
    Cut,
}

/// A worker as far as its mailbox goes. Returns how many connections it has had.
fn work(mut mail: UnboundedReceiver<Mail>, life: Life) -> usize {
    block_on(async {
        let (mut connections, mut served) = (Vec::new(), 0);
        while let Some(mail) = mail.recv().await {
            match mail {
                Mail::Arrival(arrival) => {
                    connections.push(arrival);
                    served += 1;
                }
                Mail::Stop => connections.clear(),
                Mail::End => break,
            }
            step();
            if life == Life::Short && thread_rng().r#gen() {
                connections.pop();
            }
            if life == Life::Cut && served == 1 {
                break;
            }
        }
        served
    })
}

fn start(lives: [Life; WORKERS]) -> (Mailboxes, Vec<JoinHandle<usize>>) {
    let start = |life| {
        let (mailbox, mail) = unbounded_channel();
        (mailbox, thread::spawn(move || work(mail, life)))
    };
    let (mailboxes, threads): (Vec<_>, Vec<_>) = lives.into_iter().map(start).unzip();
    (mailboxes.into(), threads)
}

fn shared(environment: &Controlled, settings: Settings) -> Arc<Shared> {
    let engine = Engine::new(settings.engine.clone(), environment.seed().unwrap());
    let core = Core::new(engine, environment.clock(), Store::nothing(), &settings);
    Arc::new(Shared::new(core, settings))
}

async fn acceptor(environment: &Controlled, settings: &Settings) -> Acceptor {
    let listener = &settings.listeners[0];
    Acceptor {
        listener: environment.bind(&listener.address).await.unwrap().remove(0),
        transport: Transport::new(listener, 1_024, settings.planted).unwrap(),
        anonymous: true,
        name: String::new(),
    }
}

/// Opens all sockets, each from a thread of its own.
fn dial(door: &Door) -> Vec<DuplexStream> {
    let dial = |_| {
        let door = door.clone();
        thread::spawn(move || {
            step();
            door.connect()
        })
    };
    let threads: Vec<_> = (0..SOCKETS).map(dial).collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

/// Accepts all sockets and stops. Returns how many each worker had, and what is counted then.
fn accept(lives: [Life; WORKERS]) -> (Vec<usize>, Arc<Shared>) {
    let (environment, door) = Controlled::new();
    let settings = Settings { workers: WORKERS, ..Settings::on(plain()) };
    let shared = shared(&environment, settings);
    let (mailboxes, threads) = start(lives);
    let clients = thread::spawn(move || dial(&door));
    block_on(async {
        let acceptor = acceptor(&environment, &shared.settings).await;
        let mut accepting = JoinSet::new();
        accepting.spawn_local(acceptor.accept(Arc::clone(&shared), Arc::clone(&mailboxes)));
        // Tasks of this thread run while it waits.
        while shared.accepted() < SOCKETS as u64 {
            tokio::task::yield_now().await;
            thread::yield_now();
        }
        drop(accepting);
        tell(&mailboxes, || Mail::Stop);
        shared.drained().await;
        tell(&mailboxes, || Mail::End);
    });
    drop(clients.join().unwrap());
    (threads.into_iter().map(|thread| thread.join().unwrap()).collect(), shared)
}

fn plain() -> ListenerSettings {
    ListenerSettings::plain(":1883".parse().unwrap())
}

fn tell(mailboxes: &Mailboxes, what: impl Fn() -> Mail) {
    for mailbox in mailboxes.iter() {
        let _ = mailbox.send(what());
    }
}

/// A worker with fewer connections than another gets the next one. It has failed for sockets that
/// all went to the first worker.
#[test]
fn connections_that_stay_are_spread_evenly() {
    in_many_orders(500, || {
        let (mut served, shared) = accept([Life::Long; WORKERS]);
        served.sort_unstable();
        assert_eq!(served, [2, 2, 3]);
        assert_eq!((shared.open(), shared.loads()), (0, vec![0; WORKERS]));
    });
}

/// Every socket goes to one worker, whoever ends when, and the stop learns of the last end. It has
/// failed for seats that stay counted.
#[test]
fn each_socket_has_one_worker_and_none_is_counted_after_its_end() {
    in_many_orders(1_000, || {
        let (served, shared) = accept([Life::Short; WORKERS]);
        assert_eq!(served.iter().sum::<usize>(), SOCKETS);
        assert_eq!((shared.open(), shared.loads()), (0, vec![0; WORKERS]));
    });
}

/// What lies in the mailbox of a worker that has ended is closed and no longer counted. It has
/// failed for a stop that is told of the last end only if it waits already.
#[test]
fn a_worker_that_ends_early_leaves_no_socket_behind() {
    in_many_orders(1_000, || {
        let (served, shared) = accept([Life::Long, Life::Short, Life::Cut]);
        assert!(served[2] <= 1 && served.iter().sum::<usize>() <= SOCKETS);
        assert_eq!((shared.open(), shared.loads()), (0, vec![0; WORKERS]));
    });
}
