//! I5: what is retained is what was written last.

use std::collections::{BTreeMap, BTreeSet};

use super::{Message, Oracle, place};

impl Oracle {
    /// Judges what a new subscriber found: the number of the message of each topic.
    pub(crate) fn judge_retained(&mut self, found: &BTreeMap<String, u64>) {
        let retains = |message: &&Message| message.retain;
        let written = self.messages.iter().filter(retains).map(|m| m.topic.as_str().to_owned());
        let topics: BTreeSet<String> = written.chain(found.keys().cloned()).collect();
        for topic in topics {
            let number = found.get(&topic).copied();
            if !self.may_be_retained(&topic, number) {
                let found = number.map_or("nothing".to_owned(), |number| number.to_string());
                let last = self.last_retained(&topic);
                self.violation(format!("I5: {topic} retains {found}, not {last}"));
            }
        }
    }

    /// Each write takes effect at some moment between its being handed in and its acknowledgement;
    /// one that was never acknowledged at any moment, or never.
    fn may_be_retained(&self, topic: &str, found: Option<u64>) -> bool {
        let writes = || self.messages.iter().filter(|m| m.retain && m.topic.as_str() == topic);
        let overwritten =
            |done: u64| writes().any(|later| later.begun > done && later.acknowledged.is_some());
        match found {
            Some(number) => {
                let message = place(number).and_then(|place| self.messages.get(place));
                message.is_some_and(|message| {
                    message.retain
                        && !message.clears
                        && message.topic.as_str() == topic
                        && message.acknowledged.is_none_or(|done| !overwritten(done))
                })
            }
            None => {
                let never = !writes().any(|write| write.acknowledged.is_some());
                never
                    || self.not_retained.contains(topic)
                    || writes()
                        .filter(|write| write.clears || write.expires)
                        .any(|write| write.acknowledged.is_none_or(|done| !overwritten(done)))
            }
        }
    }

    fn last_retained(&self, topic: &str) -> String {
        let writes = self.messages.iter().zip(1_u64..).filter(|(m, _)| m.retain);
        let last = writes.filter(|(m, _)| m.topic.as_str() == topic && m.acknowledged.is_some());
        last.max_by_key(|(message, _)| message.begun).map_or("nothing".to_owned(), |(m, number)| {
            format!("{number}{}", if m.clears { ", which removes it" } else { "" })
        })
    }
}
