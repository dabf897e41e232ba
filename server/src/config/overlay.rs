//! Settings of the environment laid over the tree of the file.

use std::collections::BTreeMap;

use super::document::{Content, Entry, Node, Origin, Place, parse};
use super::error::{Fault, Problem};
use super::key::{Kind, Preset};
use super::reader::Section;
use super::settings::Config;
use super::variables::{Setting, Step};

/// Lays `settings` over `root` and puts default lists where there are none.
pub(crate) fn overlay(root: &mut Node, settings: Vec<Setting>) -> Result<(), Vec<Problem>> {
    let (whole, parts): (Vec<Setting>, Vec<Setting>) =
        settings.into_iter().partition(|setting| setting.path.len() == 1);
    let mut problems = Vec::new();
    for setting in whole.into_iter().filter(|setting| !is_empty_list(&setting.node)) {
        put(root, &setting.path, setting.node, &mut problems);
    }
    // Before the parts: `SUREWIRE_LISTENER__0__ADDR` may be about the default listener.
    fill_lists(root);
    for setting in parts {
        put(root, &setting.path, setting.node, &mut problems);
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Puts the default in the place of every list that is absent, null or empty.
fn fill_lists(root: &mut Node) {
    let Content::Map(entries) = &mut root.content else { return };
    for (name, list) in &default_lists() {
        match entries.iter_mut().find(|entry| entry.name == *name) {
            Some(entry) if entry.value.is_null() || is_empty_list(&entry.value) => {
                entry.value = list.clone();
            }
            Some(_) => {}
            None => entries.push(entry(name, list.clone())),
        }
    }
}

fn default_lists() -> BTreeMap<&'static str, Node> {
    let lists = Config::KEYS.iter().filter_map(|key| match (&key.kind, key.preset) {
        (Kind::List(_), Preset::Text(text)) => {
            let node = parse(text, &Origin::BuiltIn).expect("a test reads every default");
            node.map(|node| (key.name, node))
        }
        _ => None,
    });
    lists.collect()
}

fn is_empty_list(node: &Node) -> bool {
    matches!(&node.content, Content::List(items) if items.is_empty())
}

fn entry(name: &str, value: Node) -> Entry {
    Entry { name: name.to_owned(), place: value.place.clone(), value }
}

/// Puts `new` at `path` below `node`, making maps on the way.
///
/// Where the file has something else than a map or list, nothing is done: reading it will say so.
fn put(node: &mut Node, path: &[Step], new: Node, problems: &mut Vec<Problem>) {
    let Some((step, rest)) = path.split_first() else {
        *node = new;
        return;
    };
    if node.is_null() {
        *node = Node::empty_map(new.place.clone());
    }
    match (step, &mut node.content) {
        (Step::Key(name), Content::Map(entries)) => {
            put(entry_named(entries, name, &new.place), rest, new, problems);
        }
        (Step::Account(name), Content::Map(entries)) => {
            let known = entries.iter().find(|entry| entry.name.to_lowercase() == *name);
            let name = known.map_or_else(|| name.clone(), |entry| entry.name.clone());
            put(entry_named(entries, &name, &new.place), rest, new, problems);
        }
        (Step::Index(index), Content::List(items)) => {
            if *index == items.len() {
                items.push(Node::empty_map(new.place.clone()));
            }
            let length = items.len();
            match items.get_mut(*index) {
                Some(item) => put(item, rest, new, problems),
                None => problems.push(no_such_entry(new.place, length)),
            }
        }
        _ => {}
    }
}

fn entry_named<'a>(entries: &'a mut Vec<Entry>, name: &str, place: &Place) -> &'a mut Node {
    let index = entries.iter().position(|entry| entry.name == name).unwrap_or(entries.len());
    if index == entries.len() {
        entries.push(entry(name, Node::empty_map(place.clone())));
    }
    let entry = entries.get_mut(index).expect("it was found or has just been added");
    &mut entry.value
}

fn no_such_entry(place: Place, length: usize) -> Problem {
    Problem { place, path: String::new(), fault: Fault::NoSuchEntry { length } }
}
