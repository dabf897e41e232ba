//! A client that reads: some of its subscriptions come and go.

use std::net::SocketAddr;

use surewire_engine::time::Time;

use super::cast::Subscription;
use super::client::{Client, Known, Seen};
use super::ledger::Ledger;

/// A reader and its subscriptions.
#[derive(Debug)]
pub(super) struct Reader {
    /// Its place among all.
    place: usize,
    pub(super) client: Client,
    /// The place of each is the number that it is asked for by.
    wishes: Vec<Wish>,
    known: Known,
}

/// What it wants of one subscription, and whether that is so.
#[derive(Debug)]
struct Wish {
    subscription: Subscription,
    wanted: bool,
    there: bool,
    asking: bool,
}

impl Reader {
    pub(super) fn new(place: usize, subscriptions: &[Subscription]) -> Self {
        let name = format!("s{place}");
        let wish = |subscription: &Subscription| Wish {
            subscription: subscription.clone(),
            wanted: true,
            there: false,
            asking: false,
        };
        Self {
            place,
            client: Client::new(&name, false),
            wishes: subscriptions.iter().map(wish).collect(),
            known: Known::new(name),
        }
    }

    /// Whether all subscriptions are as it wants them.
    pub(super) fn is_content(&self) -> bool {
        self.wishes.iter().all(|wish| wish.there == wish.wanted)
    }

    /// Wants the opposite of what it has of those subscriptions that come and go. How many.
    pub(super) fn toggle(&mut self) -> u64 {
        let content = |wish: &&mut Wish| wish.subscription.toggles && wish.there == wish.wanted;
        let toggled = self.wishes.iter_mut().filter(content);
        toggled.map(|wish| wish.wanted = !wish.there).count() as u64
    }

    /// Whether anything was learned.
    pub(super) fn poll(&mut self, now: Time, broker: SocketAddr, ledger: &mut Ledger) -> bool {
        let all = self.client.poll(now, broker);
        let stirs = !all.is_empty();
        for seen in all {
            self.saw(seen, ledger);
        }
        if self.client.is_connected() {
            self.ask(now, ledger);
        }
        stirs
    }

    fn ask(&mut self, now: Time, ledger: &mut Ledger) {
        for (number, wish) in self.wishes.iter_mut().enumerate() {
            if wish.wanted == wish.there || wish.asking {
                continue;
            }
            wish.asking = true;
            ledger.asked(self.place, number);
            let Subscription { filter, qos, .. } = wish.subscription;
            if wish.wanted {
                self.client.subscribe(now, number as u64, &[(filter, qos)]);
            } else {
                self.client.unsubscribe(now, number as u64, &[filter]);
            }
        }
    }

    fn saw(&mut self, seen: Seen, ledger: &mut Ledger) {
        match seen {
            Seen::Subscribed(number) => self.answered(number, true, ledger),
            Seen::Unsubscribed(number) => self.answered(number, false, ledger),
            Seen::Unanswered(number) => {
                if let Some(wish) = self.wish(number) {
                    wish.asking = false;
                }
            }
            // A new subscription brings what is retained: an inspection looks at that.
            Seen::Message(message) if message.retain => {
                if ledger.find(&message.topic, &message.payload).is_none() {
                    ledger.violate(&format!("reader s{}: nobody sent {message:?}", self.place));
                }
            }
            Seen::Message(message) => {
                ledger.deliver(self.place, &message.topic, &message.payload, message.qos);
            }
            other @ (Seen::Connected(_) | Seen::Acknowledged(_) | Seen::Fault(_)) => {
                self.known.fault(&other).into_iter().for_each(|fault| ledger.violate(&fault));
            }
        }
    }

    fn answered(&mut self, number: u64, there: bool, ledger: &mut Ledger) {
        let place = self.place;
        let Some(wish) = self.wish(number) else { return };
        (wish.there, wish.asking) = (there, false);
        ledger.answered(place, usize::try_from(number).unwrap_or(usize::MAX), there);
    }

    fn wish(&mut self, number: u64) -> Option<&mut Wish> {
        self.wishes.get_mut(usize::try_from(number).ok()?)
    }
}
