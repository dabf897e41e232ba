//! Receiving a known number of messages on several connections, checked and answered.

use std::io;

use crate::Error;
use crate::audience::Audience;
use crate::connections::{Connections, Patience, TICK};
use crate::cost::{Meter, Used};
use crate::driver::broken;
use crate::link::invalid;
use crate::stamp::Stamp;
use crate::subject::Subject;
use crate::window::dismissal;
use crate::wire::{Frame, Qos, Version, kind, put_ack};

/// What several connections receive.
#[derive(Debug)]
pub(crate) struct Receiver {
    version: Version,
    qos: Qos,
    /// By number of the connection.
    audiences: Vec<Audience>,
    received: u64,
}

impl Receiver {
    /// Nothing yet; each connection has the audience of its number.
    pub(crate) const fn new(version: Version, qos: Qos, audiences: Vec<Audience>) -> Self {
        Self { version, qos, audiences, received: 0 }
    }

    /// What has arrived, by number of the connection.
    pub(crate) fn audiences(&self) -> &[Audience] {
        &self.audiences
    }

    fn on_frame(&mut self, at: usize, frame: Frame<'_>, out: &mut Vec<u8>) -> io::Result<()> {
        match frame.kind() {
            kind::PUBLISH => self.on_publish(at, frame, out),
            kind::PUBREL => {
                put_ack(out, kind::PUBCOMP, frame.packet_id().map_err(invalid)?);
                Ok(())
            }
            kind::SUBACK => {
                let (_, codes) = frame.suback(self.version).map_err(invalid)?;
                let granted = codes.iter().all(|code| *code == self.qos.level());
                granted.then_some(()).ok_or_else(|| {
                    invalid(format!("SUBACK {codes:02x?} to a subscription at QoS {}", self.qos))
                })
            }
            kind::DISCONNECT => Err(invalid(dismissal(frame))),
            other => Err(invalid(format!("a packet of type {other} to a subscriber"))),
        }
    }

    fn on_publish(&mut self, at: usize, frame: Frame<'_>, out: &mut Vec<u8>) -> io::Result<()> {
        let publish = frame.publish(self.version).map_err(invalid)?;
        let stamp = Stamp::of(publish.payload).ok_or_else(|| invalid("a payload cut short"))?;
        let audience = self.audiences.get_mut(at);
        let audience = audience.ok_or_else(|| invalid("a message to a connection without any"))?;
        self.received += u64::from(audience.note(stamp.publisher, stamp.sequence)?);
        publish.put_answer(out);
        Ok(())
    }
}

/// Receives until `expected` different messages are there, or nothing more comes for too long. What
/// was used since `meter` began, until the last message.
///
/// # Errors
/// [`Error::Broker`] for a connection that ends or a packet that has no place there.
pub(crate) fn receive_all(
    subject: &Subject,
    connections: &mut Connections,
    receiver: &mut Receiver,
    expected: u64,
    meter: &Meter,
) -> Result<Used, Error> {
    let mut patience = Patience::new(subject.patience);
    let mut elapsed = meter.elapsed();
    loop {
        let moved = connections.turn(TICK, |at, frame, out| receiver.on_frame(at, frame, out));
        let moved = moved.map_err(broken)?;
        if moved {
            elapsed = meter.elapsed();
        }
        if receiver.received >= expected || patience.is_over(moved) {
            break;
        }
    }
    let used = Used { elapsed, ..meter.used()? };
    // A message may still come twice: a PINGRESP shows that no more are on their way.
    connections.ping_all(subject.patience, |at, frame, out| receiver.on_frame(at, frame, out))?;
    Ok(used)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{PublishTemplate, next_frame};

    fn receiver() -> Receiver {
        let audiences = vec![Audience::new(0..1, true), Audience::new(1..2, true)];
        Receiver::new(Version::V3_1_1, Qos::AtLeastOnce, audiences)
    }

    fn deliver(receiver: &mut Receiver, at: usize, stamp: Stamp) -> io::Result<Vec<u8>> {
        let (mut packet, mut out) = (Vec::new(), Vec::new());
        let template = PublishTemplate::new("t", Qos::AtLeastOnce, Stamp::LEN, 0);
        template.put(&mut packet, 9, &stamp.to_bytes());
        let (frame, _) = next_frame(&packet).unwrap().unwrap();
        receiver.on_frame(at, frame, &mut out).map(|()| out)
    }

    #[test]
    fn only_the_first_delivery_counts_and_both_are_answered() {
        let (mut receiver, stamp) =
            (receiver(), Stamp { publisher: 1, sequence: 0, intended_ns: 0 });
        for _ in 0..2 {
            assert_eq!(deliver(&mut receiver, 1, stamp).unwrap(), [0x40, 2, 0, 9]);
        }
        assert_eq!(receiver.received, 1);
        assert_eq!(receiver.audiences()[1].tally(|_| 1).duplicates, 1);
    }

    #[test]
    fn a_message_for_somebody_else_ends_the_run() {
        let stamp = Stamp { publisher: 1, sequence: 0, intended_ns: 0 };
        assert!(deliver(&mut receiver(), 0, stamp).is_err());
        assert!(deliver(&mut receiver(), 2, stamp).is_err());
    }

    #[test]
    fn a_subscription_that_is_not_granted_ends_the_run() {
        let suback = |body| {
            let frame = Frame { header: kind::SUBACK << 4, body };
            receiver().on_frame(0, frame, &mut Vec::new())
        };
        assert!(suback(b"\x00\x01\x01").is_ok());
        assert!(suback(b"\x00\x01\x00").is_err());
        assert!(suback(b"\x00\x01\x80").is_err());
    }
}
