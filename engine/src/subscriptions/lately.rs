//! What topics matched when they were published on last: devices publish on the same few topics
//! again and again, and looking one up here costs less than a walk through the index.

use smallvec::SmallVec;

use crate::topic::TopicName;

/// Topics that are remembered at most. They take up to 100 bytes each and their text.
const PLACES: usize = 4_096;

/// Bytes of a topic that is remembered, at most: whoever publishes on long ones could make us keep
/// them for ever.
const TEXT: usize = 256;

/// Patterns that are remembered for one topic; one that matches more is walked for each time.
const PATTERNS: usize = 8;

/// Topics with what they match. Each has one place, given by its text: another one that is
/// published on twice takes it over.
#[derive(Debug, Default)]
pub(super) struct Lately {
    /// Made when the first is remembered.
    places: Vec<Place>,
    /// Counts changes of the index: what was found before one may be wrong.
    changes: u64,
}

#[derive(Debug, Default)]
struct Place {
    /// The text, scattered, of the last topic that was looked for here in vain.
    missed: u64,
    known: Option<Box<Known>>,
}

/// A topic, in memory of its own, and the patterns that match it, in the order they are found in.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) topic: TopicName,
    pub(super) patterns: SmallVec<[u32; 4]>,
    changes: u64,
}

impl Lately {
    /// A pattern came or went.
    pub(super) fn changed(&mut self) {
        self.changes += 1;
    }

    /// What the topic is known to match.
    pub(super) fn get(&self, topic: &str) -> Option<&Known> {
        let place = self.places.get(place_of(scattered(topic)))?;
        let known = place.known.as_deref()?;
        (known.changes == self.changes && known.topic.as_str() == topic).then_some(known)
    }

    /// Remembers what a topic matches from the second time on: a topic that comes only once is
    /// worth no memory.
    pub(super) fn found(&mut self, topic: &TopicName, patterns: &[u32]) {
        if patterns.len() > PATTERNS || topic.as_str().len() > TEXT {
            return;
        }
        if self.places.is_empty() {
            self.places.resize_with(PLACES, Place::default);
        }
        let scattered = scattered(topic.as_str());
        let Some(place) = self.places.get_mut(place_of(scattered)) else { return };
        if std::mem::replace(&mut place.missed, scattered) != scattered {
            return;
        }
        let changes = self.changes;
        match place.known.as_mut().filter(|known| known.topic == *topic) {
            Some(known) => (known.patterns, known.changes) = (patterns.into(), changes),
            None => {
                let (topic, patterns) = (topic.detached(), patterns.into());
                place.known = Some(Box::new(Known { topic, patterns, changes }));
            }
        }
    }
}

fn place_of(scattered: u64) -> usize {
    // The upper bits depend on all of the text.
    usize::try_from(scattered >> 40).map_or(0, |bits| bits % PLACES)
}

/// A cheap hash without a key. Topics that are made to meet in one place cost their publisher the
/// walk that every topic cost without this, and nobody else more than that.
fn scattered(text: &str) -> u64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    let words = words.iter().chain(std::iter::once(&last));
    words.fold(text.len() as u64, |sum, word| {
        (sum.rotate_left(23) ^ u64::from_le_bytes(*word)).wrapping_mul(FACTOR)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(text: &str) -> TopicName {
        TopicName::new(text.into()).unwrap()
    }

    #[test]
    fn a_topic_is_known_from_its_second_time_until_the_index_changes() {
        let mut lately = Lately::default();
        let patterns = |lately: &Lately| lately.get("a/b").map(|known| known.patterns.to_vec());
        lately.found(&topic("a/b"), &[7, 3]);
        assert_eq!(patterns(&lately), None);
        lately.found(&topic("a/b"), &[7, 3]);
        assert_eq!(patterns(&lately), Some(vec![7, 3]));
        lately.changed();
        assert_eq!(patterns(&lately), None);
        lately.found(&topic("a/b"), &[3]);
        assert_eq!(patterns(&lately), Some(vec![3]));
    }

    #[test]
    fn a_long_topic_and_one_that_matches_much_are_not_remembered() {
        let mut lately = Lately::default();
        let long = "x".repeat(TEXT + 1);
        for _ in 0..3 {
            lately.found(&topic(&long), &[1]);
            lately.found(&topic("much"), &[1; PATTERNS + 1]);
        }
        assert!(lately.get(&long).is_none() && lately.get("much").is_none());
    }

    #[test]
    fn a_topic_with_another_text_in_the_same_place_is_not_known() {
        let mut lately = Lately::default();
        let place = |text: &str| place_of(scattered(text));
        let other = (0..).map(|n| format!("x/{n}")).find(|text| place(text) == place("a/b"));
        for _ in 0..2 {
            lately.found(&topic("a/b"), &[1]);
        }
        assert!(lately.get("a/b").is_some());
        assert!(lately.get(&other.unwrap()).is_none());
    }

    #[test]
    fn topics_are_scattered_over_all_places() {
        let mut taken = vec![0_u32; PLACES];
        for n in 0..4 * PLACES {
            taken[place_of(scattered(&format!("plant/{n}/line/3/temperature")))] += 1;
        }
        assert!(taken.iter().max().unwrap() < &24, "{:?}", taken.iter().max());
        let free = taken.iter().filter(|count| **count == 0).count();
        assert!(free < PLACES / 20, "{free} of {PLACES} places are never used");
    }
}
