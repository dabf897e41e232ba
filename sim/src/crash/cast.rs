//! Who publishes what, and who reads it.

use surewire_engine::packet::QoS;

/// Messages of one publisher on one topic at one QoS, numbered from 0: among them there is an order.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Which publisher.
    pub publisher: usize,
    /// Where to.
    pub topic: String,
    /// At which QoS.
    pub qos: QoS,
    /// Whether the broker is to retain them. Then nobody else publishes to the topic.
    pub retain: bool,
    /// Whether some are empty and delete what is retained. Nobody reads these while they come.
    pub deletes: bool,
}

/// A filter of a reader.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// What is subscribed to.
    pub filter: &'static str,
    /// At which QoS.
    pub qos: QoS,
    /// Whether it comes and goes.
    pub toggles: bool,
}

/// All that publish, and all that read.
#[derive(Clone, Debug)]
pub struct Cast {
    /// In order of their publishers.
    pub streams: Vec<Stream>,
    /// The subscriptions of each reader.
    pub readers: Vec<Vec<Subscription>>,
}

/// Publishers whose messages are read.
const WRITERS: usize = 12;

/// Publishers of retained messages that come and go, and how many topics each has.
const KEEPERS: usize = 2;
const KEPT: usize = 20;

impl Default for Cast {
    fn default() -> Self {
        let mut streams: Vec<Stream> = (0..WRITERS).flat_map(writer).collect();
        streams.extend((WRITERS..WRITERS + KEEPERS).flat_map(keeper));
        Self { streams, readers: readers() }
    }
}

impl Cast {
    /// How many publishers there are.
    #[must_use]
    pub fn publishers(&self) -> usize {
        self.streams.iter().map(|stream| stream.publisher + 1).max().unwrap_or(0)
    }
}

/// A topic of its own at both QoS, and one that all share.
fn writer(publisher: usize) -> [Stream; 3] {
    let own = format!("t/{publisher}");
    let stream = |topic: &str, qos, retain| {
        let topic = topic.to_owned();
        Stream { publisher, topic, qos, retain, deletes: false }
    };
    [
        stream(&own, QoS::AtLeastOnce, publisher.is_multiple_of(3)),
        stream(&own, QoS::ExactlyOnce, false),
        stream("t/all", alternately(publisher), false),
    ]
}

fn keeper(publisher: usize) -> impl Iterator<Item = Stream> {
    (0..KEPT).map(move |n| Stream {
        publisher,
        topic: format!("r/{publisher}/{n}"),
        qos: alternately(publisher),
        retain: true,
        deletes: true,
    })
}

fn alternately(publisher: usize) -> QoS {
    if publisher.is_multiple_of(2) { QoS::AtLeastOnce } else { QoS::ExactlyOnce }
}

fn readers() -> Vec<Vec<Subscription>> {
    let (one, two) = (QoS::AtLeastOnce, QoS::ExactlyOnce);
    let stays = |filter, qos| Subscription { filter, qos, toggles: false };
    let toggles = |filter, qos| Subscription { filter, qos, toggles: true };
    vec![
        vec![stays("t/#", two), stays("t/+", one)],
        vec![stays("t/#", one), stays("t/all", two)],
        vec![stays("t/+", two)],
        vec![stays("t/#", one)],
        vec![stays("+/all", two), stays("t/0", one), stays("t/1", two)],
        vec![toggles("t/#", two)],
        vec![toggles("t/+", one), stays("t/all", two)],
        vec![toggles("t/all", two), stays("t/0", one)],
        vec![toggles("+/2", one)],
    ]
}

/// Whether the filter matches the topic (3.1.1 section 4.7), in its own words so that the broker's
/// are held against others.
#[must_use]
pub(super) fn matches(filter: &str, topic: &str) -> bool {
    let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            (_, _) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_match_as_the_standard_says() {
        for (filter, topic, found) in [
            ("t/#", "t/1", true),
            ("t/#", "t", true),
            ("t/#", "s/1", false),
            ("t/+", "t/1", true),
            ("t/+", "t/1/2", false),
            ("+/all", "t/all", true),
            ("t/all", "t/1", false),
            ("t/all", "t/all/1", false),
        ] {
            assert_eq!(matches(filter, topic), found, "{filter} {topic}");
        }
    }

    #[test]
    fn a_topic_with_retained_messages_has_one_stream_of_them() {
        let cast = Cast::default();
        let retained = cast.streams.iter().filter(|stream| stream.retain);
        let mut topics: Vec<&String> = retained.map(|stream| &stream.topic).collect();
        let all = topics.len();
        topics.sort_unstable();
        topics.dedup();
        assert_eq!(topics.len(), all);
    }
}
