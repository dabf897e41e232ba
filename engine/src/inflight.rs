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
use crate::packet::{Ack, PacketType, QoS};
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

impl Answer {
    pub(crate) fn puback(ack: &Ack) -> Self {
        if ack.code.is_error() { Self::PubackFailed } else { Self::Puback }
    }

    pub(crate) fn pubrec(ack: &Ack) -> Self {
        if ack.code.is_error() { Self::PubrecFailed } else { Self::Pubrec }
    }

    pub(crate) fn packet_type(self) -> PacketType {
        match self {
            Self::Puback | Self::PubackFailed => PacketType::Puback,
            Self::Pubrec | Self::PubrecFailed => PacketType::Pubrec,
            Self::Pubcomp => PacketType::Pubcomp,
        }
    }
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
    /// How many identifiers had been handed out or passed over before this one.
    number: u64,
    /// Whether it is to be sent again as soon as the connection has room.
    due: bool,
}

impl Exchange {
    /// Whether it is to be sent again and may be, if the client takes more messages or not.
    fn may_go(&self, window_open: bool) -> bool {
        self.due && (window_open || self.awaiting == Awaiting::Pubcomp)
    }
}

/// How many identifiers there are.
const ROUND: u64 = u16::MAX as u64;

/// The identifier that is handed out after so many others.
fn id_of(number: u64) -> PacketId {
    u16::try_from(number % ROUND + 1).ok().and_then(PacketId::new).unwrap_or(PacketId::FIRST)
}

/// From one identifier on to another, in their round: 0 to 65,534.
fn steps(from: PacketId, to: PacketId) -> u64 {
    let (from, to) = (u64::from(from.get()), u64::from(to.get()));
    if to >= from { to - from } else { to + ROUND - from }
}

/// The exchanges of one session in the order of their first sending.
#[derive(Debug, Default)]
pub(crate) struct Inflight {
    exchanges: VecDeque<Exchange>,
    /// How many identifiers have been handed out or passed over. They go round, so this tells the
    /// next one.
    issued: u64,
    /// How many exchanges are to be sent again.
    due: usize,
    /// Those are behind this number, and those of them past their PUBREC behind the other one: a
    /// large window is not searched from its beginning for each.
    due_from: u64,
    release_from: u64,
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
        let number = self.free_number();
        let packet_id = id_of(number);
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

    /// The identifier that the next exchange gets, if so many can follow each other from there.
    pub(crate) fn next_ids(&self, count: usize) -> Option<PacketId> {
        let oldest = self.exchanges.front().map_or(self.issued, |exchange| exchange.number);
        (self.issued - oldest + count as u64 <= ROUND).then(|| id_of(self.issued))
    }

    /// Puts back the exchange of a message that may have been sent before the broker ended.
    pub(crate) fn restore(&mut self, packet_id: PacketId, entry: Entry, released: bool) {
        let first = Awaiting::first(entry.qos);
        // Whole rounds in between are not known any more, and do not matter.
        let number = self.issued + steps(id_of(self.issued), packet_id);
        self.issued = number + 1;
        self.exchanges.push_back(Exchange {
            packet_id,
            entry,
            awaiting: if released { Awaiting::Pubcomp } else { first },
            sent: true,
            at: Time::ZERO,
            after: Lsn::NONE,
            number,
            due: false,
        });
    }

    pub(crate) fn get(&self, packet_id: PacketId) -> Option<&Exchange> {
        self.exchanges.get(self.position(packet_id)?)
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
        (self.due_from, self.release_from) = (0, 0);
    }

    /// The first exchange that is to be sent again, in the order of first sending. While the
    /// client takes no more messages that is one past its PUBREC: a PUBREL is held back for no
    /// window (5.0 section 4.9).
    pub(crate) fn first_due(&mut self, window_open: bool) -> Option<PacketId> {
        if self.due == 0 {
            return None;
        }
        let from = if window_open { &mut self.due_from } else { &mut self.release_from };
        let start = self.exchanges.partition_point(|exchange| exchange.number < *from);
        let found = self.exchanges.range(start..).find(|exchange| exchange.may_go(window_open));
        *from = found.map_or(self.issued, |exchange| exchange.number);
        found.map(|exchange| exchange.packet_id)
    }

    /// Whether there is one.
    pub(crate) fn may_send_again(&self, window_open: bool) -> bool {
        self.exchanges.iter().any(|exchange| exchange.may_go(window_open))
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

    /// Clients answer in order, so this nearly always is the first. The number of another one is
    /// known, unless it has been in flight for more than a round of identifiers.
    fn position(&self, packet_id: PacketId) -> Option<usize> {
        let front = self.exchanges.front()?;
        if front.packet_id == packet_id {
            return Some(0);
        }
        // Or as far behind it as there are identifiers in between, if none of these has gone.
        let at = usize::try_from(steps(front.packet_id, packet_id)).ok()?;
        if self.exchanges.get(at).is_some_and(|exchange| exchange.packet_id == packet_id) {
            return Some(at);
        }
        let to_next = ROUND - steps(id_of(self.issued), packet_id);
        let number = self.issued.checked_sub(to_next)?;
        let found = self.exchanges.binary_search_by_key(&number, |exchange| exchange.number).ok();
        let old = front.number + ROUND <= number;
        let earlier = || self.exchanges.iter().position(|e| old && e.packet_id == packet_id);
        found.or_else(earlier)
    }

    /// Identifiers go round; one that is still busy after a whole round is passed over. Until the
    /// oldest exchange is a round behind, none can be busy and there is nothing to search.
    fn free_number(&mut self) -> u64 {
        let oldest = self.exchanges.front().map(|exchange| exchange.number);
        if oldest.is_some_and(|oldest| self.issued - oldest >= ROUND) {
            self.pass_over_busy();
        }
        self.issued += 1;
        self.issued - 1
    }

    /// One look at the window, whatever its size.
    fn pass_over_busy(&mut self) {
        let mut busy = vec![false; usize::from(u16::MAX) + 1];
        for exchange in &self.exchanges {
            if let Some(place) = busy.get_mut(usize::from(exchange.packet_id.get())) {
                *place = true;
            }
        }
        while busy.get(usize::from(id_of(self.issued).get())) == Some(&true) {
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
        let missed = |e: &Exchange, from, open| e.number < from && e.may_go(open);
        let missed = |e| missed(e, self.due_from, true) || missed(e, self.release_from, false);
        assert!(!self.exchanges.iter().any(missed), "sent again only after others");
        for (at, exchange) in self.exchanges.iter().enumerate() {
            assert_eq!(self.position(exchange.packet_id), Some(at), "where an exchange is");
        }
        assert!(self.exchanges.iter().all(|e| e.entry.qos != QoS::AtMostOnce), "QoS 0 in window");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
    fn identifiers_follow_each_other_unless_one_is_busy() {
        let mut window = Inflight::default();
        let stuck = window.start(entry(0), Time::ZERO, Lsn::NONE);
        for n in 1..65_530 {
            let id = window.start(entry(n), Time::ZERO, Lsn::NONE);
            window.finish(id).unwrap();
        }
        assert_eq!(window.next_ids(5).map(PacketId::get), Some(65_531));
        assert_eq!(window.next_ids(6), None, "behind 65,535 comes {stuck}");
        window.finish(stuck).unwrap();
        let first = window.next_ids(8).unwrap();
        let ids = std::iter::successors(Some(first), |id| Some(id.next()));
        for (id, n) in ids.zip(65_530..65_538) {
            assert_eq!(window.start(entry(n), Time::ZERO, Lsn::NONE), id);
        }
        window.check();
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
        assert_eq!(window.finish(PacketId::new(39_999).unwrap()).unwrap().entry.seq, Seq(39_998));
    }

    #[test]
    fn a_window_that_is_restored_goes_on_where_it_was_and_passes_over_what_is_busy() {
        let id = |id| PacketId::new(id).unwrap();
        let mut window = Inflight::default();
        // The first has been in flight for at least a round.
        for (seq, restored) in (0..).zip([7, 65_534, 65_535, 2, 6]) {
            window.restore(id(restored), entry(seq), false);
        }
        window.check();
        assert_eq!(window.get_mut(id(3)).map(|e| e.packet_id), None);
        let next = [8, 9].map(|_| window.start(entry(window.issued), Time::ZERO, Lsn::NONE).get());
        assert_eq!(next, [8, 9]);
        window.check();
        assert_eq!(window.finish(id(65_535)).unwrap().packet_id.get(), 65_535);
        window.check();
    }

    #[test]
    fn what_is_due_is_found_in_order_and_past_its_pubrec_without_a_window() {
        let mut window = Inflight::default();
        let ids = [0, 1, 2, 3].map(|n| {
            let entry = crate::queue::tests::entry(n, QoS::ExactlyOnce);
            window.start(entry, Time::ZERO, Lsn::NONE)
        });
        for released in [ids[1], ids[3]] {
            window.get_mut(released).unwrap().awaiting = Awaiting::Pubcomp;
        }
        window.set_due(|_| true);
        let mut order = Vec::new();
        for window_open in [false, true, false, true, true] {
            let next = window.first_due(window_open);
            next.into_iter().for_each(|id| window.sending(id, Time::ZERO));
            window.check();
            order.push(next);
        }
        assert_eq!(order, [Some(ids[1]), Some(ids[0]), Some(ids[3]), Some(ids[2]), None]);
        window.set_due(|exchange| exchange.packet_id == ids[0]);
        assert_eq!(window.first_due(true), Some(ids[0]));
    }

    #[derive(Clone, Copy, Debug)]
    enum Op {
        Start(QoS),
        /// So many others have come and gone.
        Others(u64),
        /// Ends the exchange at this place, if there is one.
        Finish(usize),
        /// PUBREC for the exchange at this place, if it is of QoS 2.
        Release(usize),
        /// Those of every so many messages are to be sent again.
        SetDue(u64),
        /// Sends again what is next.
        SendAgain {
            window_open: bool,
        },
        ForgetDue,
    }

    fn op() -> impl Strategy<Value = Op> {
        let others = prop_oneof![3 => 0..6_u64, 2 => ROUND - 12..ROUND + 6, 1 => 0..3 * ROUND];
        prop_oneof![
            6 => prop::sample::select(vec![QoS::AtLeastOnce, QoS::ExactlyOnce]).prop_map(Op::Start),
            1 => others.prop_map(Op::Others),
            3 => (0..8_usize).prop_map(Op::Finish),
            2 => (0..8_usize).prop_map(Op::Release),
            1 => (1..4_u64).prop_map(Op::SetDue),
            4 => any::<bool>().prop_map(|window_open| Op::SendAgain { window_open }),
            1 => Just(Op::ForgetDue),
        ]
    }

    /// An exchange of the reference, which is a list of these and searched from its beginning.
    #[derive(Clone, Copy, Debug)]
    struct Plain {
        id: u16,
        seq: u64,
        /// How many identifiers had gone by before its own.
        issued: u64,
        released: bool,
        due: bool,
    }

    /// The first identifier from here on that none of them has, and how many went by up to it.
    fn next_free(list: &[Plain], mut issued: u64) -> (u16, u64) {
        loop {
            let id = u16::try_from(issued % 65_535 + 1).unwrap();
            if list.iter().all(|plain| plain.id != id) {
                return (id, issued);
            }
            issued += 1;
        }
    }

    /// What the window says of itself, against the list.
    fn compare(window: &mut Inflight, list: &[Plain], issued: u64) {
        window.check();
        let due: Vec<&Plain> = list.iter().filter(|plain| plain.due).collect();
        assert_eq!(window.len(), list.len());
        assert_eq!(window.sent_here(), list.len() - due.len());
        assert_eq!(window.has_due(), !due.is_empty());
        for open in [true, false] {
            let next = due.iter().find(|plain| open || plain.released).map(|plain| plain.id);
            assert_eq!(window.may_send_again(open), next.is_some());
            assert_eq!(window.first_due(open).map(PacketId::get), next);
        }
        for plain in list {
            let found = window.get(PacketId::new(plain.id).unwrap());
            assert_eq!(found.map(|exchange| exchange.entry.seq.0), Some(plain.seq));
        }
        let (free, _) = next_free(list, issued);
        assert!(window.get(PacketId::new(free).unwrap()).is_none());
        for after in [None, list.first().map(|plain| Seq(plain.seq))] {
            let behind = list.iter().find(|plain| Some(Seq(plain.seq)) > after);
            let found = window.first_after(after).map(|exchange| exchange.entry.seq.0);
            assert_eq!(found, behind.map(|plain| plain.seq));
        }
        for count in [1, 3, 20] {
            let round = list.first().is_some_and(|p| issued + count - p.issued > 65_535);
            let expected = (!round).then(|| u16::try_from(issued % 65_535 + 1).unwrap());
            let ids = window.next_ids(usize::try_from(count).unwrap());
            assert_eq!(ids.map(PacketId::get), expected, "{count} from {issued} on");
        }
    }

    proptest! {
        #[test]
        fn a_window_is_what_a_list_is(ops in prop::collection::vec(op(), 0..80)) {
            let (mut window, mut list) = (Inflight::default(), Vec::<Plain>::new());
            let mut issued = 0;
            for (seq, op) in (0..).zip(ops) {
                match op {
                    Op::Start(qos) => {
                        let entry = crate::queue::tests::entry(seq, qos);
                        let got = window.start(entry, Time::ZERO, Lsn::NONE);
                        let (id, number) = next_free(&list, issued);
                        prop_assert_eq!(got.get(), id);
                        issued = number + 1;
                        let (released, due) = (false, false);
                        list.push(Plain { id, seq, issued: number, released, due });
                    }
                    Op::Others(count) => {
                        window.issued += count;
                        issued += count;
                    }
                    Op::Finish(place) if place < list.len() => {
                        let gone = list.remove(place);
                        let id = PacketId::new(gone.id).unwrap();
                        prop_assert_eq!(window.finish(id).unwrap().entry.seq.0, gone.seq);
                        prop_assert!(window.finish(id).is_none());
                    }
                    Op::Release(place) if place < list.len() => {
                        let plain = &mut list[place];
                        let id = PacketId::new(plain.id).unwrap();
                        let exchange = window.get_mut(id).unwrap();
                        if exchange.awaiting == Awaiting::Pubrec {
                            exchange.awaiting = Awaiting::Pubcomp;
                            (plain.released, plain.due) = (true, false);
                            window.sending(id, Time::ZERO);
                        }
                    }
                    Op::Finish(_) | Op::Release(_) => {}
                    Op::SetDue(every) => {
                        window.set_due(|exchange| exchange.entry.seq.0 % every == 0);
                        for plain in &mut list {
                            plain.due |= plain.seq % every == 0;
                        }
                    }
                    Op::SendAgain { window_open } => {
                        if let Some(id) = window.first_due(window_open) {
                            window.sending(id, Time::from_secs(seq));
                            let exchange = window.get(id).unwrap();
                            prop_assert_eq!((exchange.at, exchange.sent), (Time::from_secs(seq), true));
                            list.iter_mut().filter(|p| p.id == id.get()).for_each(|p| p.due = false);
                        }
                    }
                    Op::ForgetDue => {
                        window.forget_due();
                        list.iter_mut().for_each(|plain| plain.due = false);
                    }
                }
                compare(&mut window, &list, issued);
            }
            let left: Vec<u64> = window.take().iter().map(|exchange| exchange.entry.seq.0).collect();
            prop_assert_eq!(left, list.iter().map(|plain| plain.seq).collect::<Vec<_>>());
            prop_assert_eq!((window.len(), window.has_due()), (0, false));
        }
    }
}
