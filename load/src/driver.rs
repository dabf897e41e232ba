//! The loop: poll, read, answer, send what may be sent.

use std::io;
use std::time::Duration;

use mio::{Events, Poll, Token};

use crate::Error;
use crate::arrivals::Tally;
use crate::audience::Audience;
use crate::clock::Clock;
use crate::connections::TICK;
use crate::cost::Used;
use crate::delays::Delays;
use crate::dial;
use crate::filler::Crowd;
use crate::link::Link;
use crate::outcome::Outcome;
use crate::process::Process;
use crate::publisher::Publisher;
use crate::subject::{Subject, run_name};
use crate::subscriber::{Received, Subscriber};
use crate::transport::Route;
use crate::wire::Connect;
use crate::workload::{Limit, Pacing, Workload};

/// Bytes that one read may bring, besides the largest frame.
const SCRATCH: usize = 256 << 10;

/// Connects, sends the workload, waits until all has come (or nothing more does) and checks it.
/// `broker` is the process whose CPU time is counted. An address alone is a way by plain TCP.
///
/// # Errors
/// [`Error::Usage`] for a workload that makes no sense, [`Error::Broker`] for a broker that
/// refuses, closes a connection or breaks the protocol, [`Error::System`] for the rest. Lost,
/// doubled and reordered messages are no errors: they are in the outcome.
pub fn run(
    route: impl Into<Route>,
    workload: &Workload,
    broker: Option<&Process>,
) -> Result<Outcome, Error> {
    run_then(route, workload, broker, || ())
}

/// The same; `connected` is called once all are connected, before the first message.
///
/// # Errors
/// As [`run`].
pub fn run_then(
    route: impl Into<Route>,
    workload: &Workload,
    broker: Option<&Process>,
    connected: impl FnOnce(),
) -> Result<Outcome, Error> {
    workload.check()?;
    let Workload { version, keep_alive_seconds, patience, .. } = *workload;
    let (route, process) = (route.into(), broker.copied());
    let subject = Subject { route, process, version, keep_alive_seconds, patience };
    let crowd = gather(&subject, workload)?;
    let outcome = measure(&subject, workload, connected);
    // Also when something failed: the sessions would stay for ever.
    let forgotten = forget_sessions(&subject, workload);
    let outcome = outcome?;
    forgotten?;
    Ok(Outcome { filler: crowd.map(|crowd| crowd.filler), ..outcome })
}

fn measure(
    subject: &Subject,
    workload: &Workload,
    connected: impl FnOnce(),
) -> Result<Outcome, Error> {
    let mut driver = Driver::connect(&subject.route, workload)?;
    connected();
    let meter = subject.meter()?;
    let elapsed = driver.drive().map_err(broken)?;
    let used = Used { elapsed, ..meter.used()? };
    driver.collect_stragglers().map_err(broken)?;
    Ok(driver.outcome(&used))
}

/// The further subscriptions, if there are to be any.
fn gather(subject: &Subject, workload: &Workload) -> Result<Option<Crowd>, Error> {
    let (topic, count) = (workload.topic(0), workload.filler_subscriptions);
    (count > 0).then(|| Crowd::gather(subject, &topic, count)).transpose()
}

/// Leaves no session behind at somebody's broker.
fn forget_sessions(subject: &Subject, workload: &Workload) -> Result<(), Error> {
    let kept = if workload.persistent { workload.subscribers() } else { 0 };
    (0..kept).try_for_each(|number| subject.forget(&client_id(workload.publishers() + number)))
}

fn client_id(token: u32) -> String {
    format!("{}x{token}", run_name("load"))
}

struct Driver<'a> {
    workload: &'a Workload,
    poll: Poll,
    events: Events,
    scratch: Vec<u8>,
    clock: Clock,
    /// Tokens from 0 on.
    publishers: Vec<Publisher>,
    /// Tokens behind those of the publishers.
    subscribers: Vec<Subscriber>,
    /// Who gets each message once.
    audiences: Vec<Audience>,
    received: Received,
    acknowledged: Delays,
    published: u64,
    /// The publisher whose turn it is in a closed loop.
    turn: usize,
}

impl<'a> Driver<'a> {
    fn connect(route: &Route, workload: &'a Workload) -> Result<Self, Error> {
        let mut driver = Self {
            workload,
            poll: Poll::new().map_err(Error::system("make an event queue"))?,
            events: Events::with_capacity(1024),
            scratch: vec![0; SCRATCH + workload.payload],
            clock: Clock::start(),
            publishers: Vec::new(),
            subscribers: Vec::new(),
            audiences: Audience::all(workload),
            received: Received::new(workload.pacing),
            acknowledged: Delays::new(workload.pacing),
            published: 0,
            turn: 0,
        };
        for number in 0..workload.subscribers() {
            let link = driver.dial(route, workload.publishers() + number, Some(number))?;
            driver.subscribers.push(Subscriber::new(link, number, workload));
        }
        for number in 0..workload.publishers() {
            let link = driver.dial(route, number, None)?;
            driver.publishers.push(Publisher::new(link, number, workload));
        }
        // Stamps count from here, not from the first of the hand-shakes.
        driver.clock = Clock::start();
        Ok(driver)
    }

    /// A connection past its hand-shake, a subscriber's with its filter.
    fn dial(&self, route: &Route, token: u32, subscriber: Option<u32>) -> Result<Link, Error> {
        let mut stream = route.open()?;
        let Workload { version, qos, persistent, keep_alive_seconds, .. } = *self.workload;
        let client_id = client_id(token);
        let persistent = subscriber.is_some() && persistent;
        let client_id = client_id.as_str();
        let connect = Connect { client_id, version, persistent, keep_alive_seconds };
        let connack = dial::introduce(&mut stream, &connect)?;
        match subscriber {
            Some(number) => {
                let filters = [self.workload.filter(number)];
                dial::subscribe_all(&mut stream, version, &filters, qos)?;
            }
            None => self.workload.check_window(connack.receive_maximum)?,
        }
        let token = usize::try_from(token).map(Token).expect("a u32 fits a usize");
        Link::new(stream, self.poll.registry(), token).map_err(Error::system("watch a connection"))
    }

    /// Runs until all is delivered and acknowledged, or nothing has moved for too long. The
    /// time until the last progress.
    fn drive(&mut self) -> io::Result<Duration> {
        let mut last_progress_ns = 0;
        loop {
            let sent = self.send()?;
            let moved = self.turn(self.patience_of_poll(sent))?;
            let now_ns = self.clock.now_ns();
            if moved || sent {
                last_progress_ns = now_ns;
            }
            let silence = Duration::from_nanos(now_ns - last_progress_ns);
            if self.is_done(now_ns) || silence > self.workload.patience {
                return Ok(Duration::from_nanos(last_progress_ns));
            }
        }
    }

    /// Deliveries may still come twice: a PINGRESP shows that no more are on their way.
    fn collect_stragglers(&mut self) -> io::Result<()> {
        let deadline_ns = self.clock.now_ns() + duration_ns(self.workload.patience);
        for subscriber in &mut self.subscribers {
            subscriber.ping()?;
        }
        while !self.subscribers.iter().all(Subscriber::has_pong) {
            if self.clock.now_ns() > deadline_ns {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer to PINGREQ"));
            }
            self.turn(TICK)?;
        }
        Ok(())
    }

    /// Waits for notices and serves them; whether anything was delivered or acknowledged.
    fn turn(&mut self, timeout: Duration) -> io::Result<bool> {
        if let Err(e) = self.poll.poll(&mut self.events, Some(timeout)) {
            let interrupted = e.kind() == io::ErrorKind::Interrupted;
            return if interrupted { Ok(false) } else { Err(e) };
        }
        let mut readable = false;
        for event in &self.events {
            readable |= event.is_readable();
            let at = event.token().0;
            if let Some(publisher) = self.publishers.get_mut(at) {
                publisher.link.flush()?;
                publisher.on_readable(&mut self.scratch, &self.clock, &mut self.acknowledged)?;
            } else if let Some(subscriber) = self.subscribers.get_mut(at - self.publishers.len()) {
                subscriber.link.flush()?;
                let audience = usize::try_from(subscriber.audience).ok();
                let audience = audience.and_then(|at| self.audiences.get_mut(at));
                let audience = audience.expect("every subscriber has an audience");
                let received = &mut self.received;
                subscriber.on_readable(&mut self.scratch, &self.clock, audience, received)?;
            }
        }
        Ok(readable)
    }

    /// Sends what may be sent now; whether there was anything.
    fn send(&mut self) -> io::Result<bool> {
        let before = self.published;
        match self.workload.pacing {
            Pacing::Closed { outstanding, burst } => self.send_bursts(outstanding, burst)?,
            Pacing::Open { rate } => self.send_due(rate)?,
        }
        Ok(self.published > before)
    }

    /// One burst of each publisher, as far as the bound allows.
    fn send_bursts(&mut self, outstanding: u64, burst: u64) -> io::Result<()> {
        let now_ns = self.clock.now_ns();
        let under_way = self.published - self.received.deliveries / self.workload.deliveries_each();
        let mut budget = outstanding.saturating_sub(under_way).min(self.left(now_ns));
        for _ in 0..self.publishers.len() {
            // A part of a burst would wear the pipelining down until single messages are left.
            if budget < burst && budget < self.left(now_ns) {
                return Ok(());
            }
            let Some(publisher) = self.publishers.get_mut(self.turn) else { return Ok(()) };
            let count = publisher.room().min(burst).min(budget);
            for _ in 0..count {
                publisher.publish(now_ns);
            }
            publisher.link.flush()?;
            budget -= count;
            self.published += count;
            self.turn = (self.turn + 1) % self.publishers.len();
        }
        Ok(())
    }

    /// Message k of the run is due k / rate after its start, and is publisher k mod P's.
    fn send_due(&mut self, rate: f64) -> io::Result<()> {
        let due = self.due(rate, self.clock.now_ns());
        let publishers = self.publishers.len() as u64;
        for (number, publisher) in (0..publishers).zip(&mut self.publishers) {
            let due_here = (due + publishers - 1 - number) / publishers;
            let count = publisher.room().min(due_here.saturating_sub(publisher.published()));
            for _ in 0..count {
                let message = publisher.published() * publishers + number;
                publisher.publish(due_at_ns(message, rate));
            }
            if count > 0 {
                publisher.link.flush()?;
                self.published += count;
            }
        }
        Ok(())
    }

    /// How many messages should have been sent by `now_ns`.
    fn due(&self, rate: f64, now_ns: u64) -> u64 {
        let until_ns = match self.workload.limit {
            Limit::Time(time) => now_ns.min(duration_ns(time)),
            Limit::Messages(_) => now_ns,
        };
        let due = whole(to_f64(until_ns) * rate / 1e9).saturating_add(1);
        match self.workload.limit {
            Limit::Messages(limit) => due.min(limit),
            Limit::Time(_) => due,
        }
    }

    /// Messages still to be published in a closed loop.
    fn left(&self, now_ns: u64) -> u64 {
        match self.workload.limit {
            Limit::Messages(limit) => limit - self.published,
            Limit::Time(time) if now_ns < duration_ns(time) => u64::MAX,
            Limit::Time(_) => 0,
        }
    }

    fn is_done(&self, now_ns: u64) -> bool {
        let all_sent = match self.workload.pacing {
            Pacing::Closed { .. } => self.left(now_ns) == 0,
            Pacing::Open { rate } => self.published == self.due(rate, u64::MAX),
        };
        all_sent
            && self.received.deliveries >= self.published * self.workload.deliveries_each()
            && self.publishers.iter().all(Publisher::is_settled)
    }

    /// How long to wait for notices. The system sleeps in whole milliseconds, so the last part
    /// before a message is due is spent polling.
    fn patience_of_poll(&self, sent: bool) -> Duration {
        match self.workload.pacing {
            Pacing::Closed { .. } if sent => Duration::ZERO,
            Pacing::Closed { .. } => TICK,
            Pacing::Open { rate } => {
                let next_ns = due_at_ns(self.published, rate);
                let ahead = Duration::from_nanos(next_ns.saturating_sub(self.clock.now_ns()));
                let whole_ms = u64::try_from(ahead.as_millis()).unwrap_or(u64::MAX);
                Duration::from_millis(whole_ms.saturating_sub(1)).min(TICK)
            }
        }
    }

    fn outcome(&self, used: &Used) -> Outcome {
        let mut tally = Tally::default();
        let published = |number: u32| {
            let publisher = usize::try_from(number).ok().and_then(|at| self.publishers.get(at));
            publisher.map_or(0, Publisher::published)
        };
        for audience in &self.audiences {
            tally += audience.tally(published);
        }
        Outcome {
            shape: self.workload.shape,
            qos: self.workload.qos,
            version: self.workload.version,
            user_properties: self.workload.user_properties,
            payload: self.workload.payload,
            publishers: self.workload.publishers(),
            subscribers: self.workload.subscribers(),
            published: self.published,
            tally,
            seconds: used.elapsed.as_secs_f64(),
            broker_cpu_seconds: used.broker.map(|time| time.as_secs_f64()),
            generator_cpu_seconds: used.own.map(|time| time.as_secs_f64()),
            latency: self.received.delays.latency(),
            acknowledged: self.acknowledged.latency(),
            filler: None,
        }
    }
}

/// A connection that breaks during a run is the broker's doing.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn broken(error: io::Error) -> Error {
    let closed = error.kind() == io::ErrorKind::UnexpectedEof;
    Error::Broker(if closed { "it closed a connection".into() } else { error.to_string() })
}

fn duration_ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn due_at_ns(message: u64, rate: f64) -> u64 {
    whole(to_f64(message) * 1e9 / rate)
}

#[expect(clippy::cast_precision_loss, reason = "exact to 2^53 ns, which is 104 days")]
fn to_f64(number: u64) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounding down is meant, and no time or rate is negative"
)]
fn whole(number: f64) -> u64 {
    number as u64
}
