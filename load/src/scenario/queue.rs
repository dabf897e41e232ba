//! Messages for persistent sessions that are away: how fast are they taken and handed out, and what
//! does each of them take meanwhile?

use std::fmt;

use crate::Error;
use crate::arrivals::Tally;
use crate::audience::Audience;
use crate::connections::Connections;
use crate::cost::{Cost, Memory};
use crate::dial;
use crate::receiving::{Receiver, receive_all};
use crate::sending::{Sender, send_all};
use crate::stamp::Stamp;
use crate::subject::{Subject, run_name};
use crate::wire::{Message, PublishTemplate, Qos, Version};

/// Publishing connections at most; each has some of the sessions to itself.
const PUBLISHERS: u64 = 10;
/// At QoS 0 nothing has to be kept for who is away.
const QOS: Qos = Qos::AtLeastOnce;

/// What to do.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Plan {
    /// Messages in all, as many for each session; QoS 1
    #[arg(long, value_name = "COUNT", default_value_t = 100_000)]
    pub messages: u64,
    /// Persistent sessions that are away
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    pub sessions: u64,
    /// Bytes of a payload
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    pub payload: usize,
    /// Unacknowledged messages that each publisher may have
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub window: u16,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Outcome {
    /// What the connections spoke.
    #[serde(rename = "protocol")]
    pub version: Version,
    /// Sessions that were away.
    pub sessions: u64,
    /// Bytes a payload.
    pub payload: usize,
    /// From the first PUBLISH to the last PUBACK.
    pub queued: Cost,
    /// From the first session's return to the last message.
    pub drained: Cost,
    /// What one queued message takes, if the broker's process is known.
    pub memory: Option<Memory>,
    /// What the sessions got, and what was wrong with it.
    #[serde(flatten)]
    pub tally: Tally,
}

/// Makes the sessions, leaves, publishes for them, comes back for all of it, and has the broker
/// forget them.
///
/// # Errors
/// [`Error::Usage`] for figures that make no sense, [`Error::Broker`] for a broker that refuses,
/// forgets a session, closes a connection or breaks the protocol, [`Error::System`] for the rest.
/// Lost, doubled and reordered messages are no errors: they are in the outcome.
pub fn run(subject: &Subject, plan: &Plan) -> Result<Outcome, Error> {
    check(plan)?;
    let run = Run { subject, plan, name: run_name("queue") };
    let outcome = run.begin_sessions().and_then(|()| run.measure());
    // Also when something failed: what is queued would stay for ever.
    let forgotten = (0..plan.sessions).try_for_each(|session| subject.forget(&run.client(session)));
    let outcome = outcome?;
    forgotten?;
    Ok(outcome)
}

fn check(plan: &Plan) -> Result<(), Error> {
    let refuse = |text: String| Err(Error::Usage(text));
    let Plan { messages, sessions, payload, window } = *plan;
    if sessions == 0 || messages < sessions || sessions > u64::from(u32::MAX) {
        return refuse(format!(
            "--messages {messages} for --sessions {sessions}: at least one session, and at least \
             one message for each"
        ));
    }
    if window == 0 {
        return refuse("--window 0: nothing could be sent; 1 or more".into());
    }
    Stamp::mistake_in_payload(payload).map_or(Ok(()), refuse)
}

struct Run<'a> {
    subject: &'a Subject,
    plan: &'a Plan,
    /// First level of all topics, and start of all Client Identifiers.
    name: String,
}

impl Run<'_> {
    fn begin_sessions(&self) -> Result<(), Error> {
        for session in 0..self.plan.sessions {
            let (mut stream, _) = self.subject.connect(&self.client(session), true)?;
            let filter = [self.topic(session)];
            dial::subscribe_all(&mut stream, self.subject.version, &filter, QOS)?;
            dial::leave(&mut stream)?;
        }
        Ok(())
    }

    fn measure(&self) -> Result<Outcome, Error> {
        let Plan { messages, sessions, payload, .. } = *self.plan;
        let before = self.subject.settled_bytes()?;
        let queued = self.publish()?;
        let memory = self.subject.memory_since(before, messages)?;
        let (drained, tally) = self.drain()?;
        let version = self.subject.version;
        Ok(Outcome { version, sessions, payload, queued, drained, memory, tally })
    }

    fn publish(&self) -> Result<Cost, Error> {
        let Plan { messages, sessions, window, .. } = *self.plan;
        let publishers = sessions.min(PUBLISHERS);
        let mut connections = Connections::new(0)?;
        let mut senders = Vec::new();
        for publisher in 0..publishers {
            let client = format!("{}p{publisher}", self.name);
            let (stream, connack) = self.subject.connect(&client, false)?;
            connections.add(stream)?;
            let count = of_publisher(messages, sessions, publisher);
            senders.push(Sender::new(window, connack, count));
        }
        let templates: Vec<_> = (0..sessions).map(|session| self.template(session)).collect();
        let meter = self.subject.meter()?;
        send_all(
            self.subject,
            &mut connections,
            &mut senders,
            QOS,
            |out, publisher, number, id| {
                let (session, sequence) = place(sessions, publisher as u64, number);
                let template = usize::try_from(session).ok().and_then(|at| templates.get(at));
                let stamp = Stamp { publisher: narrow(session), sequence, intended_ns: 0 };
                template.expect("one for each session").put(out, id, &stamp.to_bytes());
            },
        )?;
        Ok(Cost::of(messages, &meter.used()?))
    }

    fn template(&self, session: u64) -> PublishTemplate {
        let topic = self.topic(session);
        let message = Message { version: self.subject.version, ..Message::new(&topic, QOS) };
        PublishTemplate::of(&message, Stamp::LEN, self.plan.payload - Stamp::LEN)
    }

    fn drain(&self) -> Result<(Cost, Tally), Error> {
        let Plan { messages, sessions, payload, .. } = *self.plan;
        let audiences =
            (0..sessions).map(|at| Audience::new(narrow(at)..narrow(at) + 1, true)).collect();
        let mut receiver = Receiver::new(self.subject.version, QOS, audiences);
        let mut connections = Connections::new(payload)?;
        let meter = self.subject.meter()?;
        for session in 0..sessions {
            let client = self.client(session);
            let (stream, connack) = self.subject.connect(&client, true)?;
            if !connack.session_present {
                return Err(Error::Broker(format!("it has forgotten the session of {client}")));
            }
            connections.add(stream)?;
        }
        let used = receive_all(self.subject, &mut connections, &mut receiver, messages, &meter)?;
        let mut tally = Tally::default();
        for audience in receiver.audiences() {
            tally += audience.tally(|session| share(messages, sessions, u64::from(session)));
        }
        Ok((Cost::of(tally.received, &used), tally))
    }

    fn client(&self, session: u64) -> String {
        format!("{}x{session}", self.name)
    }

    fn topic(&self, session: u64) -> String {
        format!("{}/{session}", self.name)
    }
}

/// For which session the message with this number of a publisher is, and as which of its messages.
/// Session N is one of publisher N modulo [`PUBLISHERS`], so that each topic has one source and with
/// it an order.
const fn place(sessions: u64, publisher: u64, number: u64) -> (u64, u64) {
    let own = (sessions - publisher).div_ceil(PUBLISHERS);
    (publisher + number % own * PUBLISHERS, number / own)
}

/// How many of `messages` are for a session when they go round.
const fn share(messages: u64, sessions: u64, session: u64) -> u64 {
    (messages + sessions - 1 - session) / sessions
}

/// How many of `messages` a publisher sends.
fn of_publisher(messages: u64, sessions: u64, publisher: u64) -> u64 {
    let own = (publisher..sessions).filter(|session| session % PUBLISHERS == publisher);
    own.map(|session| share(messages, sessions, session)).sum()
}

fn narrow(session: u64) -> u32 {
    u32::try_from(session).expect("the number of sessions is checked")
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, sessions, payload, queued, drained, memory, tally } = self;
        writeln!(f, "{version}, QoS {QOS}, {payload} bytes, {sessions} sessions that are away")?;
        writeln!(f, "{}", queued.line("messages queued"))?;
        if let Some(memory) = memory {
            writeln!(f, "{}", memory.line("queued message"))?;
        }
        writeln!(f, "{}", drained.line("messages drained"))?;
        write!(f, "{tally}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_session_gets_its_share_from_one_publisher() {
        for (messages, sessions) in [(103, 25), (100, 10), (7, 7), (50, 3), (25, 25)] {
            let mut next = vec![0; usize::try_from(sessions).unwrap()];
            for publisher in 0..sessions.min(PUBLISHERS) {
                for number in 0..of_publisher(messages, sessions, publisher) {
                    let (session, sequence) = place(sessions, publisher, number);
                    assert_eq!(session % PUBLISHERS, publisher);
                    let next = &mut next[usize::try_from(session).unwrap()];
                    assert_eq!(*next, sequence, "session {session} of {sessions}");
                    *next += 1;
                }
            }
            for (session, sent) in (0..).zip(&next) {
                assert_eq!(share(messages, sessions, session), *sent, "{session} of {sessions}");
            }
            assert_eq!(next.iter().sum::<u64>(), messages);
        }
    }

    #[test]
    fn figures_without_sense_are_refused() {
        let usual = Plan { messages: 10, sessions: 2, payload: 64, window: 20 };
        check(&usual).unwrap();
        for plan in [
            Plan { sessions: 0, ..usual },
            Plan { messages: 1, ..usual },
            Plan { payload: 19, ..usual },
            Plan { window: 0, ..usual },
        ] {
            assert!(matches!(check(&plan), Err(Error::Usage(_))), "{plan:?}");
        }
    }
}
