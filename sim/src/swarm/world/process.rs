//! The broker's process: it starts, reads its log, serves, and ends when nobody expects it.

use std::time::Duration;

use surewire_engine::Engine;
use surewire_engine::action::Outgoing;
use surewire_engine::id::Lsn;
use surewire_engine::log::disk::Op;
use surewire_engine::log::image::Image;
use surewire_engine::log::record::Record;
use surewire_engine::log::recovery::{Recovery, RecoveryError, Step, Summary};
use surewire_engine::log::writer::{Log, Options, Sync};
use surewire_engine::notice::{CloseReason, DropReason, Notice, SessionEnd};
use surewire_engine::packet::Packet;
use surewire_engine::time::Time;

use super::network::conn;
use super::recovery::apply;
use super::{Happening, MS, World, nanos};
use crate::swarm::broker::{Broker, Deed, Taken};
use crate::swarm::disk::Disk;
use crate::swarm::variety::{self, Part};

/// The process, and what is going to become of it.
#[derive(Debug, Default)]
pub(super) struct Process {
    state: State,
    /// One more at each end: what was asked for by an earlier life is of no interest.
    life: u64,
    /// When it started, and what it took the time for.
    started: u64,
    time: Time,
    /// The wall clock is so many milliseconds ahead.
    clock: i64,
    doing: Option<Op>,
    timer: Option<u64>,
    ending: Option<Ending>,
    /// Operations until the end, in recoveries to come; the next one last.
    again: Vec<u64>,
    ops: u64,
    /// Connections before this one were to an earlier life.
    pub(super) first_link: u64,
    /// A full disk is going to be asked for room again.
    retries: bool,
    /// A bit is to turn round at the next power cut; what the disk holds is not what was written.
    pub(super) flips: bool,
    pub(super) damaged: bool,
    /// The disk as the start found it, if recovery is to be tried in more ways than one.
    found: Option<Disk>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Down,
    Reading(Box<(Recovery, Image)>),
    Up(Box<Broker>),
}

#[derive(Debug)]
struct Ending {
    power: bool,
    down: u64,
}

/// What the log stands for, kept outside of it.
#[derive(Debug, Default)]
pub(super) struct Shadow {
    durable: Image,
    told: Lsn,
    /// Appended and not known to be durable.
    rest: Vec<(Lsn, Record)>,
}

impl Process {
    pub(super) fn is_up(&self) -> bool {
        matches!(self.state, State::Up(_))
    }

    pub(super) fn broker_mut(&mut self) -> Option<&mut Broker> {
        match &mut self.state {
            State::Up(broker) => Some(broker),
            State::Down | State::Reading(_) => None,
        }
    }

    /// What the process takes the time for.
    pub(super) fn time(&self, now: u64) -> Time {
        self.time + Duration::from_nanos(now - self.started)
    }
}

impl Shadow {
    /// What the log says.
    pub(super) fn image(&self) -> &Image {
        &self.durable
    }

    /// Whether nothing waits for the disk.
    fn is_durable(&self) -> bool {
        self.rest.is_empty()
    }

    /// The last record that is known to be durable.
    pub(super) fn told(&self) -> Lsn {
        self.told
    }

    /// What a log stands for that ends with this record.
    pub(super) fn image_upto(&self, last: Lsn) -> Image {
        let mut image = self.durable.clone();
        for (lsn, record) in self.rest.iter().take_while(|(lsn, _)| *lsn <= last) {
            image.apply(*lsn, record.clone());
        }
        image
    }

    fn upto(&mut self, last: Lsn) {
        let there = self.rest.partition_point(|(lsn, _)| *lsn <= last);
        for (lsn, record) in self.rest.drain(..there) {
            self.durable.apply(lsn, record);
        }
    }
}

impl World {
    pub(super) fn arm(&mut self, power: bool, again: Vec<u64>, down: Duration, clock: i64) {
        self.process.ending = Some(Ending { power, down: nanos(down) });
        self.process.again = again;
        self.process.clock += clock;
        let life = self.process.life;
        // At the latest, if the disk has nothing to do.
        self.after(1_000 * MS, Happening::End(life));
    }

    pub(super) fn end_now(&mut self, life: u64) {
        if life == self.process.life
            && let Some(Ending { power, down }) = self.process.ending.take()
            // It may be over since an earlier one.
            && !matches!(self.process.state, State::Down)
        {
            self.end(power, down);
        }
    }

    /// The process is no more, and perhaps the power.
    fn end(&mut self, power: bool, down: u64) {
        let was = std::mem::take(&mut self.process.state);
        self.coverage.crashes += 1;
        self.coverage.power_cuts += u64::from(power);
        self.coverage.crashes_in_recovery += u64::from(matches!(was, State::Reading(_)));
        if let State::Up(broker) = &was {
            self.judge_log(broker);
        }
        self.trace.note(self.now, format_args!("the process ends, power off: {power}"), &[2]);
        if let Some(op) = self.process.doing.take()
            && self.disk_random.one_in(5)
        {
            let _ = self.disk.perform(op, &mut self.disk_random);
        }
        if power {
            self.disk.cut_power(&mut self.disk_random);
            if std::mem::take(&mut self.process.flips)
                && self.disk.flip(&mut self.disk_random).is_some()
            {
                self.process.damaged = true;
                self.coverage.damage += 1;
            }
        }
        (self.process.life, self.process.timer) = (self.process.life + 1, None);
        (self.process.ending, self.process.retries) = (None, false);
        (self.stalled_until, self.process.first_link) = (0, self.next_link + 1);
        self.stopping = false;
        self.tap.ended();
        self.oracle.broker_ended();
        self.attacks_are_over();
        self.desk_is_cleared();
        for actor in &mut self.actors {
            actor.kept = actor.kept.or(actor.usual);
        }
        let links = self.links.iter_mut().filter(|(_, link)| link.client_end);
        let cut: Vec<u64> = links.map(|(number, _)| *number).collect();
        for link in cut {
            if let Some(there) = self.links.get_mut(&link) {
                there.broker_end = false;
                let at = there.to_client_at.max(self.now);
                self.at(at, Happening::ClientLoses(link));
            }
        }
        // Half a minute later it knows for sure, whatever its log says.
        for client in 0..self.actors.len() {
            self.knows_gone(client, self.now + 30_000 * MS);
        }
        self.after(down, Happening::Boot);
    }

    pub(super) fn boot(&mut self) {
        let often = self.plan.variety.is_any() && self.streams.changes.one_in(10);
        self.process.found = often.then(|| self.disk.clone());
        let options = self.options();
        self.process.ops = 0;
        self.process.state = State::Reading(Box::new((Recovery::new(options), Image::default())));
        self.go_on_reading();
    }

    pub(super) fn options(&mut self) -> Options {
        let (segment_len, nonce) = (self.plan.segment_len, self.disk_random.next());
        let planted = self.plan.config.planted;
        Options { segment_len, sync: Sync::Always, nonce, planted }
    }

    fn go_on_reading(&mut self) {
        loop {
            let State::Reading(reading) = &mut self.process.state else { return };
            let (recovery, image) = &mut **reading;
            match recovery.next() {
                Step::Do(op) => {
                    if self.process.again.last() == Some(&self.process.ops) {
                        self.process.again.pop();
                        self.process.doing = Some(op);
                        let power = !self.disk_random.one_in(4);
                        return self.end(power, MS);
                    }
                    self.process.ops += 1;
                    return self.begin(op);
                }
                Step::Batch(batch) => {
                    if let Err(why) = apply(image, &batch) {
                        return self.oracle.violation(why);
                    }
                }
                Step::Finished(log, summary) => {
                    let image = std::mem::take(image);
                    return self.recovered(*log, image, &summary);
                }
                // Whoever runs it starts it again.
                Step::Failed(RecoveryError::Disk { .. }) => return self.end(false, MS),
                Step::Failed(error) => {
                    self.found_damage(&error.to_string());
                    return;
                }
            }
        }
    }

    /// A log that cannot be used, or lacks what was durable: right if it was damaged, and the end.
    fn found_damage(&mut self, what: &str) {
        self.trace.note(self.now, format_args!("recovery: {what}"), &[3]);
        if self.process.damaged {
            self.coverage.damage_found += 1;
            self.done = true;
        } else {
            self.oracle.violation(format!("I17: recovery: {what}"));
        }
    }

    fn recovered(&mut self, mut log: Log, image: Image, summary: &Summary) {
        let told = self.shadow.told;
        self.coverage.torn_tails += u64::from(summary.cut.is_some());
        if summary.last < told {
            return self.found_damage(&format!("ends at {} of {}", summary.last.0, told.0));
        }
        if let Some(found) = self.process.found.take().filter(|_| !self.process.damaged) {
            self.recover_from_each_step(&found);
        }
        self.shadow.upto(summary.last);
        self.shadow.rest.clear();
        self.shadow.told = summary.last;
        if image != self.shadow.durable {
            return self.found_damage("the state is not the one that was stored");
        }
        if !self.process.damaged {
            self.recover_once_more(&image, summary.last);
        }
        log.set_live(image.live_bytes());
        let mut seed = [u8::try_from(self.plan.seed & 0xFF).unwrap_or(0); 32];
        if let Some(byte) = seed.last_mut().filter(|_| self.plan.variety.is_any()) {
            // No life gives away the Client Identifiers of another.
            *byte = byte.wrapping_add(u8::try_from(self.process.life & 0xFF).unwrap_or(0));
        }
        self.set_up();
        let varied = self.plan.variety.is_any();
        let before = varied.then(|| image.clone());
        let config = self.config.clone();
        let engine = Engine::restore(config, seed, image, summary.last, summary.time);
        engine.check();
        if before.is_some_and(|before| engine.image() != before) {
            self.oracle.violation("I17: the engine is not what its log says".to_owned());
        }
        let wall = i64::try_from(crate::EPOCH_SECS * 1_000).unwrap_or(0) + self.process.clock;
        let wall = Duration::from_millis(u64::try_from(wall).unwrap_or(0));
        let wall = Time::ZERO + wall + Duration::from_nanos(self.now);
        self.process.time = wall.max(summary.time);
        self.process.started = self.now;
        self.enough_since = Some(self.now);
        let time = self.process.time;
        let broker = Broker::new(engine, log, &self.plan, time);
        self.process.state = State::Up(Box::new(broker));
        self.trace.note(self.now, format_args!("recovered {}", summary.last.0), &[4]);
        self.pump();
    }

    /// The configuration of a life that begins.
    fn set_up(&mut self) {
        if self.plan.variety.has(Part::Changes) && self.process.life > 0 {
            self.config = variety::changed(&mut self.streams.changes, &self.config);
            self.coverage.changes += 1;
        }
        self.tap.begins(&self.config);
    }

    /// The disk begins an operation.
    fn begin(&mut self, op: Op) {
        let life = self.process.life;
        let most = match &op {
            Op::Sync { .. } | Op::SyncDirectory => self.plan.sync * self.slow,
            Op::List
            | Op::Read { .. }
            | Op::Allocate { .. }
            | Op::Write { .. }
            | Op::Rename { .. }
            | Op::Remove { .. } => 20_000,
        };
        let time = self.disk_random.between(1_000, most);
        // Between a write and the end of its sync most is at stake.
        let unsynced = matches!(&op, Op::Sync { file } if file.ends_with(".log"));
        self.process.doing = Some(op);
        if self.process.ending.is_some() && (unsynced || self.disk_random.one_in(8)) {
            let within = self.disk_random.below(time);
            self.after(within, Happening::End(life));
        }
        self.after(time, Happening::DiskDone(life));
    }

    pub(super) fn disk_done(&mut self, life: u64) {
        if life != self.process.life {
            return;
        }
        let Some(op) = self.process.doing.take() else { return };
        self.disk.full = self.now < self.full_until;
        self.trace.note(self.now, format_args!("disk: {}", short(&op)), &[5]);
        let cleans = matches!(&op, Op::Remove { file } if file.ends_with(".log"));
        let reply = self.disk.perform(op, &mut self.disk_random);
        let now = self.process.time(self.now);
        match &mut self.process.state {
            State::Down => {}
            State::Reading(reading) => {
                reading.0.done(reply);
                self.go_on_reading();
            }
            State::Up(broker) => {
                self.coverage.segments_cleaned += u64::from(cleans);
                let outcome = broker.disk_done(now, reply);
                self.take_deeds();
                match outcome {
                    Ok(()) => self.pump(),
                    // Whoever runs it starts it again; the system's cache is as it was.
                    Err(error) => {
                        self.trace.note(self.now, format_args!("{error}"), &[6]);
                        let down = self.disk_random.between(MS, 100 * MS);
                        self.end(false, down);
                    }
                }
            }
        }
    }

    pub(super) fn engine_timer(&mut self, life: u64) {
        if life != self.process.life {
            return;
        }
        self.process.timer = None;
        let now = self.process.time(self.now);
        if let Some(broker) = self.process.broker_mut()
            && broker.engine.next_timeout().is_some_and(|due| due <= now)
        {
            broker.timeout(now);
        }
        self.pump();
    }

    /// There may be room again.
    pub(super) fn retry(&mut self, life: u64) {
        if life != self.process.life {
            return;
        }
        self.process.retries = false;
        if let Some(broker) = self.process.broker_mut() {
            broker.log.retry();
        }
        self.pump();
    }

    /// Whatever the broker has to do with others.
    pub(super) fn pump(&mut self) {
        self.take_deeds();
        if self.shadow.is_durable() {
            self.judge_promptness();
        }
        let (life, time) = (self.process.life, self.process.time(self.now));
        let idle = self.process.doing.is_none();
        let Some(broker) = self.process.broker_mut() else { return };
        let full = broker.tell_storage(time);
        let due = broker.engine.next_timeout().map(|due| nanos(due - time));
        if idle && let Some(op) = broker.next_op() {
            self.begin(op);
        }
        if full && !std::mem::replace(&mut self.process.retries, true) {
            self.after(1_000 * MS, Happening::Retry(life));
        }
        if let Some(delay) = due
            && self.process.timer.is_none_or(|at| at > self.now + delay)
        {
            self.process.timer = Some(self.now + delay);
            self.after(delay, Happening::EngineTimer(life));
        }
    }

    /// I10: where nothing waits for the disk, nobody waits for an answer, and everybody is listened
    /// to unless memory is short, or was a moment ago.
    fn judge_promptness(&mut self) {
        let now = self.process.time(self.now);
        let enough = self.enough_since.is_some_and(|since| self.now > since + 1_000 * MS);
        let broker = self.process.broker_mut().filter(|_| enough);
        let unread = broker.and_then(|broker| broker.unread(now));
        let unread = unread.map(|conn| format!("I10: link {} is not read from", conn.slot));
        if let Some(what) = unread.or_else(|| self.tap.unanswered()) {
            self.oracle.violation(what);
        }
    }

    pub(super) fn take_deeds(&mut self) {
        let Some(broker) = self.process.broker_mut() else { return };
        for deed in broker.deeds() {
            self.take_deed(deed);
        }
    }

    fn take_deed(&mut self, deed: Deed) {
        let now = self.process.time(self.now);
        match deed {
            Deed::Took { conn, packet } => {
                self.trace.note(self.now, format_args!("link {}: {packet:?}", conn.slot), &[]);
                let judged = self.tap.took(now, conn, &packet);
                self.judge(judged);
                if let Taken::Packet(Packet::Disconnect(disconnect)) = &packet {
                    self.bye_is_read(conn, disconnect);
                }
            }
            Deed::Sent { conn, outgoing, bytes } => {
                let slot = conn.slot;
                self.trace.note(self.now, format_args!("link {slot}: {outgoing:?}"), &[]);
                let judged = self.tap.sent(now, conn, &outgoing, bytes.len());
                self.judge(judged);
                self.learn_name(u64::from(slot), &outgoing);
                self.hostile_hears(u64::from(slot), &outgoing);
                self.send_to_client(u64::from(slot), bytes);
            }
            Deed::Closed { conn } => {
                self.tap.closed(conn);
                self.closed_by_stop(u64::from(conn.slot));
                self.hostile_closed(u64::from(conn.slot));
                self.broker_closed(u64::from(conn.slot));
            }
            Deed::Lost { conn } => self.tap.closed(conn),
            Deed::Answered { id, answer } => self.answered(id.0, answer),
            Deed::Appended { lsn, record } => self.shadow.rest.push((lsn, record)),
            Deed::Durable { upto } => {
                self.shadow.told = upto;
                self.shadow.upto(upto);
            }
            Deed::Told(notice) => self.hear(&notice),
        }
    }

    fn judge(&mut self, outcome: Result<(), String>) {
        if let Err(what) = outcome {
            self.oracle.violation(what);
        }
    }

    /// The broker may have given the client of a connection its identifier.
    fn learn_name(&mut self, link: u64, outgoing: &Outgoing) {
        if let Outgoing::Packet(Packet::Connack(ack)) = outgoing
            && let Some(name) = &ack.properties.get().assigned_client_identifier
            && let Some(there) = self.links.get(&link)
        {
            self.names.insert(name.to_string(), there.client);
        }
    }

    /// The client of that name, if it is one of the world's.
    fn client_named(&self, name: &str) -> Option<usize> {
        let plain = || {
            let index: usize = name.strip_prefix('c')?.parse().ok()?;
            (index <= self.plan.actors.len()).then_some(index)
        };
        self.names.get(name).copied().or_else(plain)
    }

    /// A session that was ended by an order is not there when its client comes back.
    fn judge_presence(&mut self, client: &str, present: bool) {
        self.accepted_since_order.insert(client.to_owned());
        if self.ended_by_order.remove(client) && present {
            self.oracle.violation(format!("I4: the session of {client} was ended by an order"));
        }
    }

    fn broker_closed(&mut self, link: u64) {
        let Some(there) = self.links.get_mut(&link) else { return };
        debug_assert_eq!(conn(link).generation, 0);
        there.broker_end = false;
        let (client, at) = (there.client, there.to_client_at.max(self.now));
        self.at(at, Happening::ClientLoses(link));
        self.knows_gone(client, self.now);
    }

    fn hear(&mut self, notice: &Notice) {
        let now = self.process.time(self.now);
        let judged = self.tap.told(now, notice);
        self.judge(judged);
        let client = notice.client().and_then(|client| self.client_named(client.as_str()));
        self.oracle.told(client, notice);
        self.trace.note(self.now, format_args!("notice: {notice:?}"), &[7]);
        match notice {
            Notice::Disconnected { why: CloseReason::TakenOver, .. } => {
                self.coverage.takeovers += 1;
            }
            Notice::Disconnected { why: CloseReason::KeepAlive, .. } => {
                self.coverage.silent += 1;
            }
            Notice::Disconnected { why: CloseReason::QueueFull, .. } => {
                self.coverage.kicked += 1;
            }
            Notice::Dropped { why, .. } => {
                let full = matches!(
                    why,
                    DropReason::QueueFullOldestQoS0
                        | DropReason::QueueFullNewQoS0
                        | DropReason::QueueFullOldest
                        | DropReason::QueueFullNewest
                );
                self.coverage.overflows += u64::from(full);
                self.coverage.messages_expired += u64::from(*why == DropReason::Expired);
                self.coverage.too_large += u64::from(*why == DropReason::PacketTooLarge);
            }
            Notice::SessionEnded { why: SessionEnd::Expired, .. } => self.coverage.expired += 1,
            Notice::Connected { client, session_present, .. } => {
                self.judge_presence(client.as_str(), *session_present);
            }
            Notice::Refused { .. }
            | Notice::Disconnected { .. }
            | Notice::SessionEnded { .. }
            | Notice::PublishRefused { .. }
            | Notice::NotRetained { .. }
            | Notice::SubscribeRefused { .. }
            | Notice::WillPublished { .. }
            | Notice::Storage(_)
            | Notice::Memory(_) => {}
        }
    }

    /// Compares counts, if the process is up.
    pub(super) fn compare_counters(&mut self) {
        let Some(broker) = self.process.broker_mut() else { return };
        if let Err(what) = self.tap.compare(broker.engine.counters()) {
            self.oracle.violation(what);
        }
    }
}

fn short(op: &Op) -> String {
    match op {
        Op::Write { file, offset, bytes } => format!("write {file} {offset} {}", bytes.len()),
        Op::List
        | Op::Read { .. }
        | Op::Allocate { .. }
        | Op::Sync { .. }
        | Op::Rename { .. }
        | Op::Remove { .. }
        | Op::SyncDirectory => format!("{op:?}"),
    }
}
