//! Share groups: each message of a `$share/name/filter` goes to one member (MQTT 5.0 section
//! 4.8.2).

use super::{GroupName, GroupNameRef, Subscriptions, place};
use crate::log::record::Seq;
use crate::queue::Queue;
use crate::time::Time;
use crate::topic::TopicFilter;

/// A share group: its slot, and a number that tells it from others that had the slot before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GroupId {
    pub(crate) slot: u32,
    number: u64,
}

/// The members of one `$share/name/filter` and what waits while none of them is connected.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) filter: TopicFilter,
    number: u64,
    pattern: u32,
    /// Where the pattern lists it.
    place: u32,
    /// Slots of the members' subscriptions, those of connected clients first.
    members: Vec<u32>,
    /// How many of them are connected.
    online: usize,
    /// Whose turn it is, among the connected.
    turn: usize,
    pub(crate) backlog: Queue,
    pub(crate) next_seq: Seq,
    /// When a timer looks at the backlog for messages that have expired.
    pub(crate) expiry_set: Option<Time>,
}

impl Group {
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn member(&self, place: u32) -> Option<u32> {
        self.members.get(place as usize).copied()
    }

    /// Slots of all members.
    pub(crate) fn members(&self) -> &[u32] {
        &self.members
    }

    /// Slots of the connected members, the one whose turn it is first.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = u32> {
        let online = self.members.get(..self.online).unwrap_or_default();
        let (later, first) = online.split_at(self.turn.min(self.online));
        first.iter().chain(later).copied()
    }

    /// The turn passes to the member behind the `nth` candidate.
    pub(crate) fn took_turn(&mut self, nth: usize) {
        self.turn = (self.turn + nth + 1) % self.online.max(1);
    }

    pub(crate) fn take_seq(&mut self) -> Seq {
        let seq = self.next_seq;
        self.next_seq = Seq(seq.0 + 1);
        seq
    }
}

impl Subscriptions {
    pub(crate) fn group(&self, slot: u32) -> Option<&Group> {
        self.groups.get(slot)
    }

    pub(crate) fn group_mut(&mut self, slot: u32) -> Option<&mut Group> {
        self.groups.get_mut(slot)
    }

    pub(crate) fn group_id(&self, slot: u32) -> Option<GroupId> {
        Some(GroupId { slot, number: self.groups.get(slot)?.number })
    }

    /// The group of `$share/name/filter`.
    pub(crate) fn group_named(&self, filter: &TopicFilter) -> Option<GroupId> {
        let (pattern, name) = (self.find_pattern(filter)?, filter.share_name()?);
        self.group_id(*self.group_names.get(&GroupNameRef { pattern, name })?)
    }

    /// The group, if it has not ended since.
    pub(crate) fn group_by_id(&self, id: GroupId) -> Option<&Group> {
        self.groups.get(id.slot).filter(|group| group.number == id.number)
    }

    /// The first slot of a group at or behind `slot`.
    pub(crate) fn first_group_from(&self, slot: u32) -> Option<u32> {
        self.groups.first_from(slot)
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter().map(|(_, group)| group)
    }

    pub(super) fn group_for(&mut self, pattern: u32, name: &str, filter: &TopicFilter) -> u32 {
        if let Some(group) = self.group_names.get(&GroupNameRef { pattern, name }) {
            return *group;
        }
        self.groups_made += 1;
        let place =
            place(self.patterns.get(pattern).map_or(0, |pattern| pattern.listed.groups().len()));
        let group = self.groups.insert(Group {
            filter: filter.detached(),
            number: self.groups_made,
            pattern,
            place,
            members: Vec::new(),
            online: 0,
            turn: 0,
            backlog: Queue::default(),
            next_seq: Seq::default(),
            expiry_set: None,
        });
        self.group_names.insert(GroupName { pattern, name: name.into() }, group);
        if let Some(pattern) = self.patterns.get_mut(pattern) {
            pattern.listed.push_group(group);
        }
        group
    }

    pub(super) fn join(&mut self, group: u32, slot: u32, online: bool) {
        let Some(members) = self.groups.get_mut(group).map(|group| &mut group.members) else {
            return;
        };
        members.push(slot);
        let place = place(members.len() - 1);
        self.set_place(slot, place);
        if online {
            self.set_online(slot, true);
        }
    }

    /// Tells the member's group whether its client is connected.
    pub(crate) fn set_online(&mut self, slot: u32, online: bool) {
        let Some(subscription) = self.all.get(slot) else { return };
        let (Some(group), from) = (subscription.group(), subscription.place as usize) else {
            return;
        };
        let Some(group_state) = self.groups.get_mut(group) else { return };
        if (from < group_state.online) == online {
            return;
        }
        // Swapping with the member at the border moves the border past one of them.
        let border = if online { group_state.online } else { group_state.online - 1 };
        group_state.members.swap(from, border);
        group_state.online = if online { border + 1 } else { border };
        group_state.turn = if group_state.turn < group_state.online { group_state.turn } else { 0 };
        let moved = group_state.members.get(from).copied();
        self.set_place(slot, place(border));
        if let Some(moved) = moved.filter(|moved| *moved != slot) {
            self.set_place(moved, place(from));
        }
    }

    /// Takes the member at `from` out. The group is returned if that was the last one.
    pub(super) fn leave(&mut self, group: u32, from: u32) -> Option<(GroupId, Group)> {
        let slot = self.groups.get(group)?.member(from)?;
        let online = (from as usize) < self.groups.get(group)?.online;
        let mut from = from;
        if online {
            // To the far side of the border first, so that it can be swapped with the last.
            let state = self.groups.get_mut(group)?;
            let border = state.online - 1;
            state.members.swap(from as usize, border);
            state.online = border;
            state.turn = if state.turn < border { state.turn } else { 0 };
            let moved = state.member(from);
            if let Some(moved) = moved.filter(|moved| *moved != slot) {
                self.set_place(moved, from);
            }
            from = place(border);
        }
        let state = self.groups.get_mut(group)?;
        state.members.swap_remove(from as usize);
        let moved = state.member(from);
        if let Some(moved) = moved {
            self.set_place(moved, from);
        }
        self.drop_empty_group(group)
    }

    fn drop_empty_group(&mut self, slot: u32) -> Option<(GroupId, Group)> {
        if self.groups.get(slot)?.len() > 0 {
            return None;
        }
        let group = self.groups.remove(slot)?;
        let name = group.filter.share_name().unwrap_or_default();
        self.group_names.remove(&GroupNameRef { pattern: group.pattern, name });
        self.unlist_group(group.pattern, group.place);
        Some((GroupId { slot, number: group.number }, group))
    }

    /// Without a search: a client can be the last member of as many groups as subscriptions.
    fn unlist_group(&mut self, pattern: u32, place: u32) {
        let Some(pattern) = self.patterns.get_mut(pattern) else { return };
        let moved = pattern.listed.remove_group(place);
        if let Some(moved) = moved.and_then(|moved| self.groups.get_mut(moved)) {
            moved.place = place;
        }
    }

    /// Checks what must always hold of the groups.
    pub(super) fn check_groups(&self) {
        assert_eq!(self.group_names.len(), self.groups.len(), "groups by name");
        for (slot, group) in self.groups.iter() {
            let pattern = self.patterns.get(group.pattern).expect("a group's pattern");
            let listed = pattern.listed.groups().get(group.place as usize).copied();
            assert_eq!(listed, Some(slot), "a group is not where it says");
        }
    }
}
