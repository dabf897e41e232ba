//! Whether the session check sees anything: random inputs against engines that are wrong on purpose.
#![cfg(feature = "planted")]
#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use std::fs;
use std::panic::{catch_unwind, set_hook, take_hook};

use surewire_engine::planted::{Bug, Planted};
use surewire_fuzz_checks::session;

/// Found by a few inputs; the others need a fuzzer's patience, a disk, or other oracles.
const FOUND: &[Bug] = &[
    Bug::TakeOverLeaves,
    Bug::WillNotStored,
    Bug::IdStoredApart,
    Bug::UnsubscribeNotStored,
    Bug::IdsNotRestored,
    Bug::TrimTooEarly,
    Bug::SilentDrop,
    Bug::InflightRestoredAsNew,
    Bug::ConnackBeforeDiscard,
    Bug::WindowIgnored,
    Bug::ReceiveMaximumIgnored,
    Bug::IdFreeAtPubrec,
    Bug::RepeatNotKnown,
    Bug::GroupNotStored,
    Bug::CleaningSkipsInflight,
    Bug::PublishAfterPubrec,
];

/// Inputs that are tried; the bug of the list that hides best is found by the 169th.
const TRIES: u64 = 2_000;

#[test]
fn planted_bugs_are_found() {
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    for bug in FOUND {
        match found(*bug) {
            Some(input) => eprintln!("{}: input {input}", bug.name()),
            None => missed.push(bug.name()),
        }
    }
    set_hook(hook);
    assert!(missed.is_empty(), "not found: {missed:?}");
}

/// The first input that shows it.
fn found(bug: Bug) -> Option<u64> {
    let corpus = corpus();
    (0..TRIES).find(|seed| {
        let input = input(&corpus, *seed);
        catch_unwind(|| session::check_planted(&input, Planted::new(bug))).is_err()
    })
}

fn corpus() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus/session");
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("seeds").map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a file")).collect()
}

/// A seed of the corpus, perhaps changed a little, and any steps behind it.
fn input(corpus: &[Vec<u8>], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut below = |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).expect("31 bits") % end
    };
    let mut input = corpus[below(corpus.len())].clone();
    for _ in 0..below(4) {
        let at = below(input.len());
        input[at] = u8::try_from(below(256)).expect("a byte");
    }
    let behind = below(600);
    input.extend((0..behind).map(|_| u8::try_from(below(256)).expect("a byte")));
    input
}
