//! Explain.
use crate::answer::{Explanation, Outcome, Standing};
use crate::engine::Engine;
use crate::id::ClientId;
use crate::packet::QoS;
use crate::topic::TopicName;

impl Engine {
    pub(super) fn explain(&self, _: &ClientId, _: &TopicName, _: QoS) -> Explanation {
        Explanation {
            outcome: Outcome::NotRouted,
            standing: Standing::Unknown,
            matches: vec![],
            obstacles: vec![],
            recent: vec![],
        }
    }
}
