//! Connections leave a few at a time: closing a socket takes some 20 microseconds, and when a
//! thousand clients go at once, nobody else would be heard meanwhile.

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::{Notify, Semaphore};
use tokio::task::yield_now;

use super::Worker;
use crate::planted::Bug;

/// So many connections may leave in one round.
const LEAVING: usize = 16;

/// Who wants to leave.
#[derive(Debug)]
pub(super) struct Exit {
    waiting: Cell<usize>,
    wanted: Notify,
    permits: Semaphore,
}

impl Default for Exit {
    fn default() -> Self {
        Self { waiting: Cell::new(0), wanted: Notify::new(), permits: Semaphore::new(0) }
    }
}

impl Worker {
    /// Returns when it is the connection's turn to leave; first come, first served.
    pub(crate) async fn may_leave(&self) {
        let exit = &self.exit;
        exit.waiting.set(exit.waiting.get() + 1);
        exit.wanted.notify_one();
        if let Ok(permit) = exit.permits.acquire().await {
            permit.forget();
        }
    }
}

/// Lets some leave in each round.
pub(super) async fn let_leave(worker: Rc<Worker>) {
    let exit = &worker.exit;
    loop {
        exit.wanted.notified().await;
        while let waiting @ 1.. = exit.waiting.get() {
            let some = waiting.min(LEAVING);
            exit.waiting.set(waiting - some);
            if !worker.shared.settings.planted.is(Bug::ExitBlocked) {
                exit.permits.add_permits(some);
            }
            yield_now().await;
        }
    }
}
