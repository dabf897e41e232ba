//! Where publishers publish, and what subscribers ask for.

use crate::workload::{Shape, Workload};

/// Levels that a topic of [`Shape::Wildcard`] needs at least: the two filters differ in three of
/// them.
pub(crate) const LEAST_WILDCARD_LEVELS: u8 = 4;

/// One subscriber in so many has a filter that ends in `#`, when others have one with a `+`.
const HASH_EVERY: u32 = 10;

/// Where publisher `number` publishes.
pub(crate) fn topic(workload: &Workload, number: u32) -> String {
    let run = std::process::id();
    let mut levels = match workload.shape {
        Shape::Fanin => vec!["load".into(), run.to_string(), "in".into()],
        Shape::Fanout => vec!["load".into(), run.to_string(), "out".into()],
        Shape::Pairs => vec!["load".into(), run.to_string(), "pair".into(), number.to_string()],
        Shape::Shared => vec!["load".into(), run.to_string(), "shared".into()],
        Shape::Wildcard => wildcard_levels(run, number),
    };
    if let Some(wanted) = workload.topic_levels.map(usize::from) {
        deepen(&mut levels, wanted);
    }
    levels.join("/")
}

/// What subscriber `number` asks for.
pub(crate) fn filter(workload: &Workload, number: u32) -> String {
    let topic = topic(workload, number);
    match workload.shape {
        Shape::Fanin | Shape::Fanout | Shape::Pairs => topic,
        Shape::Shared => format!("$share/load/{topic}"),
        Shape::Wildcard => {
            let mut levels: Vec<&str> = topic.split('/').collect();
            if number % HASH_EVERY == HASH_EVERY - 1 {
                levels.truncate(2);
                levels.push("#");
            } else if let Some(level) = levels.get_mut(1) {
                *level = "+";
            }
            levels.join("/")
        }
    }
}

fn wildcard_levels(run: u32, number: u32) -> Vec<String> {
    vec![format!("wild{run}"), number.to_string(), format!("dev{number}"), "temp".into()]
}

/// Brings a topic to `wanted` levels: further ones at the end, or the last ones made one.
fn deepen(levels: &mut Vec<String>, wanted: usize) {
    if levels.len() > wanted {
        let last = levels.split_off(wanted.saturating_sub(1)).join("-");
        levels.push(last);
    }
    for level in levels.len()..wanted {
        levels.push(format!("l{level}"));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Whether a filter matches a topic (section 4.7).
    pub(crate) fn matches(filter: &str, topic: &str) -> bool {
        let filter = filter.strip_prefix("$share/load/").unwrap_or(filter);
        let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
        loop {
            match (filter.next(), topic.next()) {
                (Some("#"), _) | (None, None) => return true,
                (Some("+"), Some(_)) => {}
                (Some(wanted), Some(level)) if wanted == level => {}
                _ => return false,
            }
        }
    }

    /// Every shape at every depth that it allows.
    pub(crate) fn workloads() -> Vec<Workload> {
        let mut all = Vec::new();
        for shape in Shape::ALL {
            for topic_levels in [None].into_iter().chain((1..=64).map(Some)) {
                let workload = Workload { topic_levels, ..Workload::new(shape, 25) };
                all.extend(workload.check().is_ok().then_some(workload));
            }
        }
        all
    }

    #[test]
    fn each_message_reaches_as_many_subscribers_as_the_shape_says() {
        for workload in workloads() {
            let filters: Vec<_> =
                (0..workload.subscribers()).map(|number| filter(&workload, number)).collect();
            let expected = match workload.shape {
                Shape::Fanin | Shape::Pairs | Shape::Wildcard => 1,
                Shape::Fanout | Shape::Shared => filters.len(),
            };
            for number in 0..workload.publishers() {
                let topic = topic(&workload, number);
                let reached = filters.iter().filter(|filter| matches(filter, &topic)).count();
                assert_eq!(reached, expected, "{topic} in {workload:?}");
            }
        }
    }

    #[test]
    fn one_wildcard_subscriber_in_ten_has_a_hash() {
        let workload = Workload::new(Shape::Wildcard, 100);
        let filters: Vec<_> = (0..100).map(|number| filter(&workload, number)).collect();
        assert_eq!(filters.iter().filter(|filter| filter.ends_with("/#")).count(), 10);
        assert_eq!(filters.iter().filter(|filter| filter.contains("/+/")).count(), 90);
    }

    #[test]
    fn a_topic_has_the_levels_that_were_asked_for() {
        for workload in workloads() {
            let Some(wanted) = workload.topic_levels else { continue };
            let topic = topic(&workload, 3);
            assert_eq!(topic.split('/').count(), usize::from(wanted), "{topic}");
        }
    }
}
