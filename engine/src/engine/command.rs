//! Commands.
use crate::answer::Answer;
use crate::engine::Engine;
use crate::request::Command;

impl Engine {
    pub(super) fn command(&mut self, command: Command) -> Answer {
        match command {
            Command::Subscribe { .. } => Answer::Subscribed,
            Command::Unsubscribe { .. } => Answer::Unsubscribed(false),
            Command::Disconnect(_) => Answer::Disconnected(false),
            Command::EndSession(_) => Answer::SessionEnded(false),
            Command::Publish(_) => Answer::Published {
                receivers: 0,
                retained: crate::log::record::Retained::Untouched,
            },
            Command::ClearRetained { .. } => Answer::RetainedCleared { removed: 0, next: None },
            Command::PublishSystem(_) => Answer::SystemPublished,
        }
    }
}
