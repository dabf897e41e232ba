//! When a subscription was there, as far as its client knows.
//!
//! ```text
//!   SUBACK seen          UNSUBSCRIBE sent     UNSUBACK seen         SUBSCRIBE sent
//!        ├── on: must come ──┤   either way        ├── off: must not ──┤   either way
//! ```

/// When a message was sent for the first time, and when its acknowledgement came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) sent: u64,
    pub(super) acknowledged: Option<u64>,
}

/// A time during which it is known whether the subscription is there.
#[derive(Clone, Copy, Debug)]
struct Period {
    on: bool,
    from: u64,
    /// `None` while it lasts.
    to: Option<u64>,
}

/// The times of one subscription, oldest first.
#[derive(Debug)]
pub(super) struct History(Vec<Period>);

impl Default for History {
    /// Before the first SUBSCRIBE there is none.
    fn default() -> Self {
        Self(vec![Period { on: false, from: 0, to: None }])
    }
}

impl History {
    /// SUBSCRIBE or UNSUBSCRIBE was sent.
    pub(super) fn asked(&mut self, at: u64) {
        if let Some(last) = self.0.last_mut() {
            last.to.get_or_insert(at);
        }
    }

    /// Its answer was seen.
    pub(super) fn answered(&mut self, on: bool, at: u64) {
        self.asked(at);
        self.0.push(Period { on, from: at, to: None });
    }

    /// Whether the broker can only have had the message while the subscription was there: it was
    /// sent after the answer was seen, and acknowledged before the next was asked for.
    pub(super) fn was_on(&self, message: Times) -> bool {
        self.was(true, message)
    }

    /// The same for the times without it.
    pub(super) fn was_off(&self, message: Times) -> bool {
        self.was(false, message)
    }

    fn was(&self, on: bool, message: Times) -> bool {
        let begun = self.0.partition_point(|period| period.from <= message.sent);
        // An earlier period was over when the message was sent.
        let last = begun.checked_sub(1).and_then(|place| self.0.get(place));
        last.is_some_and(|period| {
            let within = |to| message.acknowledged.is_some_and(|at| at <= to);
            period.on == on && period.to.is_none_or(within)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Subscribed from 10 (asked at 5) to 20, not subscribed from 30 on.
    fn history() -> History {
        let mut history = History::default();
        history.asked(5);
        history.answered(true, 10);
        history.asked(20);
        history.answered(false, 30);
        history
    }

    #[test]
    fn what_is_known_of_a_message_depends_on_both_its_times() {
        let history = history();
        for (sent, acknowledged, on, off) in [
            (1, Some(4), false, true),
            (1, Some(6), false, false),
            (1, None, false, false),
            (11, Some(19), true, false),
            (11, Some(21), false, false),
            (11, None, false, false),
            (21, Some(22), false, false),
            (31, Some(32), false, true),
            (31, None, false, true),
        ] {
            let message = Times { sent, acknowledged };
            assert_eq!(history.was_on(message), on, "{message:?}");
            assert_eq!(history.was_off(message), off, "{message:?}");
        }
    }

    #[test]
    fn a_question_asked_again_changes_nothing() {
        let mut history = history();
        history.asked(40);
        history.asked(50);
        assert!(!history.was_off(Times { sent: 31, acknowledged: Some(45) }));
    }
}
