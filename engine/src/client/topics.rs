//! Topic Aliases of the connection at hand, both ways (MQTT 5.0 section 3.3.2.3.4).

use super::Fault;
use crate::action::TopicAlias;
use crate::alias::{Inbound, Outbound};
use crate::packet::Publish;
use crate::topic::TopicName;

/// What numbers stand for. A connection begins without any.
#[derive(Debug, Default)]
pub(super) struct Topics {
    /// The highest that we have allowed the server.
    allowed: u16,
    theirs: Inbound,
    ours: Option<Outbound>,
}

impl Topics {
    /// Up to `allowed` of the server's, and up to `most` of ours.
    pub(super) fn new(allowed: u16, most: u16) -> Self {
        let ours = (most > 0).then(|| Outbound::new(most));
        Self { allowed, theirs: Inbound::default(), ours }
    }

    /// The topic of a PUBLISH from the server. The alias has served its purpose then.
    pub(super) fn resolve(&mut self, publish: &mut Publish) -> Result<TopicName, Fault> {
        let Some(alias) = publish.properties.get().topic_alias else {
            return publish.topic.take().ok_or(Fault::NoTopic);
        };
        if alias == 0 || alias > self.allowed {
            return Err(Fault::TopicAlias { alias });
        }
        publish.properties.edit(|set| set.topic_alias = None);
        match publish.topic.take() {
            Some(topic) => {
                self.theirs.set(alias, &topic);
                Ok(topic)
            }
            None => self.theirs.get(alias).cloned().ok_or(Fault::TopicAlias { alias }),
        }
    }

    /// Lets a PUBLISH, which is sent next, name its topic in the shortest way.
    pub(super) fn name(&mut self, publish: &mut Publish) {
        let Some(ours) = &mut self.ours else { return };
        let Some(topic) = &publish.topic else { return };
        let alias = match ours.name(topic) {
            TopicAlias::None => return,
            TopicAlias::Set(alias) => alias,
            TopicAlias::Instead(alias) => {
                publish.topic = None;
                alias
            }
        };
        publish.properties.edit(|set| set.topic_alias = Some(alias));
    }
}
