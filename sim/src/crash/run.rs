//! Publishers and readers at the real program, under strain.

use std::io;
use std::time::{Duration, Instant};

use surewire_engine::time::Time;

use super::broker::Broker;
use super::cast::Cast;
use super::client::Client;
use super::figures::Figures;
use super::inspection::inspect;
use super::ledger::Ledger;
use super::publisher::Publisher;
use super::reader::Reader;
use super::{Plan, Totals};

/// How the connections are treated, and the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The broker is killed at the end of each cycle, and connections are cut now and then.
    Kill,
    /// The broker lives; connections are cut and taken over all the time.
    NoKill,
}

/// One run.
#[derive(Debug)]
pub struct Run {
    broker: Broker,
    mode: Mode,
    plan: Plan,
    began: Instant,
    publishers: Vec<Publisher>,
    readers: Vec<Reader>,
    ledger: Ledger,
    figures: Figures,
    /// When a client last learned anything.
    stirred: Instant,
    /// How long the last start took.
    recovery: Duration,
}

/// Cycles between two looks at what is retained.
const INSPECT: u64 = 4;

/// Cycles after which all that is owed must have come.
const SETTLE: u64 = 10;

/// How long that may take, and how long nothing may happen meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);
const SILENCE: Duration = Duration::from_secs(10);

/// Time for what is sent again by timer, every second: nothing of QoS 2 may come twice by that.
const AFTERMATH: Duration = Duration::from_millis(1_500);

impl Run {
    /// Starts the broker, and waits until all readers have subscribed.
    ///
    /// # Errors
    /// The broker does not start.
    pub fn new(mut broker: Broker, mode: Mode, seed: u64) -> io::Result<Self> {
        broker.spawn()?;
        let recovery = broker.wait()?;
        let cast = Cast::default();
        let readers = cast.readers.iter().enumerate();
        let mut run = Self {
            broker,
            mode,
            plan: Plan(seed),
            began: Instant::now(),
            publishers: (0..cast.publishers()).map(|n| Publisher::new(n, &cast.streams)).collect(),
            readers: readers.map(|(place, filters)| Reader::new(place, filters)).collect(),
            ledger: Ledger::new(&cast),
            figures: Figures::default(),
            stirred: Instant::now(),
            recovery,
        };
        run.settle();
        Ok(run)
    }

    /// What was found to be wrong.
    #[must_use]
    pub fn violations(&self) -> &[String] {
        &self.ledger.violations
    }

    /// Traffic, then the kill, or none.
    ///
    /// # Errors
    /// The system does not start or end processes.
    pub fn cycle(&mut self) -> io::Result<()> {
        self.figures.cycles += 1;
        let cycle = self.figures.cycles;
        self.ledger.begin_cycle();
        let until = Instant::now() + Duration::from_millis(20 + self.plan.below(380));
        while Instant::now() < until {
            self.step();
        }
        if let Some(status) = self.broker.ended()? {
            self.ledger.violate(&format!("the broker ended by itself: {status}"));
        }
        if self.mode == Mode::Kill {
            self.kill()?;
            if cycle.is_multiple_of(INSPECT) {
                // Before the publishers are back, who would send again what was not acknowledged.
                self.inspect();
            }
        }
        if cycle.is_multiple_of(SETTLE) {
            self.settle();
        }
        Ok(())
    }

    /// Lets all come to rest, and adds up.
    pub fn finish(&mut self) -> Figures {
        if self.violations().is_empty() {
            self.settle();
        }
        let until = Instant::now() + AFTERMATH;
        while Instant::now() < until {
            self.poll();
            std::thread::sleep(Duration::from_millis(1));
        }
        if self.violations().is_empty() {
            self.inspect();
        }
        let totals: Totals = self.ledger.close();
        let violations = self.ledger.violations.len();
        Figures { totals, violations, ..self.figures.clone() }
    }

    fn step(&mut self) {
        let now = self.now();
        for publisher in &mut self.publishers {
            publisher.publish(now, &mut self.plan, &mut self.ledger);
        }
        // Before what was just published is written, so that it is cut in the middle.
        self.disturb(now);
        self.poll();
    }

    fn disturb(&mut self, now: Time) {
        let often = if self.mode == Mode::NoKill { 20 } else { 400 };
        let (broker, plan) = (self.broker.address(), &mut self.plan);
        let hit = if plan.once_in(2) {
            plan.pick(&mut self.publishers).map(|publisher| &mut publisher.client)
        } else {
            plan.pick(&mut self.readers).map(|reader| &mut reader.client)
        };
        if let Some(client) = hit {
            self.figures.cuts += u64::from(plan.once_in(often) && cut(client, now, plan));
            let taken = plan.once_in(often) && client.take_over(now, broker);
            self.figures.take_overs += u64::from(taken);
        }
        if plan.once_in(30)
            && let Some(reader) = plan.pick(&mut self.readers)
        {
            self.figures.toggles += reader.toggle();
        }
    }

    fn poll(&mut self) {
        let (now, broker) = (self.now(), self.broker.address());
        let mut stirs = false;
        for publisher in &mut self.publishers {
            stirs |= publisher.poll(now, broker, &mut self.ledger);
        }
        for reader in &mut self.readers {
            stirs |= reader.poll(now, broker, &mut self.ledger);
        }
        if stirs {
            self.stirred = Instant::now();
        }
    }

    /// kill -9, in recovery too now and then, and a start.
    fn kill(&mut self) -> io::Result<()> {
        self.broker.kill()?;
        self.figures.kills += 1;
        while self.plan.once_in(3) {
            self.broker.spawn()?;
            let long = u64::try_from(self.recovery.as_micros()).unwrap_or(u64::MAX);
            std::thread::sleep(Duration::from_micros(self.plan.below(long)));
            self.figures.kills_in_recovery += u64::from(self.broker.kill()?);
            self.figures.kills += 1;
        }
        self.broker.spawn()?;
        self.recovery = self.broker.wait()?;
        self.figures.restarts.push(self.recovery);
        Ok(())
    }

    fn inspect(&mut self) {
        let wrong = inspect(self.broker.address(), &self.ledger.retained);
        self.figures.retained += self.ledger.retained.topics() as u64;
        wrong.into_iter().for_each(|what| self.ledger.violate(&what));
    }

    /// Goes on without kills and without new messages until nobody waits for anything.
    fn settle(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        self.stirred = Instant::now();
        while !self.is_settled() {
            if Instant::now() > deadline || self.stirred.elapsed() > SILENCE {
                self.ledger.violate("not all that is owed comes, however long one waits");
                return;
            }
            for _ in 0..20 {
                self.poll();
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    fn is_settled(&self) -> bool {
        let idle = self.publishers.iter().all(|publisher| publisher.client.unacknowledged() == 0);
        idle && self.readers.iter().all(Reader::is_content) && self.ledger.is_complete()
    }

    fn now(&self) -> Time {
        Time::from_secs(1) + self.began.elapsed()
    }
}

fn cut(client: &mut Client, now: Time, plan: &mut Plan) -> bool {
    let connected = client.is_connected();
    client.cut(now, plan.below(u64::MAX));
    connected
}
