//! The reference: lists and loops, nothing clever.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use surewire_engine::topic;

/// Who must receive what, in which order, by sessions and share groups.
#[derive(Default)]
pub(crate) struct Reference {
    sessions: BTreeMap<String, Session>,
    retained: BTreeMap<String, (String, u8)>,
    /// Messages for share groups that no member has received yet: group, message at the QoS it
    /// was published at.
    shared: Vec<(String, Expected)>,
    /// Messages for share groups that a member has seen and not acknowledged: should its session
    /// end, another member may get them.
    again: Vec<(String, Expected)>,
}

#[derive(Default)]
struct Session {
    online: bool,
    persistent: bool,
    subscriptions: BTreeMap<String, u8>,
    /// What must still arrive, by QoS: order holds within one QoS.
    expected: [VecDeque<Expected>; 3],
    /// What arrived at QoS 1 and 2, so that a repetition is known.
    seen: Vec<String>,
}

/// One message as one client must see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) topic: String,
    pub(crate) payload: String,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let retain = if self.retain { " retain" } else { "" };
        write!(f, "{}={} q{}{retain}", self.topic, self.payload, self.qos)
    }
}

impl Reference {
    /// Returns whether the client finds a session.
    pub(crate) fn connected(&mut self, client: &str, persistent: bool) -> bool {
        if !persistent {
            self.end(client);
        }
        let present = self.sessions.contains_key(client);
        let session = self.sessions.entry(client.to_owned()).or_default();
        session.online = true;
        session.persistent = persistent;
        present
    }

    pub(crate) fn disconnected(&mut self, client: &str) {
        let Some(session) = self.sessions.get_mut(client) else { return };
        session.online = false;
        if !session.persistent {
            self.end(client);
        }
    }

    pub(crate) fn is_away(&self, client: &str) -> bool {
        self.sessions.get(client).is_some_and(|session| !session.online)
    }

    pub(crate) fn subscribed(&mut self, client: &str, filter: &str, qos: u8) {
        let session = self.sessions.get_mut(client).unwrap();
        session.subscriptions.insert(filter.to_owned(), qos);
        if filter.starts_with("$share/") {
            return;
        }
        for (name, (payload, published)) in &self.retained {
            if topic::matches(filter, name) {
                session.expect(Expected {
                    topic: name.clone(),
                    payload: payload.clone(),
                    qos: qos.min(*published),
                    retain: true,
                });
            }
        }
    }

    pub(crate) fn unsubscribed(&mut self, client: &str, filter: &str) {
        self.sessions.get_mut(client).unwrap().subscriptions.remove(filter);
        self.drop_empty_groups();
    }

    pub(crate) fn published(&mut self, name: &str, payload: &str, qos: u8, retain: bool) {
        if retain && payload.is_empty() {
            self.retained.remove(name);
        } else if retain {
            self.retained.insert(name.to_owned(), (payload.to_owned(), qos));
        }
        let message = |qos| Expected {
            topic: name.to_owned(),
            payload: payload.to_owned(),
            qos,
            retain: false,
        };
        let mut groups = Vec::new();
        for session in self.sessions.values_mut() {
            let matching = session.subscriptions.iter().filter(|(filter, _)| is_for(filter, name));
            let (shared, plain): (Vec<_>, Vec<_>) =
                matching.partition(|(filter, _)| filter.starts_with("$share/"));
            groups.extend(shared.into_iter().map(|(filter, _)| filter.clone()));
            if let Some(granted) = plain.into_iter().map(|(_, granted)| *granted).max() {
                session.expect(message(qos.min(granted)));
            }
        }
        groups.sort();
        groups.dedup();
        self.shared.extend(groups.into_iter().map(|group| (group, message(qos))));
    }

    /// A client got a message, as the bench shows it, and acknowledged it.
    pub(crate) fn received(&mut self, client: &str, shown: &str) {
        self.arrived(client, shown);
    }

    /// A client got a message and was gone before it could acknowledge it.
    pub(crate) fn received_unacknowledged(&mut self, client: &str, shown: &str) {
        if let Some((group, message)) = self.arrived(client, shown)
            && shown.contains(" q1")
        {
            self.again.push((group, message));
        }
    }

    /// Returns the share group's message, if it came by one.
    fn arrived(&mut self, client: &str, shown: &str) -> Option<(String, Expected)> {
        let (shown, dup) = match shown.replace(" dup", "") {
            plain if plain != shown => (plain, true),
            plain => (plain, false),
        };
        let session = self.sessions.get_mut(client).unwrap();
        if dup && session.seen.contains(&shown) {
            return None;
        }
        let next = session
            .expected
            .iter_mut()
            .find(|queue| queue.front().is_some_and(|expected| expected.to_string() == shown));
        let shared = match next {
            Some(queue) => {
                queue.pop_front();
                None
            }
            None => Some(self.take_shared(client, &shown)),
        };
        self.sessions.get_mut(client).unwrap().seen.push(shown);
        shared
    }

    /// A message that is not the session's next must be one of a share group it is in.
    fn take_shared(&mut self, client: &str, shown: &str) -> (String, Expected) {
        let granted = &self.sessions[client].subscriptions;
        let fits = |(group, message): &(String, Expected)| {
            let qos = granted.get(group).map(|granted| message.qos.min(*granted));
            qos.is_some_and(|qos| Expected { qos, ..message.clone() }.to_string() == shown)
        };
        for list in [&mut self.shared, &mut self.again] {
            if let Some(at) = list.iter().position(fits) {
                return list.remove(at);
            }
        }
        panic!("{client} got {shown}, which was not expected next")
    }

    /// All that was to arrive has arrived.
    pub(crate) fn assert_complete(&self) {
        for (client, session) in &self.sessions {
            let missing: Vec<String> =
                session.expected.iter().flatten().map(Expected::to_string).collect();
            assert!(missing.is_empty(), "{client}: missing {missing:?}");
        }
        let online = |group: &String| {
            self.sessions.values().any(|s| s.online && s.subscriptions.contains_key(group))
        };
        let missing: Vec<_> = self.shared.iter().filter(|(group, _)| online(group)).collect();
        assert!(missing.is_empty(), "missing from share groups: {missing:?}");
    }

    fn end(&mut self, client: &str) {
        self.sessions.remove(client);
        self.drop_empty_groups();
    }

    fn drop_empty_groups(&mut self) {
        let sessions = &self.sessions;
        self.shared.retain(|(group, _)| {
            sessions.values().any(|session| session.subscriptions.contains_key(group))
        });
    }
}

impl Session {
    fn expect(&mut self, message: Expected) {
        self.expected[usize::from(message.qos)].push_back(message);
    }
}

fn is_for(filter: &str, name: &str) -> bool {
    let proper = filter.strip_prefix("$share/g/").unwrap_or(filter);
    topic::matches(proper, name)
}
