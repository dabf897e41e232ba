//! Bugs that were, and bugs that are planted.

use surewire_engine::planted::{Bug, Planted};

/// The seeds that were the first to find each planted bug, and those that found a real one: what
/// they do is known to matter. A seed stands for another world once `plan` draws differently;
/// `--planted all` tells which do it then.
pub const REGRESSIONS: &[(u64, &str)] = &[
    (9, "ack-before-sync"),
    (205, "connack-before-discard"),
    (13, "suback-before-sync"),
    (13, "pubrel-before-sync"),
    (6575, "gone-before-sync"),
    (2, "directory-not-synced"),
    (107, "sync-error-ignored"),
    (2, "tail-not-secured"),
    (225, "stale-segment-read"),
    (1, "trim-too-early"),
    (7, "segments-stay"),
    (13, "cleaning-skips-in-flight"),
    (13, "id-stored-apart"),
    (4, "repeat-not-known"),
    (2, "publish-after-pubrec"),
    (1, "id-free-at-pubrec"),
    (2, "backlog-overtakes"),
    (3, "in-flight-restored-as-new"),
    (13, "ids-not-restored"),
    (2, "window-ignored"),
    (1, "removal-not-stored"),
    (6, "unsubscribe-not-stored"),
    (3, "will-not-stored"),
    (4, "group-not-stored"),
    (1, "take-over-leaves"),
    (164, "silence-expires"),
    (6, "nothing-expires"),
    (2, "silent-drop"),
    (1, "no-local-ignored"),
    (12, "retain-as-published-ignored"),
    (3, "retain-handling-ignored"),
    (6, "identifier-missing"),
    (3, "identifier-not-restored"),
    (3, "user-properties-reordered"),
    (5, "packet-size-ignored"),
    (135, "reasons-unasked"),
    (240, "expiry-stands-still"),
    (31, "bye-expiry-ignored"),
    (16, "will-not-withdrawn"),
    (3, "will-not-delayed"),
    (148, "silence-unnoticed"),
    (31, "receive-maximum-unchecked"),
    (19, "no-back-pressure"),
    (3, "ordered-end-not-stored"),
    (4, "restart-trims-window"),
    (44, "restart-trims-backlog"),
    (27, "restart-renews-expiry"),
    (8, "member-twice"),
    (234, "backlog-stops"),
    (4, "remains-stay"),
    (1215, "bye-expiry-not-stored"),
    (84, "bye-with-will-forgotten"),
    (13, "member-takes-along"),
    (20, "dup-missing"),
    (2, "dup-unsent"),
    (1, "taken-over-late"),
    (1, "unsuback-missing"),
    (2, "puback-overtakes"),
    (24, "run-counted-as-qos-0"),
    (4, "limit-unasked"),
    (4, "shortage-takes-all"),
    (66, "replay-not-stored"),
    (239, "hushed-for-ever"),
    (346, "replay-overfills"),
    (1001, "replay-stops"),
    (11, "expired-delivered"),
    (38, "alias-before-gate"),
    (2, "receive-maximum-ignored"),
    (800_000_023, "cleaning-without-end"),
    (400_000_575, "cleaning-without-end"),
    (2_257_957_727, "cleaning-too-late"),
    (2_257_960_998, "cleaning-too-late"),
    (3_001_000, "earlier-connection-counts"),
    (2_639_367_525, "attack-on-a-stalled-process"),
    (2_639_371_794, "will-before-its-watcher"),
    (2_639_401_414, "answer-before-a-disconnect"),
    (2_639_403_860, "asked-before-the-session-began"),
    (2_639_442_568, "vanished-before-it-had-a-name"),
    (2_639_428_377, "under-way-when-the-broker-ended"),
    (2_750_005_334, "taken-for-a-repetition"),
    (3_665_780_029, "given-again-before-it-was-given"),
];

/// The bug of that name, to be planted.
///
/// # Errors
/// There is none of that name, or this program was built without any.
pub fn planted(name: &str) -> Result<Planted, String> {
    let bug = Bug::ALL.iter().copied().find(|bug| bug.name() == name);
    let names = || Bug::ALL.iter().map(|bug| bug.name()).collect::<Vec<_>>().join(", ");
    let bug = bug.ok_or_else(|| format!("no bug is called {name}; there are: {}", names()))?;
    plant(bug)
}

#[cfg(feature = "planted")]
#[expect(clippy::unnecessary_wraps, reason = "other builds cannot")]
fn plant(bug: Bug) -> Result<Planted, String> {
    Ok(Planted::new(bug))
}

#[cfg(not(feature = "planted"))]
fn plant(bug: Bug) -> Result<Planted, String> {
    let name = bug.name();
    Err(format!("{name} cannot be planted in this program: build it with `--features planted`"))
}
