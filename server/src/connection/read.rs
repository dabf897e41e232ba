//! From bytes to packets, without a buffer of its own while nothing is incomplete.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{BufMut, Bytes};
use surewire_engine::codec::{self, Packets};
use surewire_engine::event::{Event, Lost};
use surewire_engine::message::LARGE_PAYLOAD;
use surewire_engine::violation::Violation;
use tokio::io::AsyncReadExt;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use super::Connection;
use super::filters::Filters;
use crate::environment::Stream;
use crate::logging;
use crate::planted::Bug;
use crate::worker::Worker;

/// Reads before others get their turn.
const READS: usize = 4;

/// Of what may wait for the disk before it is behind, one connection may add one in so many bytes.
const OF_DISK_SHARE: usize = 64;

/// An incomplete packet with more bytes than this is completed in its own buffer.
const SMALL: usize = 512;

/// After so long a connection whose large packet is not read for want of memory looks again.
const MEMORY_PAUSE: Duration = Duration::from_millis(50);

/// The least that an own buffer grows by.
const GROW: usize = 4 * 1024;

/// What is left of a read: an incomplete packet.
#[derive(Default)]
pub(super) struct Reader {
    partial: Vec<u8>,
    /// Bytes of the whole packet; 0 while that is not known.
    wanted: usize,
    /// `partial` may hold complete packets as well.
    unseen: bool,
    /// Of a packet that is being handed in part by part.
    filters: Option<Box<Filters>>,
    /// While memory is too short to read a large packet on.
    hold: Option<Box<Hold>>,
}

/// How long a large packet waits for memory.
struct Hold {
    until: Instant,
    next_look: Instant,
}

/// What a read brought.
enum Filled {
    /// Bytes of the arena, in which packets are to be found.
    Shared(Bytes),
    /// One whole packet in its own allocation.
    Own(Bytes),
    /// So many bytes of a packet.
    Part(usize),
    /// The stream's end.
    End,
    /// Nothing, for too long: memory is short.
    GivenUp,
}

impl Connection {
    /// Hands in packets as long as there are any; ready when the stream has ended.
    pub(super) fn poll_packets(self: &Rc<Self>, cx: &mut Context<'_>) -> Poll<Lost> {
        if !self.worker.line.is_let_in(self.place.get()) {
            return Poll::Pending;
        }
        for reads in 0..READS {
            if !self.may_read() {
                return Poll::Pending;
            }
            if !self.worker.is_delivered(self.patient.get())
                || self.must_wait_for_disk()
                || self.has_filters()
            {
                break;
            }
            let pace = &self.worker.pace;
            let much = match ready!(self.poll_fill(cx, reads == 0)) {
                Ok(Filled::Shared(bytes)) => pace.is_much(bytes.len()) | self.packets(bytes),
                Ok(Filled::Own(frame)) => {
                    let much = pace.is_much(frame.len());
                    self.own_packet(frame);
                    much
                }
                Ok(Filled::Part(count)) => pace.is_much(count),
                Ok(Filled::End) => return Poll::Ready(Lost::ByPeer),
                Ok(Filled::GivenUp) => return Poll::Ready(Lost::MemoryShort),
                Err(_) => return Poll::Ready(Lost::Failed),
            };
            if reads == 0 {
                pace.count_turn();
            }
            if self.worker.has_read_enough() {
                self.worker.turn_inline(cx);
            }
            if much {
                break;
            }
        }
        if !self.planted(Bug::TurnLost) {
            self.worker.line.stand(cx);
        }
        self.place.set(self.worker.line.last());
        Poll::Pending
    }

    /// Whether it has brought much that the disk is behind with. Whoever brings little does not wait.
    fn must_wait_for_disk(&self) -> bool {
        if self.for_disk.get() == 0 {
            return false;
        }
        if !self.worker.shared.core.disk_is_behind() && !self.planted(Bug::HeldForEver) {
            self.for_disk.set(0);
        }
        self.for_disk.get() > self.worker.shared.settings.disk_share / OF_DISK_SHARE
    }

    fn may_read(&self) -> bool {
        self.admitted.get() && self.reading.get() && !self.broken.get() && self.end.get().is_none()
    }

    fn poll_fill(&self, cx: &mut Context<'_>, is_first: bool) -> Poll<io::Result<Filled>> {
        let mut stream = self.stream.borrow_mut();
        let Some(stream) = stream.as_mut() else { return Poll::Ready(Ok(Filled::End)) };
        let mut reader = self.reader.borrow_mut();
        let before = stream.unfinished();
        if !self.worker.shared.may_read_on(reader.partial.len() + before) {
            return reader.hold(cx, &self.worker);
        }
        reader.hold = None;
        let filled = reader.poll_fill(cx, stream, &self.worker);
        if is_first && filled.is_pending() && stream.unfinished() > before {
            self.worker.pace.count_turn();
        }
        if filled.is_pending() && stream.stands_in_line() {
            self.place.set(self.worker.line.last());
        }
        filled
    }

    /// Hands in all complete packets and keeps the rest; or up to one that is much work, which it tells:
    /// the others then come after everybody else's.
    fn packets(&self, mut bytes: Bytes) -> bool {
        let settings = &self.worker.shared.settings;
        let mut taken_before = 0;
        while !self.broken.get() {
            taken_before += 1;
            if taken_before > 20 && settings.planted.is(Bug::RestOfReadLost) {
                return false;
            }
            // A log of packets shows each of them.
            let taken = if settings.log_packets {
                codec::take_packet(self.version, &mut bytes, &settings.limits)
                    .map(|packet| packet.map(Packets::One))
            } else {
                codec::take_packets(self.version, &mut bytes, &settings.limits)
            };
            match taken {
                Ok(Some(packets)) => {
                    if self.packets_taken(packets) {
                        self.reader.borrow_mut().keep(bytes.to_vec());
                        return true;
                    }
                }
                Ok(None) => {
                    let len = codec::frame_len(&bytes, settings.limits.max_packet_size);
                    if !settings.planted.is(Bug::PartialLost) {
                        self.reader.borrow_mut().rest(&bytes, len.ok().flatten());
                    }
                    return false;
                }
                Err(violation) => self.broken(violation),
            }
        }
        false
    }

    /// Hands in a part of a packet full of filters, one in each turn of all connections. Whether there
    /// is such a packet, which everything behind it waits for.
    fn has_filters(&self) -> bool {
        let mut reader = self.reader.borrow_mut();
        let Some(filters) = &mut reader.filters else { return false };
        if !self.worker.has_much_to_do() {
            self.worker.got_much_to_do();
            self.worker.pace.count_turn();
            self.submit(|conn| filters.next_part(conn));
            if filters.are_gone() {
                reader.filters = None;
            }
        }
        true
    }

    fn own_packet(&self, frame: Bytes) {
        match codec::decode(self.version, frame, &self.worker.shared.settings.limits) {
            Ok(packet) => {
                self.packets_taken(Packets::One(packet));
            }
            Err(violation) => self.broken(violation),
        }
    }

    /// Hands them in, but for filters that are to come in parts; whether they are.
    fn packets_taken(&self, mut packets: Packets) -> bool {
        if let (true, Some(conn)) = (self.worker.shared.settings.log_packets, self.id.get())
            && let Packets::One(packet) = &packets
        {
            logging::received(conn, packet);
        }
        let most = self.worker.shared.settings.engine.max_filters_per_subscribe;
        let filters = Filters::of(&mut packets, most);
        let has_filters = filters.is_some();
        if has_filters {
            self.reader.borrow_mut().filters = filters.map(Box::new);
        } else {
            self.submit(|conn| Event::received(conn, packets));
        }
        has_filters
    }

    fn broken(&self, violation: Violation) {
        self.broken.set(true);
        self.submit(|conn| Event::Broken { conn, violation });
    }
}

impl Reader {
    /// Looks again in a while whether there is memory, and gives up after `stall_timeout`: nothing is read
    /// meanwhile, so nobody would notice that the peer is gone, and what it sent would stay.
    fn hold(&mut self, cx: &Context<'_>, worker: &Worker) -> Poll<io::Result<Filled>> {
        let now = Instant::now();
        let until = now + worker.shared.settings.engine.stall_timeout;
        let hold = self.hold.get_or_insert_with(|| Box::new(Hold { until, next_look: now }));
        if now >= hold.until {
            return Poll::Ready(Ok(Filled::GivenUp));
        }
        // Otherwise something else woke it.
        if now + MEMORY_PAUSE / 2 >= hold.next_look {
            hold.next_look = now + MEMORY_PAUSE;
            let waker = cx.waker().clone();
            spawn_local(async move {
                sleep(MEMORY_PAUSE).await;
                waker.wake();
            });
        }
        Poll::Pending
    }

    /// Takes what came behind a packet, to be looked at later.
    pub(super) fn keep(&mut self, rest: Vec<u8>) {
        self.unseen = !rest.is_empty();
        self.partial = rest;
        self.wanted = 0;
    }

    /// Keeps the beginning of a packet of `len` bytes.
    fn rest(&mut self, bytes: &[u8], len: Option<usize>) {
        self.partial = bytes.to_vec();
        self.wanted = len.unwrap_or(0);
    }

    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut Box<dyn Stream>,
        worker: &Worker,
    ) -> Poll<io::Result<Filled>> {
        if std::mem::take(&mut self.unseen) {
            let bytes = Bytes::from(std::mem::take(&mut self.partial));
            return Poll::Ready(Ok(Filled::Shared(bytes)));
        }
        if self.wanted >= LARGE_PAYLOAD || self.partial.len() > SMALL {
            return self.poll_fill_own(cx, stream, worker);
        }
        let bytes = ready!(worker.arena.poll_read(cx, stream, &self.partial, worker.pace.share()))?;
        worker.count_received(bytes.len().saturating_sub(self.partial.len()));
        self.partial = Vec::new();
        Poll::Ready(Ok(if bytes.is_empty() { Filled::End } else { Filled::Shared(bytes) }))
    }

    fn poll_fill_own(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut Box<dyn Stream>,
        worker: &Worker,
    ) -> Poll<io::Result<Filled>> {
        let missing = self.wanted.saturating_sub(self.partial.len());
        if self.partial.len() == self.partial.capacity() {
            // As much again as has come, so that a claimed length alone allocates nothing.
            self.partial.reserve_exact(self.partial.len().max(GROW).min(missing));
        }
        let room = missing.min(self.partial.capacity() - self.partial.len());
        let room = room.min(worker.pace.share());
        let mut target = (&mut self.partial).limit(room);
        let count = ready!(pin!(stream.read_buf(&mut target)).poll(cx))?;
        worker.count_received(count);
        Poll::Ready(Ok(if count == 0 {
            Filled::End
        } else if self.partial.len() == self.wanted {
            self.wanted = 0;
            Filled::Own(Bytes::from(std::mem::take(&mut self.partial)))
        } else {
            Filled::Part(count)
        }))
    }
}
