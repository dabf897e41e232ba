//! The fuzz corpora `decode_v3` and `decode_v5` are made of the tables' rows: one byte that chooses
//! the version within them, then the packet.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use surewire_engine::packet::Version;

use crate::tables::all_rows;

#[test]
fn the_corpus_holds_every_row() {
    for (name, bytes) in files() {
        let found = fs::read(root().join(&name));
        let cure = "run `cargo test -p surewire-engine --test codec -- --ignored write_corpus`";
        assert_eq!(found.ok(), Some(bytes), "{name} is missing or stale: {cure}");
    }
}

#[test]
#[ignore = "writes into fuzz/corpus; run it after changing the tables"]
fn write_corpus() {
    for (name, bytes) in files() {
        let path = root().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus")
}

fn files() -> BTreeMap<String, Vec<u8>> {
    let rows = all_rows();
    let count = rows.len();
    let files: BTreeMap<_, _> = rows
        .into_iter()
        .map(|row| {
            let (number, place) = match row.version {
                Version::V3_1 => (0, "decode_v3/v31"),
                Version::V3_1_1 => (1, "decode_v3/v311"),
                Version::V5 => (0, "decode_v5/v5"),
            };
            (format!("{place}_{}", row.name), [&[number][..], &row.bytes].concat())
        })
        .collect();
    assert_eq!(files.len(), count, "two rows of one version share a name");
    files
}
