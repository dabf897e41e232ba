//! A worker's turn: what its connections brought goes in, what there is to write comes out.

use std::future::Future;
use std::rc::Rc;
use std::task::Context;

use surewire_engine::event::Event;
use tokio::task::{unconstrained, yield_now};

use super::Worker;
use crate::core::{Input, Outbox};
use crate::logging::Report;
use crate::planted::Bug;

/// Buffers between turns.
pub(super) struct Spare {
    inputs: Vec<Input>,
    released: Vec<u32>,
    outbox: Outbox,
    report: Report,
}

impl Spare {
    pub(super) fn new(log_packets: bool) -> Self {
        Self {
            inputs: Vec::new(),
            released: Vec::new(),
            outbox: Outbox::default(),
            report: Report::new(log_packets),
        }
    }
}

/// Takes a turn whenever one is wanted.
pub(super) async fn take_turns(worker: Rc<Worker>) {
    loop {
        worker.shared.core.woken(worker.index).await;
        if worker.pace.is_slow() {
            // One in each round.
            worker.turn();
            yield_now().await;
            continue;
        }
        // Connections that are readable already read first, so that the batch grows. But what has
        // waited for the disk does not wait for them too.
        if !worker.shared.core.owes_acknowledgements() {
            yield_now().await;
        }
        worker.turn();
    }
}

impl Worker {
    /// Takes a turn at once, from within a connection's task.
    pub(crate) fn turn_inline(&self, cx: &mut Context<'_>) {
        // Without tokio's budget: the task's rest of it is too small for all connections' writes.
        let turn = std::pin::pin!(unconstrained(async { self.turn() }));
        let _always_ready = turn.poll(cx);
    }

    fn turn(&self) {
        // Also outside the lock: what the engine has sent would never arrive, and with the task
        // that takes turns every client of this worker would wait for ever.
        let _fatal = self.shared.core.fatal_panics();
        self.turn_wanted.set(false);
        self.much_to_do.set(false);
        self.arena.handled();
        let fresh = Spare::new(self.shared.settings.log_packets);
        let mut spare = self.spare.replace(fresh);
        self.gather(&mut spare);
        let Spare { inputs, released, outbox, report } = &mut spare;
        if self.shared.settings.planted.is(Bug::InputsReversed) {
            inputs.reverse();
        }
        if self.shared.core.turn(self.index, inputs, outbox, report).is_err() {
            // Somebody else's panic; `run` is being told and ends everything.
            return;
        }
        self.deliver(outbox);
        self.free(released);
        report.render();
        self.spare.replace(spare);
    }

    fn gather(&self, spare: &mut Spare) {
        self.timeout_wanted.set(false);
        for connection in self.written.borrow_mut().drain(..) {
            if let (Some(conn), bytes @ 1..) = (connection.id(), connection.take_unreported()) {
                spare.inputs.push(Input::Event(Event::Written { conn, bytes }));
            }
        }
        spare.inputs.append(&mut self.inbox.borrow_mut());
        std::mem::swap(&mut spare.released, &mut self.released.borrow_mut());
    }

    /// Only now can no entry of an outbox mean the old connection of a key any more.
    fn free(&self, released: &mut Vec<u32>) {
        for key in released.drain(..) {
            self.connections.borrow_mut().remove(key);
        }
    }
}
