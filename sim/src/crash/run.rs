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
    /// What clients do in this cycle.
    whims: Plan,
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
            whims: Plan(seed),
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
    pub fn cycle(&mut self) {
        self.figures.cycles += 1;
        self.ledger.begin_cycle();
        if let Err(error) = self.try_cycle() {
            self.ledger.violate(&error.to_string());
        }
    }

    fn try_cycle(&mut self) -> io::Result<()> {
        // How many steps there are depends on the machine: they draw from numbers of their own, so
        // that the kills of a seed are always the same.
        let mut fate = self.plan.split();
        self.whims = self.plan.split();
        let until = Instant::now() + Duration::from_millis(20 + fate.below(380));
        while Instant::now() < until {
            self.step();
        }
        self.broker.check()?;
        if self.mode == Mode::Kill {
            self.kill(&mut fate)?;
            // Before the publishers are back, who would send again what was not acknowledged.
            self.inspect();
        }
        if self.figures.cycles.is_multiple_of(SETTLE) {
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
            publisher.publish(now, &mut self.whims, &mut self.ledger);
        }
        // Before what was just published is written, so that it is cut in the middle.
        self.disturb(now);
        self.poll();
    }

    fn disturb(&mut self, now: Time) {
        let often = if self.mode == Mode::NoKill { 20 } else { 400 };
        let (broker, plan) = (self.broker.address(), &mut self.whims);
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
    fn kill(&mut self, fate: &mut Plan) -> io::Result<()> {
        self.broker.kill()?;
        self.figures.kills += 1;
        while fate.once_in(3) {
            self.broker.spawn()?;
            std::thread::sleep(self.recovery.mul_f64(fate.below(1_000) as f64 / 1_000.0));
            self.broker.check()?;
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
        while let Some(owed) = self.owed() {
            if Instant::now() > deadline || self.stirred.elapsed() > SILENCE {
                self.ledger.violate(&format!("{owed}, however long one waits"));
                return;
            }
            for _ in 0..20 {
                self.poll();
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// What is still to come, if anything is.
    fn owed(&self) -> Option<String> {
        for (place, publisher) in self.publishers.iter().enumerate() {
            let unacknowledged = publisher.client.unacknowledged();
            if unacknowledged > 0 {
                return Some(format!("{unacknowledged} messages of p{place} are not acknowledged"));
            }
        }
        let waiting = self.readers.iter().position(|reader| !reader.is_content());
        if let Some(reader) = waiting {
            return Some(format!("s{reader} has no answer to SUBSCRIBE or UNSUBSCRIBE"));
        }
        let complete = self.ledger.is_complete();
        (!complete).then(|| "messages that were acknowledged are lost".to_owned())
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
