//! What fuzzing has found stays found: every committed input is replayed by its target's check, those
//! of `fuzz/regressions` (each was a bug of ours once) and those of `fuzz/corpus`. The latter also
//! with a few changes, as a fuzzer would begin: `FUZZ_CHANGES=1000` makes so many of each.

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use std::fs;
use std::path::PathBuf;

use surewire_fuzz_checks::TARGETS;

#[test]
fn nothing_that_was_found_is_lost() {
    for (_, check, input) in inputs("regressions") {
        check(&input);
    }
}

#[test]
fn every_committed_input_is_fine() {
    let inputs = inputs("corpus");
    assert!(inputs.len() > 100, "only {} inputs", inputs.len());
    for (_, check, input) in inputs {
        check(&input);
    }
}

#[test]
fn changed_inputs_are_fine() {
    let changes = std::env::var("FUZZ_CHANGES").ok();
    let changes = changes.map_or(5, |number| number.parse().expect("a number"));
    for (target, check, input) in inputs("corpus") {
        for seed in 1..=changes {
            let changed = changed(&input, seed);
            // Shown if the check fails.
            eprintln!("{target}: {}", changed.escape_ascii());
            check(&changed);
        }
    }
}

#[test]
fn every_folder_is_a_targets() {
    for folder in ["corpus", "regressions"] {
        for entry in fs::read_dir(root().join(folder)).into_iter().flatten() {
            let name = entry.expect("an entry").file_name().into_string().expect("a name");
            assert!(TARGETS.iter().any(|(target, _)| *target == name), "{folder}/{name}");
        }
    }
}

type Input = (&'static str, fn(&[u8]), Vec<u8>);

/// All inputs of a folder, each with its target and its target's check.
fn inputs(folder: &str) -> Vec<Input> {
    let mut inputs = Vec::new();
    for (target, check) in TARGETS {
        // A target need not have any.
        let found = fs::read_dir(root().join(folder).join(target)).into_iter().flatten();
        let mut paths: Vec<_> = found.map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        for path in paths {
            eprintln!("{}", path.display());
            inputs.push((*target, *check, fs::read(path).expect("an input")));
        }
    }
    inputs
}

/// The input with some bytes others, away, twice or new.
fn changed(input: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut below = |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).expect("31 bits") % end
    };
    let mut bytes = input.to_vec();
    for _ in 0..=below(4) {
        let at = below(bytes.len() + 1);
        let len = below(8).min(bytes.len() - at);
        let byte = u8::try_from(below(256)).expect("a byte");
        match below(4) {
            0 => drop(bytes.splice(at..at + len, [])),
            1 => {
                let part = bytes[at..at + len].to_vec();
                drop(bytes.splice(at..at, part));
            }
            2 => bytes.insert(at, byte),
            _ => bytes[at..].iter_mut().take(1).for_each(|old| *old = byte),
        }
    }
    bytes
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}
