//! What may be found retained.

use std::collections::{BTreeMap, VecDeque};

/// A value that was sent; an empty one deletes.
#[derive(Debug)]
struct Value {
    number: u64,
    payload: String,
}

/// The last acknowledged value of a topic, and all that were sent since.
#[derive(Debug, Default)]
struct Topic {
    acknowledged: bool,
    values: VecDeque<Value>,
}

/// All topics with retained messages.
#[derive(Debug, Default)]
pub struct Retained(BTreeMap<String, Topic>);

impl Retained {
    /// The value with this number is on its way. An empty payload deletes.
    pub fn send(&mut self, topic: &str, number: u64, payload: &str) {
        let topic = self.0.entry(topic.to_owned()).or_default();
        topic.values.push_back(Value { number, payload: payload.to_owned() });
    }

    /// The value with this number is acknowledged: none before it may be found any more.
    pub fn acknowledge(&mut self, topic: &str, number: u64) {
        let Some(topic) = self.0.get_mut(topic) else { return };
        topic.acknowledged = true;
        while topic.values.front().is_some_and(|value| value.number < number) {
            topic.values.pop_front();
        }
    }

    /// How many topics there are.
    #[must_use]
    pub fn topics(&self) -> usize {
        self.0.len()
    }

    /// Whether `found` has a value for every topic that cannot be without one.
    #[must_use]
    pub fn has_all(&self, found: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|(name, topic)| found.contains_key(name) || topic.allows(""))
    }

    /// What is wrong with `found`, which is all that is retained.
    #[must_use]
    pub fn violations(&self, found: &BTreeMap<String, String>) -> Vec<String> {
        let wrong = self.0.iter().filter_map(|(name, topic)| {
            let payload = found.get(name).map_or("", String::as_str);
            (!topic.allows(payload)).then(|| {
                let wanted: Vec<&str> =
                    topic.values.iter().take(3).map(|value| value.payload.as_str()).collect();
                format!("retained: {name} has {payload:?}, wanted one of {wanted:?}, ..")
            })
        });
        let stray = found.keys().filter(|name| !self.0.contains_key(*name));
        wrong.chain(stray.map(|name| format!("retained: {name} was never published"))).collect()
    }
}

impl Topic {
    fn allows(&self, payload: &str) -> bool {
        let nothing_yet = payload.is_empty() && !self.acknowledged;
        nothing_yet || self.values.iter().any(|value| value.payload == payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "a" and then what is given, of which all up to `acknowledged` are acknowledged.
    fn retained(then: &[&str], acknowledged: u64) -> Retained {
        let mut retained = Retained::default();
        for (number, payload) in (1..).zip(["a"].iter().chain(then)) {
            retained.send("r", number, payload);
        }
        (1..=acknowledged).for_each(|number| retained.acknowledge("r", number));
        retained
    }

    fn is_wrong(retained: &Retained, payload: &str) -> bool {
        let found = [("r".to_owned(), payload.to_owned())];
        let found = found.into_iter().filter(|(_, payload)| !payload.is_empty()).collect();
        !retained.violations(&found).is_empty()
    }

    #[test]
    fn a_stale_value_is_reported_and_a_newer_one_is_not() {
        let retained = retained(&["b", "c"], 2);
        assert_eq!(
            ["a", "b", "c", ""].map(|found| is_wrong(&retained, found)),
            [true, false, false, true]
        );
    }

    #[test]
    fn a_deleted_value_that_comes_back_is_reported() {
        let deleted = retained(&[""], 2);
        assert!(is_wrong(&deleted, "a"));
        assert!(!is_wrong(&deleted, ""));
    }

    #[test]
    fn before_the_first_acknowledgement_there_may_be_nothing() {
        let unknown = retained(&[], 0);
        assert!(!is_wrong(&unknown, "a"));
        assert!(!is_wrong(&unknown, ""));
    }

    #[test]
    fn a_topic_that_nobody_published_to_is_reported() {
        let found = [("s".to_owned(), "a".to_owned())].into_iter().collect();
        assert_eq!(Retained::default().violations(&found).len(), 1);
    }
}
