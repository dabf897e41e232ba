//! YAML text to a tree of nodes that keep their text as written and their place.
//!
//! A general deserializer resolves `0123` or `yes` before anyone can ask what was written, so the
//! tree is built from the parser's events instead.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};

use super::error::{Fault, Problem};

/// Lists and maps inside each other; a configuration needs four.
const MAX_DEPTH: usize = 32;
/// Nodes in one document, aliases counted as what they stand for: a chain of them cannot explode.
const MAX_NODES: usize = 20_000;

/// Where a value or a problem was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the file.
    File {
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
    },
    /// In an environment variable.
    Variable {
        /// Its whole name.
        name: Arc<str>,
        /// Line and column inside its value, where that is YAML.
        at: Option<(usize, usize)>,
    },
    /// In what is built in.
    BuiltIn,
}

impl Place {
    /// Orders problems as a reader meets them: the file from top to bottom, then the variables.
    pub(crate) fn order(&self) -> (u8, usize, usize) {
        match self {
            Self::BuiltIn => (0, 0, 0),
            Self::File { line, column } => (1, *line, *column),
            Self::Variable { at, .. } => at.map_or((2, 0, 0), |(line, column)| (2, line, column)),
        }
    }
}

/// Which text a document is made from.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    File,
    Variable(Arc<str>),
    BuiltIn,
}

impl Origin {
    pub(crate) fn place(&self, line: usize, column: usize) -> Place {
        match self {
            Self::File => Place::File { line, column },
            Self::Variable(name) => {
                Place::Variable { name: Arc::clone(name), at: Some((line, column)) }
            }
            Self::BuiltIn => Place::BuiltIn,
        }
    }

    fn at(&self, marker: Marker) -> Place {
        self.place(marker.line(), marker.col() + 1)
    }
}

/// A scalar exactly as written, without its quotes.
///
/// It may be a password: no `Debug`.
#[derive(Clone)]
pub(crate) struct Text {
    pub(crate) text: String,
    /// Written without quotes, so it may also be read as a number, a bool or null.
    pub(crate) plain: bool,
}

impl Text {
    pub(crate) fn plain(text: &str) -> Self {
        Self { text: text.to_owned(), plain: true }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}

#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) content: Content,
}

#[derive(Clone)]
pub(crate) enum Content {
    Scalar(Text),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) value: Node,
}

impl Node {
    pub(crate) fn empty_map(place: Place) -> Self {
        Self { place, content: Content::Map(Vec::new()) }
    }

    pub(crate) fn scalar(place: Place, text: Text) -> Self {
        Self { place, content: Content::Scalar(text) }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.content, Content::Scalar(text) if text.is_null())
    }

    fn size(&self) -> usize {
        1 + match &self.content {
            Content::Scalar(_) => 0,
            Content::List(items) => items.iter().map(Self::size).sum(),
            Content::Map(entries) => entries.iter().map(|entry| entry.value.size()).sum(),
        }
    }
}

/// Builds the tree of the one document in `text`; `None` if there is nothing in it.
pub(crate) fn parse(text: &str, origin: &Origin) -> Result<Option<Node>, Problem> {
    refuse_control_characters(text, origin)?;
    let mut builder = Builder::new(origin);
    let mut parser: Parser<'_, StrInput<'_>> = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            syntax(origin.at(*error.marker()), format!("not valid YAML: {}", error.info()))
        })?;
        builder.take(event, span)?;
    }
    Ok(builder.root.filter(|node| !node.is_null()))
}

/// The parser takes a zero character for the end of its input: what follows would vanish silently.
fn refuse_control_characters(text: &str, origin: &Origin) -> Result<(), Problem> {
    let allowed = ['\t', '\n', '\r', '\u{85}'];
    let Some(index) = text.find(|c: char| c.is_control() && !allowed.contains(&c)) else {
        return Ok(());
    };
    let (before, rest) = text.split_at(index);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    let code = rest.chars().next().map_or(0, u32::from);
    Err(syntax(origin.place(line, column), format!("found the control character U+{code:04X}")))
}

fn syntax(place: Place, what: String) -> Problem {
    Problem { place, path: String::new(), fault: Fault::Syntax(what) }
}

struct Builder<'a> {
    origin: &'a Origin,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
}

/// A list or map whose end has not come yet.
struct Open {
    place: Place,
    anchor: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<(String, Place)> },
}

impl<'a> Builder<'a> {
    fn new(origin: &'a Origin) -> Self {
        let (open, anchors) = (Vec::new(), HashMap::new());
        Self { origin, open, anchors, nodes: 0, documents: 0, root: None }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let place = self.origin.at(span.start);
        match event {
            Event::DocumentStart(_) => self.start_document(place),
            Event::Scalar(text, style, anchor, tag) => {
                only_standard_tag(&place, tag.as_deref())?;
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let text = Text { text: text.into_owned(), plain };
                self.finish(Node::scalar(place, text), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                only_standard_tag(&place, tag.as_deref())?;
                self.enter(place, anchor, OpenKind::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                only_standard_tag(&place, tag.as_deref())?;
                self.enter(place, anchor, OpenKind::Map { entries: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.leave(),
            Event::Alias(anchor) => self.repeat(place, anchor),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn start_document(&mut self, place: Place) -> Result<(), Problem> {
        self.documents += 1;
        if self.documents > 1 {
            return Err(syntax(place, "found a second document; one file holds one".to_owned()));
        }
        Ok(())
    }

    fn enter(&mut self, place: Place, anchor: usize, kind: OpenKind) -> Result<(), Problem> {
        if self.open.len() == MAX_DEPTH {
            let what = format!("found more than {MAX_DEPTH} lists and maps inside each other");
            return Err(syntax(place, what));
        }
        self.open.push(Open { place, anchor, kind });
        Ok(())
    }

    fn leave(&mut self) -> Result<(), Problem> {
        let Some(Open { place, anchor, kind }) = self.open.pop() else { return Ok(()) };
        let content = match kind {
            OpenKind::List(items) => Content::List(items),
            OpenKind::Map { entries, .. } => Content::Map(entries),
        };
        self.finish(Node { place, content }, anchor)
    }

    fn repeat(&mut self, place: Place, anchor: usize) -> Result<(), Problem> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(syntax(place, "found an alias of a value that is not complete".to_owned()));
        };
        let (size, node) = (node.size(), node.clone());
        // `attach` counts one of them.
        self.nodes = self.nodes.saturating_add(size - 1);
        self.attach(node)
    }

    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        self.attach(node)
    }

    fn attach(&mut self, node: Node) -> Result<(), Problem> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > MAX_NODES {
            return Err(syntax(node.place, format!("found more than {MAX_NODES} values")));
        }
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => self.root = Some(node),
            Some(OpenKind::List(items)) => items.push(node),
            Some(OpenKind::Map { entries, key }) => match key.take() {
                None => *key = Some(key_of(entries, node)?),
                Some((name, place)) => entries.push(Entry { name, place, value: node }),
            },
        }
        Ok(())
    }
}

fn key_of(entries: &[Entry], node: Node) -> Result<(String, Place), Problem> {
    let Content::Scalar(Text { text, plain }) = node.content else {
        return Err(syntax(node.place, "found a list or map where a key is expected".to_owned()));
    };
    if plain && text.is_empty() {
        return Err(syntax(node.place, "found a value without a key".to_owned()));
    }
    match entries.iter().find(|entry| entry.name == text) {
        Some(first) => {
            let fault = Fault::DuplicateKey { first: first.place.clone() };
            Err(Problem { place: node.place, path: text, fault })
        }
        None => Ok((text, node.place)),
    }
}

fn only_standard_tag(place: &Place, tag: Option<&Tag>) -> Result<(), Problem> {
    match tag {
        Some(tag) if !tag.is_yaml_core_schema() => {
            Err(syntax(place.clone(), format!("found the tag {tag}; tags have no meaning here")))
        }
        Some(_) | None => Ok(()),
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { line, column } => write!(f, "{line}:{column}"),
            Self::Variable { name, at: Some((line, column)) } => {
                write!(f, "environment variable {name}:{line}:{column}")
            }
            Self::Variable { name, at: None } => write!(f, "environment variable {name}"),
            Self::BuiltIn => f.write_str("built-in default"),
        }
    }
}
