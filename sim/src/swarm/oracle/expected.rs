//! What must have come in the end.

use std::collections::{BTreeMap, BTreeSet};

use surewire_engine::packet::QoS;
use surewire_engine::topic;

use super::views::{Epoch, View, proper};
use super::{Message, Oracle, place};

impl Oracle {
    /// Everything that was promised and did not come, where no drop that was told excuses it.
    pub(crate) fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for (index, view) in self.views.iter().enumerate() {
            self.missing_of(index, view, &mut missing);
        }
        self.missing_of_groups(&mut missing);
        self.missing_wills(&mut missing);
        missing
    }

    /// I1.
    fn missing_of(&self, index: usize, view: &View, missing: &mut Vec<String>) {
        let mut by_topic: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (number, message) in self.promised() {
            if view.got.contains_key(&number) {
                continue;
            }
            let topic = message.topic.as_str();
            let owed = view.is_owed(message);
            if let Some((filter, epoch)) = owed {
                let why = format!(
                    "I1: c{index} never got message {number} of {topic}, acknowledged at {:?}; \
                     {filter} was {}",
                    message.acknowledged,
                    Self::describe(epoch)
                );
                by_topic.entry(topic).or_default().push(why);
            }
        }
        for (topic, lost) in by_topic {
            let client = Some(index);
            let dropped = self.dropped.get(&(client, topic.to_owned())).copied().unwrap_or(0);
            missing.extend(lost.into_iter().skip(usize::try_from(dropped).unwrap_or(usize::MAX)));
        }
    }

    /// I19: some member has it, if one was there all the time. What a member had been sent at QoS 2
    /// ends with its session (MQTT 5.0 section 4.8.2), so nobody may have given his up.
    fn missing_of_groups(&self, missing: &mut Vec<String>) {
        let groups: BTreeSet<&str> = self.views.iter().filter_map(View::group).collect();
        for group in groups {
            self.missing_of_group(group, missing);
        }
    }

    fn missing_of_group(&self, group: &str, missing: &mut Vec<String>) {
        let members = || self.views.iter().filter_map(|view| Some((view, view.epochs.get(group)?)));
        if members().any(|(_, epochs)| epochs.iter().any(|epoch| epoch.discarded)) {
            return;
        }
        let dropped = |client: Option<usize>, topic: &str| {
            self.dropped.get(&(client, topic.to_owned())).copied().unwrap_or(0)
        };
        for (number, message) in self.promised() {
            let topic = message.topic.as_str();
            let owed = topic::matches(proper(group), topic)
                && members().any(|(_, epochs)| {
                    let stays = |epoch: &&Epoch| epoch.shaken.is_none() && !epoch.discarded;
                    epochs.iter().filter(stays).any(|epoch| owes(epoch, message))
                });
            if !owed || members().any(|(view, _)| view.got.contains_key(&number)) {
                continue;
            }
            let excused: u64 =
                (0..self.views.len()).map(|index| dropped(Some(index), topic)).sum::<u64>()
                    + dropped(None, topic);
            if excused == 0 {
                missing.push(format!("I19: no member of {group} got message {number} of {topic}"));
            }
        }
    }

    /// Wills go to QoS 2 subscribers of `w/#` that were there from the beginning.
    fn missing_wills(&self, missing: &mut Vec<String>) {
        for (index, view) in self.views.iter().enumerate() {
            let watching = view.epochs.get("w/#").and_then(|epochs| epochs.first());
            let Some(first) = watching.filter(|epoch| {
                epoch.options.qos == QoS::ExactlyOnce && epoch.shaken.is_none() && !epoch.discarded
            }) else {
                continue;
            };
            for (owner, wills) in &self.wills {
                let got = view.wills.get(owner).copied().unwrap_or(0);
                let topic = format!("w/{owner}");
                let dropped = self.dropped.get(&(Some(index), topic));
                let excluded = *owner == index && view.not_its_own("w/#");
                let seen_all =
                    first.sure.zip(wills.first).is_some_and(|(sure, first)| sure < first)
                        && !excluded;
                if got > wills.at_most
                    || seen_all && got + dropped.copied().unwrap_or(0) < wills.at_least
                {
                    missing.push(format!(
                        "c{index} got {got} Wills of c{owner}: {} to {} were due",
                        wills.at_least, wills.at_most
                    ));
                }
            }
        }
    }

    /// Messages that were acknowledged, QoS 1 or 2.
    fn promised(&self) -> impl Iterator<Item = (u64, &Message)> {
        (1..)
            .map_while(|number| Some((number, self.messages.get(place(number)?)?)))
            .filter(|(_, message)| message.acknowledged.is_some() && message.qos > QoS::AtMostOnce)
            .filter(|(_, message)| !message.expires)
    }
}

/// Whether the subscription was there for the whole of the message's way into the broker, and what
/// it took for its client was not given up.
pub(super) fn owes(epoch: &Epoch, message: &Message) -> bool {
    let Some(acknowledged) = message.acknowledged else { return false };
    epoch.options.qos > QoS::AtMostOnce
        && !epoch.discarded
        && !message.clears
        && epoch.sure.is_some_and(|sure| sure < message.begun)
        && epoch.shaken.is_none_or(|shaken| acknowledged < shaken)
}
