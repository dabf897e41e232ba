//! The statements of the standard that no test cites.
//!
//! `cargo test -p surewire-engine --test conformance -- --nocapture` prints them. Every statement of
//! 3.1.1 and 5.0 that can be observed must be cited: those that bind a server, and those that bind a
//! client and whose breach a server must react to. `conformance/not_applicable.csv` has the
//! exceptions, with their reasons.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "the report is for people")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Version and id of a statement.
type Statement = (String, String);

/// A statement that a broker's test can show, from `tests/conformance/mqtt-*.csv`.
fn needed(version: &str) -> BTreeMap<Statement, String> {
    let file = format!("{}/tests/conformance/mqtt-{version}.csv", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let rows = text.lines().skip(1).map(fields);
    let excepted = not_applicable();
    let binding = rows
        .filter(|row| row[5] == "yes" && !excepted.contains(&(version.to_owned(), row[0].clone())));
    binding.map(|row| ((version.to_owned(), row[0].clone()), row[4].clone())).collect()
}

/// What no test of this broker can show, from `tests/conformance/not_applicable.csv`.
fn not_applicable() -> BTreeSet<Statement> {
    let text = include_str!("conformance/not_applicable.csv");
    text.lines().skip(1).map(fields).map(|row| (row[0].clone(), row[1].clone())).collect()
}

fn known(version: &str) -> BTreeSet<Statement> {
    let file = format!("{}/tests/conformance/mqtt-{version}.csv", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(file).unwrap();
    text.lines().skip(1).map(|line| (version.to_owned(), fields(line)[0].clone())).collect()
}

/// The fields of a CSV line; quotes may enclose one that has commas.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => fields.last_mut().unwrap().push(c),
        }
    }
    fields
}

/// Every citation in the repository's Rust sources, with where it stands.
fn citations() -> BTreeMap<Statement, Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found: BTreeMap<Statement, Vec<String>> = BTreeMap::new();
    for path in sources(root) {
        let text = fs::read_to_string(&path).unwrap();
        let place = path.strip_prefix(root).unwrap().display();
        for (number, line) in (1..).zip(text.lines()) {
            let cited = line.trim_start().strip_prefix("// conformance: ");
            let Some(cited) = cited else { continue };
            for statement in cited.split(',') {
                let (version, id) = statement.trim().split_once(' ').unwrap_or_else(|| {
                    panic!("{place}:{number}: write `version MQTT-x.y.z-n`, found `{statement}`")
                });
                let key = (version.to_owned(), id.to_owned());
                found.entry(key).or_default().push(format!("{place}:{number}"));
            }
        }
    }
    found
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        let skipped = ["target", "node_modules"].iter().any(|skip| name == *skip);
        if skipped || name.to_string_lossy().starts_with('.') {
            continue;
        }
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn uncovered(version: &str) -> Vec<String> {
    let cited = citations();
    let needed = needed(version);
    let (all, mut open) = (needed.len(), Vec::new());
    for ((version, id), text) in needed {
        if !cited.contains_key(&(version.clone(), id.clone())) {
            open.push(format!("{version} {id}: {text}"));
        }
    }
    println!("{version}: {} of {all} statements are cited by tests", all - open.len());
    open.iter().for_each(|row| println!("  open: {row}"));
    open
}

#[test]
fn every_statement_of_3_1_1_is_cited() {
    let open = uncovered("v3.1.1");
    assert!(open.is_empty(), "{} statements without a test:\n{}", open.len(), open.join("\n"));
}

#[test]
fn every_statement_of_5_0_is_cited() {
    let open = uncovered("v5");
    assert!(open.is_empty(), "{} statements without a test:\n{}", open.len(), open.join("\n"));
}

#[test]
fn what_is_excepted_is_a_statement_and_not_cited_after_all() {
    let known: BTreeSet<Statement> = known("v3.1.1").into_iter().chain(known("v5")).collect();
    let cited = citations();
    for statement in not_applicable() {
        assert!(known.contains(&statement), "{statement:?} is none");
        assert!(!cited.contains_key(&statement), "{statement:?} is cited, so it applies");
    }
}

#[test]
fn every_citation_names_a_statement() {
    let known: BTreeSet<Statement> = known("v3.1.1").into_iter().chain(known("v5")).collect();
    let cited = citations();
    let unknown: Vec<_> = cited
        .iter()
        // Rules without a number are cited by their section.
        .filter(|((_, id), _)| id.starts_with("MQTT-"))
        .filter(|(statement, _)| !known.contains(*statement))
        .collect();
    assert!(unknown.is_empty(), "cited, but in neither standard: {unknown:?}");
}
