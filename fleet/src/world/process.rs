//! The broker: the shipped engine and log, and the few lines of shell that a world needs around
//! them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use surewire_engine::Engine;
use surewire_engine::action::{Action, Outgoing};
use surewire_engine::codec;
use surewire_engine::event::{Event, Peer};
use surewire_engine::id::{ConnId, Lsn};
use surewire_engine::log::writer::{Progress, Sync};
use surewire_engine::packet::{Packet, ReasonCode, Version};

use super::network::Way;
use super::store::{Advance, Store};
use super::{Happening, RunError, World, nanos, since_start, time};
use crate::disk::Disk;
use crate::meter;
use crate::plan::Durability;
use crate::random::Random;

/// Bytes of what lives that are written anew in one step of cleaning the log.
const CLEAN: u32 = 32 << 10;

/// How often a full disk is asked for room.
const RETRY: u64 = 1_000_000_000;

/// How long a stop may take.
const STOP: u64 = 10_000_000_000;

/// The broker's machine.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) has_power: bool,
    pub(super) process: Option<Process>,
    /// Outages that it is in.
    pub(super) off: u32,
    disk: Disk,
    random: Random,
    /// One more at each start and end: what was planned for an earlier life is of no interest.
    life: u32,
    /// Messages that the last process held when it ended.
    held: u64,
}

/// One life of the broker's process.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) engine: Engine,
    /// `None` where nothing is stored.
    pub(super) store: Option<Store>,
    /// The last record, where nothing is stored, until the engine knows that as durable.
    appended: Option<Lsn>,
    /// Messages that came from the log.
    restored: u64,
    is_stopping: bool,
    timer: Option<u64>,
}

impl Machine {
    pub(super) fn new(disk: Disk, random: Random) -> Self {
        let (has_power, process) = (true, None);
        Self { has_power, process, off: 0, disk, random, life: 0, held: 0 }
    }

    /// Whether it takes new connections.
    pub(super) fn accepts(&self) -> bool {
        self.process.as_ref().is_some_and(|process| !process.is_stopping)
    }

    /// Bytes of all files of the log.
    pub(super) fn log_bytes(&self) -> u64 {
        self.disk.used()
    }
}

impl World<'_> {
    /// The broker starts.
    pub(super) fn boot(&mut self) {
        let (plan, machine) = (self.plan, &mut self.machine);
        let config = plan.broker.config.clone();
        let (seed, nonce) = (machine.random.bytes(), machine.random.next());
        let sync = match plan.broker.durability {
            Durability::Power => Some(Sync::Always),
            Durability::Process => Some(Sync::OnRoll),
            Durability::Nothing => None,
        };
        let (engine, store) = match sync.map(|sync| Store::open(&mut machine.disk, sync, nonce)) {
            None => (Engine::new(config, seed), None),
            Some(Ok((store, image, summary))) => {
                let (last, time) = (summary.last, summary.time);
                (Engine::restore(config, seed, image, last, time), Some(store))
            }
            Some(Err(failure)) => {
                self.failure = Some(failure);
                return;
            }
        };
        let restored = engine.counters().routed;
        self.meter.broker.starts += 1;
        let held = std::mem::take(&mut machine.held);
        let lost = i64::try_from(held).unwrap_or(0) - i64::try_from(restored).unwrap_or(0);
        self.meter.broker.lost_at_end += lost;
        (machine.has_power, machine.life) = (true, machine.life + 1);
        let (appended, is_stopping, timer) = (None, false, None);
        machine.process = Some(Process { engine, store, appended, restored, is_stopping, timer });
    }

    /// The broker's process ends, and perhaps the machine's power.
    pub(super) fn end_process(&mut self, has_power: bool) {
        self.machine.has_power = has_power;
        let Some(process) = self.machine.process.take() else { return };
        let counters = process.engine.counters();
        self.meter.ended(counters, process.restored);
        self.machine.held = meter::held(counters);
        self.machine.life += 1;
        if has_power {
            self.machine.disk.keep_all();
        } else {
            self.machine.disk.cut_power();
        }
        self.pending.clear();
        self.readable.clear();
        for id in self.conns.ids() {
            if self.conns.get_mut(id).is_some_and(|conn| conn.broker_end) {
                self.broker_leaves(id, has_power);
            }
        }
    }

    /// The broker is asked to stop.
    pub(super) fn stop_process(&mut self) {
        let life = self.machine.life;
        if let Some(process) = &mut self.machine.process {
            process.is_stopping = true;
            self.pending.push_back(Event::Stop);
            self.after(STOP, Happening::Stopped { life });
        }
    }

    pub(super) fn stopped(&mut self, life: u32) {
        if life == self.machine.life {
            self.end_process(true);
        }
    }

    /// Counts what is left at the end of the run.
    pub(super) fn end_count(&mut self) {
        if let Some(process) = &self.machine.process {
            self.meter.ended(process.engine.counters(), process.restored);
            self.machine.held = meter::held(process.engine.counters());
        }
        self.meter.broker.held = self.machine.held;
    }

    /// The engine does all that is to be done in this moment.
    pub(super) fn settle(&mut self) {
        loop {
            if let Some(event) = self.pending.pop_front() {
                self.tell_engine(event);
            } else if let Some(id) = self.readable.pop() {
                self.broker_reads(id);
            } else if !self.drive_store() {
                break;
            }
        }
        self.set_engine_timer();
        if let Some(Process { engine, store, is_stopping: true, .. }) = &self.machine.process
            && engine.sizes().connections == 0
            && store.as_ref().is_none_or(Store::is_idle)
        {
            self.end_process(true);
        }
    }

    pub(super) fn engine_timer(&mut self, life: u32) {
        let now = self.time();
        let machine = &mut self.machine;
        let Some(process) = machine.process.as_mut().filter(|_| life == machine.life) else {
            return;
        };
        process.timer = None;
        if process.engine.next_timeout().is_some_and(|due| due <= now) {
            self.pending.push_back(Event::Timeout);
        }
    }

    fn set_engine_timer(&mut self) {
        let life = self.machine.life;
        let Some(process) = &mut self.machine.process else { return };
        let Some(due) = process.engine.next_timeout() else { return };
        let at = since_start(due).max(self.now);
        if process.timer.is_none_or(|timer| timer > at) {
            process.timer = Some(at);
            self.schedule.set(at, Happening::EngineTimer { life });
        }
    }

    /// Hands in what a client has sent, until the engine does not want to hear more.
    fn broker_reads(&mut self, id: ConnId) {
        while let Some(event) = self.next_from(id) {
            self.tell_engine(event);
        }
    }

    fn next_from(&mut self, id: ConnId) -> Option<Event> {
        let limits = &self.plan.broker.limits;
        let conn = self.conns.get_mut(id).filter(|conn| conn.broker_end && !conn.is_broken)?;
        loop {
            let Some(version) = conn.version else {
                let frame = conn.unread.pop_front()?;
                return Some(open(id, conn.client, &mut conn.version, frame, limits));
            };
            if !conn.is_admitted || conn.is_paused {
                return None;
            }
            match codec::take_packets(version, conn.unread.front_mut()?, limits) {
                Ok(Some(packets)) => return Some(Event::received(id, packets)),
                // What is sent in one step is whole packets.
                Ok(None) => conn.unread.pop_front()?,
                Err(violation) => {
                    conn.is_broken = true;
                    return Some(Event::Broken { conn: id, violation });
                }
            };
        }
    }

    /// One step of the engine.
    pub(super) fn tell_engine(&mut self, event: Event) {
        let mut actions = std::mem::take(&mut self.actions);
        if let Some(process) = &mut self.machine.process {
            let before = *process.engine.counters();
            process.engine.handle(time(self.now), event, &mut actions);
            let second = self.now / 1_000_000_000;
            self.meter.stepped(second, &before, process.engine.counters());
            for action in actions.drain(..) {
                self.perform(action);
            }
            if let Some(store) = self.machine.process.as_mut().and_then(|p| p.store.as_mut()) {
                store.hand_over();
            }
        }
        self.actions = actions;
        self.flush();
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Send { conn, outgoing } => self.write(conn, &outgoing),
            Action::Close { conn, .. } => {
                if let Some(there) = self.conns.get_mut(conn) {
                    there.closes = true;
                    self.touched.push(conn);
                }
            }
            Action::Read { conn, on } => {
                if let Some(there) = self.conns.get_mut(conn) {
                    there.is_paused = !on;
                    self.readable.push(conn);
                }
            }
            Action::Report { conn } => {
                if let Some(there) = self.conns.get_mut(conn) {
                    there.reports = true;
                    self.report_written(conn);
                }
            }
            Action::Append { lsn, record, anew, frees } => {
                let Some(process) = &mut self.machine.process else { return };
                match &mut process.store {
                    Some(store) => {
                        store.fresh.time = time(self.now);
                        store.fresh.take(lsn, &record, anew, frees);
                    }
                    None => process.appended = Some(lsn),
                }
            }
            Action::Trim { before, live } => {
                let Some(process) = &mut self.machine.process else { return };
                if let Some(store) = &mut process.store {
                    (store.fresh.trim, store.fresh.live) = (Some(before), Some(live));
                    store.rounds += 1;
                }
            }
            Action::Answer { answer, .. } => self.answer = Some(answer),
            Action::Notice(notice) => self.meter.hear(&notice),
            // No method is configured.
            Action::Authenticate { .. } => {}
        }
    }

    fn write(&mut self, id: ConnId, outgoing: &Outgoing) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        let Some(version) = conn.version else { return };
        if let Outgoing::Packet(Packet::Connack(connack)) = outgoing
            && connack.code == ReasonCode::Success
        {
            conn.is_admitted = true;
            self.readable.push(id);
        }
        if conn.out.is_empty() {
            self.touched.push(id);
        }
        outgoing.encode(version, &mut conn.out);
    }

    /// Each connection that was written to gets one write for all of it.
    fn flush(&mut self) {
        let mut touched = std::mem::take(&mut self.touched);
        for id in touched.drain(..) {
            let Some(conn) = self.conns.get_mut(id) else { continue };
            let (out, closes) = (std::mem::take(&mut conn.out), std::mem::take(&mut conn.closes));
            if !out.is_empty() {
                self.send(id, Way::Down, Some(Bytes::from(out)));
            }
            if closes {
                self.broker_leaves(id, true);
            }
        }
        self.touched = touched;
    }

    /// Lets the log go on. Whether the engine is to be told of something.
    fn drive_store(&mut self) -> bool {
        let (life, sync) = (self.machine.life, nanos(self.plan.broker.sync));
        let Some(process) = &mut self.machine.process else { return false };
        let Some(store) = &mut process.store else {
            let durable = process.appended.take().map(|upto| Event::Durable { upto });
            self.pending.extend(durable);
            return !self.pending.is_empty();
        };
        if let Some(storage) = store.storage() {
            self.pending.push_back(Event::Storage(storage));
            return true;
        }
        let wanted = store.wants_cleaning();
        match store.advance(&mut self.machine.disk, sync > 0) {
            Ok(Advance::Idle) => {
                if store.log.is_full() && !std::mem::replace(&mut store.will_retry, true) {
                    self.after(RETRY, Happening::Retry { life });
                }
                false
            }
            Ok(Advance::Syncs) => {
                self.after(sync, Happening::DiskDone { life });
                false
            }
            Ok(Advance::Done(progress)) => {
                self.progressed(progress, wanted);
                true
            }
            Err(error) => self.fail(&error.to_string()),
        }
    }

    pub(super) fn disk_done(&mut self, life: u32) {
        let machine = &mut self.machine;
        let process = machine.process.as_mut().filter(|_| life == machine.life);
        let Some(store) = process.and_then(|process| process.store.as_mut()) else { return };
        let wanted = store.wants_cleaning();
        match store.synced(&mut machine.disk) {
            Ok(progress) => self.progressed(progress, wanted),
            Err(error) => {
                self.fail(&error.to_string());
            }
        }
    }

    /// After each sync some of what lives is written anew, and when it is news that it should be:
    /// perhaps nothing else happens.
    fn progressed(&mut self, progress: Progress, wanted: bool) {
        if let Progress::Durable(upto) = progress {
            self.pending.push_back(Event::Durable { upto });
        }
        if progress != Progress::Working || !wanted {
            self.clean();
        }
    }

    fn clean(&mut self) {
        let process = self.machine.process.as_mut();
        if let Some(store) = process.and_then(|process| process.store.as_mut())
            && store.wants_cleaning()
        {
            let owed = store.log.take_owed();
            self.pending.push_back(Event::Clean { step: CLEAN, owed });
        }
    }

    /// There may be room again on a full disk.
    pub(super) fn retry(&mut self, life: u32) {
        let machine = &mut self.machine;
        let process = machine.process.as_mut().filter(|_| life == machine.life);
        if let Some(store) = process.and_then(|process| process.store.as_mut()) {
            store.will_retry = false;
            store.log.retry();
            self.clean();
        }
    }

    /// Ends the run.
    fn fail(&mut self, why: &str) -> bool {
        self.failure = Some(RunError::Log(why.to_owned()));
        false
    }
}

/// A connection's first packet.
fn open(
    conn: ConnId,
    client: u32,
    version: &mut Option<Version>,
    frame: Bytes,
    limits: &codec::Limits,
) -> Event {
    let first = codec::decode_connect(frame, limits);
    *version = Some(first.as_ref().map_or(Version::V3_1_1, |connect| connect.version));
    // Addresses are told apart as clients are.
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::from_bits(10 << 24 | client)), 1_883);
    Event::Opened { conn, peer: Peer { address, anonymous: true }, first }
}
