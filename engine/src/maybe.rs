//! An optional number in four bytes: an `Option<u32>` takes eight, and there are millions of them.

use std::fmt;

/// A number or none. `u32::MAX` stands for none: no slot and no Subscription Identifier is as high.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Maybe32(u32);

impl Maybe32 {
    pub(crate) const NONE: Self = Self(u32::MAX);

    #[inline]
    pub(crate) fn get(self) -> Option<u32> {
        (self != Self::NONE).then_some(self.0)
    }

    pub(crate) fn is_some(self) -> bool {
        self != Self::NONE
    }
}

impl Default for Maybe32 {
    fn default() -> Self {
        Self::NONE
    }
}

impl From<Option<u32>> for Maybe32 {
    fn from(number: Option<u32>) -> Self {
        debug_assert_ne!(number, Some(u32::MAX), "a number that stands for none");
        number.map_or(Self::NONE, Self)
    }
}

impl fmt::Debug for Maybe32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
