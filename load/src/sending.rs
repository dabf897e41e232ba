//! Publishing a known number of messages through several connections, as fast as they are taken.

use std::io;
use std::time::Duration;

use crate::Error;
use crate::connections::{Connections, Patience, TICK};
use crate::driver::broken;
use crate::link::Link;
use crate::subject::Subject;
use crate::window::Window;
use crate::wire::{Connack, Qos};

/// Bytes that may wait in a connection's buffer before more messages are put there.
const BATCH: usize = 64 << 10;

/// One publishing connection's part.
#[derive(Debug)]
pub(crate) struct Sender {
    window: Window,
    next: u64,
    count: u64,
}

impl Sender {
    /// Publishes `count` messages to a broker that answered `connack`, with as many unacknowledged
    /// as it allows and at most `window`.
    pub(crate) fn new(window: u16, connack: Connack, count: u64) -> Self {
        Self { window: Window::new(window.min(connack.receive_maximum)), next: 0, count }
    }

    fn is_done(&self) -> bool {
        self.next == self.count && self.window.is_empty()
    }

    /// Puts what may be sent now; whether there was anything.
    fn put(
        &mut self,
        link: &mut Link,
        qos: Qos,
        mut each: impl FnMut(&mut Vec<u8>, u64, u16),
    ) -> io::Result<bool> {
        let first = self.next;
        while self.next < self.count && link.out().len() < BATCH {
            let id = match qos {
                Qos::AtMostOnce => 0,
                Qos::AtLeastOnce | Qos::ExactlyOnce if self.window.room() == 0 => break,
                Qos::AtLeastOnce | Qos::ExactlyOnce => self.window.take(qos, 0),
            };
            each(link.out(), self.next, id);
            self.next += 1;
        }
        link.flush()?;
        Ok(self.next > first)
    }
}

/// Publishes everything, and waits until the broker has acknowledged it or, at QoS 0, read it.
/// `senders` are those of all `connections`. `each` appends message number N of a connection.
///
/// # Errors
/// [`Error::Broker`] when nothing is acknowledged for too long, something is refused, or a
/// connection ends.
pub(crate) fn send_all(
    subject: &Subject,
    connections: &mut Connections,
    senders: &mut [Sender],
    qos: Qos,
    mut each: impl FnMut(&mut Vec<u8>, usize, u64, u16),
) -> Result<(), Error> {
    let mut patience = Patience::new(subject.patience);
    while !senders.iter().all(Sender::is_done) {
        let mut moved = false;
        for (at, (sender, link)) in senders.iter_mut().zip(connections.links()).enumerate() {
            let put = sender.put(link, qos, |out, number, id| each(out, at, number, id));
            moved |= put.map_err(broken)?;
        }
        // No notice comes for a socket that took everything.
        let timeout = if moved { Duration::ZERO } else { TICK };
        let answered = connections.turn(timeout, |at, frame, out| match senders.get_mut(at) {
            Some(sender) => sender.window.on_frame(frame, out).map(|_| ()),
            None => Ok(()),
        });
        if patience.is_over(moved | answered.map_err(broken)?) {
            return Err(patience.error("acknowledgement of published messages"));
        }
    }
    connections.ping_all(subject.patience, |_, _, _| Ok(()))
}
