//! What was dropped, refused or cut off lately: the newest such notices, for whoever asks "why".

use crate::answer::Incident;
use crate::id::ClientId;
use crate::index::Index;
use crate::notice::Notice;
use crate::table::Table;
use crate::time::Time;

/// Incidents that are remembered.
const KEPT: usize = 4_096;

/// Bytes of their texts: names can be long, and an attacker chooses them.
const KEPT_BYTES: usize = 4 << 20;

/// The newest incidents. The same kind of incident of the same client is counted, not remembered
/// once more, so that a client that overflows, on however many topics, does not push out the others.
/// A message for a thousand clients that do not read is a thousand notices, so counting is cheap.
#[derive(Debug)]
pub(crate) struct History {
    incidents: Table<Remembered>,
    /// Their slots by client; those of one client are of different kinds.
    by_client: Index,
    newest: Option<u32>,
    oldest: Option<u32>,
    bytes: usize,
}

/// One incident, and who comes before and after it in the order in which they happened last.
#[derive(Debug)]
struct Remembered {
    incident: Incident,
    newer: Option<u32>,
    older: Option<u32>,
}

impl History {
    /// The key is that of a hash table by client.
    pub(crate) fn new(key: (u64, u64)) -> Self {
        let (incidents, by_client) = (Table::default(), Index::new(key));
        Self { incidents, by_client, newest: None, oldest: None, bytes: 0 }
    }

    /// Remembers the notice if it tells of something dropped, refused or cut off.
    pub(crate) fn note(&mut self, at: Time, notice: &Notice) {
        if !notice.is_incident() {
            return;
        }
        match self.like(notice) {
            Some(slot) => self.count(slot, at, notice),
            None => self.add(at, notice),
        }
        while self.incidents.len() > KEPT || self.bytes > KEPT_BYTES {
            let Some(oldest) = self.oldest else { return };
            self.forget(oldest);
        }
    }

    /// The newest ones, of one client or of all.
    pub(crate) fn newest(&self, client: Option<&ClientId>, limit: usize) -> Vec<Incident> {
        let of_client =
            |incident: &&Incident| client.is_none() || incident.notice.client() == client;
        self.newest_first().filter(of_client).take(limit).cloned().collect()
    }

    fn newest_first(&self) -> impl Iterator<Item = &Incident> {
        let mut next = self.newest;
        std::iter::from_fn(move || {
            let remembered = self.incidents.get(next?)?;
            next = remembered.older;
            Some(&remembered.incident)
        })
    }

    /// The client's incident of this kind.
    fn like(&self, notice: &Notice) -> Option<u32> {
        let client = notice.client();
        self.by_client.get(&client, |slot| {
            self.incidents.get(slot).is_some_and(|Remembered { incident, .. }| {
                incident.notice.is_like(notice) && incident.notice.client() == client
            })
        })
    }

    /// It happened again.
    fn count(&mut self, slot: u32, at: Time, notice: &Notice) {
        self.unlink(slot);
        if let Some(Remembered { incident, .. }) = self.incidents.get_mut(slot) {
            incident.at = at;
            incident.count += 1;
            if incident.notice != *notice {
                self.bytes += notice.text_len();
                self.bytes -= incident.notice.text_len();
                incident.notice = notice.detached();
            }
        }
        self.link(slot);
    }

    fn add(&mut self, at: Time, notice: &Notice) {
        self.bytes += notice.text_len();
        let incident = Incident { at, count: 1, notice: notice.detached() };
        let slot = self.incidents.insert(Remembered { incident, newer: None, older: None });
        let (incidents, hasher) = (&self.incidents, self.by_client.hasher());
        let hash_of = |slot| {
            let client = incidents.get(slot).and_then(|one| one.incident.notice.client());
            hasher.hash(&client)
        };
        self.by_client.insert(hash_of(slot), slot, hash_of);
        self.link(slot);
    }

    fn forget(&mut self, slot: u32) {
        self.unlink(slot);
        if let Some(Remembered { incident, .. }) = self.incidents.remove(slot) {
            self.bytes -= incident.notice.text_len();
            self.by_client.remove(&incident.notice.client(), slot);
        }
    }

    /// It is the newest from here on.
    fn link(&mut self, slot: u32) {
        let older = self.newest.replace(slot);
        if let Some(one) = self.incidents.get_mut(slot) {
            (one.newer, one.older) = (None, older);
        }
        match older.and_then(|older| self.incidents.get_mut(older)) {
            Some(older) => older.newer = Some(slot),
            None => self.oldest = Some(slot),
        }
    }

    fn unlink(&mut self, slot: u32) {
        let Some(&Remembered { newer, older, .. }) = self.incidents.get(slot) else { return };
        match newer.and_then(|newer| self.incidents.get_mut(newer)) {
            Some(newer) => newer.older = older,
            None => self.newest = older,
        }
        match older.and_then(|older| self.incidents.get_mut(older)) {
            Some(older) => older.newer = newer,
            None => self.oldest = newer,
        }
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
        let mut history = History::new((1, 2));
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
        let mut history = History::new((1, 2));
        for (second, client) in ["a", "a", "b", "b", "a"].into_iter().enumerate() {
            history.note(Time::from_secs(second as u64), &dropped(client, "t"));
        }
        let times: Vec<Time> = history.newest(None, 9).iter().map(|one| one.at).collect();
        assert_eq!(times, [Time::from_secs(4), Time::from_secs(3)]);
    }

    #[test]
    fn it_is_bounded_by_number_and_by_bytes() {
        let mut history = History::new((1, 2));
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
        let mut history = History::new((1, 2));
        history.note(Time::ZERO, &Notice::Dropped { client: None, topic, qos, why });
        assert!(arena.is_unique(), "the arena is still referenced by what is remembered");
    }

    #[test]
    fn what_went_well_is_no_incident() {
        let mut history = History::new((1, 2));
        let client = ClientId::new("a").unwrap();
        let topic = TopicName::new("t".into()).unwrap();
        history.note(Time::ZERO, &Notice::WillPublished { client, topic });
        assert_eq!(history.newest(None, 1), []);
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(8))]

        /// Against a list in which what happens again goes to the end.
        #[test]
        fn it_is_a_list_of_the_newest(
            happened in proptest::collection::vec((0..40_u8, 0..4_u8, 0..3_u8), 0..250),
        ) {
            let mut history = History::new((1, 2));
            let mut list: Vec<Incident> = Vec::new();
            for (at, (client, topic, why)) in happened.into_iter().enumerate() {
                let why = [DropReason::QueueFullNewQoS0, DropReason::Expired, DropReason::OfflineQoS0]
                    [usize::from(why)];
                // Long enough for some thirty.
                let name = format!("{client}{}", "x".repeat(60_000));
                let notice = Notice::Dropped {
                    client: ClientId::new(&name).filter(|_| client > 0),
                    topic: TopicName::new(format!("t/{topic}").repeat(20_000).into()).unwrap(),
                    qos: QoS::AtMostOnce,
                    why,
                };
                let at = Time::from_secs(at as u64);
                history.note(at, &notice);
                let like = list.iter().position(|one| {
                    one.notice.is_like(&notice) && one.notice.client() == notice.client()
                });
                let count = like.map_or(0, |like| list.remove(like).count) + 1;
                list.push(Incident { at, count, notice });
                while list.iter().map(|one| one.notice.text_len()).sum::<usize>() > KEPT_BYTES {
                    list.remove(0);
                }
                let client = list[list.len() / 2].notice.client().cloned();
                let newest_first = list.iter().rev();
                let theirs = newest_first.clone().filter(|one| {
                    client.is_none() || one.notice.client() == client.as_ref()
                });
                proptest::prop_assert_eq!(
                    history.newest(client.as_ref(), 5),
                    theirs.take(5).cloned().collect::<Vec<_>>()
                );
            }
            let all: Vec<_> = list.into_iter().rev().collect();
            proptest::prop_assert_eq!(history.newest(None, usize::MAX), all);
            proptest::prop_assert_eq!(history.by_client.len(), history.incidents.len());
        }
    }
}
