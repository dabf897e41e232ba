//! Values that remember where they were written, to be judged against others later.

use crate::config::document::Node;
use crate::config::key::Key;
use crate::config::reader::{Field, Given, Reader};
use crate::config::scalar::Scalar;
use crate::config::{Fault, Place, Problem};

/// A value and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    place: Place,
    path: String,
}

impl<T> Placed<T> {
    /// What is wrong with it: it is `found` where something else is expected.
    pub(super) fn not_allowed(&self, found: &str, expected: impl Into<String>) -> Problem {
        let fault = Fault::NotAllowed { found: found.to_owned(), expected: expected.into() };
        Problem { place: self.place.clone(), path: self.path.clone(), fault }
    }
}

impl<T: Scalar> Field for Placed<T> {
    fn read(reader: &mut Reader, given: Given<'_>, key: &Key) -> Option<Self> {
        let value = T::read(reader, given, key)?;
        let place = given.node.map_or(given.around, |node: &Node| &node.place).clone();
        Some(Self { value, place, path: reader.path().to_owned() })
    }

    fn show(&self, key: &Key, path: &str, shown: &mut Vec<(String, String)>) {
        Field::show(&self.value, key, path, shown);
    }
}

/// A value that is given or not, with its place.
impl<T: Scalar> Field for Option<Placed<T>> {
    fn read(reader: &mut Reader, given: Given<'_>, key: &Key) -> Option<Self> {
        if given.node.is_none_or(|node| node.is_null()) {
            return Some(None);
        }
        let placed = Placed::<Option<T>>::read(reader, given, key)?;
        let Placed { value, place, path } = placed;
        Some(value.map(|value| Placed { value, place, path }))
    }

    fn show(&self, key: &Key, path: &str, shown: &mut Vec<(String, String)>) {
        if let Some(placed) = self {
            placed.show(key, path, shown);
        }
    }
}
