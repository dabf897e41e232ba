//! What was dropped, refused or cut off lately: the newest such notices, for whoever asks "why".

use std::collections::BTreeMap;

use crate::answer::Incident;
use crate::id::ClientId;
use crate::notice::Notice;
use crate::time::Time;

/// Incidents that are remembered.
const KEPT: usize = 4_096;

/// Bytes of their texts: names can be long, and an attacker chooses them.
const KEPT_BYTES: usize = 4 << 20;

/// The newest incidents. The same kind of incident of the same client is counted, not remembered
/// once more, so that a client that overflows, on however many topics, does not push out the others.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// By the order in which they happened last.
    incidents: BTreeMap<u64, Incident>,
    /// Where those of each client are: one of each kind.
    by_client: BTreeMap<Option<ClientId>, Vec<u64>>,
    next: u64,
    bytes: usize,
}

impl History {
    /// Remembers the notice if it tells of something dropped, refused or cut off.
    pub(crate) fn note(&mut self, at: Time, notice: &Notice) {
        if !notice.is_incident() {
            return;
        }
        let before = self.take_like(notice);
        let count = before.as_ref().map_or(0, |incident| incident.count) + 1;
        let same = before.map(|incident| incident.notice).filter(|known| known == notice);
        let notice = same.unwrap_or_else(|| notice.detached());
        self.bytes += notice.text_len();
        self.by_client.entry(notice.client().cloned()).or_default().push(self.next);
        self.incidents.insert(self.next, Incident { at, count, notice });
        self.next += 1;
        while self.incidents.len() > KEPT || self.bytes > KEPT_BYTES {
            let Some(oldest) = self.incidents.keys().next().copied() else { return };
            self.take(oldest);
        }
    }

    /// The newest ones, of one client or of all.
    pub(crate) fn newest(&self, client: Option<&ClientId>, limit: usize) -> Vec<Incident> {
        let Some(client) = client else {
            return self.incidents.values().rev().take(limit).cloned().collect();
        };
        let orders = self.by_client.get(&Some(client.clone()));
        let orders = orders.into_iter().flat_map(|orders| orders.iter().rev()).take(limit);
        orders.filter_map(|order| self.incidents.get(order)).cloned().collect()
    }

    /// Takes out the client's incident of this kind.
    fn take_like(&mut self, notice: &Notice) -> Option<Incident> {
        let orders = self.by_client.get(&notice.client().cloned())?;
        let is_like = |order: &&u64| {
            self.incidents.get(order).is_some_and(|incident| incident.notice.is_like(notice))
        };
        let order = *orders.iter().find(is_like)?;
        self.take(order)
    }

    fn take(&mut self, order: u64) -> Option<Incident> {
        let incident = self.incidents.remove(&order)?;
        self.bytes -= incident.notice.text_len();
        let client = incident.notice.client().cloned();
        if let Some(orders) = self.by_client.get_mut(&client) {
            orders.retain(|other| *other != order);
            if orders.is_empty() {
                self.by_client.remove(&client);
            }
        }
        Some(incident)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::DropReason;
    use crate::packet::QoS;
    use crate::topic::TopicName;

    fn dropped(client: &str, topic: &str) -> Notice {
        Notice::Dropped {
            client: ClientId::new(client),
            topic: TopicName::new(topic.into()).unwrap(),
            qos: QoS::AtMostOnce,
            why: DropReason::QueueFullNewQoS0,
        }
    }

    #[test]
    fn the_same_kind_again_is_counted_whatever_the_topic() {
        let mut history = History::default();
        history.note(Time::ZERO, &dropped("b", "t"));
        for second in 0..10_000 {
            history.note(Time::from_secs(second), &dropped("a", &format!("t/{}", second % 9)));
        }
        let all = history.newest(None, 10);
        assert_eq!(all.iter().map(|one| one.count).collect::<Vec<_>>(), [10_000, 1]);
        let of_a = history.newest(ClientId::new("a").as_ref(), 10);
        assert_eq!(of_a.len(), 1);
        assert_eq!((of_a[0].at, &of_a[0].notice), (Time::from_secs(9_999), &dropped("a", "t/0")));
    }

    #[test]
    fn it_gives_the_newest_first_also_after_a_repetition() {
        let mut history = History::default();
        for (second, client) in ["a", "a", "b", "b", "a"].into_iter().enumerate() {
            history.note(Time::from_secs(second as u64), &dropped(client, "t"));
        }
        let times: Vec<Time> = history.newest(None, 9).iter().map(|one| one.at).collect();
        assert_eq!(times, [Time::from_secs(4), Time::from_secs(3)]);
    }

    #[test]
    fn it_is_bounded_by_number_and_by_bytes() {
        let mut history = History::default();
        for n in 0..KEPT + 10 {
            history.note(Time::from_secs(n as u64), &dropped(&format!("c{n}"), "t"));
        }
        assert_eq!(history.newest(None, usize::MAX).len(), KEPT);
        assert_eq!(history.by_client.len(), KEPT);
        for n in 0..200 {
            let long = format!("{n}{}", "x".repeat(60_000));
            history.note(Time::ZERO, &dropped(&long, &long));
        }
        let kept = history.newest(None, usize::MAX);
        assert!(history.bytes <= KEPT_BYTES && kept.len() < 80, "{} of 61 kB", kept.len());
        assert_eq!(history.by_client.len(), kept.len());
    }

    #[test]
    fn it_pins_no_read_buffer() {
        let arena = bytes::Bytes::from(vec![b'x'; 64 * 1024]);
        let text = bytestring::ByteString::try_from(arena.slice(0..3)).unwrap();
        let topic = TopicName::new(text).unwrap();
        let (qos, why) = (QoS::AtMostOnce, DropReason::QueueFullNewQoS0);
        let mut history = History::default();
        history.note(Time::ZERO, &Notice::Dropped { client: None, topic, qos, why });
        assert!(arena.is_unique(), "the arena is still referenced by what is remembered");
    }

    #[test]
    fn what_went_well_is_no_incident() {
        let mut history = History::default();
        let client = ClientId::new("a").unwrap();
        let topic = TopicName::new("t".into()).unwrap();
        history.note(Time::ZERO, &Notice::WillPublished { client, topic });
        assert_eq!(history.newest(None, 1), []);
    }
}
