//! Persistent sessions that come and go: connect, subscribe, disconnect, again and again.

use std::fmt;
use std::io;

use mio::{Events, Poll, Token};

use crate::Error;
use crate::clock::Clock;
use crate::connections::{Patience, TICK};
use crate::cost::{Cost, Memory};
use crate::dial;
use crate::driver::broken;
use crate::link::{Link, invalid};
use crate::subject::{Subject, run_name};
use crate::wire::{Connect, DISCONNECT, Frame, Qos, Version, kind, subscribe_all};

/// Bytes that one read may bring, which is also the longest packet.
const SCRATCH: usize = 64 << 10;

/// What to do.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Plan {
    /// Cycles of connect, subscribe and disconnect in all
    #[arg(long, value_name = "COUNT", default_value_t = 20_000)]
    pub cycles: u64,
    /// Persistent sessions that take turns
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    pub sessions: u64,
    /// Cycles that are under way at the same time
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    pub at_once: u64,
    /// Quality of service of the subscriptions
    #[arg(long, value_enum, default_value = "1")]
    pub qos: Qos,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Outcome {
    /// What the connections spoke.
    #[serde(rename = "protocol")]
    pub version: Version,
    /// Sessions that took turns.
    pub sessions: u64,
    /// Cycles under way at the same time.
    pub at_once: u64,
    /// From the first connection to the end of the last.
    pub cycled: Cost,
    /// What a session with one subscription takes while its client is away, if that can be told.
    pub memory: Option<Memory>,
    /// Sessions that the broker should have had when their client came back, and had not.
    pub forgotten: u64,
    /// Sessions that it had although their client was new.
    pub unexpected: u64,
}

impl Outcome {
    /// Whether each client found what it should.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.forgotten == 0 && self.unexpected == 0
    }
}

/// Runs the cycles, and has the broker forget the sessions.
///
/// A cycle ends when the broker has closed the connection after DISCONNECT, as it must. So what TCP
/// remembers of a closed connection is remembered on the broker's side, and this side does not run
/// out of ports.
///
/// # Errors
/// [`Error::Usage`] for figures that make no sense, [`Error::Broker`] for a broker that refuses,
/// does not answer or breaks the protocol, [`Error::System`] for the rest.
pub fn run(subject: &Subject, plan: &Plan) -> Result<Outcome, Error> {
    check(plan)?;
    let mut churn = Churn::new(subject, plan)?;
    let begun = plan.sessions.min(plan.cycles);
    let before = subject.settled_bytes()?;
    let meter = subject.meter()?;
    let result = churn.drive().and_then(|()| meter.used());
    let result = result.and_then(|used| Ok((used, subject.memory_since(before, begun)?)));
    // Also when something failed: the sessions would stay for ever.
    let begun = begun.min(churn.started);
    let left = (0..begun).try_for_each(|session| subject.forget(&churn.client(session)));
    let (used, memory) = result?;
    let cycled = Cost::of(plan.cycles, &used);
    left?;
    let Churn { forgotten, unexpected, .. } = churn;
    let Plan { sessions, at_once, .. } = *plan;
    Ok(Outcome {
        version: subject.version,
        sessions,
        at_once,
        cycled,
        memory,
        forgotten,
        unexpected,
    })
}

fn check(plan: &Plan) -> Result<(), Error> {
    let Plan { cycles, sessions, at_once, .. } = *plan;
    if cycles == 0 || at_once == 0 || sessions < at_once {
        return Err(Error::Usage(format!(
            "--cycles {cycles}, --sessions {sessions}, --at-once {at_once}: none may be 0, and \
             there must be a session for each cycle under way"
        )));
    }
    if at_once > MOST_AT_ONCE {
        return Err(Error::Usage(format!("--at-once {at_once}: {MOST_AT_ONCE} at most")));
    }
    Ok(())
}

/// More would only measure the kernel's queue of connections that are not accepted.
const MOST_AT_ONCE: u64 = 1_000;

struct Churn<'a> {
    subject: &'a Subject,
    plan: &'a Plan,
    name: String,
    poll: Poll,
    events: Events,
    scratch: Vec<u8>,
    clock: Clock,
    /// By token; empty once there is nothing left to start.
    visits: Vec<Option<Visit>>,
    started: u64,
    ended: u64,
    forgotten: u64,
    unexpected: u64,
}

/// One cycle that is under way.
struct Visit {
    link: Link,
    cycle: u64,
    awaited: Awaited,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Connack,
    Suback,
    /// The end of the connection.
    Close,
}

impl<'a> Churn<'a> {
    fn new(subject: &'a Subject, plan: &'a Plan) -> Result<Self, Error> {
        Ok(Self {
            subject,
            plan,
            name: run_name("churn"),
            poll: Poll::new().map_err(Error::system("make an event queue"))?,
            events: Events::with_capacity(1024),
            scratch: vec![0; SCRATCH],
            clock: Clock::start(),
            visits: Vec::new(),
            started: 0,
            ended: 0,
            forgotten: 0,
            unexpected: 0,
        })
    }

    fn drive(&mut self) -> Result<(), Error> {
        for at in 0..self.plan.at_once.min(self.plan.cycles) {
            let visit = self.start(usize::try_from(at).expect("at most MOST_AT_ONCE"))?;
            self.visits.push(Some(visit));
        }
        let mut patience = Patience::new(self.subject.patience);
        while self.ended < self.plan.cycles {
            let before = self.ended;
            self.turn()?;
            if patience.is_over(self.ended > before) {
                return Err(patience.error("end of a connection after DISCONNECT, nor any answer"));
            }
        }
        Ok(())
    }

    fn start(&mut self, at: usize) -> Result<Visit, Error> {
        let cycle = self.started;
        self.started += 1;
        let client_id = self.client(cycle % self.plan.sessions);
        let Subject { version, keep_alive_seconds, .. } = *self.subject;
        // On loopback it is there at once. TLS and WebSocket shake hands one connection at a time.
        let link = Link::new(self.subject.route.open()?, self.poll.registry(), Token(at));
        let mut link = link.map_err(Error::system("watch a connection"))?;
        let client_id = client_id.as_str();
        let connect = Connect { client_id, version, persistent: true, keep_alive_seconds };
        *link.out() = connect.to_bytes();
        link.flush().map_err(broken)?;
        Ok(Visit { link, cycle, awaited: Awaited::Connack })
    }

    fn turn(&mut self) -> Result<(), Error> {
        if let Err(e) = self.poll.poll(&mut self.events, Some(TICK)) {
            let interrupted = e.kind() == io::ErrorKind::Interrupted;
            return if interrupted { Ok(()) } else { Err(broken(e)) };
        }
        let ready: Vec<usize> = self.events.iter().map(|event| event.token().0).collect();
        for at in ready {
            let Some(mut visit) = self.visits.get_mut(at).and_then(Option::take) else { continue };
            let next = if self.serve(&mut visit)? {
                drop(visit);
                self.ended += 1;
                (self.started < self.plan.cycles).then(|| self.start(at)).transpose()?
            } else {
                Some(visit)
            };
            if let Some(place) = self.visits.get_mut(at) {
                *place = next;
            }
        }
        Ok(())
    }

    /// Reads what has come; whether the visit is over.
    fn serve(&mut self, visit: &mut Visit) -> Result<bool, Error> {
        let (subject, qos) = (self.subject, self.plan.qos);
        let filter = [format!("{}/{}", self.name, visit.cycle % self.plan.sessions)];
        let Visit { link, awaited, .. } = visit;
        let mut present = None;
        let read = link.read_frames(&mut self.scratch, &self.clock, |frame, _, out| {
            match (*awaited, frame.kind()) {
                (Awaited::Connack, kind::CONNACK) => {
                    present = Some(session_present(frame, subject.version)?);
                    out.extend(subscribe_all(subject.version, 1, &filter, qos));
                    *awaited = Awaited::Suback;
                }
                (Awaited::Suback, kind::SUBACK) => {
                    granted(frame, subject.version, qos)?;
                    out.extend_from_slice(&DISCONNECT);
                    *awaited = Awaited::Close;
                }
                (_, kind) => return Err(invalid(format!("a packet of type {kind}"))),
            }
            Ok(())
        });
        if let Some(present) = present {
            let is_back = visit.cycle >= self.plan.sessions;
            self.forgotten += u64::from(is_back && !present);
            self.unexpected += u64::from(!is_back && present);
        }
        match read {
            Err(e) if visit.awaited == Awaited::Close && is_end(&e) => Ok(true),
            Err(e) => Err(broken(e)),
            Ok(()) => visit.link.flush().map(|()| false).map_err(broken),
        }
    }

    fn client(&self, session: u64) -> String {
        format!("{}x{session}", self.name)
    }
}

fn session_present(frame: Frame<'_>, version: Version) -> io::Result<bool> {
    let connack = frame.connack(version).map_err(invalid)?;
    dial::accepted(&connack).map_err(|error| invalid(error.to_string()))?;
    Ok(connack.session_present)
}

fn granted(frame: Frame<'_>, version: Version, qos: Qos) -> io::Result<()> {
    match frame.suback(version).map_err(invalid)?.1 {
        [code] if *code == qos.level() => Ok(()),
        codes => Err(invalid(format!("SUBACK {codes:02x?} to a subscription at QoS {qos}"))),
    }
}

/// A broker may close a connection either way once the client has left.
fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, sessions, at_once, cycled, memory, forgotten, unexpected } = self;
        writeln!(f, "{version}, {sessions} persistent sessions, {at_once} at once")?;
        writeln!(f, "{}", cycled.line("cycles of connect, subscribe and disconnect"))?;
        if let Some(memory) = memory {
            writeln!(f, "{}", memory.line("session"))?;
        }
        write!(f, "sessions forgotten {forgotten}, unexpected {unexpected}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_without_sense_are_refused() {
        let usual = Plan { cycles: 10, sessions: 5, at_once: 5, qos: Qos::AtLeastOnce };
        check(&usual).unwrap();
        for plan in [
            Plan { cycles: 0, ..usual },
            Plan { sessions: 4, ..usual },
            Plan { at_once: 0, ..usual },
            Plan { at_once: 1_001, sessions: 2_000, ..usual },
        ] {
            assert!(matches!(check(&plan), Err(Error::Usage(_))), "{plan:?}");
        }
    }

    #[test]
    fn a_refused_client_or_subscription_ends_the_run() {
        let frame = |body| Frame { header: 0, body };
        assert!(session_present(frame(b"\x01\x00"), Version::V3_1_1).unwrap());
        assert!(session_present(frame(b"\x00\x05"), Version::V3_1_1).is_err());
        assert!(granted(frame(b"\x00\x01\x01"), Version::V3_1_1, Qos::AtLeastOnce).is_ok());
        assert!(granted(frame(b"\x00\x01\x80"), Version::V3_1_1, Qos::AtLeastOnce).is_err());
    }
}
