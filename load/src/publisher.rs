//! One publishing connection: its window, its hand-shakes, its sequence numbers.

use std::io;

use crate::clock::Clock;
use crate::delays::Delays;
use crate::link::{Link, invalid};
use crate::stamp::Stamp;
use crate::wire::{Frame, PublishTemplate, Qos, kind, put_ack};
use crate::workload::Workload;

/// What is still to come for a Packet Identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaiting {
    Nothing,
    Puback,
    Pubrec,
    Pubcomp,
}

/// A client that publishes to one topic.
#[derive(Debug)]
pub(super) struct Publisher {
    /// The connection.
    pub(super) link: Link,
    number: u32,
    qos: Qos,
    template: PublishTemplate,
    /// Messages published so far: the next sequence number.
    published: u64,
    window: Window,
}

impl Publisher {
    /// Publisher `number` of `workload`, on a connection that is past CONNACK.
    pub(super) fn new(link: Link, number: u32, workload: &Workload) -> Self {
        let filler_len = workload.payload - Stamp::LEN;
        let topic = workload.topic(number);
        Self {
            link,
            number,
            qos: workload.qos,
            template: PublishTemplate::new(&topic, workload.qos, Stamp::LEN, filler_len),
            published: 0,
            window: Window::new(workload.window),
        }
    }

    /// Messages published so far.
    pub(super) const fn published(&self) -> u64 {
        self.published
    }

    /// Whether every message has been acknowledged as its QoS asks.
    pub(super) fn is_settled(&self) -> bool {
        self.window.is_empty()
    }

    /// How many messages may be published now.
    pub(super) fn room(&self) -> u64 {
        if self.link.is_waiting() {
            return 0;
        }
        match self.qos {
            Qos::AtMostOnce => u64::MAX,
            Qos::AtLeastOnce | Qos::ExactlyOnce => self.window.room(),
        }
    }

    /// Puts the next message into the link's buffer. There must be [`Publisher::room`].
    pub(super) fn publish(&mut self, intended_ns: u64) {
        let stamp = Stamp { publisher: self.number, sequence: self.published, intended_ns };
        let id = match self.qos {
            Qos::AtMostOnce => 0,
            Qos::AtLeastOnce => self.window.take(Awaiting::Puback, intended_ns),
            Qos::ExactlyOnce => self.window.take(Awaiting::Pubrec, intended_ns),
        };
        self.template.put(self.link.out(), id, &stamp.to_bytes());
        self.published += 1;
    }

    /// Reads, times and answers acknowledgements.
    ///
    /// # Errors
    /// `InvalidData` for an acknowledgement of nothing, or what the link reports.
    pub(super) fn on_readable(
        &mut self,
        scratch: &mut [u8],
        clock: &Clock,
        delays: &mut Delays,
    ) -> io::Result<()> {
        let Self { link, window, .. } = self;
        link.read_frames(scratch, clock, |frame, now_ns, out| {
            if let Some(intended_ns) = window.on_frame(frame, out)? {
                delays.note(intended_ns, now_ns);
            }
            Ok(())
        })?;
        link.flush()
    }
}

/// The Packet Identifiers from 1 to the size of the window.
#[derive(Debug)]
struct Window {
    free: Vec<u16>,
    /// By identifier less 1.
    taken: Vec<Taken>,
}

/// What is known of a Packet Identifier.
#[derive(Debug, Clone, Copy)]
struct Taken {
    awaiting: Awaiting,
    /// When its message was due.
    intended_ns: u64,
}

impl Window {
    fn new(size: u16) -> Self {
        let nothing = Taken { awaiting: Awaiting::Nothing, intended_ns: 0 };
        Self { free: (1..=size).rev().collect(), taken: vec![nothing; usize::from(size)] }
    }

    fn is_empty(&self) -> bool {
        self.free.len() == self.taken.len()
    }

    fn room(&self) -> u64 {
        self.free.len() as u64
    }

    fn take(&mut self, first: Awaiting, intended_ns: u64) -> u16 {
        let id = self.free.pop().expect("the caller has asked for room");
        let taken = self.advance(id, Awaiting::Nothing, first);
        taken.expect("a free identifier awaits nothing").intended_ns = intended_ns;
        id
    }

    /// When the message was due whose last acknowledgement this is.
    fn on_frame(&mut self, frame: Frame<'_>, out: &mut Vec<u8>) -> io::Result<Option<u64>> {
        let id = frame.packet_id().map_err(invalid)?;
        match frame.kind() {
            kind::PUBACK => self.finish(id, Awaiting::Puback).map(Some),
            kind::PUBCOMP => self.finish(id, Awaiting::Pubcomp).map(Some),
            kind::PUBREC => {
                self.advance(id, Awaiting::Pubrec, Awaiting::Pubcomp)?;
                put_ack(out, kind::PUBREL, id);
                Ok(None)
            }
            other => Err(invalid(format!("a packet of type {other} to a publisher"))),
        }
    }

    fn finish(&mut self, id: u16, from: Awaiting) -> io::Result<u64> {
        let intended_ns = self.advance(id, from, Awaiting::Nothing)?.intended_ns;
        self.free.push(id);
        Ok(intended_ns)
    }

    fn advance(&mut self, id: u16, from: Awaiting, to: Awaiting) -> io::Result<&mut Taken> {
        let taken = usize::from(id).checked_sub(1).and_then(|at| self.taken.get_mut(at));
        match taken {
            Some(taken) if taken.awaiting == from => {
                taken.awaiting = to;
                Ok(taken)
            }
            Some(Taken { awaiting, .. }) => {
                Err(invalid(format!("Packet Identifier {id} awaits {awaiting:?}, not {from:?}")))
            }
            None => Err(invalid(format!("Packet Identifier {id} was never used"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(window: &mut Window, kind: u8, id: u16) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        let body = id.to_be_bytes();
        window.on_frame(Frame { header: kind << 4, body: &body }, &mut out).map(|_| out)
    }

    #[test]
    fn puback_makes_room_once() {
        let mut window = Window::new(2);
        let (first, second) = (window.take(Awaiting::Puback, 0), window.take(Awaiting::Puback, 0));
        assert_eq!((first, second, window.room()), (1, 2, 0));
        ack(&mut window, kind::PUBACK, first).unwrap();
        assert_eq!((window.room(), window.is_empty()), (1, false));
        assert!(ack(&mut window, kind::PUBACK, first).is_err());
    }

    #[test]
    fn qos_2_takes_three_answers() {
        let mut window = Window::new(1);
        let id = window.take(Awaiting::Pubrec, 7);
        assert!(ack(&mut window, kind::PUBCOMP, id).is_err());
        assert_eq!(ack(&mut window, kind::PUBREC, id).unwrap(), [0x62, 2, 0, 1]);
        assert!(!window.is_empty());
        ack(&mut window, kind::PUBCOMP, id).unwrap();
        assert!(window.is_empty());
    }

    #[test]
    fn an_identifier_out_of_the_window_is_refused() {
        let mut window = Window::new(1);
        assert!(ack(&mut window, kind::PUBACK, 0).is_err());
        assert!(ack(&mut window, kind::PUBACK, 2).is_err());
        assert!(ack(&mut window, kind::SUBACK, 1).is_err());
    }
}
