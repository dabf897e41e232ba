//! What was dropped, refused or cut off lately: the newest such notices, for whoever asks "why".

use std::collections::VecDeque;

use crate::answer::Incident;
use crate::id::ClientId;
use crate::notice::Notice;
use crate::time::Time;

/// Incidents that are remembered.
const KEPT: usize = 4_096;

/// The newest incidents among which a repetition is looked for.
const LOOKED_AT: usize = 8;

/// A ring of incidents. The same again is counted, not remembered once more, so that one client
/// that overflows on one topic does not push out all others.
#[derive(Debug, Default)]
pub(crate) struct History(VecDeque<Incident>);

impl History {
    /// Remembers the notice if it tells of something dropped, refused or cut off.
    pub(crate) fn note(&mut self, at: Time, notice: &Notice) {
        if !notice.is_incident() {
            return;
        }
        let newest = self.0.iter_mut().rev().take(LOOKED_AT);
        if let Some(same) = newest.into_iter().find(|incident| incident.notice == *notice) {
            same.count += 1;
            same.at = at;
            return;
        }
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(Incident { at, count: 1, notice: notice.detached() });
    }

    /// The newest ones, of one client or of all.
    pub(crate) fn newest(&self, client: Option<&ClientId>, limit: usize) -> Vec<Incident> {
        let concerns =
            |incident: &&Incident| client.is_none() || incident.notice.client() == client;
        self.0.iter().rev().filter(concerns).take(limit).cloned().collect()
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
    fn the_same_again_is_counted() {
        let mut history = History::default();
        for second in 0..100 {
            history.note(Time::from_secs(second), &dropped("a", "t"));
            history.note(Time::from_secs(second), &dropped("b", "t"));
        }
        let all = history.newest(None, 10);
        assert_eq!(all.iter().map(|one| one.count).collect::<Vec<_>>(), [100, 100]);
        let of_a = history.newest(ClientId::new("a").as_ref(), 10);
        assert_eq!(of_a.len(), 1);
        assert_eq!((of_a[0].at, &of_a[0].notice), (Time::from_secs(99), &dropped("a", "t")));
    }

    #[test]
    fn it_is_bounded_and_gives_the_newest_first() {
        let mut history = History::default();
        for n in 0..KEPT + 10 {
            history.note(Time::from_secs(n as u64), &dropped("a", &format!("t/{n}")));
        }
        let all = history.newest(None, usize::MAX);
        assert_eq!(all.len(), KEPT);
        assert_eq!(all[0].notice, dropped("a", &format!("t/{}", KEPT + 9)));
        assert_eq!(all[KEPT - 1].notice, dropped("a", "t/10"));
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
