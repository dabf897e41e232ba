//! The Subscription Identifiers of one client's copy of a message (MQTT 5.0 section 3.3.4).

use std::sync::Arc;

/// One for each of the client's subscriptions that the message matches and that has one, in no
/// order that means anything. Without any, which is the common case, it owns nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identifiers(Option<Arc<[u32]>>);

impl Identifiers {
    /// None at all.
    pub const NONE: Self = Self(None);

    /// As numbers, 1 to 268,435,455.
    #[must_use]
    pub fn as_slice(&self) -> &[u32] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl From<&[u32]> for Identifiers {
    fn from(identifiers: &[u32]) -> Self {
        // An empty list would be an allocation too.
        Self((!identifiers.is_empty()).then(|| identifiers.into()))
    }
}

impl From<Option<u32>> for Identifiers {
    fn from(identifier: Option<u32>) -> Self {
        identifier.as_slice().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_kept_in_the_order_they_came() {
        assert_eq!(Identifiers::from(None), Identifiers::NONE);
        let identifiers = Identifiers::from([7, 3, 7].as_slice());
        assert_eq!(identifiers.as_slice(), [7, 3, 7]);
    }
}
