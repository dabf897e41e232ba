//! The Packet Identifiers of a publisher: which are free, and what the others wait for.

use std::io;

use crate::link::invalid;
use crate::wire::{Frame, Qos, kind, put_ack};

/// What is still to come for a Packet Identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaiting {
    Nothing,
    Puback,
    Pubrec,
    Pubcomp,
}

/// The Packet Identifiers from 1 to the size of the window.
#[derive(Debug)]
pub(crate) struct Window {
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
    pub(crate) fn new(size: u16) -> Self {
        let nothing = Taken { awaiting: Awaiting::Nothing, intended_ns: 0 };
        Self { free: (1..=size).rev().collect(), taken: vec![nothing; usize::from(size)] }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.free.len() == self.taken.len()
    }

    pub(crate) fn room(&self) -> u64 {
        self.free.len() as u64
    }

    /// The identifier of a message of QoS 1 or 2. There must be [`Window::room`].
    pub(crate) fn take(&mut self, qos: Qos, intended_ns: u64) -> u16 {
        let first = match qos {
            Qos::AtMostOnce | Qos::AtLeastOnce => Awaiting::Puback,
            Qos::ExactlyOnce => Awaiting::Pubrec,
        };
        let id = self.free.pop().expect("the caller has asked for room");
        let taken = self.advance(id, Awaiting::Nothing, first);
        taken.expect("a free identifier awaits nothing").intended_ns = intended_ns;
        id
    }

    /// When the message was due whose last acknowledgement this is.
    ///
    /// # Errors
    /// `InvalidData` for an acknowledgement of nothing, or one that says the message was refused.
    pub(crate) fn on_frame(
        &mut self,
        frame: Frame<'_>,
        out: &mut Vec<u8>,
    ) -> io::Result<Option<u64>> {
        if frame.kind() == kind::DISCONNECT {
            return Err(invalid(dismissal(frame)));
        }
        let ack = frame.ack().map_err(invalid)?;
        let id = ack.id;
        if ack.refuses() {
            return Err(invalid(format!(
                "it refused a message with reason code 0x{:02x}",
                ack.reason
            )));
        }
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

/// What a DISCONNECT from the broker says (5.0 section 3.14.2.1).
pub(crate) fn dismissal(frame: Frame<'_>) -> String {
    format!("DISCONNECT with reason code 0x{:02x}", frame.body.first().unwrap_or(&0))
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
        let (first, second) = (window.take(Qos::AtLeastOnce, 0), window.take(Qos::AtLeastOnce, 0));
        assert_eq!((first, second, window.room()), (1, 2, 0));
        ack(&mut window, kind::PUBACK, first).unwrap();
        assert_eq!((window.room(), window.is_empty()), (1, false));
        assert!(ack(&mut window, kind::PUBACK, first).is_err());
    }

    #[test]
    fn qos_2_takes_three_answers() {
        let mut window = Window::new(1);
        let id = window.take(Qos::ExactlyOnce, 7);
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

    #[test]
    fn a_refused_message_ends_the_run() {
        let mut window = Window::new(1);
        window.take(Qos::AtLeastOnce, 0);
        let answer = |body| Frame { header: kind::PUBACK << 4, body };
        let refused = window.on_frame(answer(b"\x00\x01\x97"), &mut Vec::new()).unwrap_err();
        assert!(refused.to_string().contains("0x97"), "{refused}");
        window.on_frame(answer(b"\x00\x01\x10"), &mut Vec::new()).unwrap();
        assert!(window.is_empty());
    }
}
