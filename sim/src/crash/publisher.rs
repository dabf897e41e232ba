//! A client that publishes, as fast as it is acknowledged.

use std::net::SocketAddr;

use surewire_engine::time::Time;

use super::Plan;
use super::cast::Stream;
use super::client::{Client, Known, Seen};
use super::ledger::{Ledger, Message};

/// A publisher and its streams.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) client: Client,
    /// With their places among all.
    streams: Vec<(usize, Stream)>,
    known: Known,
}

impl Publisher {
    pub(super) fn new(publisher: usize, streams: &[Stream]) -> Self {
        let name = format!("p{publisher}");
        let numbered = streams.iter().cloned().enumerate();
        Self {
            client: Client::new(&name, false),
            streams: numbered.filter(|(_, stream)| stream.publisher == publisher).collect(),
            known: Known::new(name),
        }
    }

    /// Publishes to one of its streams, if there is room in its window.
    pub(super) fn publish(&mut self, now: Time, plan: &mut Plan, ledger: &mut Ledger) {
        if !self.client.has_room() {
            return;
        }
        let Some((place, stream)) = plan.pick(&mut self.streams) else { return };
        let empty = stream.deletes && plan.once_in(4);
        let Some((message, payload)) = ledger.send(*place, empty) else { return };
        let Stream { topic, qos, retain, .. } = stream;
        self.client.publish(now, token(message), topic, &payload, *qos, *retain);
    }

    /// Whether anything was learned.
    pub(super) fn poll(&mut self, now: Time, broker: SocketAddr, ledger: &mut Ledger) -> bool {
        let all = self.client.poll(now, broker);
        let stirs = !all.is_empty();
        for seen in all {
            match seen {
                Seen::Acknowledged(token) => {
                    if let Some(message) = message(token) {
                        ledger.acknowledge(message);
                    }
                }
                other @ (Seen::Connected(_)
                | Seen::Message(_)
                | Seen::Subscribed(_)
                | Seen::Unsubscribed(_)
                | Seen::Unanswered(_)
                | Seen::Fault(_)) => {
                    self.known.fault(&other).into_iter().for_each(|fault| ledger.violate(&fault));
                }
            }
        }
        stirs
    }
}

/// The message as the client's name for it.
fn token(message: Message) -> u64 {
    (message.stream as u64) << 32 | message.number as u64
}

fn message(token: u64) -> Option<Message> {
    let stream = usize::try_from(token >> 32).ok()?;
    let number = usize::try_from(token & u64::from(u32::MAX)).ok()?;
    Some(Message { stream, number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stands_for_its_message() {
        let it = Message { stream: 51, number: 123_456 };
        assert_eq!(message(token(it)), Some(it));
    }
}
