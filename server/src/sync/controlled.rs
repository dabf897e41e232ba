//! The same under shuttle, which runs all threads on one and changes between them only here.
//!
//! A thread of the broker runs many tasks, none of which interrupts another. Shuttle's own tasks
//! would, so a thread's tasks have an executor of their own, [`block_on`].

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::task::Poll;

use futures_util::future::{AbortHandle, abortable};
use futures_util::stream::{FuturesUnordered, StreamExt};

pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
pub(crate) use shuttle::thread::yield_now;

/// tokio's own, in steps of whole calls: inside it is tokio's business, and tested there.
#[derive(Debug)]
pub(crate) struct Notify(tokio::sync::Notify);

impl Notify {
    pub(crate) fn new() -> Self {
        Self(tokio::sync::Notify::new())
    }

    pub(crate) fn notify_one(&self) {
        step();
        self.0.notify_one();
    }

    pub(crate) async fn notified(&self) {
        step();
        self.0.notified().await;
    }
}

/// Another thread may run now.
pub(crate) fn step() {
    // Not a yield, which a scheduler takes for having nothing to do.
    AtomicBool::new(false).load(Ordering::SeqCst);
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

shuttle::thread_local! {
    /// Tasks of this thread that have not begun.
    static SPAWNED: RefCell<Vec<Task>> = RefCell::new(Vec::new());
}

/// Runs a thread: `main`, and until that is ready all that it spawns.
#[cfg_attr(not(test), expect(dead_code, reason = "only tests have such threads"))]
pub(crate) fn block_on<T>(main: impl Future<Output = T>) -> T {
    let mut main = pin!(main);
    let mut tasks = FuturesUnordered::<Task>::new();
    shuttle::future::block_on(poll_fn(move |cx| {
        loop {
            if let Poll::Ready(output) = main.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            let spawned = SPAWNED.with(RefCell::take);
            let more = !spawned.is_empty();
            tasks.extend(spawned);
            let ended = matches!(tasks.poll_next_unpin(cx), Poll::Ready(Some(())));
            if !more && !ended && SPAWNED.with(|spawned| spawned.borrow().is_empty()) {
                return Poll::Pending;
            }
        }
    }))
}

/// Runs a task beside this thread's others.
pub(crate) fn spawn_local<T>(task: impl Future<Output = T> + 'static) -> JoinHandle<T> {
    let (task, handle) = abortable(task);
    let task = async move {
        // Aborted or not: nobody asks.
        let _ = task.await;
    };
    SPAWNED.with(|spawned| spawned.borrow_mut().push(Box::pin(task)));
    JoinHandle(handle, PhantomData)
}

/// A task that can be aborted.
pub(crate) struct JoinHandle<T>(AbortHandle, PhantomData<T>);

impl<T> JoinHandle<T> {
    pub(crate) fn abort(&self) {
        self.0.abort();
    }
}

/// Tasks that end with it.
pub(crate) struct JoinSet<T>(Vec<JoinHandle<T>>);

impl<T> JoinSet<T> {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn spawn_local(&mut self, task: impl Future<Output = T> + 'static) {
        self.0.push(spawn_local(task));
    }

    /// Never, for no task in one ends by itself: where it panics the test ends.
    pub(crate) async fn join_next(&mut self) -> Option<T> {
        std::future::pending().await
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}
