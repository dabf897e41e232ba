//! One publishing connection: its window, its hand-shakes, its sequence numbers.

use std::io;

use crate::clock::Clock;
use crate::delays::Delays;
use crate::link::Link;
use crate::stamp::Stamp;
use crate::window::Window;
use crate::wire::{Message, PublishTemplate, Qos};
use crate::workload::Workload;

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
        let message = Message {
            version: workload.version,
            user_properties: workload.user_properties,
            ..Message::new(&topic, workload.qos)
        };
        Self {
            link,
            number,
            qos: workload.qos,
            template: PublishTemplate::of(&message, Stamp::LEN, filler_len),
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
            Qos::AtLeastOnce | Qos::ExactlyOnce => self.window.take(self.qos, intended_ns),
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
