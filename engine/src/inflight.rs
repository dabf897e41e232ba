//! The window: QoS 1 and 2 messages sent to a client and not fully acknowledged.
//!
//! ```text
//!   QoS 1:   AwaitPuback ── PUBACK ──▶ done
//!                └── PUBACK ≥ 0x80 ──▶ refused
//!   QoS 2:   AwaitPubrec ── PUBREC ──▶ AwaitPubcomp ── PUBCOMP ──▶ done
//!                │                       (PUBREL sent)
//!                └── PUBREC ≥ 0x80 ──▶ refused
//! ```

use std::collections::VecDeque;

use crate::id::{Lsn, PacketId};
use crate::log::record::Seq;
use crate::packet::QoS;
use crate::queue::Entry;
use crate::time::Time;

/// What the client's next acknowledgement of a message is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaiting {
    Puback,
    Pubrec,
    Pubcomp,
}

/// What a client can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Puback,
    /// PUBACK with a reason code of 0x80 or above.
    PubackFailed,
    Pubrec,
    /// PUBREC with a reason code of 0x80 or above.
    PubrecFailed,
    Pubcomp,
}

/// What an answer does to the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The client has the message: send PUBREL.
    Release,
    /// PUBREL was sent already: send it again.
    ReleaseAgain,
    /// The exchange is over.
    Done,
    /// The exchange is over, and the client does not have the message.
    Refused,
    /// The answer comes too early or repeats one: nothing changes.
    Ignore,
    /// The answer belongs to the other QoS.
    Violation,
}

impl Awaiting {
    pub(crate) fn first(qos: QoS) -> Self {
        if qos == QoS::ExactlyOnce { Self::Pubrec } else { Self::Puback }
    }

    /// The transitions, as the picture above has them.
    pub(crate) fn on(self, answer: Answer) -> Step {
        match (self, answer) {
            (Self::Puback, Answer::Puback) | (Self::Pubcomp, Answer::Pubcomp) => Step::Done,
            (Self::Puback, Answer::PubackFailed) | (Self::Pubrec, Answer::PubrecFailed) => {
                Step::Refused
            }
            (Self::Pubrec, Answer::Pubrec) => Step::Release,
            (Self::Pubcomp, Answer::Pubrec) => Step::ReleaseAgain,
            (Self::Pubrec, Answer::Pubcomp) | (Self::Pubcomp, Answer::PubrecFailed) => Step::Ignore,
            (Self::Puback, Answer::Pubrec | Answer::PubrecFailed | Answer::Pubcomp)
            | (Self::Pubrec | Self::Pubcomp, Answer::Puback | Answer::PubackFailed) => {
                Step::Violation
            }
        }
    }
}

/// One message of the window.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) packet_id: PacketId,
    pub(crate) entry: Entry,
    pub(crate) awaiting: Awaiting,
    /// Whether the PUBLISH has left on any connection.
    pub(crate) sent: bool,
    /// When PUBLISH or PUBREL was sent last.
    pub(crate) at: Time,
    /// What its latest packet waits for in the gate.
    pub(crate) after: Lsn,
    /// How many identifiers had been handed out before this one.
    number: u64,
    /// Whether it is to be sent again as soon as the connection has room.
    due: bool,
}

/// The exchanges of one session in the order of their first sending.
#[derive(Debug)]
pub(crate) struct Inflight {
    exchanges: VecDeque<Exchange>,
    next_id: PacketId,
    /// How many identifiers have been handed out or passed over.
    issued: u64,
    /// How many exchanges are to be sent again.
    due: usize,
}

impl Default for Inflight {
    fn default() -> Self {
        Self { exchanges: VecDeque::new(), next_id: PacketId::FIRST, issued: 0, due: 0 }
    }
}

impl Inflight {
    pub(crate) fn len(&self) -> usize {
        self.exchanges.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Exchange> {
        self.exchanges.iter()
    }

    /// The first exchange of a message behind `after`; they are in the order of their messages.
    pub(crate) fn first_after(&self, after: Option<Seq>) -> Option<&Exchange> {
        let behind = |e: &Exchange| after.is_some_and(|seq| e.entry.seq <= seq);
        self.exchanges.get(self.exchanges.partition_point(behind))
    }

    /// Starts the exchange of `entry` under an identifier that no other exchange has.
    ///
    /// The caller keeps the window at 65,535 or less, so one is free.
    pub(crate) fn start(&mut self, entry: Entry, now: Time, after: Lsn) -> PacketId {
        let (packet_id, number) = self.free_id();
        let awaiting = Awaiting::first(entry.qos);
        self.exchanges.push_back(Exchange {
            packet_id,
            entry,
            awaiting,
            sent: true,
            at: now,
            after,
            number,
            due: false,
        });
        packet_id
    }

    /// Puts back the exchange of a message that may have been sent before the broker ended.
    ///
    /// Where in the round its identifier was is not known any more: until these are done, each new
    /// identifier is searched for.
    pub(crate) fn restore(&mut self, packet_id: PacketId, entry: Entry, released: bool) {
        let first = Awaiting::first(entry.qos);
        self.exchanges.push_back(Exchange {
            packet_id,
            entry,
            awaiting: if released { Awaiting::Pubcomp } else { first },
            sent: true,
            at: Time::ZERO,
            after: Lsn::NONE,
            number: 0,
            due: false,
        });
        self.next_id = packet_id.next();
        self.issued = u64::from(u16::MAX);
    }

    pub(crate) fn get_mut(&mut self, packet_id: PacketId) -> Option<&mut Exchange> {
        let at = self.position(packet_id)?;
        self.exchanges.get_mut(at)
    }

    /// Ends the exchange and returns it.
    pub(crate) fn finish(&mut self, packet_id: PacketId) -> Option<Exchange> {
        let at = self.position(packet_id)?;
        let exchange = self.exchanges.remove(at)?;
        self.due -= usize::from(exchange.due);
        Some(exchange)
    }

    /// How many messages the client has been sent on its present connection and not answered in
    /// full; what is still to be sent again is none of them.
    pub(crate) fn sent_here(&self) -> usize {
        self.exchanges.len() - self.due
    }

    /// Whether any exchange is to be sent again.
    pub(crate) fn has_due(&self) -> bool {
        self.due > 0
    }

    /// Those for which `is_due` says so are to be sent again.
    pub(crate) fn set_due(&mut self, is_due: impl Fn(&Exchange) -> bool) {
        for exchange in self.exchanges.iter_mut().filter(|exchange| !exchange.due) {
            exchange.due = is_due(exchange);
            self.due += usize::from(exchange.due);
        }
    }

    /// The first exchange that is to be sent again, in the order of first sending. While the
    /// client takes no more messages that is one past its PUBREC: a PUBREL is held back for no
    /// window (5.0 section 4.9).
    pub(crate) fn first_due(&self, window_open: bool) -> Option<&Exchange> {
        let may_go = |e: &&Exchange| e.due && (window_open || e.awaiting == Awaiting::Pubcomp);
        self.exchanges.iter().filter(|_| self.due > 0).find(may_go)
    }

    /// The exchange's latest packet is being sent at `now`.
    pub(crate) fn sending(&mut self, packet_id: PacketId, now: Time) {
        let Some(exchange) = self.get_mut(packet_id) else { return };
        exchange.at = now;
        exchange.sent = true;
        let was_due = std::mem::take(&mut exchange.due);
        self.due -= usize::from(was_due);
    }

    /// The connection is gone, and what was to be sent again on it.
    pub(crate) fn forget_due(&mut self) {
        self.due = 0;
        self.exchanges.iter_mut().for_each(|exchange| exchange.due = false);
    }

    /// Takes out every exchange.
    pub(crate) fn take(&mut self) -> VecDeque<Exchange> {
        self.due = 0;
        std::mem::take(&mut self.exchanges)
    }

    /// Clients answer in order, so this nearly always is the first. A scan of the rest is bounded
    /// by the window.
    fn position(&self, packet_id: PacketId) -> Option<usize> {
        self.exchanges.iter().position(|exchange| exchange.packet_id == packet_id)
    }

    /// Identifiers go round; one that is still busy after a whole round is passed over. Until the
    /// oldest exchange is a round behind, none can be busy and there is nothing to search.
    fn free_id(&mut self) -> (PacketId, u64) {
        let oldest = self.exchanges.front().map(|exchange| exchange.number);
        let round_done = oldest.is_some_and(|oldest| self.issued - oldest >= u64::from(u16::MAX));
        if round_done {
            self.pass_over_busy();
        }
        let (id, number) = (self.next_id, self.issued);
        self.next_id = id.next();
        self.issued += 1;
        (id, number)
    }

    /// One look at the window, whatever its size.
    fn pass_over_busy(&mut self) {
        let mut busy = vec![false; usize::from(u16::MAX) + 1];
        for exchange in &self.exchanges {
            if let Some(place) = busy.get_mut(usize::from(exchange.packet_id.get())) {
                *place = true;
            }
        }
        while busy.get(usize::from(self.next_id.get())) == Some(&true) {
            self.next_id = self.next_id.next();
            self.issued += 1;
        }
    }

    /// Checks what must always hold.
    pub(crate) fn check(&self) {
        let mut ids: Vec<PacketId> = self.exchanges.iter().map(|e| e.packet_id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), self.exchanges.len(), "one identifier in two exchanges");
        let mut seqs = self.exchanges.iter().zip(self.exchanges.iter().skip(1));
        assert!(seqs.all(|(a, b)| a.entry.seq < b.entry.seq), "window out of send order");
        let due = self.exchanges.iter().filter(|exchange| exchange.due).count();
        assert_eq!(due, self.due, "exchanges to be sent again");
        assert!(self.exchanges.iter().all(|e| e.entry.qos != QoS::AtMostOnce), "QoS 0 in window");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transitions_are_as_drawn() {
        use Answer::{Puback, PubackFailed, Pubcomp, Pubrec, PubrecFailed};
        use Step::{Done, Ignore, Refused, Release, ReleaseAgain, Violation};
        let answers = [Puback, PubackFailed, Pubrec, PubrecFailed, Pubcomp];
        let row = |state: Awaiting| answers.map(|answer| state.on(answer));
        let puback = [Done, Refused, Violation, Violation, Violation];
        assert_eq!(row(Awaiting::Puback), puback);
        assert_eq!(row(Awaiting::Pubrec), [Violation, Violation, Release, Refused, Ignore]);
        assert_eq!(row(Awaiting::Pubcomp), [Violation, Violation, ReleaseAgain, Ignore, Done]);
    }

    fn entry(seq: u64) -> Entry {
        crate::queue::tests::entry(seq, QoS::AtLeastOnce)
    }

    // conformance: v3.1.1 MQTT-2.3.1-4, v5 MQTT-2.2.1-4
    #[test]
    fn ids_go_round_and_pass_over_a_busy_one() {
        let mut window = Inflight::default();
        let stuck = window.start(entry(0), Time::ZERO, Lsn::NONE);
        for n in 1..200_000 {
            let id = window.start(entry(n), Time::ZERO, Lsn::NONE);
            assert_ne!(id, stuck);
            window.check();
            window.finish(id).unwrap();
        }
    }

    #[test]
    fn the_whole_range_of_ids_can_be_in_flight() {
        let mut window = Inflight::default();
        let mut ids: Vec<u16> =
            (0..65_535).map(|n| window.start(entry(n), Time::ZERO, Lsn::NONE).get()).collect();
        ids.sort_unstable();
        assert_eq!(ids, (1..=65_535).collect::<Vec<u16>>());
        window.finish(PacketId::new(40_000).unwrap()).unwrap();
        assert_eq!(window.start(entry(70_000), Time::ZERO, Lsn::NONE).get(), 40_000);
    }
}
