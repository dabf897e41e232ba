//! What was promised and what came, as clients saw it.

use surewire_engine::packet::QoS;

use super::cast::{Cast, Stream, Subscription, matches};
use super::history::{History, Times};
use super::retained::Retained;

/// A message: which stream, and its number in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Place in [`Cast::streams`].
    pub stream: usize,
    /// From 0.
    pub number: usize,
}

/// Promises and deliveries.
#[derive(Debug)]
pub struct Ledger {
    /// Counts what happens: the time of the ledger.
    clock: u64,
    /// When each cycle began.
    cycles: Vec<u64>,
    outgoing: Vec<(Stream, Vec<Times>)>,
    readers: Vec<Reader>,
    /// What may be retained.
    pub retained: Retained,
    /// What went wrong.
    pub violations: Vec<String>,
}

/// What one reader asked for and got.
#[derive(Debug)]
struct Reader {
    subscriptions: Vec<(Subscription, History)>,
    incoming: Vec<Incoming>,
}

/// What one reader got of one stream.
#[derive(Debug, Default)]
struct Incoming {
    /// How often each message came.
    counts: Vec<u8>,
    /// The first message that is not before any that came.
    next: usize,
    /// Messages that came for the first time behind a later one.
    late: Vec<usize>,
}

/// What it adds up to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Messages that were acknowledged to their publisher.
    pub acknowledged: u64,
    /// Messages that readers got, each once.
    pub delivered: u64,
    /// Repetitions of QoS 1.
    pub duplicates: u64,
    /// Messages that were acknowledged and did not come.
    pub lost: u64,
}

impl Ledger {
    /// A ledger for these publishers and readers.
    #[must_use]
    pub fn new(cast: &Cast) -> Self {
        let reader = |subscriptions: &Vec<Subscription>| Reader {
            subscriptions: subscriptions.iter().map(|s| (s.clone(), History::default())).collect(),
            incoming: cast.streams.iter().map(|_| Incoming::default()).collect(),
        };
        Self {
            clock: 0,
            cycles: Vec::new(),
            outgoing: cast.streams.iter().map(|stream| (stream.clone(), Vec::new())).collect(),
            readers: cast.readers.iter().map(reader).collect(),
            retained: Retained::default(),
            violations: Vec::new(),
        }
    }

    /// What happens from here on happens in the next cycle, the first of which is 1.
    pub fn begin_cycle(&mut self) {
        let now = self.tick();
        self.cycles.push(now);
    }

    /// Notes that something went wrong.
    pub fn violate(&mut self, what: &str) {
        self.violations.push(format!("cycle {}: {what}", self.cycle(self.clock)));
    }

    /// The next message of the stream is on its way, as a deletion if it is to be `empty`. Returns
    /// its number and payload.
    pub fn send(&mut self, stream: usize, empty: bool) -> Option<(Message, String)> {
        let sent = self.tick();
        let (about, messages) = self.outgoing.get_mut(stream)?;
        let message = Message { stream, number: messages.len() };
        messages.push(Times { sent, acknowledged: None });
        let payload = if empty { String::new() } else { format!("{stream}:{}", message.number) };
        if about.retain {
            self.retained.send(&about.topic, message.number as u64, &payload);
        }
        Some((message, payload))
    }

    /// The publisher was told that the message is safe.
    pub fn acknowledge(&mut self, message: Message) {
        let now = self.tick();
        let Some((about, messages)) = self.outgoing.get_mut(message.stream) else { return };
        if let Some(times) = messages.get_mut(message.number) {
            times.acknowledged = Some(now);
        }
        if about.retain {
            self.retained.acknowledge(&about.topic, message.number as u64);
        }
    }

    /// The reader has asked to begin or end its subscription at this place.
    pub fn asked(&mut self, reader: usize, subscription: usize) {
        let now = self.tick();
        if let Some(history) = self.history(reader, subscription) {
            history.asked(now);
        }
    }

    /// The reader was told that the subscription at this place is there, or is not any more.
    pub fn answered(&mut self, reader: usize, subscription: usize, on: bool) {
        let now = self.tick();
        if let Some(history) = self.history(reader, subscription) {
            history.answered(on, now);
        }
    }

    /// A message came to the reader, by the topic and at the QoS.
    pub fn deliver(&mut self, reader: usize, topic: &str, payload: &str, qos: QoS) {
        let fault = match self.find(topic, payload) {
            Some(message) => self.count(reader, message, qos),
            None => Some(format!("reader s{reader} got {payload:?} on {topic}, which nobody sent")),
        };
        fault.into_iter().for_each(|fault| self.violate(&fault));
    }

    /// The message that has this payload, if it was sent to this topic.
    #[must_use]
    pub fn find(&self, topic: &str, payload: &str) -> Option<Message> {
        let (stream, number) = payload.split_once(':')?;
        let message = Message { stream: stream.parse().ok()?, number: number.parse().ok()? };
        let (about, messages) = self.outgoing.get(message.stream)?;
        (about.topic == topic && message.number < messages.len()).then_some(message)
    }

    /// Notes that it came, and tells if it should not have come like that.
    fn count(&mut self, reader: usize, message: Message, qos: QoS) -> Option<String> {
        let name = self.name(message, reader);
        let (about, _) = self.outgoing.get(message.stream)?;
        let reading = self.readers.get_mut(reader)?;
        let wrong_qos = reading.wrong_qos(about, qos);
        let times = reading.incoming.get_mut(message.stream)?.count(message.number);
        if let Some(wanted) = wrong_qos {
            return Some(format!("{name} came at {qos:?}, wanted {wanted}"));
        }
        let twice = qos == QoS::ExactlyOnce && times > 1;
        twice.then(|| format!("{name} came {times} times at QoS 2"))
    }

    /// Whether every reader has everything that it must have.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.lost().next().is_none()
    }

    /// Adds up, and notes what is lost, what came too late and what should not have come. To be
    /// called once, in the end.
    pub fn close(&mut self) -> Totals {
        let readers = || self.readers.iter().flat_map(|reader| &reader.incoming);
        let counts = || readers().flat_map(|incoming| &incoming.counts).filter(|count| **count > 0);
        let sent = self.outgoing.iter().flat_map(|(_, messages)| messages);
        let totals = Totals {
            acknowledged: sent.filter(|times| times.acknowledged.is_some()).count() as u64,
            delivered: counts().count() as u64,
            duplicates: counts().map(|count| u64::from(count - 1)).sum(),
            lost: self.lost().count() as u64,
        };
        let this: &Self = self;
        let say = |what: &'static str| {
            move |(reader, message)| format!("{what}: {}", this.name(message, reader))
        };
        let lost = this.lost().map(say("lost")).take(20);
        let late = this.late().map(say("out of order")).take(20);
        let unwanted = this.unwanted().map(say("came though not subscribed")).take(20);
        let found: Vec<String> = lost.chain(late).chain(unwanted).collect();
        found.into_iter().for_each(|what| self.violate(&what));
        totals
    }

    /// Acknowledged while the reader was subscribed, and it never came.
    fn lost(&self) -> impl Iterator<Item = (usize, Message)> {
        self.all().filter_map(|(reader, incoming, message, times)| {
            let owed = times.acknowledged.is_some() && self.is_owed(reader, message.stream, times);
            (owed && incoming.times(message.number) == 0).then_some((reader, message))
        })
    }

    /// It came, though the broker had it only while the reader was not subscribed.
    fn unwanted(&self) -> impl Iterator<Item = (usize, Message)> {
        self.all().filter_map(|(reader, incoming, message, times)| {
            let came = incoming.times(message.number) > 0;
            (came && self.is_unwanted(reader, message.stream, times)).then_some((reader, message))
        })
    }

    /// It came for the first time behind a later one of its stream, though the reader was subscribed
    /// all the time. While it was not, the broker may have had both, and the earlier one again.
    fn late(&self) -> impl Iterator<Item = (usize, Message)> {
        let streams = self.readers.iter().enumerate().flat_map(|(reader, about)| {
            about
                .incoming
                .iter()
                .enumerate()
                .map(move |(stream, incoming)| (reader, stream, incoming))
        });
        streams.flat_map(move |(reader, stream, incoming)| {
            let messages =
                incoming.late.iter().map(move |number| Message { stream, number: *number });
            messages
                .filter(move |message| {
                    self.times(*message).is_some_and(|times| self.is_owed(reader, stream, times))
                })
                .map(move |message| (reader, message))
        })
    }

    /// Every message with every reader.
    fn all(&self) -> impl Iterator<Item = (usize, &Incoming, Message, Times)> {
        self.readers.iter().enumerate().flat_map(move |(reader, about)| {
            let streams = about.incoming.iter().zip(&self.outgoing).enumerate();
            streams.flat_map(move |(stream, (incoming, (_, messages)))| {
                let numbered = messages.iter().enumerate();
                numbered.map(move |(number, times)| {
                    (reader, incoming, Message { stream, number }, *times)
                })
            })
        })
    }

    fn is_owed(&self, reader: usize, stream: usize, times: Times) -> bool {
        self.matching(reader, stream).any(|(_, history)| history.was_on(times))
    }

    fn is_unwanted(&self, reader: usize, stream: usize, times: Times) -> bool {
        self.matching(reader, stream).all(|(_, history)| history.was_off(times))
    }

    fn matching(
        &self,
        reader: usize,
        stream: usize,
    ) -> impl Iterator<Item = &(Subscription, History)> {
        let topic = self.outgoing.get(stream).map_or("", |(about, _)| about.topic.as_str());
        let reader = self.readers.get(reader).into_iter();
        reader.flat_map(|reader| &reader.subscriptions).filter(|(s, _)| matches(s.filter, topic))
    }

    fn times(&self, message: Message) -> Option<Times> {
        self.outgoing.get(message.stream)?.1.get(message.number).copied()
    }

    fn history(&mut self, reader: usize, subscription: usize) -> Option<&mut History> {
        Some(&mut self.readers.get_mut(reader)?.subscriptions.get_mut(subscription)?.1)
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn cycle(&self, at: u64) -> usize {
        self.cycles.partition_point(|began| *began <= at)
    }

    /// The message and all that is known of it.
    fn name(&self, message: Message, reader: usize) -> String {
        let Message { stream, number } = message;
        let about = self.outgoing.get(stream).map(|(about, _)| about);
        let (topic, qos, publisher) =
            about.map_or(("?", 0, 0), |it| (&it.topic, it.qos as u8, it.publisher));
        let times = self.times(message);
        let sent = times.map_or(0, |times| self.cycle(times.sent));
        let acknowledged = times.and_then(|times| times.acknowledged).map(|at| self.cycle(at));
        let acknowledged = acknowledged
            .map_or("never acknowledged".to_owned(), |cycle| format!("acknowledged in {cycle}"));
        format!(
            "message {stream}:{number} on {topic} at QoS {qos} (p{publisher} sent it in cycle \
             {sent}, {acknowledged}) to reader s{reader}"
        )
    }
}

impl Reader {
    /// The QoS that it should have come at, if that is another one: the higher of all subscriptions
    /// that match, but no higher than it was published at. Those that come and go may not count.
    fn wrong_qos(&self, stream: &Stream, qos: QoS) -> Option<String> {
        let matching = || {
            self.subscriptions.iter().map(|(s, _)| s).filter(|s| matches(s.filter, &stream.topic))
        };
        let highest = matching().map(|s| s.qos).max()?.min(stream.qos);
        let stays = matching().filter(|s| !s.toggles).map(|s| s.qos.min(stream.qos)).max();
        let lowest = stays
            .unwrap_or_else(|| matching().map(|s| s.qos.min(stream.qos)).min().unwrap_or(highest));
        (qos < lowest || qos > highest).then(|| format!("{lowest:?} to {highest:?}"))
    }
}

impl Incoming {
    /// Notes that the message came; returns how often it has come.
    fn count(&mut self, number: usize) -> u8 {
        if self.counts.len() <= number {
            self.counts.resize(number + 1, 0);
        }
        let Some(count) = self.counts.get_mut(number) else { return 0 };
        *count = count.saturating_add(1);
        if *count == 1 && number < self.next {
            self.late.push(number);
        }
        self.next = self.next.max(number + 1);
        *count
    }

    fn times(&self, number: usize) -> u8 {
        self.counts.get(number).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
