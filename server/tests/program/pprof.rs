//! A small reader of the format that `go tool pprof` reads, written from its description and knowing
//! nothing of our writer: <https://github.com/google/pprof/blob/main/proto/profile.proto>.

use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;

/// What a profile says.
#[derive(Debug, Default)]
pub(crate) struct Pprof {
    /// What each value of a sample counts, and its unit.
    pub(crate) kinds: Vec<(String, String)>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) period: u64,
    pub(crate) duration_ns: u64,
}

/// Values of one stack.
#[derive(Debug)]
pub(crate) struct Sample {
    /// The functions' names, innermost first; of a call without a name there is none.
    pub(crate) functions: Vec<String>,
    pub(crate) values: Vec<u64>,
    pub(crate) labels: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

impl Pprof {
    /// Reads a file and panics at what is wrong with it.
    pub(crate) fn read(path: &Path) -> Self {
        let mut bytes = Vec::new();
        GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
        let fields = fields(&bytes);
        let texts: Vec<String> =
            all(&fields, 6).map(|text| String::from_utf8(text).unwrap()).collect();
        assert_eq!(texts[0], "", "the first text is empty");
        let text =
            |fields: &[(u64, Field)], number| texts[index(number_of(fields, number))].clone();
        let pair = |bytes: Vec<u8>| {
            let fields = self::fields(&bytes);
            (text(&fields, 1), text(&fields, 2))
        };
        let functions: HashMap<u64, String> = all(&fields, 5)
            .map(|bytes| self::fields(&bytes))
            .map(|function| (number_of(&function, 1), text(&function, 2)))
            .collect();
        let lines = |location: &[(u64, Field)]| {
            let lines =
                all(location, 4).map(|line| functions[&number_of(&self::fields(&line), 1)].clone());
            lines.collect::<Vec<String>>()
        };
        let locations: HashMap<u64, Vec<String>> = all(&fields, 4)
            .map(|bytes| self::fields(&bytes))
            .map(|location| (number_of(&location, 1), lines(&location)))
            .collect();
        let sample = |bytes: Vec<u8>| {
            let fields = self::fields(&bytes);
            Sample {
                functions: packed(&fields, 1).iter().flat_map(|id| locations[id].clone()).collect(),
                values: packed(&fields, 2),
                labels: all(&fields, 3).map(pair).collect(),
            }
        };
        Self {
            kinds: all(&fields, 1).map(pair).collect(),
            samples: all(&fields, 2).map(sample).collect(),
            period: number_of(&fields, 12),
            duration_ns: number_of(&fields, 10),
        }
    }

    /// The sum of the values number `index` of the samples that have a function like this.
    pub(crate) fn sum(&self, index: usize, function: &str) -> u64 {
        let has = |sample: &&Sample| sample.functions.iter().any(|name| name.contains(function));
        self.samples.iter().filter(has).map(|sample| sample.values[index]).sum()
    }

    /// The sum of the values number `index` of all samples.
    pub(crate) fn total(&self, index: usize) -> u64 {
        self.samples.iter().map(|sample| sample.values[index]).sum()
    }

    /// The texts of all labels with this key.
    pub(crate) fn labels(&self, key: &str) -> BTreeSet<&str> {
        let labels = self.samples.iter().flat_map(|sample| &sample.labels);
        labels.filter(|label| label.0 == key).map(|label| label.1.as_str()).collect()
    }
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Field)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let field = match key & 7 {
            0 => Field::Number(varint(&mut bytes)),
            2 => {
                let length = index(varint(&mut bytes));
                let (content, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(content.to_vec())
            }
            other => panic!("wire type {other}"),
        };
        fields.push((key >> 3, field));
    }
    fields
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return value;
        }
    }
    panic!("a number of more than 64 bits");
}

fn all(fields: &[(u64, Field)], number: u64) -> impl Iterator<Item = Vec<u8>> {
    fields.iter().filter(move |field| field.0 == number).map(|field| match &field.1 {
        Field::Bytes(bytes) => bytes.clone(),
        Field::Number(_) => panic!("field {} is a number", field.0),
    })
}

fn packed(fields: &[(u64, Field)], number: u64) -> Vec<u64> {
    let mut values = Vec::new();
    for bytes in all(fields, number) {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            values.push(varint(&mut rest));
        }
    }
    values
}

/// A number; one that is not there is 0.
fn number_of(fields: &[(u64, Field)], number: u64) -> u64 {
    let field = fields.iter().find(|field| field.0 == number).map(|field| &field.1);
    match field {
        Some(Field::Number(value)) => *value,
        Some(Field::Bytes(_)) => panic!("field {number} is no number"),
        None => 0,
    }
}
