//! Threads as tasks that take turns as the seed draws.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use surewire_server::environment::ThreadBody;
use tokio::task::LocalSet;
use tokio::time::{Sleep, sleep};

use crate::swarm::random::Random;

/// The longest that a thread waits for its turn, in milliseconds: what a busy machine does.
const LONGEST: u64 = 4;

/// Runs a thread's body and all that it spawns. Each time it has something to do it runs at once, or
/// after the others, or a while later.
pub(super) async fn run(body: ThreadBody, random: Random) {
    // Its tasks stay its own: between them and those of other threads only the seed chooses.
    let mut tasks = LocalSet::new();
    stop_at_panics(&mut tasks);
    let mut work = pin!(tasks.run_until(body()));
    let mut turn = Turn { random, wait: None, let_others: false };
    poll_fn(|cx| {
        ready!(turn.poll(cx));
        work.as_mut().poll(cx)
    })
    .await;
}

#[cfg(tokio_unstable)]
fn stop_at_panics(tasks: &mut LocalSet) {
    tasks.unhandled_panic(tokio::runtime::UnhandledPanic::ShutdownRuntime);
}

#[cfg(not(tokio_unstable))]
fn stop_at_panics(_: &mut LocalSet) {}

struct Turn {
    random: Random,
    wait: Option<Pin<Box<Sleep>>>,
    let_others: bool,
}

impl Turn {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(wait) = &mut self.wait {
            ready!(wait.as_mut().poll(cx));
            self.wait = None;
            return Poll::Ready(());
        }
        if std::mem::take(&mut self.let_others) {
            return Poll::Ready(());
        }
        match self.random.below(16) {
            0 => {
                let millis = self.random.between(1, LONGEST);
                self.wait.insert(Box::pin(sleep(Duration::from_millis(millis)))).as_mut().poll(cx)
            }
            1..6 => {
                self.let_others = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }
}
