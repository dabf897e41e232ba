//! Topic Aliases: numbers that stand for topics on one connection (MQTT 5.0 section 3.3.2.3.4).

use std::collections::BTreeMap;

use crate::action::TopicAlias;
use crate::topic::TopicName;

/// Bytes that the Topic Alias property takes.
const PROPERTY: usize = 3;

/// What a client's aliases stand for.
#[derive(Debug, Default)]
pub(crate) struct Inbound(BTreeMap<u16, TopicName>);

impl Inbound {
    /// The alias stands for this topic from here on.
    pub(crate) fn set(&mut self, alias: u16, topic: &TopicName) {
        self.0.insert(alias, topic.detached());
    }

    pub(crate) fn get(&self, alias: u16) -> Option<&TopicName> {
        self.0.get(&alias)
    }
}

/// Our aliases towards a client. While there are numbers left each topic gets one. Then a hand goes
/// round over them, as the clock does that stands in for "least recently used": a number passes to
/// a new topic unless its old one has saved more, since the hand came by, than the new one would by
/// coming again.
#[derive(Debug)]
pub(crate) struct Outbound {
    most: u16,
    by_topic: BTreeMap<TopicName, u16>,
    /// The alias is the place in it, from 1.
    aliases: Vec<Alias>,
    hand: usize,
}

#[derive(Debug)]
struct Alias {
    topic: TopicName,
    /// Bytes that it has saved; halved each time that this kept it its number.
    saved: usize,
}

impl Outbound {
    /// Up to `most` aliases, at least 1.
    pub(crate) fn new(most: u16) -> Self {
        Self { most, by_topic: BTreeMap::new(), aliases: Vec::new(), hand: 0 }
    }

    /// How the next PUBLISH to this topic names it. What it says must be sent.
    pub(crate) fn name(&mut self, topic: &TopicName) -> TopicAlias {
        let Some(saves) = topic.as_str().len().checked_sub(PROPERTY + 1) else {
            return TopicAlias::None;
        };
        if let Some(alias) = self.by_topic.get(topic).copied() {
            if let Some(known) = self.aliases.get_mut(usize::from(alias) - 1) {
                known.saved = known.saved.saturating_add(saves + 1);
            }
            return TopicAlias::Instead(alias);
        }
        match self.free(saves + 1) {
            Some(alias) => self.assign(alias, topic.detached()),
            None => TopicAlias::None,
        }
    }

    /// A number for a topic that would save so much each time.
    fn free(&mut self, saves: usize) -> Option<u16> {
        if let Ok(used) = u16::try_from(self.aliases.len())
            && used < self.most
        {
            return Some(used + 1);
        }
        let place = self.hand;
        self.hand = (place + 1) % self.aliases.len().max(1);
        let old = self.aliases.get_mut(place)?;
        if old.saved > saves {
            old.saved /= 2;
            return None;
        }
        self.by_topic.remove(&old.topic);
        u16::try_from(place + 1).ok()
    }

    fn assign(&mut self, alias: u16, topic: TopicName) -> TopicAlias {
        self.by_topic.insert(topic.clone(), alias);
        let new = Alias { topic, saved: 0 };
        match self.aliases.get_mut(usize::from(alias) - 1) {
            Some(place) => *place = new,
            None => self.aliases.push(new),
        }
        TopicAlias::Set(alias)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str) -> TopicName {
        TopicName::new(name.into()).unwrap()
    }

    #[test]
    fn a_topic_is_named_once_and_then_by_its_number() {
        let mut ours = Outbound::new(2);
        for (name, alias) in [
            ("sensor/1", TopicAlias::Set(1)),
            ("sensor/1", TopicAlias::Instead(1)),
            ("sensor/2", TopicAlias::Set(2)),
            ("sensor/1", TopicAlias::Instead(1)),
            ("sensor/2", TopicAlias::Instead(2)),
            // The number would take as many bytes.
            ("abc", TopicAlias::None),
        ] {
            assert_eq!(ours.name(&topic(name)), alias, "{name}");
        }
    }

    #[test]
    fn a_topic_that_saves_much_keeps_its_number_and_one_that_does_not_gives_it_up() {
        let mut ours = Outbound::new(2);
        let busy = topic("plant/hall/7/robot/3/joint/2/torque");
        ours.name(&busy);
        for round in 0..1_000 {
            assert_eq!(ours.name(&busy), TopicAlias::Instead(1), "round {round}");
            let once = topic(&format!("once/{round:04}"));
            assert_ne!(ours.name(&once), TopicAlias::Set(1), "round {round}");
        }
        // It fell silent: each turn of the hand halves what it has saved.
        let others = (0..200).map(|n| ours.name(&topic(&format!("other/{n:03}"))));
        assert!(others.into_iter().any(|alias| alias == TopicAlias::Set(1)));
        assert_eq!(ours.by_topic.len(), 2);
    }

    #[test]
    fn an_alias_pins_no_read_buffer() {
        let arena = bytes::Bytes::from(vec![b'x'; 64 * 1024]);
        let view = bytestring::ByteString::try_from(arena.slice(0..9)).unwrap();
        let name = TopicName::new(view).unwrap();
        let (mut theirs, mut ours) = (Inbound::default(), Outbound::new(1));
        theirs.set(1, &name);
        ours.name(&name);
        drop(name);
        assert!(arena.is_unique(), "the arena is still referenced by an alias");
    }
}
