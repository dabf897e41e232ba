//! What clients do.

use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;
use surewire_engine::client::{CloseReason, Failure, Input, Output, Token};
use surewire_engine::codec;
use surewire_engine::id::ConnId;
use surewire_engine::message::Content;
use surewire_engine::packet::{Packet, PropertySet, QoS};
use surewire_engine::time::Time;
use surewire_engine::topic::TopicName;

use super::device::Device;
use super::network::Way;
use super::{CLIENTS, Happening, World, nanos, since_start};
use crate::pipe::Chunk;
use crate::plan::{Group, Publish, Timing};
use crate::random::Random;

/// How long a client waits for a connection that nobody answers.
const DIAL_TIMEOUT: u64 = 10_000_000_000;

/// The token of every SUBSCRIBE. Those of messages are the time at which they were published.
const SUBSCRIBE: Token = Token(0);

/// Added to that of messages that nobody acknowledges.
const QOS_0: u64 = 1 << 63;

/// Bytes of the time of publishing, with which every payload begins.
pub(super) const STAMP: usize = 8;

impl World<'_> {
    pub(super) fn make_devices(&mut self) {
        let mut client = 0;
        for (place, group) in self.plan.groups.iter().enumerate() {
            let within = nanos(group.start_over);
            for number in 1..=group.clients {
                // By group and number: another group's size changes nothing.
                let stream = CLIENTS + ((place as u64) << 32) + u64::from(number);
                let random = Random::new(self.plan.seed, stream);
                self.devices.push(Device::new(place, number, group, random));
                self.switch_on(client, within);
                self.plan_dropout(client);
                client += 1;
            }
        }
    }

    /// A client with power connects within some time, and publishes from then on.
    pub(super) fn switch_on(&mut self, client: u32, within: u64) {
        let plan = self.plan;
        let Some(device) = self.devices.get_mut(client as usize) else { return };
        let epoch = device.epoch;
        let wait = device.random.below(within.saturating_add(1));
        let group = plan.groups.get(device.group).expect("it was made from it");
        let mut due = Vec::new();
        for (entry, publish) in (0..).zip(&group.publish) {
            let first = wait + first(publish, self.now + wait, &mut device.random);
            due.push((first, Happening::Publish { client, entry, epoch }));
        }
        self.after(wait, Happening::Dial { client, epoch });
        for (first, publish) in due {
            self.after(first, publish);
        }
    }

    /// The client's power goes.
    pub(super) fn switch_off(&mut self, client: u32) {
        let plan = self.plan;
        let Some(device) = self.devices.get_mut(client as usize) else { return };
        device.epoch += 1;
        let conn = device.conn.take();
        let was_connected = device.machine.is_connected();
        let forgotten = device.machine.unacknowledged() as u64;
        let group = plan.groups.get(device.group).expect("it was made from it");
        device.begin_anew(group);
        let time = super::time(self.now);
        device.left_at = conn.map(|_| time).or(device.left_at);
        let counts = self.meter.group(device.group);
        counts.forgotten += forgotten;
        counts.losses += u64::from(was_connected);
        if let Some(conn) = conn {
            self.client_leaves(conn, false);
        }
    }

    /// The client, if it is still in the stretch of having power in which this was planned.
    fn device_in(&mut self, client: u32, epoch: u32) -> Option<&mut Device> {
        let device = self.devices.get_mut(client as usize)?;
        (device.epoch == epoch && device.off == 0).then_some(device)
    }

    pub(super) fn dial(&mut self, client: u32, epoch: u32) {
        let plan = self.plan;
        let (has_power, is_open) = (self.machine.has_power, self.machine.accepts());
        let Some(device) = self.device_in(client, epoch) else { return };
        if device.conn.is_some() {
            return;
        }
        let group = plan.groups.get(device.group).expect("it was made from it");
        let link = plan.links.get(group.link).expect("a plan's links are there");
        let round_trip = 2 * nanos(link.latency) + device.random.below(nanos(link.jitter));
        if device.down > 0 || !has_power {
            self.after(DIAL_TIMEOUT, Happening::DialFails { client, epoch });
        } else if is_open {
            self.after(round_trip, Happening::Dialed { client, epoch });
        } else {
            self.after(round_trip, Happening::DialFails { client, epoch });
        }
    }

    pub(super) fn dialed(&mut self, client: u32, epoch: u32) {
        if !self.machine.accepts() {
            return self.dial_fails(client, epoch);
        }
        if self.device_in(client, epoch).is_none() {
            return;
        }
        let conn = self.conns.open(client);
        if let Some(device) = self.devices.get_mut(client as usize) {
            device.conn = Some(conn);
            device.conns.retain(|id| self.conns.get_mut(*id).is_some());
            device.conns.push(conn);
        }
        self.client_hears(client, Input::Opened);
    }

    pub(super) fn dial_fails(&mut self, client: u32, epoch: u32) {
        if let Some(device) = self.device_in(client, epoch) {
            let group = device.group;
            self.meter.group(group).failed_connects += 1;
            self.client_hears(client, Input::Lost);
            self.redial(client);
        }
    }

    fn redial(&mut self, client: u32) {
        let Some(device) = self.devices.get(client as usize) else { return };
        let (delay, epoch) = (nanos(device.machine.reconnect_delay()), device.epoch);
        self.after(delay, Happening::Dial { client, epoch });
    }

    pub(super) fn client_timer(&mut self, client: u32) {
        let now = self.time();
        let Some(device) = self.devices.get_mut(client as usize) else { return };
        device.timer = None;
        if device.machine.next_timeout().is_some_and(|due| due <= now) {
            self.client_hears(client, Input::Timeout);
        } else {
            self.set_client_timer(client);
        }
    }

    /// At the earliest time at which it may be due: it mostly moves on until then.
    fn set_client_timer(&mut self, client: u32) {
        let Some(device) = self.devices.get_mut(client as usize) else { return };
        let Some(due) = device.machine.next_timeout().map(since_start) else { return };
        if device.timer.is_none_or(|at| at > due) {
            device.timer = Some(due);
            self.schedule.set(due.max(self.now), Happening::ClientTimer(client));
        }
    }

    pub(super) fn publish(&mut self, client: u32, entry: u16, epoch: u32) {
        let (plan, now) = (self.plan, self.time());
        let Some(device) = self.device_in(client, epoch) else { return };
        let place = device.group;
        let group = plan.groups.get(place).expect("it was made from it");
        let Some(publish) = group.publish.get(usize::from(entry)) else { return };
        let mut contents = Vec::new();
        for _ in 0..publish.burst {
            contents.push(content(publish, group, device, now));
        }
        let next = match publish.timing {
            Timing::Regular | Timing::Together => nanos(publish.every),
            Timing::Random => device.random.exponential(nanos(publish.every)),
        };
        for content in contents.into_iter().flatten() {
            self.meter.group(place).published += 1;
            let mark = if content.qos == QoS::AtMostOnce { QOS_0 } else { 0 };
            let token = Token(now.as_nanos() | mark);
            self.client_hears(client, Input::Publish { token, content });
        }
        self.after(next, Happening::Publish { client, entry, epoch });
    }

    pub(super) fn client_receives(&mut self, id: ConnId, chunk: Chunk) {
        let Some(conn) = self.conns.get_mut(id).filter(|conn| conn.client_end) else { return };
        let client = conn.client;
        let Some(mut bytes) = chunk else { return self.client_loses(client, id) };
        let Some(device) = self.devices.get(client as usize) else { return };
        let group = self.plan.groups.get(device.group).expect("it was made from it");
        // What is sent in one step is whole packets, and stays together.
        loop {
            let input =
                match codec::take_packet(group.version, &mut bytes, &self.plan.broker.limits) {
                    Ok(Some(packet)) => Input::Received(packet),
                    Ok(None) => return,
                    Err(violation) => Input::Broken(violation),
                };
            self.client_hears(client, input);
            if self.devices.get(client as usize).is_none_or(|device| device.conn != Some(id)) {
                return;
            }
        }
    }

    /// The end of its connection reaches the client.
    fn client_loses(&mut self, client: u32, id: ConnId) {
        self.client_leaves(id, true);
        self.client_hears(client, Input::Lost);
        self.connection_ended(client);
    }

    fn connection_ended(&mut self, client: u32) {
        let now = self.time();
        let Some(device) = self.devices.get_mut(client as usize) else { return };
        device.conn = None;
        device.left_at.get_or_insert(now);
        self.redial(client);
    }

    /// Tells the client and does what it wants.
    fn client_hears(&mut self, client: u32, input: Input) {
        let now = self.time();
        let Some(device) = self.devices.get_mut(client as usize) else { return };
        let id = device.conn;
        let version = self.plan.groups.get(device.group).expect("it was made from it").version;
        let was_connected = device.machine.is_connected();
        let mut outputs = std::mem::take(&mut self.outputs);
        device.machine.handle(now, input, &mut outputs);
        let is_connected = device.machine.is_connected();
        let place = device.group;
        let counts = self.meter.group(place);
        counts.losses += u64::from(was_connected && !is_connected);
        let (mut out, mut closed) = (Vec::new(), false);
        for output in outputs.drain(..) {
            match output {
                Output::Send(packet) => {
                    if matches!(&packet, Packet::Publish(p) if p.qos == QoS::AtMostOnce) {
                        self.meter.qos0_sent += 1;
                    }
                    codec::encode(version, &packet, &mut out);
                }
                Output::Close { reason } => {
                    closed = true;
                    if matches!(reason, CloseReason::Refused { .. } | CloseReason::NoConnack) {
                        self.meter.group(place).failed_connects += 1;
                    }
                }
                Output::Connected { session_present } => self.connected(client, session_present),
                other @ (Output::Message(_)
                | Output::Acknowledged { .. }
                | Output::Subscribed { .. }
                | Output::Unsubscribed { .. }
                | Output::Failed { .. }) => self.told(place, client, now, other),
            }
        }
        self.outputs = outputs;
        if let Some(id) = id {
            if !out.is_empty() {
                self.send(id, Way::Up, Some(Bytes::from(out)));
            }
            if closed {
                self.client_leaves(id, true);
                self.connection_ended(client);
            }
        }
        if is_connected && !was_connected {
            self.subscribe(client);
        }
        self.set_client_timer(client);
    }

    fn connected(&mut self, client: u32, session_present: bool) {
        let now = self.time();
        let Some(device) = self.devices.get_mut(client as usize) else { return };
        device.is_subscribed &= session_present;
        let counts = self.meter.group(device.group);
        counts.connects += 1;
        if let Some(left) = device.left_at.take() {
            counts.reconnect.record(left, now);
        }
    }

    /// Subscribes, if the broker does not remember.
    fn subscribe(&mut self, client: u32) {
        let plan = self.plan;
        let Some(device) = self.devices.get_mut(client as usize) else { return };
        let group = plan.groups.get(device.group).expect("it was made from it");
        if !device.is_subscribed && !group.subscribe.is_empty() {
            let filters = device.filters(group);
            self.client_hears(client, Input::Subscribe { token: SUBSCRIBE, filters });
        }
    }

    /// What the application hears of its messages.
    fn told(&mut self, place: usize, client: u32, now: Time, output: Output) {
        let counts = self.meter.group(place);
        match output {
            Output::Message(content) => {
                self.meter.qos0_reached += u64::from(content.qos == QoS::AtMostOnce);
                let counts = self.meter.group(place);
                if content.retain {
                    counts.received_retained += 1;
                } else {
                    counts.received += 1;
                    if let Some(sent) = stamp(&content.payload) {
                        counts.delay.record(sent, now);
                    }
                }
            }
            Output::Acknowledged { token, code } => {
                if code.is_error() {
                    counts.refused += 1;
                } else if token.0 & QOS_0 == 0 {
                    counts.acknowledged += 1;
                    counts.acknowledgement.record(Time::from_nanos(token.0), now);
                }
            }
            Output::Failed { token, .. } if token == SUBSCRIBE => {}
            Output::Failed { why, .. } => match why {
                Failure::NotConnected | Failure::ConnectionLost | Failure::NoPacketId => {
                    counts.unsent += 1;
                }
                Failure::QueueFull => counts.overflowed += 1,
                Failure::SessionLost => counts.uncertain += 1,
                Failure::NoFilters => {}
            },
            Output::Subscribed { .. } => {
                if let Some(device) = self.devices.get_mut(client as usize) {
                    device.is_subscribed = true;
                }
            }
            Output::Send(_)
            | Output::Close { .. }
            | Output::Connected { .. }
            | Output::Unsubscribed { .. } => {}
        }
    }
}

/// How long after `from` a client publishes for the first time.
fn first(publish: &Publish, from: u64, random: &mut Random) -> u64 {
    let every = nanos(publish.every).max(1);
    match publish.timing {
        Timing::Regular => random.below(every),
        Timing::Random => random.exponential(every),
        Timing::Together => every - from % every,
    }
}

/// A message; none, if its topic is no topic.
fn content(publish: &Publish, group: &Group, device: &mut Device, now: Time) -> Option<Content> {
    let topic = publish.topic.text(&group.name, device.number, &mut device.random);
    let (least, most) = publish.payload;
    let len = device.random.between(least.into(), most.into());
    let mut payload = vec![0; usize::try_from(len).unwrap_or(STAMP).max(STAMP)];
    if let Some(stamp) = payload.first_chunk_mut::<STAMP>() {
        *stamp = now.as_nanos().to_be_bytes();
    }
    let properties = PropertySet { message_expiry_interval: publish.expiry, ..PropertySet::NONE };
    Some(Content {
        topic: TopicName::new(ByteString::from(topic))?,
        payload: payload.into(),
        qos: publish.qos,
        retain: publish.retain,
        properties: properties.into(),
    })
}

/// When a message was published.
fn stamp(payload: &Bytes) -> Option<Time> {
    let nanos = u64::from_be_bytes(*payload.first_chunk::<STAMP>()?);
    Some(Time::ZERO + Duration::from_nanos(nanos))
}
