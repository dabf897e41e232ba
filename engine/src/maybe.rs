//! An optional number in four bytes: an `Option<u32>` takes eight, and there are millions of them.

use std::fmt;

/// A number or none. `u32::MAX` cannot be told from none: no slot and no Subscription Identifier is
/// as high.
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
        number.map_or(Self::NONE, Self)
    }
}

impl fmt::Debug for Maybe32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gives_back_what_was_put_in_and_takes_four_bytes() {
        for number in [None, Some(0), Some(1), Some(u32::MAX - 1)] {
            assert_eq!(Maybe32::from(number).get(), number);
            assert_eq!(Maybe32::from(number).is_some(), number.is_some());
        }
        assert_eq!(size_of::<Maybe32>(), 4);
    }
}
