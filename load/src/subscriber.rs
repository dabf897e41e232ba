//! One subscribing connection: it answers, checks the order and measures the delay.

use std::io;
use std::ops::Range;

use crate::arrivals::{Arrivals, Tally};
use crate::clock::Clock;
use crate::delays::Delays;
use crate::link::{Link, invalid};
use crate::stamp::Stamp;
use crate::window::dismissal;
use crate::wire::{Frame, PINGREQ, Qos, Version, kind, put_ack};
use crate::workload::{Pacing, Shape, Workload};

/// A client that has subscribed to one filter.
#[derive(Debug)]
pub(super) struct Subscriber {
    /// The connection.
    pub(super) link: Link,
    inbox: Inbox,
}

/// What all subscribers of a run count together.
#[derive(Debug)]
pub(super) struct Received {
    /// Different messages that arrived.
    pub(super) deliveries: u64,
    /// How long they took.
    pub(super) delays: Delays,
}

impl Received {
    pub(super) fn new(pacing: Pacing) -> Self {
        Self { deliveries: 0, delays: Delays::new(pacing) }
    }

    fn note(&mut self, intended_ns: u64, now_ns: u64) {
        self.deliveries += 1;
        self.delays.note(intended_ns, now_ns);
    }
}

impl Subscriber {
    /// Subscriber `number` of `workload`, on a connection that is past SUBACK.
    pub(super) fn new(link: Link, number: u32, workload: &Workload) -> Self {
        let publishers = match workload.shape {
            Shape::Fanin | Shape::Fanout => 0..workload.publishers(),
            Shape::Pairs => number..number + 1,
        };
        Self { link, inbox: Inbox::new(publishers, workload.version) }
    }

    /// Reads, checks and answers what has come.
    ///
    /// # Errors
    /// `InvalidData` for a message that was never sent here, or what the link reports.
    pub(super) fn on_readable(
        &mut self,
        scratch: &mut [u8],
        clock: &Clock,
        received: &mut Received,
    ) -> io::Result<()> {
        let Self { link, inbox } = self;
        link.read_frames(scratch, clock, |frame, now_ns, out| {
            inbox.on_frame(frame, now_ns, out, received)
        })?;
        link.flush()
    }

    /// Asks for a PINGRESP, which comes behind everything the broker has sent until then.
    ///
    /// # Errors
    /// The link's.
    pub(super) fn ping(&mut self) -> io::Result<()> {
        self.inbox.pong = false;
        self.link.out().extend_from_slice(&PINGREQ);
        self.link.flush()
    }

    /// Whether the PINGRESP has come.
    pub(super) const fn has_pong(&self) -> bool {
        self.inbox.pong
    }

    /// The counts, given how many messages each publisher has sent.
    pub(super) fn tally(&self, published: impl Fn(u32) -> u64) -> Tally {
        let mut sum = Tally::default();
        for (number, arrivals) in self.inbox.publishers.clone().zip(&self.inbox.arrivals) {
            sum += arrivals.tally(published(number));
        }
        sum
    }
}

/// What has arrived on one connection.
#[derive(Debug)]
struct Inbox {
    version: Version,
    /// Whose messages belong here.
    publishers: Range<u32>,
    /// One a publisher.
    arrivals: Vec<Arrivals>,
    pong: bool,
}

impl Inbox {
    fn new(publishers: Range<u32>, version: Version) -> Self {
        let arrivals = vec![Arrivals::default(); publishers.len()];
        Self { version, publishers, arrivals, pong: false }
    }

    fn on_frame(
        &mut self,
        frame: Frame<'_>,
        now_ns: u64,
        out: &mut Vec<u8>,
        received: &mut Received,
    ) -> io::Result<()> {
        match frame.kind() {
            kind::PUBLISH => self.on_publish(frame, now_ns, out, received),
            kind::PUBREL => {
                put_ack(out, kind::PUBCOMP, frame.packet_id().map_err(invalid)?);
                Ok(())
            }
            kind::PINGRESP => {
                self.pong = true;
                Ok(())
            }
            kind::DISCONNECT => Err(invalid(dismissal(frame))),
            other => Err(invalid(format!("a packet of type {other} to a subscriber"))),
        }
    }

    fn on_publish(
        &mut self,
        frame: Frame<'_>,
        now_ns: u64,
        out: &mut Vec<u8>,
        received: &mut Received,
    ) -> io::Result<()> {
        let publish = frame.publish(self.version).map_err(invalid)?;
        let stamp = Stamp::of(publish.payload).ok_or_else(|| invalid("a payload cut short"))?;
        let arrivals = self.arrivals_of(stamp.publisher)?;
        if arrivals.note(stamp.sequence) {
            received.note(stamp.intended_ns, now_ns);
        }
        match publish.qos {
            Qos::AtMostOnce => {}
            Qos::AtLeastOnce => put_ack(out, kind::PUBACK, publish.id),
            Qos::ExactlyOnce => put_ack(out, kind::PUBREC, publish.id),
        }
        Ok(())
    }

    fn arrivals_of(&mut self, publisher: u32) -> io::Result<&mut Arrivals> {
        let at =
            publisher.checked_sub(self.publishers.start).and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| self.arrivals.get_mut(at))
            .ok_or_else(|| invalid(format!("a message of publisher {publisher}, not asked for")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{PublishTemplate, next_frame};

    fn deliver(inbox: &mut Inbox, stamp: Stamp, qos: Qos, at_ns: u64) -> (Vec<u8>, Received) {
        let (mut packet, mut out) = (Vec::new(), Vec::new());
        PublishTemplate::new("t", qos, Stamp::LEN, 3).put(&mut packet, 5, &stamp.to_bytes());
        let (frame, _) = next_frame(&packet).unwrap().unwrap();
        let mut received = Received::new(Pacing::Open { rate: 1.0 });
        inbox.on_frame(frame, at_ns, &mut out, &mut received).unwrap();
        (out, received)
    }

    fn stamp(publisher: u32, sequence: u64) -> Stamp {
        Stamp { publisher, sequence, intended_ns: 1_000 }
    }

    #[test]
    fn delays_count_from_the_intended_moment() {
        let mut inbox = Inbox::new(0..1, Version::V3_1_1);
        let (_, received) = deliver(&mut inbox, stamp(0, 0), Qos::AtMostOnce, 501_000);
        let latency = received.delays.latency().unwrap();
        assert_eq!(received.deliveries, 1);
        assert!((latency.max_us - 500.0).abs() < 1.0, "{latency:?}");
    }

    #[test]
    fn a_duplicate_is_answered_but_neither_counted_nor_timed() {
        let mut inbox = Inbox::new(0..1, Version::V3_1_1);
        deliver(&mut inbox, stamp(0, 0), Qos::AtLeastOnce, 2_000);
        let (out, received) = deliver(&mut inbox, stamp(0, 0), Qos::AtLeastOnce, 3_000);
        assert_eq!(out, [0x40, 2, 0, 5]);
        assert_eq!((received.deliveries, received.delays.latency()), (0, None));
    }

    #[test]
    fn each_publisher_is_checked_by_itself() {
        let mut inbox = Inbox::new(3..5, Version::V3_1_1);
        for (publisher, sequence) in [(3, 0), (4, 0), (3, 1), (4, 2)] {
            deliver(&mut inbox, stamp(publisher, sequence), Qos::ExactlyOnce, 0);
        }
        let (of_3, of_4) = (inbox.arrivals[0].tally(2), inbox.arrivals[1].tally(3));
        assert!(of_3.is_clean());
        assert_eq!((of_4.received, of_4.lost), (2, 1));
        assert!(inbox.arrivals_of(2).is_err() && inbox.arrivals_of(5).is_err());
    }
}
