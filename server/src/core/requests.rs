//! Requests that the engine has not answered yet.

use std::collections::BTreeMap;

use surewire_engine::answer::Answer;
use surewire_engine::request::RequestId;
use tokio::sync::oneshot;

/// Who waits for which answer.
#[derive(Debug, Default)]
pub(super) struct Requests {
    last: u64,
    open: BTreeMap<RequestId, oneshot::Sender<Answer>>,
}

impl Requests {
    /// Numbers a request.
    pub(super) fn open(&mut self) -> (RequestId, oneshot::Receiver<Answer>) {
        self.last += 1;
        let id = RequestId(self.last);
        let (sender, receiver) = oneshot::channel();
        self.open.insert(id, sender);
        (id, receiver)
    }

    /// Hands the answer to who asked. Whoever stopped waiting for it does not need it.
    pub(super) fn answer(&mut self, id: RequestId, answer: Answer) {
        if let Some(asked) = self.open.remove(&id) {
            let _ = asked.send(answer);
        }
    }
}
