//! By which of a client's subscriptions a message comes to it.

use std::sync::Arc;

use crate::identifiers::Identifiers;
use crate::subscriptions::GroupId;

/// The share group that a message came by, and the Subscription Identifiers that go with it. Mostly
/// there are neither: then it owns nothing, for a long backlog is made of these.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matched(Option<Arc<Special>>);

#[derive(Debug)]
struct Special {
    group: Option<GroupId>,
    identifiers: Identifiers,
}

impl Matched {
    pub(crate) fn new(group: Option<GroupId>, identifiers: Identifiers) -> Self {
        let is_plain = group.is_none() && identifiers == Identifiers::NONE;
        Self((!is_plain).then(|| Arc::new(Special { group, identifiers })))
    }

    /// The share group.
    pub(crate) fn group(&self) -> Option<GroupId> {
        self.0.as_ref()?.group
    }

    /// The Subscription Identifiers.
    pub(crate) fn identifiers(&self) -> Identifiers {
        self.0.as_ref().map_or(Identifiers::NONE, |special| special.identifiers.clone())
    }
}
