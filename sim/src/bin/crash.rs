//! kill -9 against the real program, again and again, and a ledger of what it had promised.
//!
//! `cargo run --release -p surewire-sim --bin crash -- --cycles 200 --seed 1 [--surewire PATH]`
//!
//! The seed makes the plan: when it is killed, how often inside recovery. What the machine makes of
//! the plan differs from run to run.

#![expect(clippy::print_stdout, reason = "a command that prints what it finds")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use surewire_engine::packet::QoS;
use surewire_engine::time::Time;
use surewire_sim::crash::{Broker, Client, Ledger, Plan, Seen};

const PUBLISHERS: usize = 20;
const SUBSCRIBERS: usize = 8;

struct Run {
    broker: Broker,
    plan: Plan,
    began: Instant,
    publishers: Vec<Client>,
    subscribers: Vec<Client>,
    subscribed: Vec<bool>,
    known: Vec<bool>,
    next: Vec<u64>,
    ledger: Ledger,
    kills: u64,
    kills_in_recovery: u64,
    restarts: Vec<Duration>,
}

fn main() -> ExitCode {
    let value = |name: &str| {
        let mut arguments = std::env::args().skip_while(|argument| argument != name);
        arguments.nth(1)
    };
    let number =
        |name: &str, preset: u64| value(name).and_then(|text| text.parse().ok()).unwrap_or(preset);
    let (cycles, seed) = (number("--cycles", 200), number("--seed", 1));
    let program = value("--surewire").map_or_else(beside, PathBuf::from);
    match run(&program, cycles, seed) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            println!("again: crash --cycles {cycles} --seed {seed}");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("crash: {error} (program: {})", program.display());
            ExitCode::FAILURE
        }
    }
}

/// The program that was built beside this one.
fn beside() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    let program = own.with_file_name("surewire");
    std::path::absolute(&program).unwrap_or(program)
}

fn run(program: &std::path::Path, cycles: u64, seed: u64) -> std::io::Result<bool> {
    let directory = std::env::temp_dir().join(format!("surewire-crash-{}", std::process::id()));
    let mut broker = Broker::new(program, &directory)?;
    broker.spawn()?;
    broker.wait()?;
    let mut run = Run {
        broker,
        plan: Plan(seed),
        began: Instant::now(),
        publishers: (0..PUBLISHERS).map(|n| Client::new(&format!("p{n}"), false)).collect(),
        subscribers: (0..SUBSCRIBERS).map(|n| Client::new(&format!("s{n}"), false)).collect(),
        subscribed: vec![false; SUBSCRIBERS],
        known: vec![false; PUBLISHERS + SUBSCRIBERS],
        next: vec![0; PUBLISHERS],
        ledger: Ledger::default(),
        kills: 0,
        kills_in_recovery: 0,
        restarts: Vec::new(),
    };
    run.settle(|run| run.subscribed.iter().all(|there| *there));
    for cycle in 1..=cycles {
        run.cycle()?;
        if cycle % 10 == 0 {
            println!(
                "cycle {cycle}: {} kills, {} violations",
                run.kills,
                run.ledger.violations.len()
            );
        }
        if !run.ledger.violations.is_empty() {
            break;
        }
    }
    run.settle(|run| {
        let idle = run.publishers.iter().all(|client| client.unacknowledged() == 0);
        idle && run.ledger.is_complete(SUBSCRIBERS)
    });
    let good = run.report(cycles);
    if good {
        let _ = std::fs::remove_dir_all(&directory);
    } else {
        println!("the broker's log and data: {}", directory.display());
    }
    Ok(good)
}

impl Run {
    fn now(&self) -> Time {
        Time::from_secs(1) + self.began.elapsed()
    }

    fn cycle(&mut self) -> std::io::Result<()> {
        let traffic = Duration::from_millis(20 + self.plan.below(380));
        let until = Instant::now() + traffic;
        while Instant::now() < until {
            self.publish();
            self.poll();
            if self.plan.below(2_000) == 0 {
                let (victim, now) = (self.plan.below(SUBSCRIBERS as u64), self.now());
                let victim = usize::try_from(victim).unwrap_or(0);
                if let Some(client) = self.subscribers.get_mut(victim) {
                    client.cut(now);
                }
            }
        }
        if let Some(status) = self.broker.ended()? {
            self.ledger.violations.push(format!("the broker ended by itself: {status}"));
        }
        self.broker.kill()?;
        self.kills += 1;
        while self.plan.below(4) == 0 {
            self.broker.spawn()?;
            std::thread::sleep(Duration::from_micros(self.plan.below(30_000)));
            self.broker.kill()?;
            self.kills_in_recovery += 1;
        }
        self.broker.spawn()?;
        match self.broker.wait() {
            Ok(took) => self.restarts.push(took),
            Err(error) => self.ledger.violations.push(error.to_string()),
        }
        Ok(())
    }

    fn publish(&mut self) {
        let now = self.now();
        for (index, (client, next)) in self.publishers.iter_mut().zip(&mut self.next).enumerate() {
            if client.has_room() {
                *next += 1;
                let (topic, qos) = topic_of(index);
                client.publish(now, *next, &topic, &next.to_string(), qos, index % 3 == 0);
            }
        }
    }

    fn poll(&mut self) {
        let (now, address) = (self.now(), self.broker.address());
        for index in 0..PUBLISHERS {
            let Some(client) = self.publishers.get_mut(index) else { continue };
            for seen in client.poll(now, address) {
                match seen {
                    Seen::Acknowledged(number) => {
                        let (topic, qos) = topic_of(index);
                        self.ledger.acknowledge(&topic, number, qos);
                    }
                    other @ (Seen::Connected(_)
                    | Seen::Message(..)
                    | Seen::Subscribed(_)
                    | Seen::Fault(_)) => self.note(index, &other),
                }
            }
        }
        for index in 0..SUBSCRIBERS {
            let Some(client) = self.subscribers.get_mut(index) else { continue };
            let seen = client.poll(now, address);
            if client.is_connected() && !self.subscribed.get(index).copied().unwrap_or(true) {
                client.subscribe(now, 1, &[("t/#", QoS::ExactlyOnce), ("t/+", QoS::AtLeastOnce)]);
            }
            for seen in seen {
                self.subscriber_saw(index, seen);
            }
        }
    }

    fn subscriber_saw(&mut self, index: usize, seen: Seen) {
        match seen {
            Seen::Subscribed(_) => {
                if let Some(there) = self.subscribed.get_mut(index) {
                    *there = true;
                }
            }
            Seen::Message(topic, payload) => {
                let qos = if topic.ends_with("/2") { QoS::ExactlyOnce } else { QoS::AtLeastOnce };
                let number = payload.parse().unwrap_or(0);
                self.ledger.deliver(index, &topic, number, qos);
            }
            other @ (Seen::Connected(_) | Seen::Acknowledged(_) | Seen::Fault(_)) => {
                self.note(PUBLISHERS + index, &other);
            }
        }
    }

    /// A session that was there once is there for ever.
    fn note(&mut self, client: usize, seen: &Seen) {
        let Some(known) = self.known.get_mut(client) else { return };
        match seen {
            Seen::Connected(present) => {
                if *known && !present {
                    self.ledger.violations.push(format!("client {client} lost its session"));
                }
                *known = true;
            }
            Seen::Fault(why) => self.ledger.violations.push(format!("client {client}: {why}")),
            Seen::Message(..) | Seen::Acknowledged(_) | Seen::Subscribed(_) => {}
        }
    }

    /// Goes on without kills and without new messages until it is so, for a minute at most.
    fn settle(&mut self, until: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            for _ in 0..50 {
                self.poll();
                std::thread::sleep(Duration::from_millis(1));
            }
            if until(self) {
                return;
            }
        }
    }

    fn report(&mut self, cycles: u64) -> bool {
        let totals = self.ledger.close(SUBSCRIBERS);
        self.restarts.sort_unstable();
        let middle = self.restarts.get(self.restarts.len() / 2).copied().unwrap_or_default();
        let most = self.restarts.last().copied().unwrap_or_default();
        println!(
            "cycles {cycles}, kills {} and {} inside recovery, acknowledged {}, delivered {}, \
             duplicates (QoS 1) {}, lost {}, violations {}, restart p50 {} ms, max {} ms",
            self.kills,
            self.kills_in_recovery,
            totals.acknowledged,
            totals.delivered,
            totals.duplicates,
            totals.lost,
            self.ledger.violations.len(),
            middle.as_millis(),
            most.as_millis()
        );
        self.ledger.violations.iter().take(20).for_each(|violation| println!("  {violation}"));
        self.ledger.violations.is_empty()
    }
}

/// Each publisher has a topic of its own, whose last level is its QoS.
fn topic_of(index: usize) -> (String, QoS) {
    if index.is_multiple_of(2) {
        (format!("t/{index}/1"), QoS::AtLeastOnce)
    } else {
        (format!("t/{index}/2"), QoS::ExactlyOnce)
    }
}
