//! Who may use the interface.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;

use crate::config::Secret;

/// Accounts, each as a keyed digest of its name and password. A digest has one length and tells
/// nothing of what it is of, so that comparing two of them takes the same time whatever was sent.
pub(super) struct Credentials {
    key: hmac::Key,
    accounts: Vec<(Arc<str>, hmac::Tag)>,
}

impl Credentials {
    /// `secret` is 32 bytes that nobody can guess.
    pub(super) fn new<'a>(
        secret: &[u8; 32],
        accounts: impl IntoIterator<Item = (&'a String, &'a Secret)>,
    ) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let digested = |(name, password): (&'a String, &'a Secret)| {
            let tag = digest(&key, name.as_bytes(), password.expose().as_bytes());
            (Arc::from(name.as_str()), tag)
        };
        let accounts = accounts.into_iter().map(digested).collect();
        Self { key, accounts }
    }

    /// The account with this name and password. The same work is done for every name: one digest,
    /// compared in constant time with those of all accounts.
    pub(super) fn account(&self, name: &[u8], password: &[u8]) -> Option<Arc<str>> {
        let given = digest(&self.key, name, password);
        self.accounts.iter().fold(None, |found, (name, tag)| {
            let same = verify_slices_are_equal(tag.as_ref(), given.as_ref()).is_ok();
            if same { Some(Arc::clone(name)) } else { found }
        })
    }
}

/// The name's length comes first: no two pairs of name and password give the same bytes.
fn digest(key: &hmac::Key, name: &[u8], password: &[u8]) -> hmac::Tag {
    let mut digest = hmac::Context::with_key(key);
    digest.update(&name.len().to_be_bytes());
    digest.update(name);
    digest.update(password);
    digest.sign()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        let accounts = [("ab", "c"), ("admin", "größe:1"), ("empty", "")];
        let accounts =
            accounts.map(|(name, password)| (name.to_owned(), Secret::new(password.to_owned())));
        Credentials::new(&[7; 32], accounts.iter().map(|(name, password)| (name, password)))
    }

    // contract: section 3, Basic auth
    #[test]
    fn only_the_whole_name_with_its_whole_password_is_an_account() {
        for (name, password, account) in [
            ("ab", "c", Some("ab")),
            ("admin", "größe:1", Some("admin")),
            ("empty", "", Some("empty")),
            ("a", "bc", None),
            ("abc", "", None),
            ("ab", "größe:1", None),
            ("admin", "größe:", None),
            ("admin", "größe:1\0", None),
            ("Admin", "größe:1", None),
            ("", "", None),
        ] {
            let found = credentials().account(name.as_bytes(), password.as_bytes());
            assert_eq!(found.as_deref(), account, "{name} {password}");
        }
    }

    #[test]
    fn without_accounts_there_is_no_way_in() {
        assert_eq!(Credentials::new(&[7; 32], []).account(b"", b""), None);
    }
}
