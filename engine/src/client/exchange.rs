//! The hand-shake of one message on its way out, as a table (MQTT 5.0 section 4.3).
//!
//! ```text
//!   QoS 1:  PUBLISH ─▶ Puback ── PUBACK ─▶ done
//!   QoS 2:  PUBLISH ─▶ Pubrec ── PUBREC ─▶ PUBREL ─▶ Pubcomp ── PUBCOMP ─▶ done
//!                        └─ PUBREC with an error (5.0) ─▶ done
//! ```

use crate::packet::QoS;

/// The answer that the message waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Puback,
    Pubrec,
    Pubcomp,
}

/// An answer that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Puback,
    Pubrec,
    /// A PUBREC with an error code.
    PubrecError,
    Pubcomp,
}

/// What follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The exchange is over.
    Done,
    /// Send PUBREL and wait for PUBCOMP.
    Release,
    /// The server must not answer so.
    Wrong,
}

impl State {
    /// Where a message starts; `None` for QoS 0, which has no exchange.
    pub(super) const fn first(qos: QoS) -> Option<Self> {
        match qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce => Some(Self::Puback),
            QoS::ExactlyOnce => Some(Self::Pubrec),
        }
    }

    /// The table. A repeated PUBREC is answered again: 3.1 servers repeat by timer.
    pub(super) const fn on(self, answer: Answer) -> Step {
        match (self, answer) {
            (Self::Puback, Answer::Puback)
            | (Self::Pubrec, Answer::PubrecError)
            | (Self::Pubcomp, Answer::Pubcomp) => Step::Done,
            (Self::Pubrec | Self::Pubcomp, Answer::Pubrec) => Step::Release,
            (Self::Puback, Answer::Pubrec | Answer::PubrecError | Answer::Pubcomp)
            | (Self::Pubrec, Answer::Puback | Answer::Pubcomp)
            | (Self::Pubcomp, Answer::Puback | Answer::PubrecError) => Step::Wrong,
        }
    }
}

impl Answer {
    pub(super) const fn packet_name(self) -> &'static str {
        match self {
            Self::Puback => "PUBACK",
            Self::Pubrec | Self::PubrecError => "PUBREC",
            Self::Pubcomp => "PUBCOMP",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    #[test]
    fn the_transitions_are_these() {
        let mut table = String::new();
        for state in [State::Puback, State::Pubrec, State::Pubcomp] {
            for answer in [Answer::Puback, Answer::Pubrec, Answer::PubrecError, Answer::Pubcomp] {
                writeln!(table, "{state:?} + {answer:?} = {:?}", state.on(answer)).unwrap();
            }
        }
        insta::assert_snapshot!(table, @r"
        Puback + Puback = Done
        Puback + Pubrec = Wrong
        Puback + PubrecError = Wrong
        Puback + Pubcomp = Wrong
        Pubrec + Puback = Wrong
        Pubrec + Pubrec = Release
        Pubrec + PubrecError = Done
        Pubrec + Pubcomp = Wrong
        Pubcomp + Puback = Wrong
        Pubcomp + Pubrec = Release
        Pubcomp + PubrecError = Wrong
        Pubcomp + Pubcomp = Done
        ");
    }
}
