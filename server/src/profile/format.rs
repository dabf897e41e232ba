//! A profile as `go tool pprof` reads it: a gzipped protocol buffer, `profile.proto` of
//! <https://github.com/google/pprof>, with the functions' names in it.

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::symbols::{Function, Mapping, Place, Symbols};

/// What a value counts and its unit.
pub(super) type Kind = (&'static str, &'static str);

/// What was collected.
pub(super) struct Profile {
    /// Of the values of every sample. The last is shown unless another is asked for.
    pub(super) kinds: [Kind; 2],
    pub(super) samples: Vec<Sample>,
    /// What lies between two samples.
    pub(super) period: (Kind, u64),
    pub(super) begun: SystemTime,
    pub(super) duration: Duration,
    /// Whether a function is how samples are taken rather than what they show.
    pub(super) is_machinery: fn(&str) -> bool,
}

/// Values of one stack.
pub(super) struct Sample {
    /// From the innermost call outwards; each address is within the instruction that calls.
    pub(super) stack: Vec<u64>,
    pub(super) values: [u64; 2],
    /// The thread, where that is known.
    pub(super) thread: Option<String>,
}

impl Profile {
    /// All of it, compressed.
    pub(super) fn encode(&self, symbols: &mut Symbols) -> io::Result<Vec<u8>> {
        symbols.learn(self.samples.iter().flat_map(|sample| sample.stack.iter().copied()));
        let message = Encoder::new(symbols).profile(self);
        let mut compressed = GzEncoder::new(Vec::new(), Compression::default());
        compressed.write_all(&message.0)?;
        compressed.finish()
    }
}

/// The tables of a profile while it is written.
struct Encoder<'a> {
    symbols: &'a Symbols,
    strings: HashMap<String, u64>,
    /// In the order of their numbers.
    texts: Vec<String>,
    functions: HashMap<(u64, u64), u64>,
    locations: HashMap<u64, u64>,
    /// The tables' messages, as they come up.
    tables: Message,
}

impl<'a> Encoder<'a> {
    fn new(symbols: &'a Symbols) -> Self {
        let mut encoder = Self {
            symbols,
            strings: HashMap::new(),
            texts: Vec::new(),
            functions: HashMap::new(),
            locations: HashMap::new(),
            tables: Message::default(),
        };
        // Number 0 is the empty text, by the format.
        encoder.text("");
        encoder
    }

    fn profile(mut self, profile: &Profile) -> Message {
        let mut all = Message::default();
        for kind in profile.kinds {
            all.message(1, &self.kind(kind));
        }
        for sample in &profile.samples {
            let sample = self.sample(sample, profile);
            all.message(2, &sample);
        }
        for (index, mapping) in self.symbols.mappings.iter().enumerate() {
            let mapping = self.mapping(number(index), mapping);
            all.message(3, &mapping);
        }
        let begun = profile.begun.duration_since(UNIX_EPOCH).unwrap_or_default();
        all.uint(9, nanoseconds(begun));
        all.uint(10, nanoseconds(profile.duration));
        all.message(11, &self.kind(profile.period.0));
        all.uint(12, profile.period.1);
        all.0.append(&mut self.tables.0);
        for text in &self.texts {
            all.bytes(6, text.as_bytes());
        }
        all
    }

    fn kind(&mut self, (what, unit): Kind) -> Message {
        let mut message = Message::default();
        message.uint(1, self.text(what));
        message.uint(2, self.text(unit));
        message
    }

    fn sample(&mut self, sample: &Sample, profile: &Profile) -> Message {
        let shown = sample.stack.get(self.machinery(sample, profile)..).unwrap_or_default();
        let locations: Vec<u64> = shown.iter().map(|address| self.location(*address)).collect();
        let mut message = Message::default();
        message.packed(1, &locations);
        message.packed(2, &sample.values);
        if let Some(thread) = &sample.thread {
            let mut label = Message::default();
            label.uint(1, self.text("thread"));
            label.uint(2, self.text(thread));
            message.message(3, &label);
        }
        message
    }

    /// How many of the innermost calls are of no interest.
    fn machinery(&self, sample: &Sample, profile: &Profile) -> usize {
        let is_machinery = |address: &u64| {
            let called = self.symbols.at(*address).and_then(|place| place.functions.last());
            called.is_some_and(|function| (profile.is_machinery)(&function.name))
        };
        sample.stack.iter().rposition(is_machinery).map_or(0, |last| last + 1)
    }

    fn location(&mut self, address: u64) -> u64 {
        if let Some(id) = self.locations.get(&address) {
            return *id;
        }
        let id = number(self.locations.len());
        self.locations.insert(address, id);
        let symbols = self.symbols;
        let unknown = Place::default();
        let place = symbols.at(address).unwrap_or(&unknown);
        let mut message = Message::default();
        message.uint(1, id);
        message.uint(2, place.mapping.map_or(0, number));
        message.uint(3, address);
        for function in &place.functions {
            let mut line = Message::default();
            line.uint(1, self.function(function));
            line.uint(2, function.line.into());
            message.message(4, &line);
        }
        self.tables.message(4, &message);
        id
    }

    fn function(&mut self, function: &Function) -> u64 {
        let (name, file) = (self.text(&function.name), self.text(&function.file));
        let next = number(self.functions.len());
        let id = *self.functions.entry((name, file)).or_insert(next);
        if id == next {
            let mut message = Message::default();
            message.uint(1, id);
            // No mangled name besides: readers take one that is the same for C++, and cut off what
            // stands in angle brackets.
            message.uint(2, name);
            message.uint(4, file);
            self.tables.message(5, &message);
        }
        id
    }

    fn mapping(&mut self, id: u64, mapping: &Mapping) -> Message {
        let index = usize::try_from(id - 1).ok();
        // A reader looks for the names of a file itself unless it is told that they are here.
        let known = self.locations.keys().any(|address| {
            let place = self.symbols.at(*address);
            place.is_some_and(|place| place.mapping == index && !place.functions.is_empty())
        });
        let mut message = Message::default();
        message.uint(1, id);
        message.uint(2, mapping.start);
        message.uint(3, mapping.end);
        message.uint(4, mapping.offset);
        message.uint(5, self.text(&mapping.path));
        for field in 7..=10 {
            message.uint(field, known.into());
        }
        message
    }

    fn text(&mut self, text: &str) -> u64 {
        if let Some(number) = self.strings.get(text) {
            return *number;
        }
        let number = self.texts.len() as u64;
        self.strings.insert(text.to_owned(), number);
        self.texts.push(text.to_owned());
        number
    }
}

/// The number of an entry in a table: they count from 1.
fn number(index: usize) -> u64 {
    index as u64 + 1
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A message of a protocol buffer. Fields of zero are left out, as they are the default.
#[derive(Debug, Default)]
struct Message(Vec<u8>);

impl Message {
    fn uint(&mut self, field: u64, value: u64) {
        if value != 0 {
            self.varint(field << 3);
            self.varint(value);
        }
    }

    fn message(&mut self, field: u64, message: &Self) {
        self.bytes(field, &message.0);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn packed(&mut self, field: u64, values: &[u64]) {
        let mut all = Self::default();
        values.iter().for_each(|value| all.varint(*value));
        self.message(field, &all);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            let [low, ..] = value.to_le_bytes();
            self.0.push(low | 0x80);
            value >>= 7;
        }
        let [low, ..] = value.to_le_bytes();
        self.0.push(low);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_groups_of_seven_bits() {
        let mut message = Message::default();
        message.uint(1, 150);
        message.uint(2, 0);
        message.packed(3, &[1, 300]);
        assert_eq!(message.0, [0x08, 0x96, 0x01, 0x1a, 3, 1, 0xac, 0x02]);
    }
}
