//! A client as there are many of them: it subscribes, publishes, comes back when it was cut off, and
//! tells the history what it saw.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use bytestring::ByteString;
use surewire_engine::client::{
    Backoff, Client, CloseReason, Failure, Input, Options, Output, Token,
};
use surewire_engine::codec;
use surewire_engine::message::Content;
use surewire_engine::packet::{
    Properties, QoS, ReasonCode, SubscribeFilter, SubscribeOptions, Version,
};
use surewire_engine::time::Time;
use tokio::time::{sleep, timeout};

use crate::Trace;
use crate::client::{LIMITS, PATIENCE, invalid, take_frame};
use crate::history::{History, Name, now, payload};
use crate::packets::topic;
use crate::wire::{Carrier, Wire};

/// How a client is.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    pub(crate) name: String,
    /// The host that it runs on.
    pub(crate) host: String,
    pub(crate) version: Version,
    pub(crate) carrier: Carrier,
    /// Bytes that it sends in one segment.
    pub(crate) segment: usize,
    pub(crate) keep_alive: u16,
    /// Whether its session outlives its connection.
    pub(crate) lasts: bool,
    pub(crate) filters: Vec<(String, QoS)>,
    pub(crate) load: Load,
    pub(crate) max_inflight: u16,
    /// When it connects first.
    pub(crate) begins: Duration,
    /// Within which time it is to get each message, if that matters.
    pub(crate) prompt: Option<Duration>,
    /// When it does not read.
    pub(crate) stuck: Option<(Duration, Duration)>,
}

/// What a client publishes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Load {
    pub(crate) topics: Vec<String>,
    pub(crate) qos: Vec<QoS>,
    pub(crate) count: u32,
    /// From when on, and how often, and how many at once.
    pub(crate) begins: Duration,
    pub(crate) every: Duration,
    pub(crate) together: u32,
    /// Bytes of a payload.
    pub(crate) bytes: usize,
}

impl Role {
    /// A client of 3.1.1 over TCP whose session lasts, and that does nothing.
    pub(crate) fn new(name: &str, host: &str) -> Self {
        Self {
            name: name.to_owned(),
            host: host.to_owned(),
            version: Version::V3_1_1,
            carrier: Carrier::Tcp,
            segment: usize::MAX,
            keep_alive: 5,
            lasts: true,
            filters: Vec::new(),
            load: Load::default(),
            max_inflight: 20,
            begins: Duration::ZERO,
            prompt: None,
            stuck: None,
        }
    }

    fn options(&self, seed: u64) -> Options {
        Options {
            version: self.version,
            clean_start: !self.lasts,
            keep_alive: self.keep_alive,
            max_inflight: self.max_inflight,
            response_timeout: PATIENCE,
            backoff: Backoff { first: Duration::from_millis(100), max: Duration::from_secs(2) },
            topic_aliases: 4,
            seed,
            ..Options::new(ByteString::from(self.name.as_str()))
        }
    }
}

/// A client in its life.
pub(crate) struct Device {
    role: Role,
    publisher: u16,
    reader: usize,
    machine: Client,
    history: History,
    trace: Trace,
    /// Messages published so far, and those that wait for their acknowledgement.
    published: u32,
    open: BTreeMap<Token, Name>,
    next_load: Duration,
    /// When the connection at hand was dialled.
    dialled: Duration,
    /// Since when the oldest question is open.
    asked: Option<Duration>,
    subscribing: bool,
    /// A SUBSCRIBE was refused, and is to be tried again.
    refused: bool,
    outbox: Vec<Output>,
    /// Bytes to write, and whether to close then.
    out: Vec<u8>,
    closing: bool,
    unread: Vec<u8>,
    done: bool,
    left: std::rc::Rc<std::cell::Cell<usize>>,
}

impl Device {
    pub(crate) fn new(
        role: Role,
        seed: u64,
        history: &History,
        trace: &Trace,
        left: std::rc::Rc<std::cell::Cell<usize>>,
    ) -> Self {
        let reader = history.reader(&role);
        let publisher = history.publisher();
        left.set(left.get() + 1);
        Self {
            publisher,
            reader,
            machine: Client::new(role.options(seed)),
            history: history.clone(),
            trace: trace.clone(),
            published: 0,
            open: BTreeMap::new(),
            next_load: role.load.begins,
            dialled: Duration::ZERO,
            asked: None,
            subscribing: false,
            refused: false,
            outbox: Vec::new(),
            out: Vec::new(),
            closing: false,
            unread: Vec::new(),
            done: false,
            left,
            role,
        }
    }

    /// Lives for ever.
    pub(crate) async fn live(mut self) {
        sleep(self.role.begins).await;
        loop {
            // However it ended, it is tried again.
            let _ended = self.converse().await;
            self.trace.saw(&self.role.name, &[]);
            self.history.count("connections ended");
            self.input(Input::Lost);
            self.out.clear();
            self.unread.clear();
            (self.asked, self.subscribing, self.refused) = (None, false, false);
            self.closing = false;
            sleep(self.machine.reconnect_delay()).await;
        }
    }

    /// One connection.
    async fn converse(&mut self) -> io::Result<()> {
        self.dialled = now();
        let mut wire = Wire::dial(self.role.carrier, self.role.segment).await?;
        self.asked = Some(now());
        self.input(Input::Opened);
        loop {
            let bytes = std::mem::take(&mut self.out);
            timeout(PATIENCE, wire.send(&bytes)).await??;
            if self.closing {
                return wire.shutdown().await;
            }
            let (wait, reads) = (self.wait(), !self.is_stuck());
            tokio::select! {
                biased;
                read = wire.receive(&mut self.unread), if reads => {
                    if read? == 0 {
                        return Ok(());
                    }
                    self.packets()?;
                }
                () = sleep(wait) => self.due()?,
            }
        }
    }

    fn packets(&mut self) -> io::Result<()> {
        while let Some(frame) = take_frame(&mut self.unread).inspect_err(|_| self.garbage())? {
            self.trace.saw(&self.role.name, &frame);
            match codec::decode(self.role.version, frame, &LIMITS) {
                Ok(packet) => self.input(Input::Received(packet)),
                Err(violation) => {
                    self.garbage();
                    return Err(invalid(violation));
                }
            }
        }
        self.input(Input::Alive);
        Ok(())
    }

    fn unanswered(&self, since: Duration) {
        self.history.unanswered(&self.role.name, &self.role.host, since, self.dialled);
    }

    fn garbage(&self) {
        self.history.violate(&format!("{} was sent what is no packet", self.role.name));
    }

    fn is_stuck(&self) -> bool {
        self.role.stuck.is_some_and(|(from, until)| from <= now() && now() < until)
    }

    /// Until there is something to do besides reading.
    fn wait(&self) -> Duration {
        let mut next = now() + Duration::from_secs(1);
        if self.publishes() {
            next = next.min(self.next_load);
        }
        if let Some(due) = self.machine.next_timeout() {
            next = next.min(Duration::from_nanos(due.as_nanos()));
        }
        next.saturating_sub(now())
    }

    fn publishes(&self) -> bool {
        self.published < self.role.load.count && self.machine.is_connected()
    }

    fn due(&mut self) -> io::Result<()> {
        if self.publishes() && self.next_load <= now() {
            self.next_load = now() + self.role.load.every;
            self.publish();
        }
        if self.refused && self.machine.is_connected() {
            self.subscribe();
        }
        self.input(Input::Timeout);
        if let Some(since) = self.asked.filter(|since| now() > *since + PATIENCE) {
            self.unanswered(since);
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }

    fn publish(&mut self) {
        let load = self.role.load.clone();
        for _ in 0..load.together {
            // A source that can wait does not fill its own queue.
            if self.published == load.count || self.machine.unacknowledged() > 200 {
                break;
            }
            let at = |len: usize| usize::try_from(self.published).unwrap_or(0) % len.max(1);
            let name = (self.publisher, self.published);
            let (Some(to), Some(qos)) =
                (load.topics.get(at(load.topics.len())), load.qos.get(at(load.qos.len())))
            else {
                break;
            };
            let content = Content {
                topic: topic(to),
                payload: payload(name, load.bytes).into(),
                qos: *qos,
                retain: false,
                properties: Properties::NONE,
            };
            self.history.published(name, &content);
            let token = Token(u64::from(self.published));
            self.published += 1;
            if *qos != QoS::AtMostOnce {
                self.open.insert(token, name);
                self.asked.get_or_insert(now());
            }
            self.input(Input::Publish { token, content });
        }
    }

    /// Tells the machine, and does what it says.
    fn input(&mut self, input: Input) {
        let mut outputs = std::mem::take(&mut self.outbox);
        self.machine.handle(Time::from_nanos(nanos(now())), input, &mut outputs);
        for output in outputs.drain(..) {
            self.perform(output);
        }
        self.outbox = outputs;
        self.finish();
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Send(packet) => codec::encode(self.role.version, &packet, &mut self.out),
            Output::Close { reason } => self.close(&reason),
            Output::Connected { session_present } => self.connected(session_present),
            Output::Message(content) => self.history.received(self.reader, &content),
            Output::Acknowledged { token, code } => self.acknowledged(token, code),
            Output::Subscribed { codes, .. } => self.subscribed(&codes),
            Output::Unsubscribed { .. } => {}
            Output::Failed { token, why } => self.failed(token, why),
        }
    }

    fn connected(&mut self, session_present: bool) {
        self.history.count("connections");
        self.answered();
        if session_present {
            self.history.count("sessions resumed");
            return;
        }
        self.history.session_lost(self.reader);
        if !self.role.filters.is_empty() {
            self.subscribe();
        }
    }

    fn subscribe(&mut self) {
        let filters = self.role.filters.iter().map(|(filter, qos)| SubscribeFilter {
            filter: ByteString::from(filter.as_str()),
            options: SubscribeOptions { qos: *qos, ..SubscribeOptions::default() },
        });
        let (filters, token) = (filters.collect(), Token(u64::MAX));
        (self.subscribing, self.refused) = (true, false);
        self.asked.get_or_insert(now());
        // From within what the machine told, or from without: both come in order.
        let mut outputs = Vec::new();
        let at = Time::from_nanos(nanos(now()));
        self.machine.handle(at, Input::Subscribe { token, filters }, &mut outputs);
        outputs.into_iter().for_each(|output| self.perform(output));
    }

    fn subscribed(&mut self, codes: &[ReasonCode]) {
        self.subscribing = false;
        self.answered();
        self.refused = codes.iter().any(|code| code.is_error());
        if self.refused {
            self.history.refused(&self.role.name, &self.role.host);
        } else {
            self.history.subscribed(self.reader);
        }
    }

    fn acknowledged(&mut self, token: Token, code: ReasonCode) {
        if let Some(name) = self.open.remove(&token) {
            if code.is_error() {
                self.history.not_promised(name);
                self.history.count("refused");
            } else {
                self.history.acknowledged(name);
            }
            self.answered();
        }
    }

    /// Something was answered; the next question's time runs from now.
    fn answered(&mut self) {
        let waits = !self.open.is_empty() || self.subscribing;
        self.asked = waits.then(now);
    }

    fn failed(&mut self, token: Token, why: Failure) {
        // A SUBSCRIBE is made again with the next connection.
        if let Some(name) = self.open.remove(&token) {
            self.history.violate(&format!("{} lost {name:?}: {why}", self.role.name));
        }
    }

    fn close(&mut self, reason: &CloseReason) {
        self.closing = true;
        match reason {
            CloseReason::NoConnack | CloseReason::NoPingresp => {
                let since = now().saturating_sub(PATIENCE);
                self.unanswered(since);
            }
            CloseReason::Fault(fault) => {
                self.history.violate(&format!("{}: {fault}", self.role.name));
            }
            CloseReason::ByServer { code, .. } => {
                self.trace.note(&self.role.name, format!("was told {code:?}"));
                if *code == ReasonCode::ServerShuttingDown {
                    self.history.count("told of the stop");
                }
            }
            CloseReason::Requested | CloseReason::Refused { .. } => {}
        }
    }

    /// Notes once that all is published and acknowledged.
    fn finish(&mut self) {
        if !self.done && self.published == self.role.load.count && self.open.is_empty() {
            self.done = true;
            self.left.set(self.left.get() - 1);
        }
    }
}

fn nanos(at: Duration) -> u64 {
    u64::try_from(at.as_nanos()).unwrap_or(u64::MAX)
}
