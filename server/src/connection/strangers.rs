//! What all clients that are not accepted yet may make the broker keep together.
//!
//! An ordinary CONNECT needs no share of it: that is for the few that are long, and bounds those that
//! never end.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of all unfinished CONNECTs behind what each may have anyway; less where memory is small.
const MOST: u64 = 64 << 20;

/// Of the memory limit, one in so many bytes.
const SHARE_OF_LIMIT: u64 = 8;

/// The bytes that are left.
#[derive(Debug)]
pub(crate) struct Strangers {
    left: AtomicU64,
}

/// What one of them has. It goes back when this is dropped.
#[derive(Debug)]
pub(crate) struct Share<'a> {
    of: &'a Strangers,
    bytes: u64,
}

impl Strangers {
    /// For a broker that may take so many bytes of memory.
    pub(crate) fn new(memory_limit: Option<u64>) -> Self {
        let most = memory_limit.map_or(MOST, |limit| MOST.min(limit / SHARE_OF_LIMIT));
        Self { left: AtomicU64::new(most) }
    }

    /// A share that is still empty.
    pub(crate) fn share(&self) -> Share<'_> {
        Share { of: self, bytes: 0 }
    }
}

impl Share<'_> {
    /// Takes more.
    ///
    /// # Errors
    /// When all strangers together have all there is.
    pub(crate) fn grow(&mut self, bytes: usize) -> io::Result<()> {
        let bytes = bytes as u64;
        let rest = |left: u64| left.checked_sub(bytes);
        match self.of.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest) {
            Ok(_) => self.bytes += bytes,
            Err(_) => return Err(io::Error::other("too much is kept of unfinished CONNECTs")),
        }
        Ok(())
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.of.left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them_together_have_so_much_and_give_it_back() {
        let strangers = Strangers::new(Some(800));
        let mut one = strangers.share();
        one.grow(60).unwrap();
        let mut other = strangers.share();
        other.grow(40).unwrap();
        assert!(one.grow(1).is_err());
        drop(other);
        one.grow(40).unwrap();
        assert!(one.grow(1).is_err());
        drop(one);
        strangers.share().grow(100).unwrap();
    }

    #[test]
    fn without_a_limit_of_memory_there_is_one_all_the_same() {
        for limit in [None, Some(u64::MAX)] {
            let strangers = Strangers::new(limit);
            let mut share = strangers.share();
            share.grow(64 << 20).unwrap();
            assert!(share.grow(1).is_err());
        }
    }
}
