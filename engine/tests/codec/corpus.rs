//! The fuzz corpus in `fuzz/corpus/decode` is made of the tables' rows: one byte for the version,
//! then the packet.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use surewire_engine::packet::Version;

use crate::tables::all_rows;

#[test]
fn the_corpus_holds_every_row() {
    for (name, bytes) in files() {
        let found = fs::read(folder().join(&name));
        let cure = "run `cargo test -p surewire-engine --test codec -- --ignored write_corpus`";
        assert_eq!(found.ok(), Some(bytes), "{name} is missing or stale: {cure}");
    }
}

#[test]
#[ignore = "writes fuzz/corpus/decode; run it after changing the tables"]
fn write_corpus() {
    fs::create_dir_all(folder()).unwrap();
    for (name, bytes) in files() {
        fs::write(folder().join(name), bytes).unwrap();
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/decode")
}

fn files() -> BTreeMap<String, Vec<u8>> {
    let rows = all_rows();
    let count = rows.len();
    let files: BTreeMap<_, _> = rows
        .into_iter()
        .map(|row| {
            let (number, version) = match row.version {
                Version::V3_1 => (0, "v31"),
                Version::V3_1_1 => (1, "v311"),
                Version::V5 => (2, "v5"),
            };
            (format!("{version}_{}", row.name), [&[number][..], &row.bytes].concat())
        })
        .collect();
    assert_eq!(files.len(), count, "two rows of one version share a name");
    files
}
