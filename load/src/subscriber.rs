//! One subscribing connection: it answers, notes what has come and measures the delay.

use std::io;

use crate::audience::{self, Audience};
use crate::clock::Clock;
use crate::delays::Delays;
use crate::link::{Link, invalid};
use crate::stamp::Stamp;
use crate::window::dismissal;
use crate::wire::{Frame, PINGREQ, Version, kind, put_ack};
use crate::workload::{Pacing, Workload};

/// A client that has subscribed to one filter.
#[derive(Debug)]
pub(super) struct Subscriber {
    /// The connection.
    pub(super) link: Link,
    /// The number of its audience.
    pub(super) audience: u32,
    inbox: Inbox,
}

/// Where deliveries are noted.
struct Arrived<'a> {
    audience: &'a mut Audience,
    received: &'a mut Received,
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
        let audience = audience::number_of(workload, number);
        Self { link, audience, inbox: Inbox { version: workload.version, pong: false } }
    }

    /// Reads, checks and answers what has come.
    ///
    /// # Errors
    /// `InvalidData` for a message that was never sent here, or what the link reports.
    pub(super) fn on_readable(
        &mut self,
        scratch: &mut [u8],
        clock: &Clock,
        audience: &mut Audience,
        received: &mut Received,
    ) -> io::Result<()> {
        let Self { link, inbox, .. } = self;
        let mut to = Arrived { audience, received };
        link.read_frames(scratch, clock, |frame, now_ns, out| {
            inbox.on_frame(frame, now_ns, out, &mut to)
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
}

/// What one connection acts on.
#[derive(Debug)]
struct Inbox {
    version: Version,
    pong: bool,
}

impl Inbox {
    fn on_frame(
        &mut self,
        frame: Frame<'_>,
        now_ns: u64,
        out: &mut Vec<u8>,
        to: &mut Arrived<'_>,
    ) -> io::Result<()> {
        match frame.kind() {
            kind::PUBLISH => self.on_publish(frame, now_ns, out, to),
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
        &self,
        frame: Frame<'_>,
        now_ns: u64,
        out: &mut Vec<u8>,
        to: &mut Arrived<'_>,
    ) -> io::Result<()> {
        let publish = frame.publish(self.version).map_err(invalid)?;
        let stamp = Stamp::of(publish.payload).ok_or_else(|| invalid("a payload cut short"))?;
        if to.audience.note(stamp.publisher, stamp.sequence)? {
            to.received.note(stamp.intended_ns, now_ns);
        }
        publish.put_answer(out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{PublishTemplate, Qos, next_frame};

    fn deliver(audience: &mut Audience, stamp: Stamp, qos: Qos, at_ns: u64) -> (Vec<u8>, Received) {
        let (mut packet, mut out) = (Vec::new(), Vec::new());
        PublishTemplate::new("t", qos, Stamp::LEN, 3).put(&mut packet, 5, &stamp.to_bytes());
        let (frame, _) = next_frame(&packet).unwrap().unwrap();
        let mut received = Received::new(Pacing::Open { rate: 1.0 });
        let mut inbox = Inbox { version: Version::V3_1_1, pong: false };
        let mut to = Arrived { audience, received: &mut received };
        inbox.on_frame(frame, at_ns, &mut out, &mut to).unwrap();
        (out, received)
    }

    const STAMP: Stamp = Stamp { publisher: 0, sequence: 0, intended_ns: 1_000 };

    #[test]
    fn delays_count_from_the_intended_moment() {
        let mut audience = Audience::new(0..1, true);
        let (_, received) = deliver(&mut audience, STAMP, Qos::AtMostOnce, 501_000);
        let latency = received.delays.latency().unwrap();
        assert_eq!(received.deliveries, 1);
        assert!((latency.max_us - 500.0).abs() < 1.0, "{latency:?}");
    }

    #[test]
    fn a_duplicate_is_answered_but_neither_counted_nor_timed() {
        let mut audience = Audience::new(0..1, true);
        deliver(&mut audience, STAMP, Qos::AtLeastOnce, 2_000);
        let (out, received) = deliver(&mut audience, STAMP, Qos::AtLeastOnce, 3_000);
        assert_eq!(out, [0x40, 2, 0, 5]);
        assert_eq!((received.deliveries, received.delays.latency()), (0, None));
    }

    #[test]
    fn qos_2_is_answered_in_two_steps() {
        let mut audience = Audience::new(0..1, true);
        let (out, _) = deliver(&mut audience, STAMP, Qos::ExactlyOnce, 0);
        assert_eq!(out, [0x50, 2, 0, 5]);
    }
}
