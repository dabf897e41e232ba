//! The broker's threads in thousands of orders: workers, committer, acceptor, timer, and the stop.
//!
//! ```text
//! cargo test -p surewire-server --features shuttle --lib schedules
//! ```
//!
//! Each test runs a scenario over and over. Shuttle decides at every lock, atomic, wake-up and step
//! of the disk which thread goes on: in half of the runs at random, in the other half by priorities
//! that change a few times (PCT), which finds what needs one thread to be very late. A thread that
//! waits for a wake-up that was lost is a deadlock, and shuttle says so.
//!
//! A failure prints its schedule. `SCHEDULE=..` in the environment runs that one alone,
//! `SHUTTLE_RANDOM_SEED=..` others than usual, `TIMES=20` so many times as many.
//!
//! Not to be found in this way: what needs a machine that reorders memory accesses (all atomics
//! count as sequentially consistent here), what happens inside of tokio's own primitives, and what
//! timeouts do, which never end here.

mod broker;
mod client;
mod committer;
mod disk;
mod environment;
mod seats;
mod timer;

use std::env;

use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::{Config, Runner};

/// Where orders come from unless the environment says otherwise.
const SEED: u64 = 7;

/// How often priorities change in a run, and one more.
const DEPTH: usize = 4;

/// Runs `scenario` in `orders` orders, all of which it must survive.
fn in_many_orders(orders: usize, scenario: fn()) {
    // For tokio's timers, which need a runtime to wait with. Nobody drives it: time stands still.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    // Leaked: a failed run leaves timers behind whose memory is gone.
    let _entered = Box::leak(Box::new(runtime)).enter();
    if let Ok(schedule) = env::var("SCHEDULE") {
        return run(ReplayScheduler::new_from_encoded(&schedule), scenario);
    }
    let times = env::var("TIMES").map_or(1, |times| times.parse().unwrap());
    let each = orders.div_ceil(2) * times;
    run(PctScheduler::new_from_seed(SEED, DEPTH, each), scenario);
    run(RandomScheduler::new_from_seed(SEED, each), scenario);
}

fn run(scheduler: impl Scheduler + 'static, scenario: fn()) {
    let mut config = Config::new();
    // Of a thread: the engine unoptimised, and a message of a failed assertion.
    config.stack_size = 1 << 20;
    // Of memory, shuttle knows one order only, and says so each time.
    config.silence_warnings = true;
    Runner::new(scheduler, config).run(scenario);
}
