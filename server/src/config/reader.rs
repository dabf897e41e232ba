//! The walk that turns a tree of nodes into a section, noting every problem on the way.
//!
//! A value with a problem reads as `None`, and so does the section it belongs to; its neighbours
//! are still read, so that all problems are found in one go.

use std::collections::BTreeMap;

use super::document::{Content, Entry, Node, Place, Text};
use super::error::{Fault, Problem};
use super::key::{Key, Kind, Preset};
use super::nearest::nearest;
use super::scalar::{Reject, Scalar, integer};
use super::settings::Config;
use super::values::Secret;
use super::warning::{Concern, Warning};

/// A value of a key: a scalar, a section, a list of sections, or the accounts.
pub(crate) trait Field: Sized {
    fn read(reader: &mut Reader, given: Given<'_>, key: &Key) -> Option<Self>;

    /// Adds the path and the text of this value, or of all in it.
    fn show(&self, key: &Key, path: &str, shown: &mut Vec<(String, String)>);
}

/// A map with known keys.
pub(crate) trait Section: Field {
    const KEYS: &'static [Key];
}

/// What the document has for a key.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) node: Option<&'a Node>,
    /// Where it would be, if it is not there.
    pub(crate) around: &'a Place,
}

/// The entries of a map whose keys are all known.
pub(crate) struct Entries<'a> {
    entries: &'a [Entry],
    pub(crate) place: Place,
}

pub(crate) struct Reader {
    /// All keys of the document, to find one that was put into a wrong section.
    keys: &'static [Key],
    path: String,
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
}

/// Reads a whole configuration.
pub(crate) fn read(root: &Node) -> Result<(Config, Vec<Warning>), Vec<Problem>> {
    read_as(root, &ROOT)
}

/// Reads a whole document.
///
/// What cannot be judged hides what could: the first problem that stops is shown alone.
pub(crate) fn read_as<T: Section>(
    root: &Node,
    key: &Key,
) -> Result<(T, Vec<Warning>), Vec<Problem>> {
    let (path, problems, warnings) = (String::new(), Vec::new(), Vec::new());
    let mut reader = Reader { keys: T::KEYS, path, problems, warnings };
    let given = Given { node: Some(root), around: &root.place };
    let value = T::read(&mut reader, given, key);
    let Reader { mut problems, warnings, .. } = reader;
    problems.sort_by_key(|problem| problem.place.order());
    if let Some(first) = problems.iter().position(|problem| problem.fault.stops()) {
        problems = vec![problems.swap_remove(first)];
    }
    match value {
        Some(value) if problems.is_empty() => Ok((value, warnings)),
        Some(_) | None => Err(problems),
    }
}

/// The file as a whole, seen as a key.
pub(crate) const ROOT: Key = Key {
    name: "",
    kind: Kind::Section(Config::KEYS),
    preset: Preset::NotGiven,
    doc: "The configuration of Surewire.",
};

impl Reader {
    /// The path of the key that is being read.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn problem(&mut self, place: &Place, fault: Fault) {
        self.problems.push(Problem { place: place.clone(), path: self.path.clone(), fault });
    }

    /// A warning about the key that is being read, or one below it.
    pub(crate) fn warn(&mut self, below: &str, concern: Concern) {
        let path = join(&self.path, below);
        self.warnings.push(Warning { path, concern });
    }

    /// The entries of the map that `given` should be, after a problem for each unknown key.
    pub(crate) fn entries<'a>(
        &mut self,
        given: Given<'a>,
        keys: &'static [Key],
    ) -> Option<Entries<'a>> {
        let Some(node) = given.node.filter(|node| !node.is_null()) else {
            return Some(Entries { entries: &[], place: given.around.clone() });
        };
        let Content::Map(entries) = &node.content else {
            self.wrong_type(node, &Kind::Section(keys), None);
            return None;
        };
        for entry in entries.iter().filter(|entry| keys.iter().all(|key| key.name != entry.name)) {
            let fault = unknown_key(&entry.name, keys, self.keys);
            self.below(&entry.name, |reader| reader.problem(&entry.place, fault));
        }
        Some(Entries { entries, place: node.place.clone() })
    }

    /// Reads the field of the key `name`.
    pub(crate) fn field<T: Field>(
        &mut self,
        map: &Entries<'_>,
        keys: &'static [Key],
        name: &str,
    ) -> Option<T> {
        let key = keys.iter().find(|key| key.name == name)?;
        let node = map.entries.iter().find(|entry| entry.name == name).map(|entry| &entry.value);
        let given = Given { node, around: &map.place };
        self.below(name, |reader| T::read(reader, given, key))
    }

    fn below<T>(&mut self, step: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        self.path = join(&self.path, step);
        let value = read(self);
        self.path.truncate(length);
        value
    }

    fn scalar<T: Scalar>(&mut self, node: &Node, kind: &Kind) -> Option<T> {
        let Content::Scalar(text) = &node.content else {
            self.wrong_type(node, kind, None);
            return None;
        };
        let text = self.clamp(text, kind).unwrap_or_else(|| text.clone());
        match T::parse(&text, kind) {
            Ok(value) => Some(value),
            Err(Reject::Type(hint)) => {
                self.wrong_type(node, kind, hint);
                None
            }
            Err(Reject::Range(hint)) => {
                let expected = expected(kind, hint);
                let fault = Fault::NotAllowed { found: found(node, kind), expected };
                self.problem(&node.place, fault);
                None
            }
        }
    }

    fn clamp(&mut self, text: &Text, kind: &Kind) -> Option<Text> {
        let Kind::Integer(range) = kind else { return None };
        let above = range.clamped && integer(text).ok()? > i128::from(range.max);
        above.then(|| {
            self.warn("", Concern::Clamped { found: shorten(&text.text), used: range.max });
            Text::plain(&range.max.to_string())
        })
    }

    fn preset<T: Scalar>(&mut self, around: &Place, key: &Key) -> Option<T> {
        match key.preset {
            Preset::Text(text) => T::parse(&Text::plain(text), &key.kind).ok(),
            Preset::NotGiven => T::not_given(),
            Preset::Required => {
                self.problem(around, Fault::Missing { expected: key.kind.expected() });
                None
            }
        }
    }

    fn wrong_type(&mut self, node: &Node, kind: &Kind, hint: Option<&str>) {
        let expected = expected(kind, hint);
        self.problem(&node.place, Fault::WrongType { found: found(node, kind), expected });
    }
}

impl<T: Scalar> Field for T {
    fn read(reader: &mut Reader, given: Given<'_>, key: &Key) -> Option<Self> {
        match given.node.filter(|node| !node.is_null()) {
            Some(node) => reader.scalar(node, &key.kind),
            None => reader.preset(given.around, key),
        }
    }

    fn show(&self, key: &Key, path: &str, shown: &mut Vec<(String, String)>) {
        shown.push((path.to_owned(), Scalar::show(self, &key.kind)));
    }
}

/// A list of sections; what is absent or empty was replaced by its default before.
impl<T: Section> Field for Vec<T> {
    fn read(reader: &mut Reader, given: Given<'_>, key: &Key) -> Option<Self> {
        let Some(node) = given.node.filter(|node| !node.is_null()) else {
            return Some(Self::new());
        };
        let Content::List(items) = &node.content else {
            reader.wrong_type(node, &key.kind, None);
            return None;
        };
        let read = |(index, item): (usize, &Node)| {
            let given = Given { node: Some(item), around: &item.place };
            reader.below(&format!("[{index}]"), |reader| T::read(reader, given, key))
        };
        // All are read before the first failure is looked at.
        let values: Vec<Option<T>> = items.iter().enumerate().map(read).collect();
        values.into_iter().collect()
    }

    fn show(&self, key: &Key, path: &str, shown: &mut Vec<(String, String)>) {
        for (index, item) in self.iter().enumerate() {
            item.show(key, &format!("{path}[{index}]"), shown);
        }
    }
}

/// User names and their passwords.
impl Field for BTreeMap<String, Secret> {
    fn read(reader: &mut Reader, given: Given<'_>, key: &Key) -> Option<Self> {
        let Some(node) = given.node.filter(|node| !node.is_null()) else {
            return Some(Self::new());
        };
        let Content::Map(entries) = &node.content else {
            reader.wrong_type(node, &key.kind, None);
            return None;
        };
        let read = |entry: &Entry| reader.below(&entry.name, |reader| account(reader, entry));
        let accounts: Vec<Option<(String, Secret)>> = entries.iter().map(read).collect();
        accounts.into_iter().collect()
    }

    fn show(&self, _: &Key, path: &str, shown: &mut Vec<(String, String)>) {
        for name in self.keys() {
            shown.push((join(path, name), "<redacted>".to_owned()));
        }
    }
}

fn account(reader: &mut Reader, entry: &Entry) -> Option<(String, Secret)> {
    if entry.name.contains(':') {
        let expected = "a name without a colon: Basic authentication cannot carry one".to_owned();
        let fault = Fault::NotAllowed { found: format!("`{}`", shorten(&entry.name)), expected };
        reader.problem(&entry.place, fault);
        return None;
    }
    let expected = "a password".to_owned();
    match &entry.value.content {
        Content::Scalar(text) if text.is_null() => {
            reader.problem(&entry.place, Fault::Missing { expected });
            None
        }
        Content::Scalar(text) => Some((entry.name.clone(), Secret::new(text.text.clone()))),
        Content::List(_) | Content::Map(_) => {
            let fault = Fault::WrongType { found: found(&entry.value, &Kind::Accounts), expected };
            reader.problem(&entry.value.place, fault);
            None
        }
    }
}

/// The path of what `step` names below `path`.
pub(crate) fn join(path: &str, step: &str) -> String {
    let dot = if path.is_empty() || step.is_empty() || step.starts_with('[') { "" } else { "." };
    format!("{path}{dot}{step}")
}

fn expected(kind: &Kind, hint: Option<&str>) -> String {
    match hint {
        Some(hint) => format!("{}; {hint}", kind.expected()),
        None => kind.expected(),
    }
}

/// What was found, as written; where maps belong it might be a password, and stays unsaid.
fn found(node: &Node, kind: &Kind) -> String {
    let takes_maps = matches!(kind, Kind::Accounts | Kind::Section(_) | Kind::List(_));
    match &node.content {
        Content::List(_) => "a list".to_owned(),
        Content::Map(_) => "a map".to_owned(),
        Content::Scalar(text) if text.is_null() => "nothing".to_owned(),
        Content::Scalar(_) if takes_maps => "a single value".to_owned(),
        Content::Scalar(text) if text.plain => format!("`{}`", shorten(&text.text)),
        Content::Scalar(text) => format!("\"{}\"", shorten(&text.text)),
    }
}

fn shorten(text: &str) -> String {
    let start: String = text.chars().take(60).collect();
    let dots = if start.len() < text.len() { ".." } else { "" };
    format!("{}{dots}", start.escape_debug())
}

fn unknown_key(name: &str, keys: &[Key], all: &[Key]) -> Fault {
    let known: Vec<&'static str> = keys.iter().map(|key| key.name).collect();
    let nearest = nearest(name, known.iter().copied()).map(str::to_owned);
    Fault::UnknownKey { nearest: nearest.or_else(|| elsewhere(name, all)), known }
}

/// The path of a key that is known in another section.
fn elsewhere(name: &str, keys: &[Key]) -> Option<String> {
    let mut paths = Vec::new();
    paths_of(keys, "", &mut paths);
    paths.into_iter().find(|path| path.rsplit('.').next() == Some(name))
}

/// Every path of the table, sections included; lists as `name[]`.
pub(crate) fn paths_of(keys: &[Key], prefix: &str, paths: &mut Vec<String>) {
    for key in keys {
        let path = join(prefix, key.name);
        match &key.kind {
            Kind::Section(keys) => paths_of(keys, &path, paths),
            Kind::List(keys) => paths_of(keys, &format!("{path}[]"), paths),
            Kind::Bool
            | Kind::Integer(_)
            | Kind::Decimal { .. }
            | Kind::Duration(_)
            | Kind::Size { .. }
            | Kind::Memory { .. }
            | Kind::Address
            | Kind::Path
            | Kind::Text(_)
            | Kind::Choice(_)
            | Kind::Accounts => {}
        }
        paths.push(path);
    }
}
