//! The nearest known name to a mistyped one.

/// The candidate that `written` most likely meant, if any is near enough.
///
/// Case, `-`, `_` and `.` do not count: `maxConnections` and `max-connections` are both
/// `max_connections`.
pub(crate) fn nearest<S: AsRef<str>>(
    written: &str,
    candidates: impl IntoIterator<Item = S>,
) -> Option<S> {
    let wanted = essence(written);
    let limit = (wanted.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&wanted, &essence(name.as_ref())), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

fn essence(name: &str) -> String {
    // The distance costs the product of the lengths; no known name comes near this one.
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-' | '.')).take(80);
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["addr", "max_connections", "max_inflight_messages", "listener"];

    // contract: section 1
    #[test]
    fn a_typo_finds_its_key_and_nonsense_finds_none() {
        let rows = [
            ("max_conections", Some("max_connections")),
            ("maxConnections", Some("max_connections")),
            ("max-inflight-mesages", Some("max_inflight_messages")),
            ("adr", Some("addr")),
            ("listeners", Some("listener")),
            ("persistence", None),
            ("", None),
        ];
        for (written, expected) in rows {
            assert_eq!(nearest(written, NAMES), expected, "{written}");
        }
    }

    #[test]
    fn a_huge_name_is_cut_before_it_is_compared() {
        assert_eq!(nearest(&"x".repeat(1 << 20), NAMES), None);
    }
}
