//! Retained messages: how fast are they stored and replayed, and what does each of them take?

use std::fmt;

use crate::Error;
use crate::arrivals::Tally;
use crate::audience::Audience;
use crate::connections::Connections;
use crate::cost::{Cost, Memory};
use crate::driver::broken;
use crate::receiving::{Receiver, receive_all};
use crate::sending::{Sender, send_all};
use crate::stamp::Stamp;
use crate::subject::{Subject, run_name};
use crate::wire::{Message, PublishTemplate, Qos, Version, subscribe_all};

/// What to do.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Plan {
    /// Messages to retain, each on a topic of its own
    #[arg(long, value_name = "COUNT", default_value_t = 100_000)]
    pub messages: u64,
    /// Quality of service of the publications and of the subscription
    #[arg(long, value_enum, default_value = "0")]
    pub qos: Qos,
    /// Bytes of a payload
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    pub payload: usize,
    /// Unacknowledged messages that the publisher may have (QoS 1 and 2)
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub window: u16,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Outcome {
    /// What the connections spoke.
    #[serde(rename = "protocol")]
    pub version: Version,
    /// Of publications and subscription.
    pub qos: Qos,
    /// Bytes a payload.
    pub payload: usize,
    /// One publisher retains all messages.
    pub stored: Cost,
    /// One subscriber then gets all that arrived.
    pub replayed: Cost,
    /// What one message takes, if the broker's process is known.
    pub memory: Option<Memory>,
    /// What the subscriber got, and what was wrong with it.
    #[serde(flatten)]
    pub tally: Tally,
}

/// Retains the messages, replays them to one subscriber, and clears them.
///
/// # Errors
/// [`Error::Usage`] for figures that make no sense, [`Error::Broker`] for a broker that refuses,
/// closes a connection or breaks the protocol, [`Error::System`] for the rest. Lost and doubled
/// messages are no errors: they are in the outcome.
pub fn run(subject: &Subject, plan: &Plan) -> Result<Outcome, Error> {
    check(plan)?;
    let run = Run { subject, plan, name: run_name("retained") };
    let before = subject.settled_bytes()?;
    let meter = subject.meter()?;
    run.store(plan.payload)?;
    let stored = Cost::of(plan.messages, &meter.used()?);
    let memory = subject.memory_since(before, plan.messages)?;
    let replay = run.replay();
    // Also when the replay failed: what is retained would stay for ever.
    run.store(0)?;
    let (replayed, tally) = replay?;
    let (version, qos, payload) = (subject.version, plan.qos, plan.payload);
    Ok(Outcome { version, qos, payload, stored, replayed, memory, tally })
}

fn check(plan: &Plan) -> Result<(), Error> {
    let refuse = |text: String| Err(Error::Usage(text));
    if plan.messages == 0 {
        return refuse("--messages 0: there must be at least one".into());
    }
    if plan.window == 0 {
        return refuse("--window 0: nothing could be sent; 1 or more".into());
    }
    Stamp::mistake_in_payload(plan.payload).map_or(Ok(()), refuse)
}

struct Run<'a> {
    subject: &'a Subject,
    plan: &'a Plan,
    /// First level of all topics.
    name: String,
}

impl Run<'_> {
    /// Publishes to every topic with RETAIN; a payload of 0 bytes clears it.
    fn store(&self, payload: usize) -> Result<(), Error> {
        let Plan { messages, qos, window, .. } = *self.plan;
        let (stream, connack) = self.subject.connect(&format!("{}p", self.name), false)?;
        let mut connections = Connections::new(0)?;
        connections.add(stream)?;
        let mut senders = [Sender::new(window, connack, messages)];
        send_all(self.subject, &mut connections, &mut senders, qos, |out, _, sequence, id| {
            self.put(out, sequence, id, payload);
        })
    }

    fn put(&self, out: &mut Vec<u8>, sequence: u64, id: u16, payload: usize) {
        let topic = format!("{}/{}/{}/{sequence}", self.name, sequence % 10, sequence / 10 % 100);
        let (version, retain) = (self.subject.version, true);
        let message = Message { version, retain, ..Message::new(&topic, self.plan.qos) };
        let stamp = Stamp { publisher: 0, sequence, intended_ns: 0 }.to_bytes();
        let stamp = if payload == 0 { &[] } else { stamp.as_slice() };
        PublishTemplate::of(&message, stamp.len(), payload - stamp.len()).put(out, id, stamp);
    }

    /// One subscriber asks for all.
    fn replay(&self) -> Result<(Cost, Tally), Error> {
        let (subject, Plan { messages, qos, payload, .. }) = (self.subject, *self.plan);
        let (stream, _) = subject.connect(&format!("{}s", self.name), false)?;
        let mut connections = Connections::new(payload)?;
        connections.add(stream)?;
        // Between topics there is no order.
        let audiences = vec![Audience::new(0..1, false)];
        let mut receiver = Receiver::new(subject.version, qos, audiences);
        let meter = subject.meter()?;
        for link in connections.links() {
            let filter = [format!("{}/#", self.name)];
            *link.out() = subscribe_all(subject.version, 1, &filter, qos);
            link.flush().map_err(broken)?;
        }
        let used = receive_all(subject, &mut connections, &mut receiver, messages, &meter)?;
        let mut tally = Tally::default();
        for audience in receiver.audiences() {
            tally += audience.tally(|_| messages);
        }
        Ok((Cost::of(tally.received, &used), tally))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, qos, payload, stored, replayed, memory, tally } = self;
        writeln!(f, "{version}, QoS {qos}, {payload} bytes, each on a topic of its own")?;
        writeln!(f, "{}", stored.line("messages stored"))?;
        if let Some(memory) = memory {
            writeln!(f, "{}", memory.line("retained message"))?;
        }
        writeln!(f, "{}", replayed.line("messages replayed"))?;
        write!(f, "lost {}, duplicates {}", tally.lost, tally.duplicates)
    }
}
