//! What a pattern lists: most list one subscription, which takes no memory of its own.

use smallvec::{SmallVec, smallvec};

/// Slots of a pattern's subscriptions without a share group, and of its share groups.
#[derive(Debug, Default)]
pub(super) enum Listed {
    #[default]
    Nothing,
    One(u32),
    Many(Box<Lists>),
}

#[derive(Debug, Default)]
pub(super) struct Lists {
    plain: SmallVec<[u32; 4]>,
    groups: SmallVec<[u32; 4]>,
}

impl Listed {
    #[inline]
    pub(super) fn plain(&self) -> &[u32] {
        match self {
            Self::Nothing => &[],
            Self::One(slot) => std::slice::from_ref(slot),
            Self::Many(lists) => &lists.plain,
        }
    }

    #[inline]
    pub(super) fn groups(&self) -> &[u32] {
        match self {
            Self::Nothing | Self::One(_) => &[],
            Self::Many(lists) => &lists.groups,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.plain().is_empty() && self.groups().is_empty()
    }

    pub(super) fn push_plain(&mut self, slot: u32) {
        if self.is_empty() {
            *self = Self::One(slot);
        } else {
            self.lists().plain.push(slot);
        }
    }

    pub(super) fn push_group(&mut self, group: u32) {
        self.lists().groups.push(group);
    }

    /// Takes out the subscription at `place`. The last one comes in its place, and is returned.
    pub(super) fn remove_plain(&mut self, place: u32) -> Option<u32> {
        let moved = swap_out(&mut self.lists().plain, place);
        self.shrink();
        moved
    }

    /// The same for a share group.
    pub(super) fn remove_group(&mut self, place: u32) -> Option<u32> {
        let moved = swap_out(&mut self.lists().groups, place);
        self.shrink();
        moved
    }

    /// Checks what must always hold.
    pub(super) fn check(&self) {
        if let Self::Many(lists) = self {
            let fits = lists.groups.is_empty() && lists.plain.len() < 2;
            assert!(!fits, "memory for a single subscription");
        }
    }

    fn lists(&mut self) -> &mut Lists {
        let plain = match self {
            Self::Many(lists) => return lists,
            Self::Nothing => SmallVec::new(),
            Self::One(slot) => smallvec![*slot],
        };
        *self = Self::Many(Box::new(Lists { plain, groups: SmallVec::new() }));
        self.lists()
    }

    /// What fits without memory of its own has none.
    fn shrink(&mut self) {
        if !self.groups().is_empty() {
            return;
        }
        match *self.plain() {
            [] => *self = Self::Nothing,
            [slot] => *self = Self::One(slot),
            _ => {}
        }
    }
}

fn swap_out(list: &mut SmallVec<[u32; 4]>, place: u32) -> Option<u32> {
    list.swap_remove(place as usize);
    list.get(place as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_lists_what_two_vectors_list(
            steps in prop::collection::vec((any::<bool>(), any::<bool>(), 0_usize..20), 0..60),
        ) {
            let (mut plain, mut groups, mut listed) = (Vec::new(), Vec::new(), Listed::default());
            for (slot, (adds, shared, pick)) in (0_u32..).zip(steps) {
                let list = if shared { &mut groups } else { &mut plain };
                if adds {
                    list.push(slot);
                    if shared { listed.push_group(slot) } else { listed.push_plain(slot) }
                } else if !list.is_empty() {
                    let at = pick % list.len();
                    list.swap_remove(at);
                    let moved = list.get(at).copied();
                    let place = u32::try_from(at).unwrap();
                    let is_moved = if shared {
                        listed.remove_group(place)
                    } else {
                        listed.remove_plain(place)
                    };
                    prop_assert_eq!(is_moved, moved);
                }
                prop_assert_eq!((listed.plain(), listed.groups()), (&plain[..], &groups[..]));
                prop_assert_eq!(listed.is_empty(), plain.is_empty() && groups.is_empty());
                listed.check();
            }
        }
    }
}
