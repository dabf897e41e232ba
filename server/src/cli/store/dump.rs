//! `surewire store dump`: everything that is stored, as JSON, one object a line.

use std::io::{self, BufWriter, StdoutLock, Write};
use std::process::ExitCode;
use std::str::FromStr;

use serde::Serialize;
use serde_json::{Value, json};
use surewire_engine::id::Lsn;
use surewire_engine::log;
use surewire_engine::log::salvage::Salvage;
use surewire_engine::log::scan::{Batch, Broken, Piece};
use surewire_engine::log::segment::{self, Head, Unreadable};

use super::failure::Failure;
use super::json;
use super::source::Source;
use super::{Place, salvage};

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// Only the records from number N to M, and what they are in; `N..` and `..M` are open.
    #[arg(long, value_name = "N..M")]
    records: Option<Range>,
}

/// Numbers of records, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    first: u64,
    last: u64,
}

impl FromStr for Range {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str, open| if text.is_empty() { Ok(open) } else { text.parse() };
        let ends = text.split_once("..").ok_or("a range is two numbers with `..` between them")?;
        match (number(ends.0, 0), number(ends.1, u64::MAX)) {
            (Ok(first), Ok(last)) if first <= last => Ok(Self { first, last }),
            (Ok(_), Ok(_)) => Err("the first number is above the last"),
            (_, _) => Err("these are no numbers of records"),
        }
    }
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let source = Source::at_rest(&args.place.directory()?)?;
    let generations = source.segments()?;
    let salvage = salvage::begin(&source, &generations)?;
    let mut dump = Dump {
        out: BufWriter::new(io::stdout().lock()),
        records: args.records.unwrap_or(Range { first: 0, last: u64::MAX }),
    };
    for generation in generations {
        let bytes = source.segment(generation)?;
        match dump.segment(&salvage, generation, &bytes) {
            // Whoever stopped reading has enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Ok(ExitCode::SUCCESS);
            }
            outcome => outcome.map_err(Failure::Stdout)?,
        }
    }
    match dump.out.flush() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Stdout(error)),
        Ok(()) | Err(_) => Ok(ExitCode::SUCCESS),
    }
}

struct Dump {
    out: BufWriter<StdoutLock<'static>>,
    records: Range,
}

impl Dump {
    fn segment(&mut self, salvage: &Salvage, generation: u64, bytes: &[u8]) -> io::Result<()> {
        let file = segment::name(generation);
        self.line(&SegmentLine::new(&file, generation, bytes))?;
        for piece in salvage.pieces(generation, bytes) {
            match piece {
                Piece::Batch(batch) => self.batch(&file, &batch)?,
                Piece::Broken(Broken { offset, bytes }) => {
                    self.line(&BrokenLine { broken: &file, offset, bytes })?;
                }
            }
        }
        Ok(())
    }

    fn batch(&mut self, file: &str, batch: &Batch<'_>) -> io::Result<()> {
        let (header, Range { first, last }) = (batch.header, self.records);
        let is_wanted = header.first.0 <= last && (batch.next().0 > first || header.count == 0);
        if !is_wanted {
            return Ok(());
        }
        self.line(&BatchLine {
            batch: header.first.0,
            records: header.count,
            file,
            offset: batch.offset,
            bytes: batch.bytes,
            synced: header.synced.0,
            base: header.base.0,
            time: json::time(header.time),
        })?;
        for (Lsn(record), offset, bytes) in batch.records() {
            if (first..=last).contains(&record) {
                let (kind, fields) = match log::decode(bytes) {
                    Ok(record) => (json::kind(&record), json::fields(&record)),
                    Err(error) => {
                        let error = error.to_string();
                        ("unreadable", json!({ "error": error, "bytes": json::base64(bytes) }))
                    }
                };
                self.line(&RecordLine { record, kind, file, offset, fields })?;
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, line)?;
        self.out.write_all(b"\n")
    }
}

// What the first field is called tells what a line is about.

#[derive(Serialize)]
struct SegmentLine<'a> {
    segment: &'a str,
    bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    head: Option<HeadFields>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

#[derive(Serialize)]
struct HeadFields {
    generation: u64,
    nonce: String,
    first: u64,
    synced: u64,
    base: u64,
}

#[derive(Serialize)]
struct BatchLine<'a> {
    /// The number of its first record.
    batch: u64,
    records: u32,
    file: &'a str,
    offset: u64,
    bytes: u64,
    synced: u64,
    base: u64,
    time: Value,
}

#[derive(Serialize)]
struct RecordLine<'a> {
    record: u64,
    kind: &'static str,
    file: &'a str,
    offset: u64,
    fields: Value,
}

#[derive(Serialize)]
struct BrokenLine<'a> {
    broken: &'a str,
    offset: u64,
    bytes: u64,
}

impl<'a> SegmentLine<'a> {
    fn new(segment: &'a str, generation: u64, bytes: &[u8]) -> Self {
        let (version, head, error) = match Head::read(generation, bytes) {
            Ok(Head { generation, nonce, first, synced, base }) => {
                let nonce = format!("{nonce:016x}");
                let (first, synced, base) = (first.0, synced.0, base.0);
                let head = HeadFields { generation, nonce, first, synced, base };
                (Some(segment::VERSION), Some(head), None)
            }
            Err(Unreadable::Version(version)) => (Some(version), None, Some("a later version")),
            Err(Unreadable::Damaged) => (None, None, Some("damaged")),
        };
        Self { segment, bytes: bytes.len(), version, head, error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_two_numbers_or_one_and_an_open_end() {
        let range = |text: &str| text.parse::<Range>().map(|range| (range.first, range.last));
        assert_eq!(range("3..7"), Ok((3, 7)));
        assert_eq!(range("3.."), Ok((3, u64::MAX)));
        assert_eq!(range("..7"), Ok((0, 7)));
        assert_eq!(range("7..7"), Ok((7, 7)));
        for wrong in ["", "7", "8..7", "a..7", "-1..7", "1..2..3"] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
    }
}
