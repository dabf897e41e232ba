//! Choices out of a fuzzer's bytes, one byte each wherever possible: then a changed byte is another
//! choice, and all that follows stays what it was.

use arbitrary::{Result, Unstructured};

/// One of several.
pub(crate) fn one_of<T: Copy>(u: &mut Unstructured<'_>, choices: &[T]) -> Result<T> {
    Ok(choices[below(u, choices.len())?])
}

/// A number below `end`, which is 256 at most.
pub(crate) fn below(u: &mut Unstructured<'_>, end: usize) -> Result<usize> {
    Ok(usize::from(u.arbitrary::<u8>()?) % end)
}

/// Yes, once in so many times.
pub(crate) fn one_in(u: &mut Unstructured<'_>, times: usize) -> Result<bool> {
    Ok(below(u, times)? == times - 1)
}

/// Up to `most` bytes as they are in the input.
pub(crate) fn bytes<'a>(u: &mut Unstructured<'a>, most: usize) -> Result<&'a [u8]> {
    let wanted = u.int_in_range(0..=most)?;
    u.bytes(wanted.min(u.len()))
}
