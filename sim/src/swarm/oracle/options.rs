//! Whether a message came as the client's subscriptions ask for it: Subscription Options and
//! Subscription Identifiers (MQTT 5.0 sections 3.8.2.1.2 and 3.8.3.1), and all that goes with a
//! message.
//!
//! A client cannot know which of its SUBSCRIBEs held when the message came to the broker. But each
//! that was answered before the message was begun is done with when the next one is.

use surewire_engine::message::Content;
use surewire_engine::packet::{PropertySet, RetainHandling, SubscribeOptions, Version};
use surewire_engine::topic;

use super::views::{View, proper};
use super::{Message, Tick};

/// What a SUBSCRIBE asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// When it was granted.
    pub(super) answered: Option<Tick>,
    pub(super) refused: bool,
    pub(super) options: SubscribeOptions,
    pub(super) identifier: Option<u32>,
}

/// A filter that a message matches.
struct Match<'a> {
    /// Whether its subscription was there for sure.
    sure: bool,
    /// What may have held of it, without what keeps the client's own messages from it.
    wishes: Vec<&'a Wish>,
    /// Whether something may have held that does that.
    not_its_own: bool,
}

impl Match<'_> {
    /// Whether the message came by this filter, whichever wish held.
    fn counts(&self) -> bool {
        self.sure && !self.not_its_own && !self.wishes.is_empty()
    }

    fn all(&self, is: impl Fn(&Wish) -> bool) -> bool {
        self.counts() && self.wishes.iter().all(|wish| is(wish))
    }
}

impl View {
    /// What is wrong with a message as it came, if anything is.
    pub(super) fn came_as_asked(
        &self,
        number: u64,
        message: &Message,
        content: &Content,
    ) -> Result<(), String> {
        let me = self.index;
        let fail = |what: String| Err(format!("c{me} got message {number} {what}"));
        // What is retained belongs to nobody any more.
        let own = message.publisher == self.index && !content.retain;
        let matches = self.matches(message, own);
        let wishes = || matches.iter().flat_map(|found| found.wishes.iter().copied());
        if matches.iter().any(|found| found.not_its_own) && wishes().next().is_none() {
            return fail("of its own in spite of No Local".to_owned());
        }
        if content.retain && !message.retain {
            return fail("with RETAIN, which it was not published with".to_owned());
        }
        let keeps = |wish: &Wish| wish.options.retain_as_published;
        if content.retain && !wishes().any(keeps) && !self.wants_retained(message) {
            return fail("as a retained one, which it did not ask for".to_owned());
        }
        if !content.retain && message.retain && matches.iter().any(|found| found.all(keeps)) {
            return fail("without RETAIN, which its subscription keeps".to_owned());
        }
        if !content.retain {
            judge_qos(message, content, &matches).or_else(fail)?;
        }
        judge_identifiers(content, &matches).or_else(fail)?;
        judge_properties(self.version, &message.properties, content).or_else(fail)
    }

    /// Whether a message may have come with RETAIN because a subscription keeps the flag.
    pub(super) fn keeps_retain(&self, message: &Message) -> bool {
        let matches = self.matches(message, false);
        matches.iter().flat_map(|found| &found.wishes).any(|wish| wish.options.retain_as_published)
    }

    /// Whether the client said of this filter that it does not want its own messages.
    pub(super) fn not_its_own(&self, filter: &str) -> bool {
        let mut wishes = self.wishes.get(filter).into_iter().flatten();
        wishes.any(|wish| wish.options.no_local)
    }

    /// Whether some SUBSCRIBE may have brought the message because it was retained.
    fn wants_retained(&self, message: &Message) -> bool {
        let topic = message.topic.as_str();
        let plain = self.wishes.iter().filter(|(filter, _)| !filter.starts_with("$share/"));
        let mut wishes = plain
            .filter(|(filter, _)| topic::matches(filter, topic))
            .flat_map(|(_, wishes)| wishes);
        wishes.any(|wish| wish.options.retain_handling != RetainHandling::Never)
    }

    fn matches(&self, message: &Message, own: bool) -> Vec<Match<'_>> {
        let topic = message.topic.as_str();
        let matching =
            self.wishes.iter().filter(|(filter, _)| topic::matches(proper(filter), topic));
        let found = matching.filter_map(|(filter, wishes)| {
            let epochs = self.epochs.get(filter)?;
            let plausible = |over: Option<Tick>| over.is_none_or(|over| over > message.begun);
            epochs.iter().find(|epoch| plausible(epoch.over))?;
            let sure = epochs.last().is_some_and(|epoch| {
                epoch.shaken.is_none() && epoch.sure.is_some_and(|sure| sure < message.begun)
            });
            let before = |wish: &Wish| wish.answered.is_some_and(|at| at < message.begun);
            let from = wishes.iter().rposition(before).unwrap_or(0);
            let held = wishes.get(from..).unwrap_or_default();
            let excluded = |wish: &&Wish| own && wish.options.no_local;
            let not_its_own = held.iter().any(|wish| excluded(&wish));
            Some(Match {
                sure,
                wishes: held.iter().filter(|wish| !excluded(wish)).collect(),
                not_its_own,
            })
        });
        found.collect()
    }
}

/// The highest granted QoS counts (5.0 section 3.3.4).
fn judge_qos(message: &Message, content: &Content, matches: &[Match<'_>]) -> Result<(), String> {
    let by = |wish: &Wish| wish.options.qos.min(message.qos);
    let mut wishes = matches.iter().flat_map(|found| &found.wishes);
    if !wishes.any(|wish| by(wish) == content.qos) {
        return Err(format!("at {:?}, for which it did not ask", content.qos));
    }
    let least = |found: &Match<'_>| found.wishes.iter().map(|wish| by(wish)).min();
    let most = matches.iter().filter(|found| found.counts()).filter_map(least).max();
    match most {
        Some(most) if most > content.qos => Err(format!("at {:?}, not {most:?}", content.qos)),
        Some(_) | None => Ok(()),
    }
}

/// All identifiers of matching subscriptions, and no others; of a retained message that of the
/// subscription which brought it.
fn judge_identifiers(content: &Content, matches: &[Match<'_>]) -> Result<(), String> {
    let told = &content.properties.get().subscription_identifiers;
    let of =
        |found: &Match<'_>, id: u32| found.wishes.iter().any(|wish| wish.identifier == Some(id));
    let known = |id: &u32| matches.iter().any(|found| of(found, *id));
    let twice = |id: &u32| told.iter().filter(|other| *other == id).count() > 1;
    if told.iter().any(|id| !known(id) || twice(id)) {
        return Err(format!("with the Subscription Identifiers {told:?}"));
    }
    let named = |found: &Match<'_>| {
        !found.all(|wish| wish.identifier.is_some()) || told.iter().any(|id| of(found, *id))
    };
    if !content.retain && !matches.iter().all(named) {
        return Err(format!("with no other Subscription Identifiers than {told:?}"));
    }
    Ok(())
}

/// What goes with a message comes as it was sent, in its order.
pub(super) fn judge_properties(
    version: Version,
    sent: &PropertySet,
    content: &Content,
) -> Result<(), String> {
    let mut came = content.properties.get().clone();
    came.message_expiry_interval = None;
    came.subscription_identifiers.clear();
    came.topic_alias = None;
    let sent = if version == Version::V5 { sent } else { &PropertySet::NONE };
    if came == *sent { Ok(()) } else { Err(format!("with {came:?} and not {sent:?}")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surewire_engine::packet::QoS;
    use surewire_engine::topic::TopicName;

    #[test]
    fn the_highest_qos_of_those_that_are_sure_counts() {
        let wish = |qos| Wish {
            answered: Some(2),
            refused: false,
            options: SubscribeOptions { qos, ..SubscribeOptions::default() },
            identifier: None,
        };
        let (low, high) = (wish(QoS::AtMostOnce), wish(QoS::ExactlyOnce));
        let found = |sure, wish| Match { sure, wishes: vec![wish], not_its_own: false };
        let topic = TopicName::new("t".into()).unwrap();
        let message = Message::new(0, topic.clone(), QoS::AtLeastOnce);
        let content = |qos| Content {
            topic: topic.clone(),
            payload: bytes::Bytes::new(),
            qos,
            retain: false,
            properties: PropertySet::NONE.into(),
        };
        for (sure, qos, right) in [
            (true, QoS::AtLeastOnce, true),
            (true, QoS::AtMostOnce, false),
            (true, QoS::ExactlyOnce, false),
            (false, QoS::AtMostOnce, true),
            (false, QoS::AtLeastOnce, true),
        ] {
            let matches = [found(true, &low), found(sure, &high)];
            assert_eq!(
                judge_qos(&message, &content(qos), &matches).is_ok(),
                right,
                "{sure} {qos:?}"
            );
        }
    }
}
