//! What it costs to serve a great many retained messages to one slow client of MQTT 5.0.

use std::fmt;
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use surewire_load::Error;
use surewire_load::dial::{self, Target};
use surewire_load::wire::{self, Qos, Version, kind};

use crate::broker::Broker;
use crate::histograms::Line;

/// Bytes of a payload.
const PAYLOAD: usize = 32;
/// What the broker's own work after a million publishes may take until its memory stands still.
const SETTLE: Duration = Duration::from_secs(3);
/// The broker's memory is looked at every so many messages.
const SAMPLE: u64 = 1_000;
/// The broker may have to sync much first.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the subscriber cost.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Outcome {
    /// Messages that it got.
    pub messages: u64,
    /// How long that took.
    pub seconds: f64,
    /// Resident memory of the broker before it came, without the pages of its program.
    pub before_bytes: u64,
    /// The highest that was seen while it was served.
    pub peak_bytes: u64,
    /// The engine's steps that no client waits for, all since the start.
    pub chores: Line,
    /// All the engine's steps since the subscriber came that were timed: one in 16.
    pub steps: Line,
    /// The longest step before it came, in ns.
    pub longest_before: u64,
}

impl Outcome {
    /// How much memory the broker took for it.
    #[must_use]
    pub fn grown_bytes(&self) -> u64 {
        self.peak_bytes.saturating_sub(self.before_bytes)
    }
}

/// Retains `count` messages, and has one client with a Receive Maximum of `window` read all of them.
///
/// # Errors
/// [`Error::Broker`] when the broker does not do as it should.
pub fn measure(program: &Path, count: u64, window: u16) -> Result<Outcome, Error> {
    let broker = Broker::surewire(program, "retained: {max_messages: 100000000}\n", None)?;
    retain(&broker, count)?;
    thread::sleep(SETTLE);
    let longest_before = line(&broker, "step")?.max;
    let process = broker.process();
    let before_bytes = process.own_bytes()?;
    let began = Instant::now();
    let (messages, peak_bytes) = read_all(&broker, count, window)?;
    let seconds = began.elapsed().as_secs_f64();
    let (chores, steps) = (line(&broker, "chore")?, line(&broker, "step")?);
    Ok(Outcome { messages, seconds, before_bytes, peak_bytes, chores, steps, longest_before })
}

fn line(broker: &Broker, name: &str) -> Result<Line, Error> {
    let histograms = broker.histograms()?;
    let line = histograms.into_iter().rev().find(|line| line.name == name);
    line.ok_or_else(|| Error::Broker(format!("no histogram {name}")))
}

/// At QoS 1, so that they come back at QoS 1.
fn retain(broker: &Broker, count: u64) -> Result<(), Error> {
    let mut stream = Target::new(broker.addr()).open()?;
    dial::connect(&mut stream, "filler")?;
    let patience = stream.set_read_timeout(Some(PATIENCE));
    patience.map_err(Error::system("set a time limit"))?;
    let mut writer = stream.try_clone().map_err(Error::system("share a connection"))?;
    let writes = thread::spawn(move || {
        for first in (0..count).step_by(1_000) {
            let mut packets = Vec::new();
            for number in first..count.min(first + 1_000) {
                put_publish(&mut packets, number);
            }
            writer.write_all(&packets)?;
        }
        Ok(())
    });
    let mut reader = BufReader::new(&stream);
    for _ in 0..count {
        let (header, _) = frame(&mut reader)?;
        if header >> 4 != kind::PUBACK {
            return Err(Error::Broker(format!("a packet of type {} for PUBACK", header >> 4)));
        }
    }
    let written: std::io::Result<()> = writes.join().expect("the writer has nothing to panic at");
    written.map_err(Error::system("send to the broker"))
}

/// PUBLISH of QoS 1 with RETAIN, 3.1.1.
fn put_publish(out: &mut Vec<u8>, number: u64) {
    let topic = format!("plant/{}/hall/{}/{number:07}", number % 10, number / 10 % 100);
    let id = u16::try_from(number % 60_000 + 1).unwrap_or(1);
    let length = 2 + topic.len() + 2 + PAYLOAD;
    out.push(kind::PUBLISH << 4 | Qos::AtLeastOnce.level() << 1 | 1);
    out.push(u8::try_from(length).expect("a short packet"));
    out.extend_from_slice(&u16::try_from(topic.len()).expect("a short topic").to_be_bytes());
    out.extend_from_slice(topic.as_bytes());
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(&[b'x'; PAYLOAD]);
}

/// The subscriber: one PUBACK for each message, and none before it is there. How many came, and the
/// most memory that the broker had meanwhile.
fn read_all(broker: &Broker, count: u64, window: u16) -> Result<(u64, u64), Error> {
    let stream = Target::new(broker.addr()).open()?;
    let mut reader = BufReader::new(&stream);
    write(&stream, &connect5("reader", window))?;
    expect(&mut reader, kind::CONNACK)?;
    // SUBSCRIBE to `#` at QoS 1, without properties.
    write(&stream, &[kind::SUBSCRIBE << 4 | 2, 7, 0, 1, 0, 0, 1, b'#', 1])?;
    expect(&mut reader, kind::SUBACK)?;
    let (mut got, mut peak) = (0, 0);
    while got < count {
        let (header, body) = frame(&mut reader)?;
        let publish = wire::Frame { header, body: &body }.publish(Version::V5);
        let publish = publish.map_err(|error| Error::Broker(error.to_string()))?;
        let [high, low] = publish.id.to_be_bytes();
        write(&stream, &[kind::PUBACK << 4, 2, high, low])?;
        got += 1;
        if got % SAMPLE == 0 || got == count {
            peak = peak.max(broker.process().own_bytes()?);
        }
    }
    Ok((got, peak))
}

/// CONNECT of MQTT 5.0 with Clean Start, no keep alive, and this Receive Maximum.
fn connect5(client_id: &str, receive_maximum: u16) -> Vec<u8> {
    let [high, low] = receive_maximum.to_be_bytes();
    let mut body = b"\x00\x04MQTT\x05\x02\x00\x00".to_vec();
    body.extend_from_slice(&[3, 0x21, high, low]);
    body.extend_from_slice(&u16::try_from(client_id.len()).expect("a short id").to_be_bytes());
    body.extend_from_slice(client_id.as_bytes());
    let mut packet = vec![kind::CONNECT << 4, u8::try_from(body.len()).expect("a short packet")];
    packet.append(&mut body);
    packet
}

fn write(mut stream: &TcpStream, bytes: &[u8]) -> Result<(), Error> {
    stream.write_all(bytes).map_err(Error::system("send to the broker"))
}

fn expect(reader: &mut impl Read, wanted: u8) -> Result<(), Error> {
    let (header, _) = frame(reader)?;
    if header >> 4 == wanted {
        return Ok(());
    }
    Err(Error::Broker(format!("a packet of type {} instead of {wanted}", header >> 4)))
}

/// A packet of less than 128 bytes.
fn frame(reader: &mut impl Read) -> Result<(u8, Vec<u8>), Error> {
    let mut start = [0; 2];
    let mut read = |into: &mut [u8]| {
        reader.read_exact(into).map_err(Error::system("read the broker's answer"))
    };
    read(&mut start)?;
    let [header, length] = start;
    if length >= 0x80 {
        return Err(Error::Broker("a packet longer than any that was asked for".into()));
    }
    let mut body = vec![0; usize::from(length)];
    read(&mut body)?;
    Ok((header, body))
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages, seconds, before_bytes, longest_before, .. } = self;
        let (grown, mib) = (self.grown_bytes() / 1024, before_bytes >> 20);
        writeln!(f, "{messages} retained messages to one client in {seconds:.1} s")?;
        writeln!(f, "  the broker grew by {grown} KiB, from {mib} MiB")?;
        writeln!(f, "  {}", self.chores)?;
        write!(f, "  {} (longest before: {longest_before} ns)", self.steps)
    }
}
