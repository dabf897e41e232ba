//! The engine's next deadline, on its way from any worker to the timer.

use std::cell::Cell;
use std::sync::Arc;

use shuttle::thread;
use surewire_engine::Engine;
use surewire_engine::config::Config;
use surewire_engine::time::Time;
use tokio::sync::oneshot;

use super::environment::Controlled;
use super::in_many_orders;
use crate::core::Core;
use crate::environment::Environment;
use crate::settings::{ListenerSettings, Settings};
use crate::store::Store;
use crate::sync::{Mutex, block_on, spawn_local};
use crate::timer::keep_time;

/// What each worker's first turn leaves. It is never reached: whatever sleeps until then sleeps for
/// ever.
const LATER: [Time; 3] = [Time::from_nanos(1 << 60), Time::from_nanos(1 << 61), Time::MAX];

/// The engine's lock, and in it how many workers have left a deadline that is due.
type Lock = Arc<Mutex<usize>>;

/// As a turn does it: the deadline is left under the lock, and the timer told after that. Returns
/// how many deadlines that are due were left before.
fn turn(core: &Core, lock: &Lock, next: Time, due: usize) -> usize {
    let mut held = lock.lock().unwrap();
    *held += due;
    let (before, rearm) = (*held, core.deadline.set((next != Time::MAX).then_some(next)));
    drop(held);
    if rearm {
        core.deadline.moved.notify_one();
    }
    before
}

/// The timer's thread, until the last deadline is handled.
async fn keep(core: Arc<Core>, lock: Lock) {
    let (tell, over) = oneshot::channel();
    let tell = Cell::new(Some(tell));
    spawn_local(async move {
        let due = || {
            if turn(&core, &lock, Time::MAX, 0) == LATER.len()
                && let Some(tell) = tell.take()
            {
                tell.send(()).unwrap();
            }
        };
        keep_time(&core, due).await;
    });
    over.await.unwrap();
}

fn deadlines() {
    let (environment, _) = Controlled::new();
    let engine = Engine::new(Config::default(), environment.seed().unwrap());
    let listener = ListenerSettings::plain("127.0.0.1:0".parse().unwrap());
    let settings = Settings { workers: LATER.len(), ..Settings::on(listener) };
    let core = Core::new(engine, environment.clock(), Store::nothing(), &settings);
    let core = Arc::new(core);
    let lock = Lock::default();
    let worker = |later| {
        let (core, lock) = (Arc::clone(&core), Arc::clone(&lock));
        thread::spawn(move || {
            turn(&core, &lock, later, 0);
            turn(&core, &lock, core.now(), 1);
        })
    };
    let workers: Vec<_> = LATER.into_iter().map(worker).collect();
    let timer = {
        let (core, lock) = (Arc::clone(&core), Arc::clone(&lock));
        thread::spawn(move || block_on(keep(core, lock)))
    };
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    timer.join().unwrap();
}

/// However late the timer reads a deadline, and whatever it goes to sleep for meanwhile: the last
/// one that is left is due, and the timer says so.
///
/// It has failed for: a timer that does not look again after it has said what it sleeps for; a
/// worker that looks at that before it has left its deadline.
#[test]
fn no_deadline_is_slept_through() {
    in_many_orders(2_000, deadlines);
}
